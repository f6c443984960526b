"""The peers of perf/vit: transformers on PyTorch (sdpa, inference mode), and ONNX Runtime.

    vit_peer.py make KIND FOLDER                  a full-size checkpoint with random weights
    vit_peer.py torch|ort FOLDER BATCH THREADS ROUNDS OUT IMAGE...
    vit_peer.py summary DTYPE BATCH OURS.npy PEER.npy <LINES   medians of the lines above, ratios, parity, goals

The same images through the same processor; the model up to its last block; one JSON object on stdout. The model
exported to ONNX is kept in the folder, so that only the first run for a batch takes long.
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


def prepared(folder, batch, images):
    import transformers as t
    from PIL import Image
    processor = t.AutoImageProcessor.from_pretrained(folder, use_fast=False)
    pictures = [Image.open(images[i % len(images)]).convert("RGB") for i in range(batch)]
    return processor(pictures, return_tensors="pt")["pixel_values"]


def load(folder):
    """The model, in float32."""
    import torch
    import transformers as t
    config = json.load(open(os.path.join(folder, "config.json")))
    kind = {"clip_vision_model": t.CLIPVisionModel, "dinov2": t.Dinov2Model, "siglip_vision_model": t.SiglipVisionModel}
    return kind[config["model_type"]].from_pretrained(folder, dtype=torch.float32, attn_implementation="sdpa").eval()


def report(engine, batch, seconds):
    print(json.dumps({"engine": engine, "images_per_s": round(batch / statistics.median(seconds), 4),
                      "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 // 10**6}))


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
    model, x = load(folder), prepared(folder, batch, images)
    with torch.inference_mode():
        hidden = model(x, output_hidden_states=True).hidden_states[-1]
        numpy.save(out, hidden.numpy())
        report("torch " + torch.__version__, batch, timed(lambda: model(x), rounds))


def export(model, x, path):
    import torch

    class Last(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, pixels):
            return self.model(pixels, output_hidden_states=True).hidden_states[-1]

    with torch.inference_mode():
        torch.onnx.export(Last(), (x,), path, input_names=["x"], output_names=["y"], dynamo=True, external_data=True)


def run_ort(folder, batch, threads, rounds, out, images):
    import numpy
    import onnxruntime
    x = prepared(folder, batch, images)
    path = os.path.join(folder, f"model-{batch}.onnx")
    if not os.path.exists(path):
        export(load(folder), x, path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feed = {"x": x.numpy()}
    numpy.save(out, session.run(None, feed)[0])
    report("onnxruntime " + onnxruntime.__version__, batch, timed(lambda: session.run(None, feed), rounds))


def summary(dtype, batch, ours, peer):
    import numpy
    runs = {}
    for line in sys.stdin:
        run = json.loads(line)
        if "images_per_s" in run:
            runs.setdefault(run["engine"], []).append(run)

    if "eyechart" not in runs or len(runs) < 2:
        print("perf/vit: nothing to compare: eyechart or every peer did not run", file=sys.stderr)
        return 1

    def median(engine, key):
        return statistics.median(run[key] for run in runs[engine])

    speed = {engine: median(engine, "images_per_s") for engine in runs}
    peers = {engine: speed[engine] for engine in runs if engine != "eyechart"}
    x, y = numpy.load(ours).astype(float), numpy.load(peer).astype(float)
    result = {"images_per_s": speed, "times_the_fastest_peer": round(speed["eyechart"] / max(peers.values()), 3),
              "percent_of_peak": median("eyechart", "percent_of_peak"),
              "memory_beside_weights_mb": median("eyechart", "rss_mb") - median("eyechart", "weights_mb"),
              "start_s": median("eyechart", "start_s"),
              "relative_rms_to_torch": float(((x - y)**2).mean()**0.5 / (y**2).mean()**0.5)}
    met = {"1.1 times the fastest peer": result["times_the_fastest_peer"] >= 1.1,
           "weights + 500 MB": result["memory_beside_weights_mb"] < 500,
           "1e-4 of torch": result["relative_rms_to_torch"] < 1e-4}
    if int(batch) == 1:
        met["1 s + compute"] = result["start_s"] < 1
    elif dtype == "f32":
        met["80 % of the peak"] = result["percent_of_peak"] >= 80
    print(json.dumps(result | {"missed": [goal for goal in met if not met[goal]]}))
    return 0 if all(met.values()) else 1


if sys.argv[1] == "make":
    make(*sys.argv[2:4])
elif sys.argv[1] == "summary":
    sys.exit(summary(*sys.argv[2:6]))
else:
    run = {"torch": run_torch, "ort": run_ort}[sys.argv[1]]
    run(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]), sys.argv[6], sys.argv[7:])
