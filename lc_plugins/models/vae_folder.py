"""`models.folder`: a folder of `config.json` and `weights.safetensors` that `lc train` wrote, here or on a hub.

The `kind` that `config.json` names tells the model: the one that is registered with that `folder_kind=`, by any plugin.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from lc_core import LCError
from lc_core.common import blaming, parsed_json, read_bytes
from lc_core.plugins import build_registry

if TYPE_CHECKING:
    from lc_core import LatentModel

__all__ = ["load_folder"]

FILES = ["config.json", "weights.safetensors"]
OURS = "give a folder that lc train wrote"
PLUGIN = "give a folder that lc train wrote, or install the plugin that wrote this one"
HubId = Annotated[str, Field(pattern=r"^([\w.-]+/[\w.-]+)?$")]


def load_folder(*, output: str, folder: Path | None = None, hub: HubId = "", revision: str = "") -> LatentModel:
    """A VAE that `lc train` wrote, in the layout of a Hugging Face repository; from a folder or from the hub.

    Args:
        output: Type of the outputs, such as `image.gray/1`.
        folder: A folder that `lc train` wrote, or nothing if `hub` is given.
        hub: The id of a repository on the hub, `owner/name`, which is downloaded once and kept.
        revision: Branch, tag or commit of that repository; its main branch if empty. A commit never changes.
    """
    if (folder is None) == (not hub):
        raise LCError("models.folder needs a folder or the id of a hub, one of them")
    place = folder if folder is not None else _downloaded(hub, revision)
    try:
        kind = parsed_json(read_bytes(place / "config.json"))["kind"]
    except OSError as error:
        raise LCError(f"{place} holds no model: config.json cannot be read ({error.strerror})", hint=OURS) from error
    except (ValueError, KeyError, TypeError) as error:
        raise LCError(f"{place}/config.json does not tell the kind of model", hint=OURS) from error
    registered = [one for one in build_registry().all("model") if "folder_kind" in one.about]
    loader = next((one for one in registered if one.about["folder_kind"] == kind), None)
    if loader is None:
        known = sorted({str(one.about["folder_kind"]) for one in registered})
        raise LCError(f"{place} is of kind {kind!r}; expected one of {', '.join(known)}", hint=PLUGIN)
    with blaming(f"model {loader.name} (from {loader.distribution})"):
        model: LatentModel = loader.load()(**loader.fill({"folder": str(place)}))
    if model.output_type != output:
        raise LCError(f"{place} makes {model.output_type}; the spec says output: {output}")
    return model


def _downloaded(hub: str, revision: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        hint = 'pip install "latent-constraints[hub]"'
        raise LCError("a model of the hub needs huggingface-hub, which is not installed", hint=hint) from error
    try:
        return Path(snapshot_download(hub, revision=revision or None, allow_patterns=FILES))
    except Exception as error:
        raise LCError(f"{hub} cannot be downloaded: {type(error).__name__}: {str(error)[:200]}") from error
