"""Writes tests/align/: small random connectors, and the A score as NumPy, PyTorch and transformers compute it.

    python3 -m venv /tmp/fixtures && /tmp/fixtures/bin/pip install torch transformers safetensors pillow numpy
    /tmp/fixtures/bin/python tools/align_reference.py tests/align

Features come from transformers on images that Pillow decodes and squashes, embeddings from torch.nn, and the score is
written out below from its definition, so that nothing here is ours but the weights. What is written:

    *.bin, *.safetensors, whole/, llava-hf/   connectors as LLaVA and others save them
    connectors.safetensors         NAME.in, NAME.out: what each gives
    embeddings.safetensors         N.target, N.reference: correlated random rows
    embeddings.csv                 the score of these, in float64 and with the authors' bfloat16 roundings
    alignment.csv                  image, candidate, reference, score; candidates and references as in CANDIDATES
"""
import csv
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import (AutoConfig, CLIPVisionConfig, CLIPVisionModel, Dinov2Model, LlamaConfig, LlavaConfig,
                          LlavaForConditionalGeneration, SiglipVisionModel, ViTModel)

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
WIDTH = 48
IMAGES = ["png-rgb-8.png", "pnm-p3.ppm", "bmp-24.bmp", "png-palette-8.png"]
MODELS = {"clip-f32": CLIPVisionModel, "dinov2-plain": Dinov2Model, "siglip-bf16-sharded": SiglipVisionModel,
          "vit-no-qkv-bias": ViTModel}
# name: encoders, side of the input, connector
REFERENCES = {"first": (["clip-f32"], 35, "clip.bin"), "second": (["dinov2-plain"], 42, "dinov2.safetensors")}
CANDIDATES = {
    "first": REFERENCES["first"],
    "siglip": (["siglip-bf16-sharded"], 30, "siglip.safetensors"),
    "vit": (["vit-no-qkv-bias"], 24, "vit.bin"),
    "siglip+vit": (["siglip-bf16-sharded", "vit-no-qkv-bias"], None, "whole"),
}


def mlp(widths):
    layers = [nn.Linear(widths[0], widths[1])]
    for a, b in zip(widths[1:], widths[2:]):
        layers += [nn.GELU(), nn.Linear(a, b)]
    m = nn.Sequential(*layers)
    with torch.no_grad():
        for p in m.parameters():
            p.copy_(torch.randn_like(p) * (0.3 if p.ndim < 2 else 2.0 / p.shape[1] ** 0.5))
    return m


def write_connectors(out):
    """Each as another program would save it; returns modules with the values that are in the file."""
    made = {}

    def keep(name, module, dtype, prefix, path, save, extra=None):
        state = {prefix + k: v.to(dtype) for k, v in module.state_dict().items()}
        save(state | (extra or {}), os.path.join(out, path))
        made[name] = module.to(dtype).to(torch.float32).eval()

    linear = mlp([32, WIDTH])[0]
    keep("clip.bin", mlp([40, WIDTH, WIDTH]), torch.bfloat16, "model.mm_projector.", "clip.bin", torch.save)
    keep("dinov2.safetensors", mlp([36, WIDTH, WIDTH]), torch.float32, "model.mm_projector.", "dinov2.safetensors", save_file)
    keep("siglip.safetensors", mlp([36, 56, WIDTH]), torch.float16, "", "siglip.safetensors", save_file)
    keep("vit.bin", linear, torch.float32, "", "vit.bin", torch.save)
    os.makedirs(os.path.join(out, "whole"), exist_ok=True)
    others = {"model.embed_tokens.weight": torch.randn(8, WIDTH), "lm_head.weight": torch.randn(8, WIDTH),
              "model.vision_tower.vision_tower.vision_model.embeddings.class_embedding": torch.randn(4)}
    keep("whole", mlp([68, 40, 44, WIDTH]), torch.float32, "model.mm_projector.", "whole/model.safetensors", save_file, others)
    return made


def write_llava_hf(out):
    """A whole model of transformers in several files, as llava-hf has them; returns its projector."""
    vision = CLIPVisionConfig(hidden_size=40, intermediate_size=40, num_hidden_layers=1, num_attention_heads=2, image_size=14,
                              patch_size=7)
    text = LlamaConfig(hidden_size=WIDTH, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, vocab_size=16)
    model = LlavaForConditionalGeneration(LlavaConfig(vision_config=vision, text_config=text, image_token_index=15))
    model = model.to(torch.float16).eval()
    projector = model.model.multi_modal_projector
    with torch.no_grad():
        for p in projector.parameters():
            p.copy_(torch.randn_like(p) * (0.3 if p.ndim < 2 else 2.0 / p.shape[1] ** 0.5))
    model.save_pretrained(os.path.join(out, "llava-hf"), max_shard_size="10KB")
    os.remove(os.path.join(out, "llava-hf", "generation_config.json"))
    return nn.Sequential(projector.linear_1, projector.act, projector.linear_2).to(torch.float32)


def features(name, size, image):
    """[tokens, channels]: hidden_states[-2] without the class token."""
    folder = os.path.join(ROOT, "tests/parity", name)
    model = MODELS[name].from_pretrained(folder, torch_dtype=torch.float32).eval()
    patch = AutoConfig.from_pretrained(folder).patch_size
    picture = Image.open(os.path.join(ROOT, "tests/images", image)).convert("RGB").resize((size, size), Image.BICUBIC)
    x = torch.from_numpy(np.array(picture, np.float32) / 255 * 2 - 1).permute(2, 0, 1)[None]
    with torch.no_grad():
        hidden = model(x, output_hidden_states=True).hidden_states[-2][0]
    return hidden[-(size // patch) ** 2:]


def embeddings(member, image, connectors):
    encoders, size, connector = member
    parts = [features(e, size or AutoConfig.from_pretrained(os.path.join(ROOT, "tests/parity", e)).image_size, image)
             for e in encoders]
    with torch.no_grad():
        return connectors[connector](torch.cat(parts, dim=-1))


def score(target, reference):
    """1/N sum_v max_u cos(target_v, reference_u), in float64."""
    t, r = np.asarray(target, np.float64), np.asarray(reference, np.float64)
    t, r = (x / (np.linalg.norm(x, axis=1, keepdims=True) + 1e-10) for x in (t, r))
    return (t @ r.T).max(axis=1).mean()


def score_bf16(target, reference):
    """As the authors' script computes it on bfloat16 tensors. PyTorch before 2.3, which they had, took the mean as the
    rounded sum divided; newer ones round once."""
    def normalised(x):
        return x / (torch.linalg.norm(x, dim=-1, keepdim=True) + 1e-10)
    t, r = normalised(target.bfloat16()).unsqueeze(1), normalised(reference.bfloat16()).unsqueeze(0)
    best = F.cosine_similarity(t, r, dim=-1).max(dim=1).values
    return (best.sum() / len(best)).item()


def write_csv(path, header, rows):
    with open(path, "w", newline="") as f:
        writer = csv.writer(f, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def main(out):
    os.makedirs(out, exist_ok=True)
    torch.manual_seed(20240829)
    connectors = write_connectors(out)
    expected = {}

    def keep(name, module):
        first = module if isinstance(module, nn.Linear) else module[0]
        x = torch.randn(5, first.in_features) * 2
        with torch.no_grad():
            expected.update({name + ".in": x, name + ".out": module(x)})

    for name, module in connectors.items():
        keep(name, module)
    with torch.random.fork_rng():  # so that what follows stays as it is
        torch.manual_seed(7)
        keep("llava-hf", write_llava_hf(out))
    save_file(expected, os.path.join(out, "connectors.safetensors"))

    rows, tensors = [], {}
    for i, (n, m, width) in enumerate([(20, 30, 64), (7, 3, 33), (33, 33, 17)]):
        r = torch.randn(m, width)
        t = r.clone() if n == m else r[torch.randint(m, (n,))] + torch.randn(n, width) * torch.rand(n, 1) * 2
        t *= torch.logspace(-3, 3, n)[:, None]  # the score does not depend on lengths
        tensors |= {f"{i}.target": t, f"{i}.reference": r}
        rows.append([i, repr(float(score(t, r))), repr(score_bf16(t, r))])
    # One token beside its like, so that every rounding of a product shows: without it the result is another.
    while True:
        t = torch.randn(1, 64)
        r = t + 0.3 * torch.randn(1, 64)
        a, b = (F.normalize(F.normalize(x.bfloat16(), dim=1), dim=1) for x in (t, r))
        if score_bf16(t, r) != (a.float() @ b.float().T).bfloat16().item():
            break
    tensors |= {"3.target": t, "3.reference": r}
    rows.append([3, repr(float(score(t, r))), repr(score_bf16(t, r))])
    save_file(tensors, os.path.join(out, "embeddings.safetensors"))
    write_csv(os.path.join(out, "embeddings.csv"), ["set", "score", "score_bf16"], rows)

    rows = []
    for image in IMAGES:
        reference = {k: embeddings(v, image, connectors) for k, v in REFERENCES.items()}
        for name, member in CANDIDATES.items():
            e = embeddings(member, image, connectors)
            rows += [[image, name, k, f"{score(e, r):.9f}"] for k, r in reference.items()]
    write_csv(os.path.join(out, "alignment.csv"), ["image", "candidate", "reference", "score"], rows)


main(sys.argv[1])
