"""Random files: whole ones of every format that is read, and the same with bytes changed."""

from __future__ import annotations

import gzip
import io
import json
import struct
import zlib
from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np

__all__ = ["csv_table", "idx", "json_with", "midi", "mutated", "npy", "picture", "tensors", "yaml_text"]

SIZES = (0, 1, 2, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1)
PIECES = (
    *("lc: 1\n", "model: melody.folk-2bar\n", "constraints:\n", "  - ", "{use: melody.span, at_least: 3}", "\n", "  "),
    *("&a ", "*a", "!!python/object/apply:os.system ", "!tag ", "<<: ", "? ", ": ", "- ", "[", "]", "{", "}", "|\n"),
    *(">-\n", '"', "'", "#", "%YAML 1.2\n", "---\n", "...\n", "\t", "\ufeff", "\u200b", "\x00", "\x85", "é", "0x1F"),
    *(".nan", "1e999", "1:30", "~", "null", "[[[[[[[[", "{a: " * 60, "[" * 2_000, "9" * 5_000, "a: &x [*x]\n", "@"),
)
"""What YAML is made of."""


def mutated(data: bytes, rng: Random, most: int = 4) -> bytes:
    """Return bytes with up to so many changes: bits, numbers of any size, pieces cut out, moved or repeated."""
    found = bytearray(data)
    for _ in range(rng.randint(0, most)):
        at = rng.randrange(len(found)) if found else 0
        end = min(len(found), at + rng.choice((1, 2, 4, 16, 100)))
        what = rng.randrange(7)
        if what == 0 and found:
            found[at] ^= 1 << rng.randrange(8)
        elif what == 1:
            found[at : at + 4] = struct.pack(rng.choice(("<I", ">I")), rng.choice(SIZES))
        elif what == 2:
            del found[at:end]
        elif what == 3:
            del found[at:]
        elif what == 4:
            found[at:at] = found[at:end] * rng.choice((1, 50))
        elif what == 5:
            found[at:end] = bytes(rng.randrange(256) for _ in range(end - at))
        else:
            found[at:at] = bytes(rng.choice((0, 255, 0x7F, 0x80, 10, 44)) for _ in range(rng.choice((1, 8))))
    return bytes(found)


def yaml_text(rng: Random, begin: Sequence[str]) -> bytes:
    """Return pieces of YAML in any order, after one of some texts."""
    pieces = [rng.choice(PIECES) for _ in range(rng.randint(0, 12))]
    return mutated((rng.choice(begin) + "".join(pieces)).encode("utf-8", "surrogatepass"), rng, most=2)


def midi(rng: Random) -> bytes:
    """Return a MIDI file of a few notes."""
    events = b""
    for pitch in (60, 62, 64, 65)[: rng.randint(0, 4)]:
        events += bytes([0, 0x90, pitch, 80, 0x83, 0x60, 0x80, pitch, 0])
    events += rng.choice(
        (b"", b"\0\xff\x58\x04\x04\x02\x18\x08", b"\0\xf0\x03abc", b"\0\xc0\x05", b"\0\xff\x01\x03abc")
    )
    track = b"MTrk" + struct.pack(">I", len(events) + 4) + events + b"\0\xff\x2f\0"
    count = rng.choice((1, 1, 1, 2, 17))
    header = b"MThd" + struct.pack(">IHHH", 6, rng.choice((0, 1, 2)), count, rng.choice((480, 96, 1, 0, 0xE728)))
    data = header + track * count
    return data if rng.random() < 0.9 else b"RIFF" + struct.pack("<I", len(data) + 12) + b"RMIDdata" + data


def picture(rng: Random, form: str) -> bytes:
    """Return a PNG or JPEG file of one of many modes; of a PNG the checksums may be made right again."""
    from PIL import Image

    mode = rng.choice(("L", "RGB", "1", "P", "RGBA", "LA", "I;16") if form == "PNG" else ("L", "RGB", "CMYK"))
    size = rng.choice(((8, 8), (16, 16), (8, 9), (1, 1)))
    buffer = io.BytesIO()
    image = Image.new(mode if mode != "I;16" else "I", size, 1)
    (image.convert("I;16") if mode == "I;16" else image).save(buffer, form)
    data = mutated(buffer.getvalue(), rng)
    return _with_checksums(data) if form == "PNG" and rng.random() < 0.5 else data


def _with_checksums(data: bytes) -> bytes:
    """Return a PNG file with the right checksum in every chunk, so that what was changed is read."""
    found, at = bytearray(data), 8
    while at + 12 <= len(found):
        size = int.from_bytes(found[at : at + 4], "big")
        if at + 12 + size > len(found):
            break
        found[at + 8 + size : at + 12 + size] = struct.pack(">I", zlib.crc32(found[at + 4 : at + 8 + size]))
        at += 12 + size
    return bytes(found)


def idx(rng: Random) -> bytes:
    """Return an IDX file, plain or packed."""
    shape = (3, 4, 4)[: rng.choice((1, 3))]
    data = bytes([0, 0, rng.choice((8, 8, 8, 13)), len(shape)]) + struct.pack(f">{len(shape)}I", *shape)
    data += bytes(int(np.prod(shape)))
    return gzip.compress(mutated(data, rng)) if rng.random() < 0.4 else data


def csv_table(rng: Random) -> bytes:
    """Return a table of labels."""
    comma = rng.choice((",", ",", ";", "\t", "|"))
    cells = ("1", "0", "0.5", "0,5", "1,000", "", "nan", "inf", "x", '"a', '"1"', " 1 ", "1e400", "9" * 5_000, "_1")
    names = ("0.png", "1.png", "0.PNG", "sub/2.png", "../x.png", "/etc/passwd", "", "0.png\0")
    header = rng.choice((("smiling",), ("smiling", "hat"), ("smiling", "smiling"), (), ("", "x y")))
    lines = [comma.join(("file", *header))]
    for name in ("0.png", "1.png", "sub/2.png") if rng.random() < 0.7 else rng.choices(names, k=rng.randint(0, 4)):
        many = len(header) if rng.random() < 0.9 else rng.randint(0, 3)
        lines.append(comma.join((name, *(rng.choice(cells[: rng.choice((2, 2, 2, 40))]) for _ in range(many)))))
    text = rng.choice(("\n", "\r\n", "\r")).join(lines)
    return text.encode(rng.choice(("utf-8", "utf-8-sig", "utf-16", "utf-8")))


def tensors(rng: Random, held: dict[str, np.ndarray], metadata: dict[str, str]) -> bytes:
    """Return a safetensors file of what is given, with an entry of its header changed now and then."""
    from safetensors.numpy import save

    data = save(held, metadata)
    if rng.random() < 0.5:
        return data
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    header["__metadata__"] = dict(sorted(header.get("__metadata__", {}).items()))
    text = json_with(header, rng)
    return len(text).to_bytes(8, "little") + text + data[8 + size :]


def json_with(tree: Any, rng: Random) -> bytes:
    """Return JSON of a tree with something changed at any level, or with what JSON does not allow."""
    from benchmarks.fuzz_specs import broken

    text = json.dumps(broken(tree, rng), default=str, skipkeys=True).encode("utf-8", "surrogatepass")
    return rng.choice((text, text, text, mutated(text, rng), b"[" * 100_000, b'{"a":' * 50_000, b"9" * 5_000))


def npy(rng: Random) -> bytes:
    """Return an `.npy` file of latents."""
    buffer = io.BytesIO()
    kind = rng.choice(("f4", "f8", "i8", "?", "U3", "c8", "M8[s]", "V4"))
    np.save(buffer, np.zeros(rng.choice(((5, 10), (0, 10), (3,), ())), dtype=kind))
    return mutated(buffer.getvalue(), rng)
