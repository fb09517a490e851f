"""`models.export`: a decoder, and perhaps an encoder, that `torch.export.save` wrote."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lc_core.errors import LCError
from lc_plugins.models.files import digest_of, read_file
from lc_plugins.models.settings import Block, Latent, PriorSetting, Shape, Spread, Values

if TYPE_CHECKING:
    from lc_plugins.models.foreign import ForeignModel

__all__ = ["load_export"]

DYNAMIC = (
    "export with a batch of any size:"
    " torch.export.export(model, (z,), dynamic_shapes=({0: torch.export.Dim('batch')},))"
)


def load_export(
    *,
    file: Path,
    output: str,
    encoder: Path | None = None,
    encoder_gives: Spread = "std",
    prior: PriorSetting = "normal",
    latent: Latent | None = None,
    shape: Shape | None = None,
    values: Values | None = None,
    block: Block = 256,
) -> ForeignModel:
    """A decoder from a .pt2 file of torch.export: gradients come through it, and it needs none of its source.

    Args:
        file: The decoder, latents `(B, *latent)` float32 to outputs `(B, ...)`.
        output: Type of the outputs, such as `image.gray/1`.
        encoder: Another .pt2 file, outputs to `(mean, std)`.
        encoder_gives: What the encoder's second output is.
        prior: What latents are drawn from.
        latent: Shape of one latent; the file's own if not given.
        shape: Shape of one output, to which the decoder's are brought.
        values: Range of the decoder's numbers, mapped to [0, 1].
        block: Most latents in one call.
    """
    from lc_plugins.models.foreign import Encoder, Network, assemble
    from lc_plugins.models.outputs import Outputs
    from lc_plugins.models.priors import build_prior

    data = [read_file(one, what="a .pt2 file") for one in (file, encoder) if one is not None]
    decode, found = _program(data[0], file)
    encode = _program(data[1], encoder)[0] if encoder is not None else None
    network = Network(file.stem, found, decode, digest_of(*data), Encoder(encode, encoder_gives) if encode else None)
    outputs = Outputs(output, tuple(shape) if shape else None, values)
    model = assemble(network, prior=build_prior(prior), outputs=outputs, latent=latent, block=block)
    if not model.differentiable:
        model.note = "no gradient comes through the decoder: it was exported under torch.no_grad, or is not smooth"
    return model


def _program(data: bytes, path: Path) -> tuple[Callable[..., Any], tuple[int, ...]]:
    """Return an exported program as a function, and the shape of its input without the batch."""
    import torch

    from lc_plugins.models.pt2 import clean_archive

    archive = clean_archive(data, path)
    try:
        program = torch.export.load(io.BytesIO(archive))
        inputs = [node.meta["val"] for node in program.graph.nodes if node.name in program.graph_signature.user_inputs]
        function: Callable[..., Any] = program.module()
    except Exception as error:
        raise LCError(f"{path} cannot be loaded by torch {torch.__version__}: {str(error)[:300]}") from error
    if len(inputs) != 1 or not isinstance(inputs[0], torch.Tensor) or inputs[0].dim() < 2:
        raise LCError(f"{path} takes {len(inputs)} inputs; expected one tensor, (B, ...)")
    if inputs[0].dtype != torch.float32:
        raise LCError(f"{path} takes {inputs[0].dtype}; expected float32")
    if isinstance(inputs[0].shape[0], int):
        raise LCError(f"{path} takes batches of {inputs[0].shape[0]} only", hint=DYNAMIC)
    if not all(isinstance(one, int) for one in inputs[0].shape[1:]):
        raise LCError(f"{path} takes inputs of any size: {tuple(inputs[0].shape)}; expected only the batch to be free")
    return function, tuple(int(one) for one in inputs[0].shape[1:])
