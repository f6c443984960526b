#!/usr/bin/env python3
"""The peer of perf/image: the same work with Pillow and numpy, as someone in a hurry would write it.

    image_peer.py IMAGE PREPROCESSOR_JSON    one turn, see image_bench.c
    image_peer.py --make FILE                writes the 12-megapixel JPEG that both read
    image_peer.py --version

The image processors of transformers take longer: they go from Pillow to numpy and back.
"""

import json
import sys
import time

import numpy as np
import PIL
from PIL import Image


def make(path):
    """4000 x 3000, soft shapes, edges and sensor noise; some 5 MB, as from a camera."""
    random = np.random.default_rng(12)
    soft = Image.fromarray(random.integers(0, 256, (30, 40, 3), dtype=np.uint8)).resize((4000, 3000), 3)
    fine = Image.fromarray(random.integers(0, 256, (750, 1000, 3), dtype=np.uint8)).resize((4000, 3000), 2)
    pixels = 0.75 * np.asarray(soft) + 0.15 * np.asarray(fine) + random.normal(0, 4, (3000, 4000, 1))
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path, quality=90)


def prepare(im, config):
    edge = config["size"]["shortest_edge"]
    crop_height, crop_width = config["crop_size"]["height"], config["crop_size"]["width"]
    width, height = im.size
    short, long = min(width, height), max(width, height)
    size = (edge, int(edge * long / short)) if width <= height else (int(edge * long / short), edge)
    im = im.resize(size, config["resample"])
    left, top = (size[0] - crop_width) // 2, (size[1] - crop_height) // 2
    x = np.asarray(im.crop((left, top, left + crop_width, top + crop_height)))
    x = (x * config["rescale_factor"]).astype(np.float32)
    x = (x - np.array(config["image_mean"], np.float32)) / np.array(config["image_std"], np.float32)
    return np.ascontiguousarray(x.transpose(2, 0, 1))


def turn(path, config):
    start = time.perf_counter()
    im = Image.open(path).convert("RGB")
    decoded = time.perf_counter()
    x = prepare(im, config)
    return 1e3 * (decoded - start), 1e3 * (time.perf_counter() - decoded), x


def main():
    if sys.argv[1:] == ["--version"]:
        print(PIL.__version__)
    elif sys.argv[1] == "--make":
        make(sys.argv[2])
    else:
        with open(sys.argv[2]) as file:
            config = json.load(file)
        turn(sys.argv[1], config)
        decode_ms, prepare_ms, x = turn(sys.argv[1], config)
        flat = x.reshape(-1).astype(np.float64)
        print(f"{decode_ms:.3f} {prepare_ms:.3f} {(flat * (np.arange(flat.size) % 1000)).sum():.4f}")


main()
