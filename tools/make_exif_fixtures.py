#!/usr/bin/env python3
"""Writes pictures that ask to be turned, and what Pillow and LLaVA's padding make of pictures.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install numpy pillow==13.0.0
    /tmp/venv/bin/python tools/make_exif_fixtures.py

Writes tests/images/exif/* and tests/golden/image-exif.csv (ImageOps.exif_transpose), and
tests/golden/image-pad.csv: expand2square() of llava/mm_utils.py at c121f04, with the mean colour as
process_images() computes it there, then the processors of tests/preprocessor as transformers 5.23.0
computes them (whose results tests/golden/image-prepare.csv has, of the library itself).
"""
import json
import os
import zlib

import numpy as np
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from image_fixture_files import pattern

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
XMP = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description %s/></x:xmpmeta>'


def tiff(order, kind, value, tag=0x112):
    """An EXIF directory with one entry: kind 3 is a short, 4 a long."""
    number = lambda x, n: x.to_bytes(n, order)
    head = b"MM" if order == "big" else b"II"
    entry = number(tag, 2) + number(kind, 2) + number(1, 4)
    entry += (number(value, 2) + b"\0\0") if kind == 3 else number(value, 4)
    return b"Exif\0\0" + head + number(42, 2) + number(8, 4) + number(1, 2) + entry + number(0, 4)


def exif_files():
    base = Image.fromarray(pattern(2, 7, 5))
    kinds = {"jpg": dict(quality=90), "png": {}, "webp": dict(lossless=True)}
    for ending, options in kinds.items():
        for orientation in range(10):
            order = "big" if orientation % 2 else "little"
            yield f"{orientation}.{ending}", base, dict(options, exif=tiff(order, 3, orientation))
        yield f"long.{ending}", base, dict(options, exif=tiff("little", 4, 5))
        yield f"other-tag.{ending}", base, dict(options, exif=tiff("little", 3, 5, tag=0x113))
    xmp = (XMP % 'tiff:Orientation="6"').encode()
    other = tiff("big", 3, 8, tag=0x10F)
    for ending in ("jpg", "webp"):
        options = kinds[ending]
        yield f"xmp.{ending}", base, dict(options, xmp=xmp)
        yield f"xmp-beside-exif.{ending}", base, dict(options, xmp=xmp, exif=tiff("big", 3, 3))
        yield f"xmp-beside-other.{ending}", base, dict(options, xmp=xmp, exif=other)
        yield f"xmp-beside-zero.{ending}", base, dict(options, xmp=xmp, exif=tiff("big", 3, 0))
    for zipped in (False, True):
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", (XMP % ">") .replace("<rdf", "<tiff:Orientation>8<rdf"), zip=zipped)
        yield f"xmp{'-zipped' if zipped else ''}.png", base, dict(pnginfo=info)
    raw = tiff("big", 3, 7)
    info = PngInfo()
    info.add_text("Raw profile type exif", f"\nexif\n{len(raw):8}\n{raw.hex()}\n", zip=True)
    yield "raw-profile.png", base, dict(pnginfo=info)


def write_exif():
    folder = os.path.join(ROOT, "tests/images/exif")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(ROOT, "tests/golden/image-exif.csv"), "w") as out:
        print("file,width,height,crc", file=out)
        for name, image, options in exif_files():
            path = os.path.join(folder, name)
            image.save(path, **options)
            upright = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
            crc = zlib.crc32(np.asarray(upright).tobytes())
            print(name, upright.width, upright.height, crc, sep=",", file=out)


def expand2square(pil_img, background_color):
    width, height = pil_img.size
    if width == height:
        return pil_img
    elif width > height:
        result = Image.new(pil_img.mode, (width, width), background_color)
        result.paste(pil_img, (0, (width - height) // 2))
        return result
    else:
        result = Image.new(pil_img.mode, (height, height), background_color)
        result.paste(pil_img, ((height - width) // 2, 0))
        return result


def process(image, p):
    """A processor on a square image, float32 [3, height, width]."""
    size = p["size"]
    size = {"shortest_edge": size} if isinstance(size, int) else size
    if "shortest_edge" in size:
        size = {"height": size["shortest_edge"], "width": size["shortest_edge"]}
    x = np.asarray(image.resize((size["width"], size["height"]), p["resample"])).transpose(2, 0, 1)
    if p.get("do_center_crop"):
        crop = p["crop_size"]
        height, width = (crop, crop) if isinstance(crop, int) else (crop["height"], crop["width"])
        top, left = (x.shape[1] - height) // 2, (x.shape[2] - width) // 2
        x = x[:, top : top + height, left : left + width]
    x = (x.astype(np.float64) * p["rescale_factor"]).astype(np.float32)
    channels = lambda key: np.array(p[key], np.float32)[:, None, None]
    return (x - channels("image_mean")) / channels("image_std")


def write_pad():
    sizes = ((64, 40), (40, 64), (41, 40), (40, 41), (43, 20), (20, 43), (50, 50), (1, 9), (90, 1))
    with open(os.path.join(ROOT, "tests/golden/image-pad.csv"), "w") as out:
        print("config,seed,width,height,crc", file=out)
        for name in ("clip-vit-large-patch14", "dinov2-large", "siglip-base-patch16-224"):
            with open(os.path.join(ROOT, f"tests/preprocessor/{name}.json")) as file:
                p = json.load(file)
            p.setdefault("rescale_factor", 1 / 255)
            for seed, (width, height) in enumerate(sizes):
                image = Image.fromarray(pattern(seed, width, height))
                colour = tuple(int(x * 255) for x in p["image_mean"])
                x = process(expand2square(image, colour), p)
                crc = zlib.crc32(np.ascontiguousarray(x).tobytes())
                print(name, seed, width, height, crc, sep=",", file=out)


if __name__ == "__main__":
    write_exif()
    write_pad()
