"""`models.diffusers`: the auto-encoder of a latent diffusion model, a folder that diffusers wrote.

Latents are pictures themselves, `(C, h, w)`.

Units are those of the diffusion model, as its pipelines have them: the auto-encoder's latents less `shift_factor` and
`latents_mean`, divided by `latents_std`, times `scaling_factor`. Value by value they are about standard normal, but not
independent of each other. Drawn from a standard normal they decode to texture; draws of a diffusion model from a file
decode to what it makes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lc_core import LCError
from lc_core.common import counted
from lc_plugins.models.diffusers_files import AGAIN, DiffusersFiles, find_files
from lc_plugins.models.files import digest_of, one_line
from lc_plugins.models.foreign import Encoder, Network, assemble
from lc_plugins.models.imports import mend_torchvision
from lc_plugins.models.outputs import Outputs
from lc_plugins.models.priors import build_prior
from lc_plugins.models.settings import Block, Latent, PriorSetting, Values

if TYPE_CHECKING:
    from torch import Tensor

    from lc_plugins.models.foreign import ForeignModel

__all__ = ["load_diffusers"]


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
        folder: The folder with `config.json` and safetensors; of a whole pipeline, its folder `vae` is meant.
        output: Type of the outputs.
        prior: What latents are drawn from, in units of the diffusion model.
        latent: Shape of one latent, `[C, h, w]`; that of the size it was trained at if not given.
        values: Range of the pixels, `[low, high]`, which is mapped to [0, 1]; what lies outside is cut off.
        block: Most latents in one call.
    """
    found = find_files(folder)
    net = _network(found)
    decode, encode = _coders(net, found)
    shape = tuple(latent) if latent is not None else _latent(found.config, found.folder)
    if shape[0] != int(net.config["latent_channels"]) or len(shape) != 3:
        raise LCError(f"the spec says latent: {latent}, but {folder} takes [{net.config['latent_channels']}, h, w]")
    kl = found.config["_class_name"] == "AutoencoderKL"
    content, coder = digest_of(*found.contents.values()), Encoder(encode) if kl else None
    note = _note(found, folder)
    network = Network(folder.name, shape, decode, content, coder, modules=(net,), note=note, place=folder)
    outputs = Outputs(output, None, values, "channels_first", clamps=True)
    return assemble(network, prior=build_prior(prior), outputs=outputs, latent=None, block=block)


def _note(found: DiffusersFiles, folder: Path) -> str:
    """Return what was read where a folder holds more, or weights of another kind."""
    parts = [f"read from the folder {found.folder.name} of the pipeline"] if found.folder != folder else []
    parts += [f"its weights are the variant {found.variant}, used in float32"] if found.variant else []
    return "; ".join(parts)


def _coders(net: Any, found: DiffusersFiles) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return decode and encode in units of the diffusion model, as the pipelines of diffusers have them."""
    import torch

    scaling = float(net.config.get("scaling_factor") or 1)
    shift = float(net.config.get("shift_factor") or 0)
    mean, std = (_per_channel(net, found, name) for name in ("latents_mean", "latents_std"))
    if (mean is None) != (std is None):
        there = "latents_mean" if std is None else "latents_std"
        raise LCError(
            f"{found.folder}/config.json has {there} alone; expected both latents_mean and latents_std, or none"
        )

    centre = torch.zeros(1) if mean is None else mean
    spread = torch.ones(1) if std is None else std

    def decode(z: Tensor) -> Any:
        return net.decode(z * spread.to(z.device) / scaling + shift + centre.to(z.device)).sample

    def encode(x: Tensor) -> tuple[Tensor, Tensor]:
        posterior, factor = net.encode(x).latent_dist, scaling / spread.to(x.device)
        return (posterior.mean - shift - centre.to(x.device)) * factor, posterior.std * factor

    return decode, encode


def _per_channel(net: Any, found: DiffusersFiles, name: str) -> Tensor | None:
    """Return a setting with one number for each channel of a latent, `(1, C, 1, 1)`; None if it is not there."""
    import torch

    given = net.config.get(name)
    if given is None:
        return None
    channels = int(net.config["latent_channels"])
    try:
        numbers = torch.tensor(given, dtype=torch.float32)
        fits = numbers.shape == (channels,) and bool(numbers.isfinite().all())
    except (TypeError, ValueError):
        fits = False
    above = " above 0" if name == "latents_std" else ""
    if not fits or (name == "latents_std" and not bool((numbers > 0).all())):
        expected = f"{counted(channels, 'number')}{above}, one for each channel"
        raise LCError(f"{found.folder}/config.json has {name}: {given}; expected {expected}")
    return numbers.view(1, channels, 1, 1)


def _latent(config: dict[str, Any], folder: Path) -> tuple[int, ...]:
    """Return the latent shape at the size it was trained at: each block but the last halves a picture."""
    channels, blocks = config.get("latent_channels"), config.get("block_out_channels")
    size = config.get("sample_size")
    size = max(size) if isinstance(size, list) else size
    if not (isinstance(channels, int) and isinstance(size, int) and isinstance(blocks, list)):
        raise LCError(f"{folder}/config.json does not tell the size of its latents", hint="say it: latent: [4, 64, 64]")
    return (channels, size // 2 ** (len(blocks) - 1), size // 2 ** (len(blocks) - 1))


def _network(found: DiffusersFiles) -> Any:
    import torch

    mend_torchvision()
    try:
        import diffusers
        from diffusers.utils import logging
    except ImportError as error:
        hint = 'pip install "latent-constraints[diffusers]"'
        raise LCError(f"models.diffusers needs {error.name}, which is not installed", hint=hint) from error
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # what it warns of is told by `_check_whole`
    with torch.random.fork_rng(devices=[]):  # the weights that it starts with are replaced, or the folder is refused
        try:
            net, told = getattr(diffusers, found.config["_class_name"]).from_pretrained(
                str(found.folder),
                local_files_only=True,
                use_safetensors=True,
                low_cpu_mem_usage=False,
                variant=found.variant,
                output_loading_info=True,
            )
        except Exception as error:
            raise LCError(f"{found.folder} cannot be loaded: {one_line(error, 300)}", hint=AGAIN) from error
        finally:
            logging.set_verbosity(verbosity)
    _check_whole(told, found)
    return net.float().eval().requires_grad_(False)


def _check_whole(told: dict[str, Any], found: DiffusersFiles) -> None:
    """Refuse weights that are not those of the network: diffusers fills what is missing with random numbers."""
    where = f"the weights in {found.folder}"
    texts = {
        "missing_keys": f"{where} lack tensors that its config.json asks for",
        "unexpected_keys": f"{where} hold tensors that its config.json has no place for",
        "mismatched_keys": f"{where} hold tensors of another shape than its config.json says",
    }
    for key, text in texts.items():
        names = sorted(str(one[0] if isinstance(one, tuple | list) else one) for one in told.get(key) or ())
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            raise LCError(f"{text}: {', '.join(names[:3])}{more}", hint=AGAIN)
