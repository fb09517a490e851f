"""`models.onnx`: a decoder that onnxruntime runs; gradients come from the same graph in torch, by onnx2torch.

The two are compared when the file is loaded. Where the graph cannot be converted, or the two differ, there are no
gradients and the decoder is a black box.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lc_core import LCError
from lc_core.common import block_generator
from lc_plugins.models.batches import FIXED, ONE_INPUT, inputs_told
from lc_plugins.models.files import ONNX, digest_of, one_line
from lc_plugins.models.foreign import Encoder, Network, assemble
from lc_plugins.models.imports import mend_torchvision
from lc_plugins.models.onnx_data import whole
from lc_plugins.models.outputs import Outputs
from lc_plugins.models.priors import build_prior
from lc_plugins.models.settings import Block, Latent, Layout, PriorSetting, Shape, Spread, Values

if TYPE_CHECKING:
    from torch import Tensor

    from lc_plugins.models.foreign import ForeignModel

__all__ = ["load_onnx"]

SAME = 1e-4
"""Largest difference between the outputs of onnxruntime and of torch, in units of the largest output, or of 1."""
KNOWN_OPSET = 17
"""The newest set of operators that onnx2torch knows whole."""
FREE = (
    "export it with a batch of any size: torch.onnx.export(model, (z,), 'decoder.onnx', input_names=['z'],"
    " dynamic_shapes=({0: 'batch'},), opset_version=18), which needs onnx and onnxscript; in forward write -1"
    " for the size of the batch, as in x.view(-1, 3, 64, 64), not len(z)"
)


def load_onnx(
    *,
    file: Path,
    output: str,
    encoder: Path | None = None,
    encoder_gives: Spread = "std",
    gradients: bool = True,
    prior: PriorSetting = "normal",
    latent: Latent | None = None,
    shape: Shape | None = None,
    values: Values | None = None,
    layout: Layout | None = None,
    block: Block = 256,
) -> ForeignModel:
    """A decoder from an ONNX file, run by onnxruntime; gradients where onnx2torch converts it.

    Args:
        file: The decoder, latents `(B, *latent)` float32 to outputs `(B, ...)`.
        output: Type of the outputs, such as `image.gray/1`.
        encoder: Another file, outputs to `(mean, std)`.
        encoder_gives: What the encoder's second output is.
        gradients: Whether to convert the decoder for gradients.
        prior: What latents are drawn from.
        latent: Shape of one latent, such as `[100]`; the file's own if not given.
        shape: Shape of one output, such as `[3, 64, 64]` for (C, H, W), to which the decoder's are brought.
        values: Range of the decoder's numbers, `[low, high]`, which is mapped to [0, 1].
        layout: `channels_last` if its pictures are (H, W, C); they are brought to (C, H, W).
        block: Most latents in one call.
    """
    data = [whole(one) for one in (file, encoder) if one is not None]
    run, found = _session(data[0], file)
    encode = _session(data[1], encoder)[0] if encoder is not None else None
    twin, note = _twin(data[0], run, found) if gradients else (None, "no gradients: switched off by gradients: false")
    network = Network(
        file.stem,
        found,
        _Decode(run, twin),
        digest_of(*data),
        Encoder(encode, encoder_gives) if encode else None,
        note=note,
        free=FREE,
        place=file,
    )
    outputs = Outputs(output, tuple(shape) if shape else None, values, layout)
    return assemble(network, prior=build_prior(prior), outputs=outputs, latent=latent, block=block)


class _Decode:
    """Decodes by onnxruntime, and by torch where a gradient is wanted."""

    def __init__(self, run: Callable[[Tensor], Any], twin: Any) -> None:
        self.run, self.twin = run, twin

    def __call__(self, z: Tensor) -> Any:
        import torch

        if self.twin is not None and torch.is_grad_enabled() and z.requires_grad:
            return self.twin(z)
        return self.run(z)


def _session(data: bytes, path: Path) -> tuple[Callable[[Tensor], Any], tuple[int, ...]]:
    """Return a function of one tensor, and the shape of its input without the batch."""
    import onnxruntime
    import torch

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise LCError(f"{path} is not {ONNX} that can be run, or is truncated: {one_line(error)}") from error
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type != "tensor(float)":
        told = ", ".join(f"{one.name}: {one.type} {_sizes(one.shape)}" for one in inputs)
        raise LCError(inputs_told(path, len(inputs), told), hint=ONE_INPUT if len(inputs) > 1 else None)
    batch, *rest = inputs[0].shape or [None]
    if isinstance(batch, int):
        raise LCError(f"{path}: {FIXED.format(batch)}", hint=FREE)
    if not rest or not all(isinstance(one, int) for one in rest):
        raise LCError(
            f"{path} takes inputs {_sizes(inputs[0].shape)}; expected numbers for all sizes but the batch", hint=FREE
        )

    def run(x: Tensor) -> Any:
        found = session.run(None, {inputs[0].name: x.detach().cpu().contiguous().numpy()})
        tensors = tuple(torch.from_numpy(one) for one in found)
        return tensors[0] if len(tensors) == 1 else tensors

    return run, tuple(int(one) for one in rest)


def _sizes(shape: list[Any]) -> str:
    return f"({', '.join('?' if one is None else str(one) for one in shape)})"


def _twin(data: bytes, run: Callable[[Tensor], Any], latent: tuple[int, ...]) -> tuple[Any, str]:
    """Return the decoder in torch, or None and why there is none."""
    import torch

    try:
        import onnx

        mend_torchvision()
        from onnx2torch import convert
    except ImportError as error:
        return None, f"no gradients: {error.name} is not installed"
    except Exception as error:
        return None, f"no gradients: onnx2torch cannot be imported: {type(error).__name__}: {one_line(error)}"
    z = torch.randn((8, *latent), generator=block_generator(0, 0, "models/onnx"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            network = convert(_older(onnx.load_from_string(data))).eval().requires_grad_(False)
        with torch.no_grad():
            wanted, found = run(z), network(z)
        off = float((wanted - found).abs().max()) / max(1.0, float(wanted.abs().max()))
    except Exception as error:
        return None, f"no gradients: onnx2torch cannot convert it: {type(error).__name__}: {one_line(error)}"
    if not off <= SAME:
        return None, f"no gradients: what onnx2torch converts is off by {off:.2g} from onnxruntime"
    return network, ""


def _older(model: Any) -> Any:
    """Return a model in terms that onnx2torch knows; what comes of it is compared with the original anyway."""
    from onnx import version_converter

    if any(one.domain in ("", "ai.onnx") and one.version > KNOWN_OPSET for one in model.opset_import):
        model = version_converter.convert_version(model, KNOWN_OPSET)
    for node in model.graph.node:
        if node.op_type == "Reshape":
            kept = [one for one in node.attribute if one.name != "allowzero"]
            del node.attribute[:]
            node.attribute.extend(kept)
        if node.op_type == "Dropout":
            del node.input[1:], node.output[1:]  # exported in training mode: onnxruntime drops nothing all the same
    return model
