"""`models.export`: a decoder, and perhaps an encoder, that `torch.export.save` wrote."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lc_core import LCError
from lc_plugins.models.batches import FIXED, ONE_INPUT, inputs_told
from lc_plugins.models.files import digest_of, one_line, read_file
from lc_plugins.models.foreign import Encoder, Network, assemble
from lc_plugins.models.outputs import Outputs
from lc_plugins.models.priors import build_prior
from lc_plugins.models.pt2 import FREE, clean_archive
from lc_plugins.models.settings import Block, Latent, Layout, PriorSetting, Shape, Spread, Values

if TYPE_CHECKING:
    from lc_plugins.models.foreign import ForeignModel

__all__ = ["load_export"]

LARGEST = 2**31
"""A limit from here on is none."""


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
    layout: Layout | None = None,
    block: Block = 256,
) -> ForeignModel:
    """A decoder from a .pt2 file of torch.export: gradients come through it, and it needs none of its source.

    Args:
        file: The decoder, latents `(B, *latent)` float32 to outputs `(B, ...)`.
        output: Type of the outputs, such as `image.gray/1`.
        encoder: Another .pt2 file, outputs to `(mean, std)`.
        encoder_gives: What the encoder's second output is.
        prior: What latents are drawn from.
        latent: Shape of one latent, such as `[100]`; the file's own if not given.
        shape: Shape of one output, such as `[3, 64, 64]` for (C, H, W), to which the decoder's are brought.
        values: Range of the decoder's numbers, `[low, high]`, which is mapped to [0, 1].
        layout: `channels_last` if its pictures are (H, W, C); they are brought to (C, H, W).
        block: Most latents in one call.
    """
    data = [read_file(one, what="a .pt2 file") for one in (file, encoder) if one is not None]
    decode, found, most = _program(data[0], file)
    encode = None
    if encoder is not None:
        encode, _, more = _program(data[1], encoder)
        most = min((one for one in (most, more) if one is not None), default=None)
    network = Network(
        file.stem,
        found,
        decode,
        digest_of(*data),
        Encoder(encode, encoder_gives) if encode else None,
        most=most,
        free=FREE,
        place=file,
    )
    outputs = Outputs(output, tuple(shape) if shape else None, values, layout)
    model = assemble(network, prior=build_prior(prior), outputs=outputs, latent=latent, block=block)
    if not model.differentiable:
        told = "no gradient comes through the decoder: it was exported under torch.no_grad, or is not smooth"
        model.note = "; ".join(filter(None, (told, model.note)))
    return model


def _program(data: bytes, path: Path) -> tuple[Callable[..., Any], tuple[int, ...], int | None]:
    """Return an exported program as a function, the shape of its input without the batch, and the largest batch."""
    import torch

    archive = clean_archive(data, path)
    try:
        program = torch.export.load(io.BytesIO(archive))
        inputs = [node.meta["val"] for node in program.graph.nodes if node.name in program.graph_signature.user_inputs]
        function: Callable[..., Any] = program.module()
    except Exception as error:
        raise LCError(f"{path} cannot be loaded by torch {torch.__version__}: {one_line(error, 300)}") from error
    if len(inputs) != 1 or not isinstance(inputs[0], torch.Tensor) or inputs[0].dim() < 2:
        told = ", ".join(map(str, program.graph_signature.user_inputs))
        raise LCError(inputs_told(path, len(inputs), told), hint=ONE_INPUT if len(inputs) > 1 else None)
    if inputs[0].dtype != torch.float32:
        raise LCError(f"{path} takes {inputs[0].dtype}; expected float32")
    batch = inputs[0].shape[0]
    if isinstance(batch, int):
        raise LCError(f"{path}: {FIXED.format(batch)}", hint=FREE)
    if not all(isinstance(one, int) for one in inputs[0].shape[1:]):
        raise LCError(f"{path} takes inputs of any size: {tuple(inputs[0].shape)}; expected only the batch to be free")
    return function, tuple(int(one) for one in inputs[0].shape[1:]), _most(program, batch, path)


def _most(program: Any, batch: Any, path: Path) -> int | None:
    """Return the largest batch that an exported program takes; None if there is no limit."""
    limits = program.range_constraints.get(batch.node.expr)
    if limits is None:
        return None
    if limits.lower > 2:  # torch writes 2 where it has seen no smaller one, and takes these too
        raise LCError(f"{path} takes batches of {limits.lower} or more; expected any size", hint=FREE)
    return int(limits.upper) if limits.upper < LARGEST else None
