"""Hostile files: each case prepares some and returns what a user would do with them."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from click.testing import CliRunner

from lc_core import load_actor
from lc_core.cli import main as lc
from lc_core.common.cache import Cache
from lc_core.common.network_files import read_network
from lc_plugins.digits.model import SHIPPED, load_8x8
from lc_plugins.images.idx import read_idx
from lc_plugins.labels.label_set import read_label_set
from lc_plugins.models.priors import read_tensors

__all__ = ["CASES", "SECRET", "Case", "Ended"]

Act = Callable[[], object]
Case = Callable[[Path], Act]
"""Given an empty place with the folders `work`, `cache` and `private`, returns what is done in `work`."""
SECRET = "hunter2"
HUGE = 2**40
MODEL = "lc: 1\nmodel: digits.8x8\n"
RULE = "constraints: [{use: images.brightness, at_most: 0.9}]\nengine: rejection\nsample: {count: 2}\nrender: [png]\n"
SHORT = ("--steps", "3", "--set", "realism_steps=2")
CASES: dict[str, Case] = {}


class Ended(Exception):
    """A command ended: its status and what it said."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status = status


class Payload:
    """Creates a folder when it is unpickled."""

    def __init__(self, place: Path) -> None:
        self.target = str(place / "executed")

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (self.target,)


def case(name: str) -> Callable[[Case], Case]:
    """Add a case to the table."""

    def add(one: Case) -> Case:
        CASES[name] = one
        return one

    return add


def command(*words: str) -> Act:
    """Return a command; its status tells what came of it."""

    def act() -> None:
        result = CliRunner().invoke(lc, list(words))
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        raise Ended(0 if result.exit_code in (0, 3) else result.exit_code, result.output)

    return act


def spec(place: Path, text: str, name: str = "spec.yaml") -> str:
    (place / "work" / name).write_text(text)
    return name


def listed(folder: Path, kind: str, *names: str) -> None:
    """List files of a folder as lc's own, whoever wrote them."""
    (folder / ".lc").mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"lc": 1, "kind": kind})]
    lines += [json.dumps([name, hashlib.sha256((folder / name).read_bytes()).hexdigest()]) for name in names]
    (folder / ".lc" / "files.jsonl").write_text("\n".join(lines) + "\n")


# Pickles


def pickled(place: Path) -> bytes:
    return pickle.dumps(Payload(place))


def saved(place: Path) -> bytes:
    buffer = io.BytesIO()
    torch.save({"settings": Payload(place), "about": Payload(place), "training": {}}, buffer)
    return buffer.getvalue()


def _checkpoint(kind: str, content: Callable[[Path], bytes], *words: str) -> Case:
    def make(place: Path) -> Act:
        out = place / "work" / "out"
        out.mkdir()
        (out / "checkpoint.pt").write_bytes(content(place))
        listed(out, kind, "checkpoint.pt")
        return command(*words, "--out", "out")

    return make


AMORTISE = ("amortise", "digits.8x8", "--rules", "images.brightness", "--steps", "3")
for _form, _content in (("pickle", pickled), ("archive", saved)):
    CASES[f"{_form} as a training's checkpoint"] = _checkpoint("training", _content, "train", "digits.8x8", *SHORT)
    CASES[f"{_form} as a sampler's checkpoint"] = _checkpoint("sampler", _content, *AMORTISE)


def _model_file(name: str, use: str, more: str) -> Case:
    def make(place: Path) -> Act:
        (place / "work" / name).write_bytes(saved(place) if name.endswith("bin") else pickled(place))
        params = f"{{file: {name}, output: image.gray/1{more}}}"
        return command("sample", spec(place, f"lc: 1\nmodel: {{use: {use}, params: {params}}}\n{RULE}"))

    return make


CASES["pickle as a .pt2"] = _model_file("net.pt2", "models.export", "")
CASES["pickle as a TorchScript"] = _model_file("net.pt", "models.torchscript", ", latent: [4]")
CASES["archive as a TorchScript"] = _model_file("net.bin", "models.torchscript", ", latent: [4]")
CASES["pickle as an ONNX"] = _model_file("net.onnx", "models.onnx", "")


@case("pickle in an .npy")
def _(place: Path) -> Act:
    path = place / "work" / "z.npy"
    np.save(path, np.array([Payload(place)], dtype=object), allow_pickle=True)
    return lambda: read_tensors(path)


@case("pickle as an .npz under .npy")
def _(place: Path) -> Act:
    path = place / "work" / "z.npy"
    with path.open("wb") as file:
        np.savez(file, z=np.array([Payload(place)], dtype=object))
    return lambda: read_tensors(path)


@case("pickle as a label set")
def _(place: Path) -> Act:
    path = place / "work" / "set.safetensors"
    path.write_bytes(pickled(place))
    return lambda: read_label_set(path)


@case("pickle in the cache")
def _(place: Path) -> Act:
    def fit() -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
        return {"what": "a critic"}, {"w": torch.ones(2)}

    cache = Cache(place / "cache")
    cache.get_or_fit("critic", "k", fit)
    (cache.root / "critic-k" / "weights.safetensors").write_bytes(pickled(place))
    return lambda: cache.get_or_fit("critic", "k", fit)


@case("pickles in a run's folder")
def _(place: Path) -> Act:
    CliRunner().invoke(
        lc, ["sample", str(place / "work" / spec(place, MODEL + RULE)), "--out", str(place / "work/out")]
    )
    for path in [*(place / "work/out/blocks").glob("0*"), place / "work/out/samples.safetensors"]:
        path.write_bytes(pickled(place))
    return command("sample", "spec.yaml", "--out", "out")


# Names and links that lead elsewhere


@case("a spec's name that leads elsewhere")
def _(place: Path) -> Act:
    return command("sample", spec(place, f"{MODEL}name: ../../private/x\n{RULE}"))


@case("a label that leads elsewhere")
def _(place: Path) -> Act:
    return command("sample", spec(place, MODEL + RULE.replace("at_most", "label: ../../../private/x, at_most")))


@case("a list of files that leads elsewhere")
def _(place: Path) -> Act:
    name = spec(place, MODEL + RULE)
    out = place / "work" / "out"
    (out / "outputs").mkdir(parents=True)
    listed(out, "run", "outputs/../../../private/secret.txt")
    return command("sample", name, "--out", "out")


@case("a training's list of files that leads elsewhere")
def _(place: Path) -> Act:
    out = place / "work" / "out"
    out.mkdir()
    listed(out, "training", "../../private/secret.txt")
    return command("train", "digits.8x8", *SHORT, "--out", "out")


def _linked(name: str, *words: str) -> Case:
    """Return a case in which a folder or a file of a run is a link to what is private."""

    def make(place: Path) -> Act:
        path = place / "work" / "out" / name
        path.parent.mkdir(parents=True)
        path.symlink_to(place / "private" / ("secret.txt" if path.suffix else ""))
        listed(place / "work/out", "training" if words else "run")
        return command(*(words or ("sample", spec(place, MODEL + RULE))), "--out", "out")

    return make


for _name in ("outputs", "blocks", "nearest", ".lc/work", "report.json", "report.html", "samples.safetensors"):
    CASES[f"a link as {_name} of a run"] = _linked(_name)
for _name in (".lc/training", "checkpoint.pt", "weights.safetensors"):
    CASES[f"a link as {_name} of a training"] = _linked(_name, "train", "digits.8x8", *SHORT)


@case("a link as an entry of the cache")
def _(place: Path) -> Act:
    (place / "cache" / "critic-k").symlink_to(place / "private")
    cache = Cache(place / "cache")
    return lambda: cache.get_or_fit("critic", "k", lambda: ({"what": "x"}, {"w": torch.ones(2)}))


# What a spec names


def _names(text: str, name: str) -> None:
    def make(place: Path) -> Act:
        os.mkfifo(place / "work" / "pipe")
        return command("sample", spec(place, text.replace("PRIVATE", str(place / "private" / "secret.txt"))))

    CASES[name] = make


for _what, _where in (("a private file", "PRIVATE"), ("a device", "/dev/zero"), ("a pipe", "pipe")):
    _names(f"lc: 1\nextends: {_where}\n", f"{_what} that is extended")
    for _use, _key in (("export", "file"), ("torchscript", "file"), ("onnx", "file"), ("pythae", "folder")):
        _more = ", latent: [4]" if _use == "torchscript" else ""
        _params = f"{{{_key}: {_where}, output: image.gray/1{_more}}}"
        _names(f"lc: 1\nmodel: {{use: models.{_use}, params: {_params}}}\n{RULE}", f"{_what} as models.{_use}")
    _attribute = f"{{use: labels.attribute, params: {{file: {_where}, name: a}}}}"
    _names(f"{MODEL}constraints: [{_attribute}]\n", f"{_what} as a label set")


# Sizes


@case("a YAML bomb of aliases")
def _(place: Path) -> Act:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    return command("validate", spec(place, "lc: 1\n" + "\n".join(lines)))


@case("a YAML file of 2 GB")
def _(place: Path) -> Act:
    name = spec(place, MODEL)
    os.truncate(place / "work" / name, 2 * 10**9)
    return command("validate", name)


@case("YAML nested 100,000 deep")
def _(place: Path) -> Act:
    return command("validate", spec(place, "lc: 1\nmodel: " + "[" * 100_000))


def _reads(name: str, file: str, content: bytes | Callable[[], bytes], read: Callable[[Path], object]) -> None:
    def make(place: Path) -> Act:
        path = place / "work" / file
        path.write_bytes(content if isinstance(content, bytes) else content())
        return lambda: read(path)

    CASES[name] = make


def _safetensors(shape: list[int], end: int) -> bytes:
    header = json.dumps({"z": {"dtype": "F32", "shape": shape, "data_offsets": [0, end]}}).encode()
    return len(header).to_bytes(8, "little") + header + bytes(64)


for _name, _data in (
    ("a safetensors header of 2^60 bytes", (2**60).to_bytes(8, "little") + b"{}"),
    ("a safetensors tensor of 2^40 numbers", _safetensors([HUGE], 4 * HUGE)),
    ("a safetensors tensor of 0 x 2^60 numbers", _safetensors([0, 2**60], 0)),
):
    _reads(_name, "z.safetensors", _data, read_tensors)
    _reads(f"{_name}, as a label set", "set.safetensors", _data, read_label_set)
    _reads(f"{_name}, as a network", "net.safetensors", _data, lambda path: read_network(path, "x/1", torch.nn.Linear))


def _npy(shape: tuple[int, ...], kind: str = "<f4") -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": kind, "fortran_order": False, "shape": shape})
    return buffer.getvalue() + bytes(64)


_reads("an .npy of 2^40 numbers", "z.npy", _npy((HUGE,)), read_tensors)
_reads("an .npy of 2^31 numbers", "z.npy", _npy((2**31,)), read_tensors)
_reads("an .npy of texts of 1 GB", "z.npy", _npy((4,), "<U268435456"), read_tensors)


JPEG = bytes.fromhex("ffd8ffc0001108ffffffff03012200021101031101ffd9")
"""A header of 65,535 x 65,535 pixels and nothing else."""


def _png(width: int, height: int, *, rows: int = 0) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes((3 * width + 1) * rows), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def _score(name: str, file: str, content: bytes | Callable[[], bytes], sparse: int = 0, rules: str = "") -> None:
    def make(place: Path) -> Act:
        path = place / "work" / file
        path.write_bytes(content if isinstance(content, bytes) else content())
        if sparse:
            os.truncate(path, sparse)
        return command("score", rules or spec(place, MODEL + RULE), file)

    CASES[name] = make


_score("a PNG of 2^31 x 2^31 pixels", "x.png", _png(2**31 - 1, 2**31 - 1))
_score("a PNG of 16,000 x 16,000 pixels", "x.png", _png(16_000, 16_000))
_score("a PNG of 4,096 x 4,096 black pixels", "x.png", lambda: _png(4_096, 4_096, rows=4_096))
_score("a JPEG of 65,535 x 65,535 pixels", "x.jpg", JPEG)
_score("a PNG of 10^13 bytes", "x.png", _png(8, 8, rows=8), sparse=10**13)
_score("a MIDI file of 10^13 bytes", "x.mid", b"MThd", sparse=10**13, rules="melody/free")
_score("a MIDI track of 2^32 bytes", "x.mid", b"MThd\0\0\0\6\0\0\0\1\1\xe0MTrk\xff\xff\xff\xff", rules="melody/free")
_reads("an IDX file of 2^96 values", "x-idx", b"\0\0\x08\x03" + b"\xff" * 12, lambda path: read_idx(path, dimensions=3))
_reads(
    "an IDX file that unpacks to 4 GB",
    "x-idx",
    lambda: gzip.compress(b"\0\0\x08\x03" + struct.pack(">3I", 4, 2**15, 2**15)) + _zeros(2**32),
    lambda path: read_idx(path, dimensions=3),
)


def _zeros(count: int) -> bytes:
    """Return so many zeros, packed by gzip."""
    piece = gzip.compress(bytes(2**24), 9)
    return piece * (count // 2**24)


def _sparse(name: str, file: str, read: Callable[[Path], object]) -> None:
    def make(place: Path) -> Act:
        path = place / "work" / file
        path.touch()
        os.truncate(path, 10**13)
        return lambda: read(path)

    CASES[name] = make


_sparse("a safetensors file of 10^13 bytes", "z.safetensors", read_tensors)
_sparse("a label set of 10^13 bytes", "set.safetensors", read_label_set)


@case("a .pt2 that unpacks to 250 MB")
def _(place: Path) -> Act:
    path = place / "work" / "net.pt2"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("net/archive_format", "pt2", zipfile.ZIP_STORED)
        archive.writestr("net/models/model.json", "{}")
        with archive.open("net/data/weights/weight_0", "w", force_zip64=True) as file:
            for _ in range(16):
                file.write(bytes(2**24))
    params = "{file: net.pt2, output: image.gray/1}"
    return command("sample", spec(place, f"lc: 1\nmodel: {{use: models.export, params: {params}}}\n{RULE}"))


@case("a TorchScript file that unpacks to 250 MB")
def _(place: Path) -> Act:
    path = place / "work" / "net.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name in ("data.pkl", "constants.pkl", "version"):
            archive.writestr(f"net/{name}", b"\x80\x02}q\0.", zipfile.ZIP_STORED)
        with archive.open("net/code/__torch__.py", "w", force_zip64=True) as file:
            for _ in range(16):
                file.write(bytes(2**24))
    params = "{file: net.pt, output: image.gray/1, latent: [4]}"
    return command("sample", spec(place, f"lc: 1\nmodel: {{use: models.torchscript, params: {params}}}\n{RULE}"))


@case("an ONNX tensor of 2^40 numbers")
def _(place: Path) -> Act:
    import onnx
    from onnx import TensorProto, helper

    tensor = helper.make_tensor("w", TensorProto.FLOAT, [1], [0.0])
    tensor.dims[0] = HUGE
    node = helper.make_node("Add", ["z", "w"], ["x"])
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 4]) for name in ("z", "x")]
    model = helper.make_model(helper.make_graph([node], "g", ends[:1], ends[1:], [tensor]))
    (place / "work" / "net.onnx").write_bytes(model.SerializeToString())
    del onnx
    params = "{file: net.onnx, output: image.gray/1}"
    return command("sample", spec(place, f"lc: 1\nmodel: {{use: models.onnx, params: {params}}}\n{RULE}"))


def _config(name: str, **settings: int) -> None:
    """Add a case of a trained model whose configuration asks for sizes that its weights do not have."""

    def make(place: Path) -> Act:
        folder = place / "work" / "model"
        folder.mkdir()
        for path in SHIPPED.iterdir():
            if path.is_file():
                (folder / path.name).write_bytes(path.read_bytes())
        config = json.loads((folder / "config.json").read_text())
        config["network"] |= settings
        (folder / "config.json").write_text(json.dumps(config))
        return lambda: load_8x8(folder=str(folder))

    CASES[name] = make


_config("a model of 10^7 latent dimensions", latent_dim=10**7)
_config("a model of 10^15 latent dimensions", latent_dim=10**15)


@case("an actor of a million layers")
def _(place: Path) -> Act:
    folder = place / "work" / "actor"
    folder.mkdir()
    weights = _safetensors([4], 16)
    config = {
        "kind": "latent-constraints actor", "format": 1, "lc": "0", "constraints": [], "free": [], "realism": 0.0,
        "model": {"use": "digits.8x8", "params": {}, "name": "digits.8x8", "digest": load_8x8().digest},
        "engine": {"preset": "default", "hidden": 8_192, "layers": 1_000_000}, "figures": {},
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
    }  # fmt: skip
    (folder / "weights.safetensors").write_bytes(weights)
    (folder / "config.json").write_text(json.dumps(config))
    return lambda: load_actor(folder)
