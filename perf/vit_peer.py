"""The peers of perf/vit: transformers on PyTorch (sdpa, inference mode), and ONNX Runtime.

    vit_peer.py make KIND FOLDER                  a full-size checkpoint with random weights
    vit_peer.py torch|ort FOLDER BATCH THREADS ROUNDS OUT IMAGE...
    vit_peer.py compare A.npy B.npy               relative RMS difference

The same images through the same processor; the model up to its last block; one JSON object on stdout.
"""
import json
import os
import resource
import statistics
import sys
import time


def make(kind, folder):
    import torch
    import transformers as t
    torch.manual_seed(1)
    if kind == "clip-l-336":
        model = t.CLIPVisionModel(t.CLIPVisionConfig(hidden_size=1024, intermediate_size=4096, num_hidden_layers=24,
                                                     num_attention_heads=16, image_size=336, patch_size=14))
        processor = t.CLIPImageProcessor(size={"shortest_edge": 336}, crop_size={"height": 336, "width": 336})
    elif kind == "dinov2-l-224":
        model = t.Dinov2Model(t.Dinov2Config(hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, image_size=518,
                                             patch_size=14))
        processor = t.BitImageProcessor(size={"shortest_edge": 256}, crop_size={"height": 224, "width": 224}, resample=3,
                                        image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225])
    else:
        model = t.SiglipVisionModel(t.SiglipVisionConfig())
        processor = t.SiglipImageProcessor()
    dtype = {"f16": torch.float16, "bf16": torch.bfloat16}.get(os.environ.get("DTYPE", "f32"), torch.float32)
    model.to(dtype).save_pretrained(folder)
    processor.save_pretrained(folder)


def load(folder, batch, images):
    """Model in float32 and the prepared input."""
    import torch
    import transformers as t
    from PIL import Image
    config = json.load(open(os.path.join(folder, "config.json")))
    kind = {"clip_vision_model": t.CLIPVisionModel, "dinov2": t.Dinov2Model, "siglip_vision_model": t.SiglipVisionModel}
    model = kind[config["model_type"]].from_pretrained(folder, dtype=torch.float32, attn_implementation="sdpa").eval()
    processor = t.AutoImageProcessor.from_pretrained(folder, use_fast=False)
    pictures = [Image.open(images[i % len(images)]).convert("RGB") for i in range(batch)]
    return model, processor(pictures, return_tensors="pt")["pixel_values"]


def report(engine, batch, threads, seconds):
    print(json.dumps({"engine": engine, "batch": batch, "threads": threads, "images_per_s": batch / statistics.median(seconds),
                      "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}))


def timed(run, rounds):
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return seconds


def run_torch(folder, batch, threads, rounds, out, images):
    import numpy
    import torch
    torch.set_num_threads(threads)
    model, x = load(folder, batch, images)
    with torch.inference_mode():
        hidden = model(x, output_hidden_states=True).hidden_states[-1]
        numpy.save(out, hidden.numpy())
        report("torch " + torch.__version__, batch, threads, timed(lambda: model(x), rounds))


def run_ort(folder, batch, threads, rounds, out, images):
    import numpy
    import onnxruntime
    import torch
    model, x = load(folder, batch, images)
    path = os.path.join(folder, f"model-{batch}.onnx")
    if not os.path.exists(path):

        class Last(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.model = model

            def forward(self, pixels):
                return self.model(pixels, output_hidden_states=True).hidden_states[-1]

        with torch.inference_mode():
            torch.onnx.export(Last(), (x,), path, input_names=["x"], output_names=["y"], dynamo=True, external_data=True)
    del model
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feed = {"x": x.numpy()}
    numpy.save(out, session.run(None, feed)[0])
    report("onnxruntime " + onnxruntime.__version__, batch, threads, timed(lambda: session.run(None, feed), rounds))


def compare(a, b):
    import numpy
    x, y = numpy.load(a).astype(float), numpy.load(b).astype(float)
    print(json.dumps({"relative_rms": float(((x - y) ** 2).mean() ** 0.5 / (y ** 2).mean() ** 0.5)}))


if sys.argv[1] == "make":
    make(*sys.argv[2:4])
elif sys.argv[1] == "compare":
    compare(*sys.argv[2:4])
else:
    run = {"torch": run_torch, "ort": run_ort}[sys.argv[1]]
    run(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]), sys.argv[6], sys.argv[7:])
