"""The small images of tests/images: pixels by a formula, written in every kind of file that is read.

A part of make_image_fixtures.py, which says what it needs.
"""

import struct
import subprocess
import tempfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "tests/images"
WIDTH, HEIGHT = 29, 21  # odd, and more than two blocks of a JPEG

# ---- Pixels that test_image.c makes by the same formula ----


def pattern(seed, width, height):
    """uint8 [height, width, 3]: noise, black and white noise, or a ramp with a little noise."""
    n = width * height * 3
    x = np.arange(n, dtype=np.uint32) * np.uint32(2654435761) + np.uint32(
        seed * 0x9E3779B9 & 0xFFFFFFFF
    )
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B), (16, 1)):
        x ^= x >> np.uint32(shift)
        x *= np.uint32(factor)
    noise = (x >> np.uint32(24)).astype(np.uint8).reshape(height, width, 3)
    if seed % 3 == 0:
        return noise
    if seed % 3 == 1:
        return np.where(noise > 127, 255, 0).astype(np.uint8)
    y, x, c = np.indices((height, width, 3))
    return ((x * 7 + y * 3 + c * 85 + (noise & 15)) & 255).astype(np.uint8)


def crc(array):
    return zlib.crc32(np.ascontiguousarray(array).tobytes())


# ---- Files ----


def write(name, data):
    (IMAGES / name).write_bytes(data)


def picture(mode="RGB", seed=2):
    return Image.fromarray(pattern(seed, WIDTH, HEIGHT)).convert(mode)


def write_jpegs():
    save = lambda name, im, **options: im.save(IMAGES / name, "JPEG", quality=85, **options)
    for subsampling, label in ((0, "444"), (1, "422"), (2, "420")):
        save(f"jpeg-{label}.jpg", picture(), subsampling=subsampling)
        save(f"jpeg-{label}-progressive.jpg", picture(), subsampling=subsampling, progressive=True)
    save("jpeg-411.jpg", picture(), subsampling="4:1:1")
    save("jpeg-grey.jpg", picture("L"))
    save("jpeg-rgb.jpg", picture(), keep_rgb=True)
    save("jpeg-restart.jpg", picture(), restart_marker_blocks=2, optimize=True)
    save(
        "jpeg-rotated-by-exif.jpg",
        picture(),
        exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0",
    )
    save("jpeg-1x1.jpg", Image.fromarray(pattern(2, 1, 1)))
    inks = [pattern(3 * k, WIDTH, HEIGHT)[:, :, 0] for k in range(4)]
    save("jpeg-cmyk.jpg", Image.merge("CMYK", [Image.fromarray(ink) for ink in inks]))
    # The Adobe marker's last byte says how the channels are coded; 2 is YCCK.
    cmyk = bytearray((IMAGES / "jpeg-cmyk.jpg").read_bytes())
    cmyk[cmyk.index(b"Adobe") + 11] = 2
    write("jpeg-ycck.jpg", bytes(cmyk))
    adobe = cmyk.index(b"\xff\xee")
    write("jpeg-cmyk-unmarked.jpg", bytes(cmyk[:adobe] + cmyk[adobe + 16 :]))
    with tempfile.TemporaryDirectory() as folder:
        picture().save(f"{folder}/in.ppm")
        for label, options in (
            ("440", ["-sample", "1x2"]),
            ("arithmetic", ["-arithmetic"]),
            ("odd-factors", ["-sample", "3x1,1x1,1x1"]),
            ("many-scans", ["-progressive", "-restart", "1"]),
        ):
            command = ["cjpeg", "-quality", "85", *options, f"{folder}/in.ppm"]
            write(
                f"jpeg-{label}.jpg", subprocess.run(command, check=True, capture_output=True).stdout
            )
    # Without its end-of-image marker, with bytes behind it, with a hole in its data.
    plain = (IMAGES / "jpeg-420.jpg").read_bytes()
    write("jpeg-no-end.jpg", plain[:-2])
    write("jpeg-trailing.jpg", plain + b"what follows does not matter")
    scan = plain.index(b"\xff\xda") + 30
    write("jpeg-damaged.jpg", plain[:scan] + bytes(12) + plain[scan + 12 :])


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_rows(samples, bits):
    """Filtered rows of one pass; the filters take turns."""
    height, width, channels = samples.shape
    if bits == 16:
        rows = samples.astype(">u2").reshape(height, -1).view(np.uint8)
    elif bits == 8:
        rows = samples.astype(np.uint8).reshape(height, -1)
    else:
        unpacked = ((samples.reshape(height, -1, 1) >> np.arange(bits - 1, -1, -1)) & 1).reshape(
            height, -1
        )
        rows = np.packbits(unpacked.astype(np.uint8), axis=1)
    step = max(1, bits * channels // 8)
    out, above = b"", np.zeros(rows.shape[1], int)
    for y, row in enumerate(rows.astype(int)):
        left = np.concatenate([np.zeros(step, int), row])[: len(row)]
        corner = np.concatenate([np.zeros(step, int), above])[: len(row)]
        p = left + above - corner
        pa, pb, pc = abs(p - left), abs(p - above), abs(p - corner)
        paeth = np.where((pa <= pb) & (pa <= pc), left, np.where(pb <= pc, above, corner))
        predicted = (0 * row, left, above, (left + above) // 2, paeth)[y % 5]
        out += bytes([y % 5]) + ((row - predicted) % 256).astype(np.uint8).tobytes()
        above = row
    return out


def png(samples, colour, bits, interlaced=False, extra=b""):
    height, width, _ = samples.shape
    passes = [(0, 0, 1, 1)]
    if interlaced:
        passes = [
            (0, 0, 8, 8),
            (0, 4, 8, 8),
            (4, 0, 8, 4),
            (0, 2, 4, 4),
            (2, 0, 4, 2),
            (0, 1, 2, 2),
            (1, 0, 2, 1),
        ]
    parts = [samples[y::dy, x::dx] for y, x, dy, dx in passes]
    data = b"".join(png_rows(part, bits) for part in parts if part.size)
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + extra
        + png_chunk(b"IDAT", zlib.compress(data))
        + png_chunk(b"IEND", b"")
    )


def write_pngs():
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
    colours = np.arange(256 * 3, dtype=np.uint8) * 37
    for colour, bits in (
        (0, 1),
        (0, 2),
        (0, 4),
        (0, 8),
        (0, 16),
        (2, 8),
        (2, 16),
        (3, 1),
        (3, 2),
        (3, 4),
        (3, 8),
        (4, 8),
        (4, 16),
        (6, 8),
        (6, 16),
    ):
        wide = pattern(3, WIDTH * 2, HEIGHT).reshape(HEIGHT, -1)[:, : WIDTH * channels[colour] * 2]
        samples = (
            wide.view("<u2")[:, : WIDTH * channels[colour]].reshape(HEIGHT, WIDTH, -1).astype(int)
        )
        if (colour, bits) == (0, 16):
            samples //= 200  # some below 255, where Pillow stops counting
        samples = samples & ((1 << bits) - 1)
        palette = png_chunk(b"PLTE", colours[: 3 << bits].tobytes()) if colour == 3 else b""
        for interlaced in (False, True):
            kind = {0: "grey", 2: "rgb", 3: "palette", 4: "grey-alpha", 6: "rgba"}[colour]
            name = f"png-{kind}-{bits}{'-interlaced' * interlaced}.png"
            write(name, png(samples, colour, bits, interlaced, palette))
    index = pattern(3, WIDTH, HEIGHT)[:, :, :1].astype(int)
    three = png_chunk(b"PLTE", bytes(range(10, 100, 10)))
    write(
        "png-palette-transparent.png",
        png(index % 3, 3, 8, extra=three + png_chunk(b"tRNS", b"\xff\0\x80")),
    )
    write(
        "png-palette-one-transparent.png",
        png(index % 3, 3, 2, extra=three + png_chunk(b"tRNS", b"\xff\0\xff")),
    )
    write("png-palette-short.png", png(index % 5, 3, 8, extra=three))
    rgb = pattern(3, WIDTH, HEIGHT).astype(int)
    write(
        "png-rgb-transparent.png",
        png(rgb, 2, 8, extra=png_chunk(b"tRNS", struct.pack(">3H", *rgb[0, 0]))),
    )
    write(
        "png-grey-transparent.png",
        png(index, 0, 8, extra=png_chunk(b"tRNS", struct.pack(">H", index[0, 0, 0]))),
    )
    write("png-gamma.png", png(rgb, 2, 8, extra=png_chunk(b"gAMA", struct.pack(">I", 100000))))
    write("png-1x1-interlaced.png", png(rgb[:1, :1], 2, 8, True))
    whole = png(rgb, 2, 8)
    write("png-no-end.png", whole[:-12])
    write("png-truncated.png", whole[: len(whole) // 2])
    write("png-bad-checksum.png", whole[:30] + bytes([whole[30] ^ 1]) + whole[31:])
    write("png-no-palette.png", png(index, 3, 8))


def riff(chunks):
    body = b"WEBP" + b"".join(
        k + struct.pack("<I", len(d)) + d + b"\0" * (len(d) % 2) for k, d in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def write_webps():
    picture().save(IMAGES / "webp-lossy.webp", quality=80)
    picture().save(IMAGES / "webp-lossless.webp", lossless=True)
    alpha = np.dstack([pattern(2, WIDTH, HEIGHT), pattern(3, WIDTH, HEIGHT)[:, :, 0]])
    rgba = Image.fromarray(alpha)
    rgba.save(IMAGES / "webp-lossy-alpha.webp", quality=80)
    rgba.save(IMAGES / "webp-lossless-alpha.webp", lossless=True, exact=True)
    frames = [Image.fromarray(pattern(s, WIDTH, HEIGHT)) for s in (5, 8)]
    frames[0].save(
        IMAGES / "webp-animated.webp", save_all=True, append_images=frames[1:], lossless=True
    )
    # A first frame smaller than the canvas, with a background colour that nobody asked for.
    still = (IMAGES / "webp-lossless.webp").read_bytes()
    u24 = lambda v: struct.pack("<I", v)[:3]
    frame = (
        u24(6 // 2) + u24(4 // 2) + u24(WIDTH - 1) + u24(HEIGHT - 1) + u24(100) + b"\0" + still[12:]
    )
    header = b"\x02\0\0\0" + u24(WIDTH + 10) + u24(HEIGHT + 8)
    write(
        "webp-frame-offset.webp",
        riff([(b"VP8X", header), (b"ANIM", struct.pack("<IH", 0xFF8040C0, 0)), (b"ANMF", frame)]),
    )
    write("webp-truncated.webp", still[: len(still) * 2 // 3])


def gif(
    index,
    screen=None,
    at=(0, 0),
    palette=None,
    local=None,
    transparent=None,
    interlaced=False,
    bits=8,
    background=0,
):
    height, width = index.shape
    screen_width, screen_height = screen or (width, height)
    size = lambda p: max(0, (len(p) // 3 - 1).bit_length() - 1)
    out = b"GIF89a" + struct.pack(
        "<HHBBB",
        screen_width,
        screen_height,
        (0x80 | size(palette)) if palette else 0,
        background,
        0,
    )
    out += palette or b""
    if transparent is not None:
        out += b"!\xf9\x04\x01\0\0" + bytes([transparent]) + b"\0"
    out += b"," + struct.pack(
        "<HHHHB", *at, width, height, ((0x80 | size(local)) if local else 0) | 0x40 * interlaced
    )
    out += local or b""
    rows = list(range(height))
    if interlaced:
        rows = rows[::8] + rows[4::8] + rows[2::4] + rows[1::2]
    # Codes of one width: the table is cleared before it grows.
    clear, codes = 1 << bits, []
    for i, value in enumerate(index[rows].reshape(-1)):
        if i % (clear - 2) == 0:
            codes.append(clear)
        codes.append(int(value))
    codes.append(clear + 1)
    number = sum(code << (bits + 1) * i for i, code in enumerate(codes))
    data = number.to_bytes((len(codes) * (bits + 1) + 7) // 8, "little")
    blocks = b"".join(
        bytes([len(data[i : i + 255])]) + data[i : i + 255] for i in range(0, len(data), 255)
    )
    return out + bytes([bits]) + blocks + b"\0;"


def write_gifs():
    index = pattern(3, WIDTH, HEIGHT)[:, :, 0]
    colours = (np.arange(768) * 37 % 256).astype(np.uint8).tobytes()
    write("gif-plain.gif", gif(index, palette=colours))
    write("gif-interlaced.gif", gif(index, palette=colours, interlaced=True))
    write(
        "gif-local-palette.gif",
        gif(index % 8, palette=colours, local=colours[300 : 300 + 24], bits=3),
    )
    write("gif-short-palette.gif", gif(index, palette=colours[:24]))
    write("gif-no-palette.gif", gif(index))
    write(
        "gif-grey-palette.gif", gif(index, palette=bytes(v for i in range(256) for v in (i, i, i)))
    )
    write(
        "gif-offset.gif", gif(index % 4, screen=(40, 30), at=(5, 4), palette=colours[30:42], bits=2)
    )
    write(
        "gif-offset-transparent.gif",
        gif(index % 4, screen=(40, 30), at=(5, 4), palette=colours[30:42], bits=2, transparent=3),
    )
    write(
        "gif-offset-background.gif",
        gif(index % 4, screen=(40, 30), at=(5, 4), palette=colours[30:42], bits=2, background=2),
    )
    write(
        "gif-beyond-screen.gif",
        gif(index % 4, screen=(20, 10), at=(5, 4), palette=colours[30:42], bits=2),
    )
    write("gif-no-pixels.gif", gif(index[:0], palette=colours))
    frames = [Image.fromarray(pattern(s, WIDTH, HEIGHT)) for s in (2, 5)]
    frames[0].save(IMAGES / "gif-animated.gif", save_all=True, append_images=frames[1:])
    whole = gif(index, palette=colours)
    write("gif-truncated.gif", whole[: len(whole) - 60])
    write("gif-no-end.gif", whole[:-1])


def bmp(
    bits,
    rows,
    header=40,
    compression=0,
    palette=b"",
    colours=0,
    top_down=False,
    masks=b"",
    offset=None,
    height=HEIGHT,
    width=WIDTH,
):
    """A bitmap of rows that are already padded; masks count as part of headers above 40 bytes."""
    if header == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        info = struct.pack(
            "<IiiHHIIiiII",
            header,
            width,
            -height if top_down else height,
            1,
            bits,
            compression,
            0,
            0,
            0,
            colours,
            0,
        )
        if header > 40:
            info += (masks + bytes(header))[: header - 40]
            masks = b""
    start = 14 + len(info) + len(masks) + len(palette) if offset is None else offset
    data = rows if isinstance(rows, bytes) else b"".join(rows)
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, start) + info + masks + palette + data


def packed(samples, bits):
    """Rows of samples (of at most 8 bits), padded to 4 bytes."""
    unpacked = ((samples[:, :, None] >> np.arange(bits - 1, -1, -1)) & 1).reshape(len(samples), -1)
    rows = np.packbits(unpacked.astype(np.uint8), axis=1)
    return [row.tobytes() + bytes(-len(row) % 4) for row in rows]


def raw(array):
    return [row.tobytes() + bytes(-len(row.tobytes()) % 4) for row in array]


def write_bmps():
    index = pattern(3, WIDTH, HEIGHT)[:, :, 0].astype(int)
    pixels = pattern(3, WIDTH, HEIGHT)
    four = np.dstack([pixels, pattern(6, WIDTH, HEIGHT)[:, :, 0]])
    wide = np.ascontiguousarray(four[:, :, :2]).view("<u2")[:, :, 0]
    colours = (np.arange(1024) * 37 % 256).astype(np.uint8).tobytes()
    grey = bytes(v for i in range(256) for v in (i, i, i, 0))
    masks = lambda *m: struct.pack(f"<{len(m)}I", *m)

    for bits in (1, 4, 8):
        write(
            f"bmp-{bits}.bmp",
            bmp(bits, packed(index % 2**bits, bits), palette=colours[: 4 << bits]),
        )
    write("bmp-1-black-white.bmp", bmp(1, packed(index % 2, 1), palette=b"\0\0\0\0\xff\xff\xff\0"))
    write("bmp-8-grey.bmp", bmp(8, packed(index, 8), palette=grey))
    write("bmp-8-few-colours.bmp", bmp(8, packed(index % 20, 8), palette=colours[:40], colours=10))
    write("bmp-8-top-down.bmp", bmp(8, packed(index, 8), palette=colours, top_down=True))
    write("bmp-8-os2.bmp", bmp(8, packed(index, 8), header=12, palette=colours[:768]))
    write("bmp-4-os2-2.bmp", bmp(4, packed(index % 16, 4), header=64, palette=colours[:64]))
    write("bmp-8-forgot-palette.bmp", bmp(8, packed(index, 8), palette=colours, offset=54))
    write("bmp-8-no-offset.bmp", bmp(8, packed(index, 8), palette=colours, offset=0))
    write("bmp-16.bmp", bmp(16, raw(wide)))
    write("bmp-16-565.bmp", bmp(16, raw(wide), compression=3, masks=masks(0xF800, 0x7E0, 0x1F)))
    write(
        "bmp-16-555-masks.bmp", bmp(16, raw(wide), compression=3, masks=masks(0x7C00, 0x3E0, 0x1F))
    )
    write("bmp-24.bmp", bmp(24, raw(pixels)))
    write("bmp-24-top-down.bmp", bmp(24, raw(pixels), top_down=True))
    write("bmp-24-os2.bmp", bmp(24, raw(pixels), header=12))
    write("bmp-24-v5.bmp", bmp(24, raw(pixels), header=124))
    write("bmp-32.bmp", bmp(32, raw(four)))
    for label, mask in (
        ("bgrx", (0xFF0000, 0xFF00, 0xFF, 0)),
        ("xbgr", (0xFF000000, 0xFF0000, 0xFF00, 0)),
        ("bgxr", (0xFF000000, 0xFF00, 0xFF, 0)),
        ("abgr", (0xFF000000, 0xFF0000, 0xFF00, 0xFF)),
        ("rgba", (0xFF, 0xFF00, 0xFF0000, 0xFF000000)),
        ("bgra", (0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
        ("bgar", (0xFF000000, 0xFF00, 0xFF, 0xFF0000)),
        ("zero", (0, 0, 0, 0)),
    ):
        write(
            f"bmp-32-{label}.bmp", bmp(32, raw(four), header=108, compression=3, masks=masks(*mask))
        )
    write(
        "bmp-32-masks-behind.bmp",
        bmp(32, raw(four), compression=3, masks=masks(0xFF0000, 0xFF00, 0xFF)),
    )

    # Runs: each row as runs, as literal pixels, or both; a skip; short rows.
    rle8 = rle4 = b""
    for y in range(HEIGHT):
        v = int(index[y, 0])
        kind = y % 4
        if kind == 0:
            rle8 += bytes([20, v, WIDTH - 20, v ^ 255, 0, 0])
            rle4 += bytes([21, v, WIDTH - 21, v ^ 255, 0, 0])
        elif kind == 1:
            rle8 += (
                bytes([0, WIDTH]) + bytes(index[y].astype(np.uint8)) + b"\0" * (WIDTH % 2) + b"\0\0"
            )
            half = bytes(
                (
                    index[y, 0::2] % 16 << 4 | np.append(index[y, 1::2], 0)[: (WIDTH + 1) // 2] % 16
                ).astype(np.uint8)
            )
            rle4 += bytes([0, WIDTH]) + half + b"\0" * (len(half) % 2) + b"\0\0"
        elif kind == 2:
            rle8 += bytes([5, v, 0, 0])  # the rest is colour 0
            rle4 += bytes([200, v, 0, 0])  # longer than the row
        else:
            rle8 += bytes([0, 2, 10, 0, WIDTH - 10, v, 0, 0])
            rle4 += bytes([0, 2, 10, 0, WIDTH - 10, v, 0, 0])
    write("bmp-8-runs.bmp", bmp(8, rle8 + b"\0\x01", compression=1, palette=colours))
    write("bmp-4-runs.bmp", bmp(4, rle4 + b"\0\x01", compression=2, palette=colours[:64]))
    write(
        "bmp-8-runs-end-early.bmp", bmp(8, rle8[:100] + b"\0\x01", compression=1, palette=colours)
    )
    write("bmp-truncated.bmp", bmp(24, raw(pixels))[:-40])
    write("bmp-last-row-unpadded.bmp", bmp(24, raw(pixels))[:-1])
    write("bmp-no-pixels.bmp", bmp(24, b"", width=0))
    write("bmp-huge.bmp", bmp(24, b"", width=60000, height=60000))


def write_pnms():
    pixels, index = pattern(3, WIDTH, HEIGHT), pattern(3, WIDTH, HEIGHT)[:, :, 0].astype(int)
    head = lambda kind, *numbers: (
        kind + "\n# a comment\n" + " ".join(map(str, numbers)) + "\n"
    ).encode()
    text = lambda a: "\n".join(" ".join(map(str, row)) for row in a.reshape(len(a), -1)).encode()
    size = (WIDTH, HEIGHT)
    write("pnm-p1.pbm", head("P1", *size) + text(index % 2).replace(b" ", b""))
    write("pnm-p2.pgm", head("P2", *size, 255) + text(index))
    write("pnm-p2-100.pgm", head("P2", *size, 100) + text(index % 101))
    write("pnm-p2-1000.pgm", head("P2", *size, 1000) + text(index * 3))
    write("pnm-p3.ppm", head("P3", *size, 255) + text(pixels).replace(b"\n", b" # here\n", 3))
    write("pnm-p3-31.ppm", head("P3", *size, 31) + text(pixels % 32))
    write("pnm-p3-65535.ppm", head("P3", *size, 65535) + text(pixels.astype(int) * 257))
    write(
        "pnm-p4.pbm", head("P4", *size) + np.packbits(index.astype(np.uint8) & 1, axis=1).tobytes()
    )
    write("pnm-p5.pgm", head("P5", *size, 255) + index.astype(np.uint8).tobytes())
    write(
        "pnm-p5-77.pgm", head("P5", *size, 77) + index.astype(np.uint8).tobytes()
    )  # some above 77
    write("pnm-p5-999.pgm", head("P5", *size, 999) + (index * 5 % 1000).astype(">u2").tobytes())
    write("pnm-p5-65535.pgm", head("P5", *size, 65535) + (index * 3).astype(">u2").tobytes())
    write("pnm-p6.ppm", head("P6", *size, 255) + pixels.tobytes())
    write("pnm-p6-15.ppm", head("P6", *size, 15) + (pixels % 16).tobytes())
    write(
        "pnm-p6-1023.ppm",
        head("P6", *size, 1023) + (pixels.astype(int) * 4 + 3).astype(">u2").tobytes(),
    )
    write("pnm-truncated.ppm", head("P6", *size, 255) + pixels.tobytes()[:-1])
    write("pnm-above-maximum.pgm", head("P2", *size, 100) + text(index))
    write("pnm-maximum-0.pgm", head("P5", *size, 0) + index.astype(np.uint8).tobytes())
    write("pnm-not-a-number.ppm", b"P6 2x 2 255\n" + bytes(12))
    write("pnm-huge.ppm", b"P6 99999 99999 255\n" + bytes(12))
