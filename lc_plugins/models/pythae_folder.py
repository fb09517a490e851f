"""`models.pythae`: a folder that pythae's `model.save` or its trainer wrote, for models of its VAE family.

Its default networks are built here, so pythae need not be installed. Networks of one's own are pickled by pythae
(`encoder.pkl`, `decoder.pkl`): loading them would run code, so they are refused.
"""

from __future__ import annotations

import io
import math
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lc_core import LCError
from lc_core.common import parsed_json
from lc_plugins.models.files import digest_of, is_pickle, not_loaded, one_line, read_file, read_in, refused
from lc_plugins.models.foreign import Encoder, Network, assemble
from lc_plugins.models.outputs import Outputs
from lc_plugins.models.priors import build_prior
from lc_plugins.models.settings import Block, Latent, Layout, PriorSetting, Shape, Values

if TYPE_CHECKING:
    from torch import Tensor, nn

    from lc_plugins.models.foreign import ForeignModel

__all__ = ["load_pythae"]

WITH_ENCODER = frozenset(
    "VAE BetaVAE BetaTCVAE DisentangledBetaVAE FactorVAE IWAE CIWAE MIWAE PIWAE VAEGAN".split()
    + ["INFOVAE_MMD", "MSSSIM_VAE", "Adversarial_AE"]
)
"""Models whose encoder gives a normal posterior and whose prior is the standard normal."""
DECODER_ONLY = frozenset(("HVAE", "VAE_IAF", "VAE_LinNF", "WAE_MMD"))
"""Models with that prior whose posterior is no such normal: their encoder is left out."""
SPHERE = frozenset(("SVAE",))
NO_PRIOR = frozenset(("AE", "RAE_L2", "RAE_GP", "VAMP", "RHVAE"))
"""Models whose latents have another distribution, which a spec has to tell."""
HIDDEN = 512
WEIGHTS = "a file of weights that pythae saved"
AGAIN = "get the whole folder again, or save it anew: model.save(folder)"
HOW = (
    "load the model in Python, where you trust it, and export its parts for models.export: wrap them in modules that "
    "return model.decoder(z).reconstruction and (embedding, (0.5 * log_covariance).exp()), as docs/models.md shows"
)


def load_pythae(
    *,
    folder: Path,
    output: str,
    prior: PriorSetting | None = None,
    latent: Latent | None = None,
    shape: Shape | None = None,
    values: Values | None = None,
    layout: Layout | None = None,
    block: Block = 256,
) -> ForeignModel:
    """A VAE that pythae trained, with its encoder; pickled networks of your own are refused.

    Args:
        folder: The folder with `model_config.json` and `model.pt`.
        output: Type of the outputs, such as `image.gray/1`.
        prior: What latents are drawn from; by default what the kind of model was trained with.
        latent: Shape of one latent, such as `[100]`; the folder's own if not given.
        shape: Shape of one output, such as `[3, 64, 64]`; the input's shape that the folder tells if not given.
        values: Range of the decoder's numbers, `[low, high]`, which is mapped to [0, 1].
        layout: `channels_last` if its pictures are (H, W, C); they are brought to (C, H, W).
        block: Most latents in one call.
    """
    config_data = read_in(folder, "model_config.json", what="a folder that pythae wrote")
    kind, size, dimensions = _config(config_data, folder)
    for part in ("encoder.pkl", "decoder.pkl"):
        if (folder / part).exists():
            error = refused(folder, f"{part} is a pickled network, and loading it would run code")
            raise LCError(error.message, hint=HOW)
    chosen = prior if prior is not None else _own_prior(kind, folder)
    data = read_file(folder / "model.pt", what=WEIGHTS)
    weights = _weights(data, folder / "model.pt")
    decoder = _filled(_decoder(dimensions, size), weights, "decoder.", folder)
    encoder = _filled(_encoder(dimensions, size), weights, "encoder.", folder) if kind in WITH_ENCODER else None
    network = Network(
        folder.name,
        (dimensions,),
        decoder,
        digest_of(config_data, data),
        Encoder(encoder, "log_variance") if encoder is not None else None,
        modules=(decoder,) if encoder is None else (decoder, encoder),
        place=folder,
    )
    outputs = Outputs(output, tuple(shape) if shape else None, values, layout)
    return assemble(network, prior=build_prior(chosen), outputs=outputs, latent=latent, block=block)


def _config(data: bytes, folder: Path) -> tuple[str, tuple[int, ...], int]:
    """Return the kind of model, the shape of its input and its latent dimension."""
    try:
        config = parsed_json(data)
        name, size, dimensions = str(config["name"]), tuple(map(int, config["input_dim"])), int(config["latent_dim"])
    except (ValueError, KeyError, TypeError) as error:
        told = f"it has no {error.args[0]}" if isinstance(error, KeyError) else one_line(error)
        raise LCError(f"{folder}/model_config.json is not pythae's: {told}", hint=AGAIN) from error
    if not size or min(size) < 1 or dimensions < 1 or math.prod(size) * HIDDEN > 2**31:
        raise LCError(f"{folder}/model_config.json has sizes {size} and {dimensions} that no model has")
    kind = name.removesuffix("Config").removesuffix("_")
    if kind not in WITH_ENCODER | DECODER_ONLY | SPHERE | NO_PRIOR:
        known = ", ".join(sorted(WITH_ENCODER | DECODER_ONLY | SPHERE | NO_PRIOR))
        raise LCError(f"{folder} is a {kind} of pythae, which is not supported; expected one of {known}", hint=HOW)
    return kind, size, dimensions


def _own_prior(kind: str, folder: Path) -> PriorSetting:
    if kind in NO_PRIOR:
        raise LCError(
            f"{folder} is a {kind}, whose latents follow no prior that its folder tells",
            hint="say which, for example latents of your data: prior: {samples: latents.npy}",
        )
    return "hypersphere" if kind in SPHERE else "normal"


def _weights(data: bytes, path: Path) -> dict[str, Tensor]:
    import torch

    try:
        found = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:
        if is_pickle(data):
            raise refused(path, "it holds more than weights, and loading it would run code") from error
        raise not_loaded(data, path, what=WEIGHTS) from error
    if not isinstance(found, dict) or not isinstance(found.get("model_state_dict"), dict):
        raise LCError(f"{path} has no model_state_dict; expected {WEIGHTS}", hint=AGAIN)
    state: dict[str, Tensor] = found["model_state_dict"]
    return state


def _filled(network: nn.Module, weights: dict[str, Tensor], prefix: str, folder: Path) -> nn.Module:
    own = {name.removeprefix(prefix): one for name, one in weights.items() if name.startswith(prefix)}
    wanted = network.state_dict()
    for name in sorted(wanted.keys() | own.keys()):
        shapes = [list(tensors[name].shape) if name in tensors else "nothing" for tensors in (own, wanted)]
        if shapes[0] != shapes[1]:
            told = f"{prefix}{name} is {shapes[0]}; expected {shapes[1]}"
            raise LCError(f"the weights in {folder}/model.pt do not fit a default network: {told}", hint=HOW)
    network.load_state_dict(own)
    return network.eval().requires_grad_(False)


def _decoder(dimensions: int, size: tuple[int, ...]) -> nn.Module:
    """Return pythae's default decoder: latents `(B, D)` to `(B, *size)` in [0, 1]."""
    from torch import nn

    hidden = nn.Sequential(nn.Linear(dimensions, HIDDEN), nn.ReLU())
    layers = nn.Sequential(hidden, nn.Sequential(nn.Linear(HIDDEN, math.prod(size)), nn.Sigmoid()))
    return nn.Sequential(OrderedDict(layers=layers, shaped=nn.Unflatten(1, size)))


def _encoder(dimensions: int, size: tuple[int, ...]) -> nn.Module:
    """Return pythae's default encoder: `(B, *size)` to means and logarithms of variances, each `(B, D)`."""
    from torch import nn

    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList([nn.Sequential(nn.Linear(math.prod(size), HIDDEN), nn.ReLU())])
            self.embedding = nn.Linear(HIDDEN, dimensions)
            self.log_var = nn.Linear(HIDDEN, dimensions)

        def forward(self, x: Tensor) -> Any:
            hidden = self.layers[0](x.flatten(1))
            return self.embedding(hidden), self.log_var(hidden)

    return Encoder()
