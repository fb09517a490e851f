"""`models.onnx`: a decoder that onnxruntime runs; gradients come from the same graph in torch, by onnx2torch.

The two are compared when the file is loaded. Where the graph cannot be converted, or the two differ, there are no
gradients and the decoder is a black box.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lc_core.errors import LCError
from lc_plugins.models.files import digest_of, read_file, refuse_pickle, refused
from lc_plugins.models.imports import mend_torchvision
from lc_plugins.models.settings import Block, Latent, PriorSetting, Shape, Spread, Values

if TYPE_CHECKING:
    from torch import Tensor

    from lc_plugins.models.foreign import ForeignModel

__all__ = ["load_onnx"]

KIND = "an .onnx file"
SAME = 1e-4
"""Largest difference between the outputs of onnxruntime and of torch, in units of the largest output, or of 1."""
KNOWN_OPSET = 17
"""The newest set of operators that onnx2torch knows whole."""
FIXED = 'export with a batch of any size, for example torch.onnx.export(..., dynamic_axes={"z": {0: "batch"}})'


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
        latent: Shape of one latent; the file's own if not given.
        shape: Shape of one output, to which the decoder's are brought.
        values: Range of the decoder's numbers, mapped to [0, 1].
        block: Most latents in one call.
    """
    from lc_plugins.models.foreign import Encoder, Network, assemble
    from lc_plugins.models.outputs import Outputs
    from lc_plugins.models.priors import build_prior

    data = [_whole(one) for one in (file, encoder) if one is not None]
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
    )
    outputs = Outputs(output, tuple(shape) if shape else None, values)
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


def _whole(path: Path) -> bytes:
    """Return a model as one piece: weights that are in files beside it are read, and none from anywhere else.

    Raises:
        LCError: If it is no ONNX model, or names a file elsewhere.
    """
    try:
        import onnx
        import onnxruntime  # noqa: F401 whether it is there
    except ImportError as error:
        raise LCError(f"models.onnx needs {error.name}", hint='pip install "latent-constraints[onnx]"') from error
    from onnx.external_data_helper import load_external_data_for_model

    data = read_file(path, what=KIND)
    refuse_pickle(data, path, what=KIND)
    try:
        model = onnx.load_from_string(data)
        if not model.graph.node:
            raise ValueError("it has no graph")
    except Exception as error:
        raise LCError(f"{path} is not {KIND}, or is truncated: {str(error)[:200]}") from error
    parts = [*_tensors(model.graph), *(one for function in model.functions for one in _of_nodes(function.node))]
    places = [entry.value for one in parts for entry in one.external_data if entry.key == "location"]
    if not places:
        return data
    for place in places:
        if Path(place).name != place or (path.parent / place).is_symlink():
            raise refused(path, f"its weights are in {place!r}, which is not beside it")
    try:
        load_external_data_for_model(model, str(path.parent))
        whole: bytes = model.SerializeToString()
    except Exception as error:
        raise LCError(f"weights of {path} in {places[0]} cannot be read: {str(error)[:200]}") from error
    return whole


def _tensors(graph: Any) -> Iterator[Any]:
    """Yield the tensors of a graph, of those inside its nodes too."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    yield from _of_nodes(graph.node)


def _of_nodes(nodes: Any) -> Iterator[Any]:
    for node in nodes:
        for one in node.attribute:
            yield from [one.t, *one.tensors]
            for inner in [one.g, *one.graphs]:
                yield from _tensors(inner)


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
        raise LCError(f"{path} is not {KIND} that can be run, or is truncated: {str(error)[:200]}") from error
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type != "tensor(float)":
        found = ", ".join(f"{one.name} {one.type}" for one in inputs)
        raise LCError(f"{path} takes {found or 'nothing'}; expected one float32 tensor, (B, ...)")
    batch, *rest = inputs[0].shape or [None]
    if isinstance(batch, int):
        raise LCError(f"{path} takes batches of {batch} only", hint=FIXED)
    if not rest or not all(isinstance(one, int) for one in rest):
        raise LCError(f"{path} takes inputs {inputs[0].shape}; expected sizes for all but the batch")

    def run(x: Tensor) -> Any:
        found = session.run(None, {inputs[0].name: x.detach().cpu().contiguous().numpy()})
        tensors = tuple(torch.from_numpy(one) for one in found)
        return tensors[0] if len(tensors) == 1 else tensors

    return run, tuple(int(one) for one in rest)


def _twin(data: bytes, run: Callable[[Tensor], Any], latent: tuple[int, ...]) -> tuple[Any, str]:
    """Return the decoder in torch, or None and why there is none."""
    import torch

    from lc_core.latent_model import block_generator

    try:
        import onnx

        mend_torchvision()
        from onnx2torch import convert
    except ImportError as error:
        return None, f"no gradients: {error.name} is not installed"
    except Exception as error:
        return None, f"no gradients: onnx2torch cannot be imported: {type(error).__name__}: {str(error)[:200]}"
    z = torch.randn((8, *latent), generator=block_generator(0, 0, "models/onnx"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            network = convert(_older(onnx.load_from_string(data))).eval().requires_grad_(False)
        with torch.no_grad():
            wanted, found = run(z), network(z)
        off = float((wanted - found).abs().max()) / max(1.0, float(wanted.abs().max()))
    except Exception as error:
        return None, f"no gradients: onnx2torch cannot convert it: {type(error).__name__}: {str(error)[:200]}"
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
    return model
