"""The C score written from its definitions: SPair-71k pairs -> predicted points -> PCK, with transformers and Pillow.

    python3 -m venv /tmp/fixtures && /tmp/fixtures/bin/pip install torch transformers safetensors pillow numpy
    /tmp/fixtures/bin/python tools/correspond_reference.py SPair-71k ENCODER[@PIXELS]... [--split test] [--points FILE.csv] > pairs.csv

An ENCODER is a folder with config.json, preprocessor_config.json and weights. Several are scored as their combination:
features normalised per patch, put side by side, normalised again. Nothing here is shared with eyechart; it is slow and
plain on purpose. Both protocols, both readouts:

  authors      the image squashed to S x S (Pillow, bicubic), x in [-1, 1]; keypoints in a padded frame of 840 pixels;
               after Yang et al. (arXiv:2408.16357), whose code for this part is GeoAware-SC's (Zhang et al., CVPR 2024).
               Their keypoints are float32, and so are they here: a keypoint on the border of two patches falls to the
               side where their arithmetic puts it. Predicted points are in the 840 frame of the target.
  consistent   the image padded to S x S: long side -> S, short side -> round half even of S short/long (at least 1), by the
               encoder's own filter, centred at floor((S - short)/2), black; then the encoder's own mean and deviation.
               x_in = x w/W + offset. Predicted points are in pixels of the target image.

  soft         windowed soft-argmax: similarities further than 5 patches from the best are set to 0, then exp(s / .02)
               over all patches weighs their coordinates
  argmax       the best patch

A point is right if it is nearer than alpha times the longer side of the target's box, alpha = .10, .05, .01. Columns of
pairs.csv: pair, points, then the number of right points at the three alphas for authors-soft, authors-argmax,
consistent-soft, consistent-argmax. The encoder runs in float64 on the processor's float32 input, so that these are the
numbers a float32 implementation approaches.
"""
import argparse
import csv
import glob
import json
import os
import sys

import numpy as np
import torch
from PIL import Image
from transformers import AutoConfig, CLIPVisionModel, Dinov2Model, SiglipVisionModel

FRAME, WINDOW, BETA = 840, 5, 0.02
ALPHAS = (0.10, 0.05, 0.01)
PROTOCOLS, READOUTS = ("authors", "consistent"), ("soft", "argmax")
MODELS = {"clip_vision_model": CLIPVisionModel, "dinov2": Dinov2Model, "siglip_vision_model": SiglipVisionModel}


class Encoder:
    """A checkpoint; features are hidden_states[-2] without the class token, as [P*P, C] in float64."""

    def __init__(self, name):
        folder, _, size = name.partition("@")
        config = AutoConfig.from_pretrained(folder)
        self.model = MODELS[config.model_type].from_pretrained(folder, dtype=torch.float32).double().eval()
        with open(os.path.join(folder, "preprocessor_config.json")) as file:
            self.processor = json.load(file)
        self.size = int(size) if size else config.image_size
        self.patch = config.patch_size
        self.grid = self.size // self.patch
        self.kind = config.model_type

    def input(self, image, protocol):
        """The input [3, S, S] in float32, and (scale_x, scale_y, offset_x, offset_y) from image pixels to input pixels."""
        w, h = image.size
        if protocol == "authors":
            pixels = np.asarray(image.resize((self.size, self.size), Image.Resampling.BICUBIC), np.float32)
            return (pixels / np.float32(255) - np.float32(0.5)) * np.float32(2), None
        long = max(w, h)
        to_w, to_h = (max(1, round(self.size * side / long)) for side in (w, h))
        left, top = (self.size - to_w) // 2, (self.size - to_h) // 2
        canvas = Image.new("RGB", (self.size, self.size))
        canvas.paste(image.resize((to_w, to_h), Image.Resampling(self.processor["resample"])), (left, top))
        mean, std = (np.array(self.processor[key], np.float32) for key in ("image_mean", "image_std"))
        pixels = np.asarray(canvas, np.float32) * np.float32(self.processor["rescale_factor"])
        return (pixels - mean) / std, (to_w / w, to_h / h, left, top)

    def features(self, image, protocol):
        pixels, frame = self.input(image, protocol)
        x = torch.from_numpy(pixels).permute(2, 0, 1)[None].double()
        resize = {} if self.kind == "dinov2" else {"interpolate_pos_encoding": True}  # Dinov2Model always does
        with torch.no_grad():
            hidden = self.model(x, output_hidden_states=True, **resize).hidden_states[-2][0]
        return hidden[-self.grid**2 :], frame


def normalise(x):
    return x / (x.norm(dim=-1, keepdim=True) + 1e-10)


def combine(features):
    """[P*P, C1], [P*P, C2], ... -> [P*P, C1 + C2 + ...]"""
    return normalise(torch.cat([normalise(f) for f in features], -1)) if len(features) > 1 else normalise(features[0])


def padded_frame(points, width, height):
    """Image pixels -> the 840 frame, in float32 as GeoAware-SC's preprocess_kps_pad; also the scale."""
    points = torch.tensor(points, dtype=torch.float32)
    scale = FRAME / max(width, height)
    points *= scale
    if height < width:
        points[:, 1] += int((FRAME - int(np.around(FRAME * height / width))) / 2)
    elif width < height:
        points[:, 0] += int((FRAME - int(np.around(FRAME * width / height))) / 2)
    return points.numpy(), scale


def soft_argmax(row, grid):
    """Similarities [P*P] of one source patch -> expected patch coordinates (x, y) around the best one."""
    best_y, best_x = divmod(int(row.argmax()), grid)
    masked = torch.zeros(grid, grid, dtype=row.dtype)
    window = (slice(max(best_y - WINDOW, 0), best_y + WINDOW + 1), slice(max(best_x - WINDOW, 0), best_x + WINDOW + 1))
    masked[window] = row.view(grid, grid)[window]
    weight = ((masked - masked.max()) / BETA).exp()
    weight /= weight.sum()
    along = torch.linspace(-1, 1, grid, dtype=row.dtype)
    x, y = ((weight.sum(axis) * along).sum() for axis in (0, 1))
    return [float(((v + 1) * (grid - 1) / 2).clamp(0, grid - 1)) for v in (x, y)]


def predict(rows, grid):
    """-> {readout: patch coordinates [K, 2]}"""
    return {"soft": np.array([soft_argmax(row, grid) for row in rows]),
            "argmax": np.array([divmod(int(row.argmax()), grid)[::-1] for row in rows], np.float64)}


def clamp_patch(x, grid):
    return np.clip(x.astype(np.int64), 0, grid - 1)


def judge_authors(pair, source, target, grid):
    """-> {readout: (points [K, 2], errors [K])}, threshold per alpha in the same pixels"""
    source_points, _ = padded_frame(pair["src_kps"], *pair["src_imsize"][:2])
    truth, scale = padded_frame(pair["trg_kps"], *pair["trg_imsize"][:2])
    patch = clamp_patch(grid / FRAME * source_points, grid)  # float32, truncated
    rows = source[patch[:, 1] * grid + patch[:, 0]] @ target.T
    stride = FRAME / grid
    x1, y1, x2, y2 = pair["trg_bndbox"]
    points = {readout: at * stride + stride // 2 for readout, at in predict(rows, grid).items()}
    return points, truth, scale * max(x2 - x1, y2 - y1), rows


def judge_consistent(pair, source, target, grid, patch_size, source_frame, target_frame):
    def split(frame):
        return np.array(frame[:2]), np.array(frame[2:])

    scale, offset = split(source_frame)
    patch = clamp_patch(np.floor((np.array(pair["src_kps"], float) * scale + offset) / patch_size), grid)
    rows = source[patch[:, 1] * grid + patch[:, 0]] @ target.T
    scale, offset = split(target_frame)
    x1, y1, x2, y2 = pair["trg_bndbox"]
    points = {readout: ((at + 0.5) * patch_size - offset) / scale for readout, at in predict(rows, grid).items()}
    return points, np.array(pair["trg_kps"], float), max(x2 - x1, y2 - y1), rows


class Images:
    """Combined features of the images of one category, made when first asked for."""

    def __init__(self, encoders, root):
        self.encoders, self.root, self.known = encoders, root, {}

    def get(self, category, name, protocol):
        key = (category, name, protocol)
        if key not in self.known:
            image = Image.open(os.path.join(self.root, "JPEGImages", category, name)).convert("RGB")
            made = [encoder.features(image, protocol) for encoder in self.encoders]
            self.known[key] = combine([features for features, _ in made]), made[0][1]
        return self.known[key]


def read_pairs(root, split):
    files = sorted(glob.glob(glob.escape(os.path.join(root, "PairAnnotation", split)) + "/*.json"), key=os.fsencode)
    for path in files:
        with open(path) as file:
            yield os.path.basename(path)[: -len(".json")], json.load(file)


def score(encoders, root, split):
    """Yields (name, pair, {(protocol, readout): (points [K, 2], right [3][K])}, margins) per pair."""
    if len({(encoder.grid, encoder.size) for encoder in encoders}) > 1:
        sys.exit("a combination needs equal grids and inputs: " + ", ".join(f"{e.grid} of {e.size}" for e in encoders))
    grid, patch_size = encoders[0].grid, encoders[0].patch
    images = Images(encoders, root)
    for name, pair in read_pairs(root, split):
        found, tie, edge = {}, np.inf, np.inf
        for protocol in PROTOCOLS:
            source, source_frame = images.get(pair["category"], pair["src_imname"], protocol)
            target, target_frame = images.get(pair["category"], pair["trg_imname"], protocol)
            if protocol == "authors":
                points, truth, box, rows = judge_authors(pair, source, target, grid)
            else:
                points, truth, box, rows = judge_consistent(pair, source, target, grid, patch_size, source_frame, target_frame)
            for readout in READOUTS:
                error = np.sqrt(((points[readout] - truth) ** 2).sum(-1))
                found[protocol, readout] = points[readout], np.array([error < alpha * box for alpha in ALPHAS])
                edge = min(edge, *(abs(error - alpha * box).min() for alpha in ALPHAS))
            best = rows.topk(2).values
            tie = min(tie, float((best[:, 0] - best[:, 1]).min()))
        yield name, pair, found, (tie, edge)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("root")
    options.add_argument("encoder", nargs="+")
    options.add_argument("--split", default="test")
    options.add_argument("--points", help="CSV of every predicted point")
    args = options.parse_args()
    encoders = [Encoder(name) for name in args.encoder]
    pairs = csv.writer(sys.stdout, lineterminator="\n")
    pairs.writerow(["pair", "points"] + [f"{p}-{r}-{round(100 * a):02d}" for p in PROTOCOLS for r in READOUTS for a in ALPHAS])
    points = csv.writer(open(args.points, "w"), lineterminator="\n") if args.points else None
    if points:
        points.writerow(["pair", "protocol", "readout", "point", "x", "y"])
    total = {key: [] for key in [(p, r) for p in PROTOCOLS for r in READOUTS]}
    tie = edge = np.inf
    for name, pair, found, margins in score(encoders, args.root, args.split):
        pairs.writerow([name, len(pair["src_kps"])] + [int(n) for key in total for n in found[key][1].sum(-1)])
        for key in total:
            total[key].append(found[key][1].mean(-1))
            for i, (x, y) in enumerate(found[key][0]):
                if points:
                    points.writerow([name, *key, i, f"{x:.9g}", f"{y:.9g}"])
        tie, edge = min(tie, margins[0]), min(edge, margins[1])
    for key, pck in total.items():
        print(*key, "PCK per image at .10 .05 .01:", np.round(100 * np.mean(pck, 0), 4), file=sys.stderr)
    print(f"closest two patches: {tie:.3g} in similarity; closest to a threshold: {edge:.3g} pixels", file=sys.stderr)


if __name__ == "__main__":
    main()
