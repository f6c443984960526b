"""Writes tests/golden/measures.csv: the measures that 'eyechart score' takes of the toy study, by transformers, Pillow
and numpy, from their definitions in docs/models.md. Nothing here is ours but the weights, the images and the draw of
the images.

    build/dev/make_toys toys && build/dev/eyechart score toys
    python tools/measures_reference.py toys >tests/golden/measures.csv

The draw of the images is that of A ('eyechart align --keep-lists' and the table 'chosen' have it; sets/image_set.c).
It is read from study.db; so the toys are scored before.
"""
import json
import os
import sqlite3
import sys

import numpy as np
import torch
from measures import cka_unbiased, mutual_knn, rank
from PIL import Image
from transformers import CLIPVisionModel, Dinov2Model, SiglipVisionModel

MODELS = {"clip_vision_model": CLIPVisionModel, "dinov2": Dinov2Model, "siglip_vision_model": SiglipVisionModel}
ENCODERS = {"CLIP@64": ["toy-clip-64"], "CLIP@80": ["toy-clip-80"], "DINOv2": ["toy-dinov2"], "SigLIP": ["toy-siglip"],
            "C+D": ["toy-clip-64", "toy-dinov2"], "C+S": ["toy-clip-64", "toy-siglip"],
            "D+S": ["toy-dinov2", "toy-siglip"], "C+D+S": ["toy-clip-64", "toy-dinov2", "toy-siglip"]}
REFERENCES = ["CLIP@64", "CLIP@80"]


def prepare(path, p):
    image = Image.open(path).convert("RGB")
    size = p["size"]
    if "shortest_edge" in size:
        side, (w, h) = size["shortest_edge"], image.size
        image = image.resize((side, int(side * h / w)) if w <= h else (int(side * w / h), side), Image.BICUBIC)
        crop, (w, h) = p["crop_size"]["width"], image.size
        left, top = (w - crop) // 2, (h - crop) // 2
        image = image.crop((left, top, left + crop, top + crop))
    else:
        image = image.resize((size["width"], size["height"]), Image.BICUBIC)
    x = (np.asarray(image, np.float64) / 255 - p["image_mean"]) / p["image_std"]
    return torch.from_numpy(x.astype(np.float32)).permute(2, 0, 1)[None]


def features(folder, paths):
    """[n, tokens, channels]: hidden state -2, patches alone."""
    config = json.load(open(os.path.join(folder, "config.json")))
    preparation = json.load(open(os.path.join(folder, "preprocessor_config.json")))
    model = MODELS[config["model_type"]].from_pretrained(folder, dtype=torch.float32).eval()
    n_patches = (config["image_size"] // config["patch_size"]) ** 2
    with torch.no_grad():
        return np.stack([model(prepare(p, preparation), output_hidden_states=True).hidden_states[-2][0][-n_patches:]
                         .double().numpy() for p in paths])


def centred(k):
    h = np.eye(len(k)) - 1 / len(k)
    return h @ k @ h


def cka(x, y):
    k, l = centred(x @ x.T), centred(y @ y.T)
    return (k * l).sum() / np.sqrt((k * k).sum() * (l * l).sum())


def norms(f):
    v = np.linalg.norm(f, axis=2)
    return {"norm": v.mean(), "norm_cv": (v.std(1) / v.mean(1)).mean(),
            "norm_outliers": (v > 3 * np.median(v, axis=1, keepdims=True)).mean()}


def side_by_side(pooled):
    """Mean tokens of encoders, each scaled to mean square 1, concatenated."""
    return np.concatenate([x / np.sqrt((x * x).sum(1).mean()) for x in pooled], axis=1)


def main(toys):
    database = sqlite3.connect(os.path.join(toys, "study.db"))
    chosen = dict.fromkeys(path for path, in database.execute("SELECT path FROM chosen ORDER BY benchmark, place"))
    paths = [os.path.join(toys, path) for path in chosen]
    of = {name: features(os.path.join(toys, "weights", name), paths) for names in ENCODERS.values() for name in names}
    x = {c: side_by_side([of[e].mean(1) for e in encoders]) for c, encoders in ENCODERS.items()}
    print("candidate,column,value")
    for c, encoders in ENCODERS.items():
        values = {}
        for measure in (cka, cka_unbiased, mutual_knn):
            each = {r: measure(x[c], x[r]) for r in REFERENCES}
            values[measure.__name__] = np.mean(list(each.values()))
            values |= {f"{measure.__name__}_{r}": v for r, v in each.items()}
        values["rank"] = rank(x[c])
        if len(encoders) == 1:
            values |= norms(of[encoders[0]])
        for column, value in values.items():
            print(f"{c},{column},{value:.12g}")


main(sys.argv[1])
