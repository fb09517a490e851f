"""`models.diffusers`: the auto-encoder of a latent diffusion model, a folder that diffusers wrote.

Latents are pictures themselves, `(C, h, w)`. Units are those of the diffusion model: the auto-encoder's latents less
`shift_factor`, times `scaling_factor`, about standard normal value by value, but not independent of each other. Drawn
from a standard normal they decode to texture; draws of a diffusion model from a file decode to what it makes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lc_core.errors import LCError
from lc_plugins.models.files import digest_of, read_file, refused
from lc_plugins.models.imports import mend_torchvision
from lc_plugins.models.settings import Block, Latent, PriorSetting, Values

if TYPE_CHECKING:
    from torch import Tensor

    from lc_plugins.models.foreign import ForeignModel

__all__ = ["load_diffusers"]

KINDS = ("AutoencoderKL", "AutoencoderTiny")
WEIGHTS = "diffusion_pytorch_model.safetensors"
PICKLED = "diffusion_pytorch_model.bin"


def load_diffusers(
    *,
    folder: Path,
    output: str = "image.rgb/1",
    prior: PriorSetting = "normal",
    latent: Latent | None = None,
    values: Values = (-1.0, 1.0),
    block: Block = 16,
) -> ForeignModel:
    """An auto-encoder of diffusers (AutoencoderKL, or AutoencoderTiny without its encoder); latents are (C, h, w).

    Args:
        folder: The folder with `config.json` and safetensors; of a pipeline, its folder `vae`.
        output: Type of the outputs.
        prior: What latents are drawn from, in units of the diffusion model.
        latent: Shape of one latent, `[C, h, w]`; that of the size it was trained at if not given.
        values: Range of the pixels, mapped to [0, 1].
        block: Most latents in one call.
    """
    from lc_plugins.models.foreign import Encoder, Network, assemble
    from lc_plugins.models.outputs import Outputs
    from lc_plugins.models.priors import build_prior

    config_data = read_file(folder / "config.json", what="a folder that diffusers wrote")
    config = _config(config_data, folder)
    if not (folder / WEIGHTS).exists() and (folder / PICKLED).exists():
        error = refused(folder, f"{PICKLED} is pickled, and loading it could run code")
        raise LCError(error.message, hint="save it as safetensors: model.save_pretrained(folder)")
    weights = read_file(folder / WEIGHTS, what="the weights that diffusers wrote")
    net = _network(folder, str(config["_class_name"]))
    scaling, shift = float(config.get("scaling_factor") or 1), float(config.get("shift_factor") or 0)

    def decode(z: Tensor) -> Any:
        return net.decode(z / scaling + shift).sample

    def encode(x: Tensor) -> tuple[Tensor, Tensor]:
        found = net.encode(x).latent_dist
        return (found.mean - shift) * scaling, found.std * scaling

    shape = tuple(latent) if latent is not None else _latent(config, folder)
    if shape[0] != int(config.get("latent_channels", shape[0])) or len(shape) != 3:
        wanted = config.get("latent_channels")
        raise LCError(f"the spec says latent: {latent}, but {folder} takes latents [{wanted}, h, w]")
    kl = config["_class_name"] == "AutoencoderKL"
    content = digest_of(config_data, weights)
    network = Network(folder.name, shape, decode, content, Encoder(encode) if kl else None, modules=(net,))
    outputs = Outputs(output, None, values)
    return assemble(network, prior=build_prior(prior), outputs=outputs, latent=None, block=block)


def _config(data: bytes, folder: Path) -> dict[str, Any]:
    try:
        config: dict[str, Any] = json.loads(data)
        kind = config.get("_class_name")
    except (ValueError, AttributeError) as error:
        raise LCError(f"{folder}/config.json is not diffusers': {error}") from error
    if kind not in KINDS:
        hint = "of a pipeline, give its folder vae" if (folder / "vae").is_dir() else None
        raise LCError(f"{folder} holds a {kind}; expected {' or '.join(KINDS)}", hint=hint)
    return config


def _latent(config: dict[str, Any], folder: Path) -> tuple[int, ...]:
    """Return the latent shape at the size it was trained at: each block but the last halves a picture."""
    channels, blocks = config.get("latent_channels"), config.get("block_out_channels")
    size = config.get("sample_size")
    size = max(size) if isinstance(size, list) else size
    if not (isinstance(channels, int) and isinstance(size, int) and isinstance(blocks, list)):
        raise LCError(f"{folder}/config.json does not tell the size of its latents", hint="say it: latent: [4, 64, 64]")
    return (channels, size // 2 ** (len(blocks) - 1), size // 2 ** (len(blocks) - 1))


def _network(folder: Path, kind: str) -> Any:
    import torch

    mend_torchvision()
    try:
        import diffusers
    except ImportError as error:
        hint = 'pip install "latent-constraints[diffusers]"'
        raise LCError(f"models.diffusers needs {error.name}, which is not installed", hint=hint) from error
    with torch.random.fork_rng(devices=[]):  # the weights that it starts with are replaced
        try:
            net = getattr(diffusers, kind).from_pretrained(
                str(folder), local_files_only=True, use_safetensors=True, low_cpu_mem_usage=False
            )
        except Exception as error:
            raise LCError(f"{folder} cannot be loaded, or is truncated: {str(error)[:300]}") from error
    return net.float().eval().requires_grad_(False)
