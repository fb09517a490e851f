"""Finds the auto-encoder in a folder of diffusers: of a whole pipeline its `vae`; weights in shards, or of fp16."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lc_core import LCError
from lc_core.common import parsed_json
from lc_plugins.models.files import check_safetensors, read_file, read_in, refused

__all__ = ["AGAIN", "DiffusersFiles", "find_files"]

KINDS = ("AutoencoderKL", "AutoencoderTiny")
WHAT = "a folder that diffusers wrote"
NAME = "diffusion_pytorch_model"
PICKLED = f"{NAME}*.bin"
AGAIN = "get the whole folder again, or save it anew: model.save_pretrained(folder)"


@dataclass(frozen=True)
class DiffusersFiles:
    """The files of one auto-encoder.

    Attributes:
        folder: Where they are.
        config: What `config.json` says.
        contents: Content of each file by its name: `config.json`, the weights, and the list of their shards.
        variant: The variant of the weights, such as `fp16`; None for the plain ones.
    """

    folder: Path
    config: dict[str, Any]
    contents: Mapping[str, bytes]
    variant: str | None


def find_files(folder: Path) -> DiffusersFiles:
    """Read the auto-encoder in a folder, or in the folder `vae` of a pipeline.

    Raises:
        LCError: If there is none, its weights are missing or pickled, or a file is a Git LFS pointer.
    """
    place = _vae(folder)
    about = read_in(place, "config.json", what=WHAT)
    config = _config(about, place)
    variant, first = _chosen(place)
    contents = {"config.json": about, first: read_file(place / first, what="the weights that diffusers wrote")}
    for shard in _shards(contents[first], place, first) if first.endswith(".json") else ():
        contents[shard] = read_file(place / shard, what=f"a part of the weights, which {first} names")
    for name, data in contents.items():
        if name.endswith(".safetensors"):
            check_safetensors(data, place / name)
    return DiffusersFiles(place, config, contents, variant)


def _vae(folder: Path) -> Path:
    """Return the folder of the auto-encoder: of a pipeline its `vae`."""
    if (folder / "config.json").exists() or not (folder / "model_index.json").exists():
        return folder
    index = read_file(folder / "model_index.json", what=WHAT)
    try:
        parts = sorted(name for name in parsed_json(index) if not name.startswith("_"))
    except (ValueError, TypeError) as error:
        raise LCError(f"{folder}/model_index.json is not diffusers': {error}", hint=AGAIN) from error
    if not (folder / "vae").is_dir():
        raise LCError(f"{folder} is a pipeline without a folder vae; it has {', '.join(parts) or 'no parts'}")
    return folder / "vae"


def _config(data: bytes, folder: Path) -> dict[str, Any]:
    try:
        config: dict[str, Any] = parsed_json(data)
        kind = config.get("_class_name")
    except (ValueError, AttributeError) as error:
        raise LCError(f"{folder}/config.json is not diffusers': {error}", hint=AGAIN) from error
    if kind not in KINDS:
        hint = "of a pipeline, give its folder vae" if (folder / "vae").is_dir() else None
        found = f"holds a {kind}" if kind else "has a config.json that names no _class_name"
        raise LCError(f"{folder} {found}; expected {' or '.join(KINDS)}", hint=hint)
    return config


def _chosen(folder: Path) -> tuple[str | None, str]:
    """Return the variant of the weights, and the file to begin with: the weights, or the list of their shards."""
    plain, listed = f"{NAME}.safetensors", f"{NAME}.safetensors.index.json"
    for name in (plain, listed):
        if (folder / name).exists():
            return None, name
    found = {one.name.split(".")[1]: one.name for one in sorted(folder.glob(f"{NAME}.*.safetensors"))}
    found |= {one.name.split(".")[-2]: one.name for one in sorted(folder.glob(f"{NAME}.safetensors.index.*.json"))}
    found = {variant: name for variant, name in found.items() if not variant.partition("-")[2].startswith("0")}
    if len(found) == 1:
        return next(iter(found.items()))
    if found:
        raise LCError(
            f"{folder} holds the weights as {' and as '.join(found)}, and no {plain}",
            hint="take one of them away, or save it anew: model.save_pretrained(folder)",
        )
    pickled = sorted(one.name for one in folder.glob(PICKLED))
    if pickled:
        error = refused(folder, f"{pickled[0]} is pickled, and loading it could run code")
        raise LCError(error.message, hint="save it as safetensors: model.save_pretrained(folder)")
    return None, plain


def _shards(data: bytes, folder: Path, name: str) -> list[str]:
    """Return the names of the files that hold parts of the weights."""
    try:
        shards = sorted(set(parsed_json(data)["weight_map"].values()))
        outside = [one for one in shards if Path(one).name != one or "\\" in one or not one.endswith(".safetensors")]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LCError(f"{folder}/{name} is not a list of weights that diffusers wrote: {error}", hint=AGAIN) from error
    if outside or not shards:
        raise refused(
            folder / name,
            f"it names {outside[0]!r}, which is no safetensors file beside it" if outside else "it is empty",
        )
    return shards
