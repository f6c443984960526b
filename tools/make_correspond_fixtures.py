"""Writes tests/correspond/, three tiny random checkpoints of different grids, and the goldens of the C score from them.

    /tmp/fixtures/bin/python tools/make_correspond_fixtures.py checkpoints tests/correspond
    /tmp/fixtures/bin/python tools/make_correspond_fixtures.py goldens SPair-71k tests/correspond tests/golden

(the virtual environment of tools/correspond_reference.py). The goldens are of the cat category of SPair-71k's test split,
25 images and 600 pairs. Seeds are those of several with clear decisions: no two patches nearly equally
similar, no point nearly on a threshold, so that rounding decides nothing.
"""
import csv
import json
import os
import shutil
import sys

import correspond_reference as reference
import numpy as np
import torch
from safetensors.torch import save_file
from transformers import (CLIPVisionConfig, CLIPVisionModel, Dinov2Config, Dinov2Model, SiglipVisionConfig, SiglipVisionModel)

CLIP_MEAN, CLIP_STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
IMAGENET_MEAN, IMAGENET_STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def randomise(model, positions):
    """`positions` is the weight of the place in the picture: what is left of it makes patches differ enough that float32
    gives the points of float64 to 1e-3 pixels. The picture decides most of the rest."""
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "norm" in name and name.endswith("weight"):
                p.copy_(1 + 0.3 * torch.randn_like(p))
            elif "lambda" in name:
                p.copy_(0.5 + 0.2 * torch.randn_like(p))
            elif "position" in name:
                p.copy_(positions * torch.randn_like(p))
            else:
                p.copy_(torch.randn_like(p) * (0.05 if p.ndim < 2 else 1.2 / p[0].numel() ** 0.5))
    return model.eval()


def write(folder, model, seed, dtype, positions, processor):
    torch.manual_seed(seed)
    shutil.rmtree(folder, ignore_errors=True)
    randomise(model, positions).to(dtype).save_pretrained(folder)
    processor = {"do_resize": True, "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True} | processor
    with open(os.path.join(folder, "preprocessor_config.json"), "w") as file:
        json.dump(processor, file, indent=2)
        file.write("\n")


def checkpoints(out):
    small = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4)
    write(os.path.join(out, "clip"), CLIPVisionModel(CLIPVisionConfig(**small, intermediate_size=56, image_size=112, patch_size=7)),
          602, torch.float16, 3.0,
          {"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 112}, "do_center_crop": True,
           "crop_size": {"height": 112, "width": 112}, "resample": 3, "image_mean": CLIP_MEAN, "image_std": CLIP_STD})
    write(os.path.join(out, "dinov2"), Dinov2Model(Dinov2Config(**small, mlp_ratio=1, image_size=84, patch_size=7)),
          601, torch.float32, 2.0,
          {"image_processor_type": "BitImageProcessor", "size": {"shortest_edge": 96}, "do_center_crop": True,
           "crop_size": {"height": 84, "width": 84}, "resample": 2, "image_mean": IMAGENET_MEAN, "image_std": IMAGENET_STD})
    write(os.path.join(out, "siglip"), SiglipVisionModel(SiglipVisionConfig(**small, intermediate_size=56, image_size=84, patch_size=6)),
          601, torch.bfloat16, 1.6,
          {"image_processor_type": "SiglipImageProcessor", "size": {"height": 84, "width": 84}, "resample": 3,
           "image_mean": [0.5] * 3, "image_std": [0.5] * 3})


CONFIGURATIONS = [["clip"], ["dinov2"], ["siglip"], ["clip", "dinov2@112"]]
EVERY = 6


def goldens(root, checkpoints, out):
    """correspond-pairs.csv: right points of every pair; correspond-points.safetensors: the predicted points of every sixth
    pair, [points, configurations, protocols, readouts, 2], protocols and readouts as in correspond_reference.py."""
    header, counts, predicted = ["pair", "points"], {}, {}
    for names in CONFIGURATIONS:
        label = "+".join(names)
        header += [f"{label} {p} {r} {a:.2f}" for p in reference.PROTOCOLS for r in reference.READOUTS for a in reference.ALPHAS]
        encoders = [reference.Encoder(os.path.join(checkpoints, name)) for name in names]
        tie = edge = float("inf")
        for i, (name, pair, found, margins) in enumerate(reference.score(encoders, root, "test")):
            row = counts.setdefault(name, [name, len(pair["src_kps"])])
            row += [int(n) for right in found.values() for n in right[1].sum(-1)]
            if i % EVERY == 0:
                points = [[found[p, r][0] for r in reference.READOUTS] for p in reference.PROTOCOLS]
                predicted.setdefault(label, []).append(torch.tensor(np.array(points)).permute(2, 0, 1, 3))
            tie, edge = min(tie, margins[0]), min(edge, margins[1])
        print(f"{label}: closest two patches {tie:.2g} in similarity, closest to a threshold {edge:.2g} pixels")
    with open(os.path.join(out, "correspond-pairs.csv"), "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *counts.values()])
    points = torch.stack([torch.cat(parts) for parts in predicted.values()], 1).float().contiguous()
    save_file({"points": points}, os.path.join(out, "correspond-points.safetensors"))


if sys.argv[1] == "checkpoints":
    checkpoints(sys.argv[2])
else:
    goldens(*sys.argv[2:])
