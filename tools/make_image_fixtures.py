#!/usr/bin/env python3
"""Writes the small images of tests/images and what Pillow and transformers make of them.

    python3 -m venv venv && venv/bin/pip install pillow==13.0.0 numpy transformers==5.23.0
    venv/bin/python tools/make_image_fixtures.py [--shared DIR]

Writes tests/images/* and tests/golden/image-*.csv. Needs cjpeg (Debian: libjpeg-turbo-progs) for
the kinds of JPEG that Pillow does not write. --shared is the folder with further test images and
photographs, of which only checksums are kept (default: ../shared/data).

Pixels are compared by CRC-32 (zlib) of the RGB bytes, prepared images by that of the floats.
"""

import argparse
import io
import itertools
import json
import warnings
from pathlib import Path

import numpy as np
import PIL
import transformers
from PIL import Image
from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from image_fixture_files import (
    IMAGES,
    ROOT,
    crc,
    pattern,
    write_bmps,
    write_gifs,
    write_jpegs,
    write_pngs,
    write_pnms,
    write_webps,
)

GOLDEN = ROOT / "tests/golden"

# ---- What the references make of them ----


def table(name, columns, rows):
    with open(GOLDEN / name, "w") as out:
        for row in itertools.chain([columns], rows):
            print(",".join(map(str, row)), file=out)


def opened(data):
    """Pillow's RGB pixels, or None where it refuses."""
    try:
        return np.array(Image.open(io.BytesIO(data)).convert("RGB"))
    except Exception:  # each plugin has its own kinds
        return None


def decoded_rows(files):
    for path in files:
        data = path.read_bytes()
        cuts = [len(data) * k // 16 for k in range(1, 16)] + [len(data) - k for k in range(1, 5)]
        for size in [len(data)] + cuts:
            pixels = opened(data[:size])
            height, width, _ = (0, 0, 0) if pixels is None else pixels.shape
            yield path.name, size, width, height, 0 if pixels is None else crc(pixels)


FILTERS = (1, 2, 3, 4)


def resize_rows():
    sizes = [
        (1, 1, 224, 224),
        (1, 1, 1, 1),
        (224, 224, 224, 224),
        (5000, 3, 224, 224),
        (3, 5000, 224, 224),
        (224, 224, 5000, 3),
        (224, 224, 3, 5000),
        (5000, 3, 3, 5000),
        (2, 3, 1, 1),
        (640, 480, 224, 224),
        (640, 480, 298, 224),
        (480, 640, 224, 298),
        (333, 333, 336, 336),
        (224, 300, 224, 224),
        (300, 224, 224, 224),
        (100, 900, 50, 60),
        (900, 100, 60, 50),
        (257, 129, 256, 128),
        (31, 1000, 40, 30),
    ]
    random = np.random.default_rng(20241117)
    for _ in range(90):
        draw = lambda: int(2 ** random.uniform(0, 9.5))
        sizes.append((draw(), draw(), draw(), draw()))
    for seed, (w, h, W, H) in enumerate(sizes):
        im = Image.fromarray(pattern(seed, w, h))
        for f in FILTERS:
            new = np.array(im.resize((W, H), f))
            # One axis at a time: what Pillow before 12.2 does in one call.
            old = np.array(im.resize((W, h), f).resize((W, H), f))
            yield seed, w, h, W, H, f, crc(new), crc(old)


PROCESSORS = {
    "CLIP": CLIPImageProcessorPil,
    "Bit": BitImageProcessorPil,
    "Siglip": SiglipImageProcessorPil,
    "ViT": ViTImageProcessorPil,
}
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
CLIP = {
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
}
HALF = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
CONFIGS = {
    # As on the Hub.
    "clip-vit-large-patch14": {
        "crop_size": 224,
        "do_center_crop": True,
        "do_normalize": True,
        "do_resize": True,
        "feature_extractor_type": "CLIPFeatureExtractor",
        **CLIP,
        "resample": 3,
        "size": 224,
    },
    "clip-vit-large-patch14-336": {
        "crop_size": 336,
        "do_center_crop": True,
        "do_normalize": True,
        "do_resize": True,
        "feature_extractor_type": "CLIPFeatureExtractor",
        **CLIP,
        "resample": 3,
        "size": 336,
    },
    "dinov2-large": {
        "crop_size": {"height": 224, "width": 224},
        "do_center_crop": True,
        "do_convert_rgb": True,
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        **IMAGENET,
        "image_processor_type": "BitImageProcessor",
        "resample": 3,
        "rescale_factor": 0.00392156862745098,
        "size": {"shortest_edge": 256},
    },
    "siglip-base-patch16-224": {
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        **HALF,
        "image_processor_type": "SiglipImageProcessor",
        "processor_class": "SiglipProcessor",
        "resample": 3,
        "rescale_factor": 0.00392156862745098,
        "size": {"height": 224, "width": 224},
    },
    "vit-base-patch16-224": {
        "do_normalize": True,
        "do_resize": True,
        **HALF,
        "feature_extractor_type": "ViTFeatureExtractor",
        "resample": 2,
        "size": 224,
    },
    # All defaults, and other sizes and flags.
    "clip-defaults": {"image_processor_type": "CLIPImageProcessorFast"},
    "bit-defaults": {"image_processor_type": "BitImageProcessor"},
    "siglip-defaults": {"image_processor_type": "SiglipImageProcessor"},
    "vit-defaults": {"image_processor_type": "ViTImageProcessor"},
    "clip-crop-larger": {
        "image_processor_type": "CLIPImageProcessor",
        "size": {"shortest_edge": 41},
        "crop_size": {"height": 60, "width": 50},
    },
    "clip-squash-and-crop": {
        "image_processor_type": "CLIPImageProcessor",
        "size": {"height": 60, "width": 91},
        "crop_size": 32,
        "resample": 1,
    },
    "clip-no-resize": {
        "image_processor_type": "CLIPImageProcessor",
        "do_resize": False,
        "crop_size": [37, 52],
    },
    "clip-no-rescale": {
        "image_processor_type": "CLIPImageProcessor",
        "do_rescale": False,
        "size": 40,
        "crop_size": 33,
        "resample": 4,
    },
    "clip-no-normalize": {
        "image_processor_type": "CLIPImageProcessor",
        "do_normalize": False,
        "size": 40,
        "crop_size": 33,
    },
    # Sizes as transformers 5 has them.
    "clip-limited": {
        "image_processor_type": "CLIPImageProcessorFast",
        "size": {"shortest_edge": 40, "longest_edge": 60},
        "crop_size": {"height": 33, "width": 47},
    },
    "clip-number-is-square": {
        "image_processor_type": "CLIPImageProcessor",
        "default_to_square": True,
        "size": 37,
        "do_center_crop": False,
    },
    "vit-oblong": {
        "image_processor_type": "ViTImageProcessor",
        "size": [30, 47],
        "rescale_factor": 0.01,
        "image_std": 0.25,
    },
}


def prepare_rows():
    for name, config in CONFIGS.items():
        type_name = config.get("image_processor_type") or config["feature_extractor_type"]
        kind = next(k for k in PROCESSORS if type_name.startswith(k))
        arguments = {
            k: v for k, v in config.items() if not k.endswith("_type") and k != "processor_class"
        }
        if isinstance(arguments.get("image_std"), float):
            arguments["image_std"] = [arguments["image_std"]] * 3
        for key in ("size", "crop_size"):
            if isinstance(arguments.get(key), list):
                arguments[key] = dict(zip(("height", "width"), arguments[key]))
        if kind == "ViT" and isinstance(arguments.get("size"), int):
            arguments["size"] = {"height": arguments["size"], "width": arguments["size"]}
        processor = PROCESSORS[kind](**arguments)
        for seed, (w, h) in enumerate(
            [(640, 480), (120, 333), (50, 40), (41, 41), (1, 1), (700, 3), (3, 700), (36, 53)]
        ):
            if name == "clip-limited" and max(w, h) > 100 * min(w, h):
                continue  # an edge of 0, which transformers cannot resize to
            out = np.asarray(
                processor(Image.fromarray(pattern(seed, w, h)), return_tensors="np")[
                    "pixel_values"
                ][0]
            )
            out = np.ascontiguousarray(out, dtype=np.float32)
            middle = out[:, out.shape[1] // 2, out.shape[2] // 2]
            yield name, seed, w, h, out.shape[2], out.shape[1], crc(out), *(
                f"{v:.9g}" for v in middle
            )
        (ROOT / "tests/preprocessor" / f"{name}.json").write_text(
            json.dumps(config, indent=2) + "\n"
        )


def shared_rows(folder):
    photos = sorted((folder / "images").iterdir()) + sorted(
        (folder / "spair-cat/SPair-71k/JPEGImages/cat").iterdir()
    )
    for path in photos:
        pixels = None if path.suffix == ".tif" else opened(path.read_bytes())
        name = path.relative_to(folder)
        if pixels is None:
            yield (name, *(0,) * 8)
            continue
        im = Image.fromarray(pixels)
        prepared = CLIPImageProcessorPil()(im, return_tensors="np")["pixel_values"][0]
        yield (
            name,
            im.width,
            im.height,
            crc(pixels),
            *(crc(np.array(im.resize((224, 336), f))) for f in FILTERS),
            crc(np.ascontiguousarray(prepared, dtype=np.float32)),
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared/data")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    for folder in (IMAGES, ROOT / "tests/preprocessor"):
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            if not old.name.startswith("broken-"):  # what fuzzing found
                old.unlink()
    for step in (write_jpegs, write_pngs, write_webps, write_gifs, write_bmps, write_pnms):
        step()

    # Of the first `bytes` of a file, for several lengths; width 0: refused.
    table(
        "image-decode.csv",
        ("file", "bytes", "width", "height", "crc"),
        decoded_rows(sorted(IMAGES.iterdir())),
    )
    # pattern(seed, width, height) resized, by this Pillow and by those before 12.2.
    table(
        "image-resize.csv",
        ("seed", "width", "height", "to_width", "to_height", "filter", "crc", "crc_before"),
        resize_rows(),
    )
    # pattern(seed, width, height) prepared as tests/preprocessor/<config>.json says; and the floats in the middle.
    table(
        "image-prepare.csv",
        (
            "config",
            "seed",
            "width",
            "height",
            "out_width",
            "out_height",
            "crc",
            "red",
            "green",
            "blue",
        ),
        prepare_rows(),
    )
    # Decoded, resized to 224 x 336 by each filter, and prepared for CLIP; width 0: refused, or not a format we read.
    if options.shared.is_dir():
        table(
            "image-shared.csv",
            (
                "file",
                "width",
                "height",
                "crc",
                *(f"crc_filter_{f}" for f in FILTERS),
                "crc_prepared",
            ),
            shared_rows(options.shared),
        )
    (GOLDEN / "image-versions.txt").write_text(
        f"image-*.csv were written by tools/make_image_fixtures.py with Pillow {PIL.__version__}, "
        f"transformers {transformers.__version__} and numpy {np.__version__}.\n"
    )
    total = sum(
        p.stat().st_size
        for folder in (IMAGES, ROOT / "tests/preprocessor")
        for p in folder.iterdir()
    )
    total += sum(p.stat().st_size for p in GOLDEN.glob("image-*"))
    print(f"{len(list(IMAGES.iterdir()))} images, {total} bytes in all")


if __name__ == "__main__":
    main()
