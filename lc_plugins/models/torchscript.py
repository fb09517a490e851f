"""`models.torchscript`: a decoder, and perhaps an encoder, of torch.jit: a deprecated format that is still about."""

from __future__ import annotations

import io
import math
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lc_core import LCError
from lc_plugins.models.batches import ONE_INPUT, inputs_told
from lc_plugins.models.files import (
    SCRIPT,
    check_unpacked,
    digest_of,
    globals_of,
    not_loaded,
    one_line,
    read_file,
    refused,
)
from lc_plugins.models.foreign import Encoder, Network, assemble
from lc_plugins.models.outputs import Outputs
from lc_plugins.models.priors import build_prior
from lc_plugins.models.settings import Block, Latent, Layout, PriorSetting, Shape, Spread, Values

if TYPE_CHECKING:
    from torch import Tensor

    from lc_plugins.models.foreign import ForeignModel

__all__ = ["DEPRECATED", "check_archive", "load_torchscript"]

DEPRECATED = "TorchScript is deprecated in torch: export with torch.export, for models.export, while you can"
FREE = (
    "in forward write -1 for the size of the batch, as in x.view(-1, 3, 64, 64): torch.jit.trace keeps what len(z)"
    " was when it traced; trace it again, or better export it with torch.export for models.export"
)
ALLOWED = re.compile(
    r"__torch__\S* \S+|torch\._utils _rebuild_tensor(_v2)?|torch\._utils _rebuild_parameter|collections OrderedDict"
    r"|torch\.jit\._pickle (restore_type_tag|build_\w+list)|torch \w+Storage"
)
"""What pickles inside an archive may import: torch reads them with a reader of its own, which knows only these."""
FORBIDDEN = re.compile(r"\b(save|from_file|load|load_tensor|_print)\s*\(")
"""Functions with which a script reads and writes files."""
NAMESPACES = re.compile(r"\bops\s*\.\s*(\w+)")
KNOWN = frozenset(("aten", "prim", "prims", "quantized", "inplace"))


def load_torchscript(
    *,
    file: Path,
    output: str,
    latent: Latent,
    encoder: Path | None = None,
    encoder_gives: Spread = "std",
    prior: PriorSetting = "normal",
    shape: Shape | None = None,
    values: Values | None = None,
    layout: Layout | None = None,
    block: Block = 256,
) -> ForeignModel:
    """A decoder from a TorchScript .pt file, a format that torch has deprecated; gradients if it has them.

    Args:
        file: The decoder, latents `(B, *latent)` float32 to outputs `(B, ...)`.
        output: Type of the outputs, such as `image.gray/1`.
        latent: Shape of one latent, such as `[100]`; the file does not tell it.
        encoder: Another file, outputs to `(mean, std)`.
        encoder_gives: What the encoder's second output is.
        prior: What latents are drawn from.
        shape: Shape of one output, such as `[3, 64, 64]` for (C, H, W), to which the decoder's are brought.
        values: Range of the decoder's numbers, `[low, high]`, which is mapped to [0, 1].
        layout: `channels_last` if its pictures are (H, W, C); they are brought to (C, H, W).
        block: Most latents in one call.
    """
    data = [read_file(one, what=SCRIPT) for one in (file, encoder) if one is not None]
    decode = _script(data[0], file)
    _check_latent(decode, tuple(latent), file)
    encode = _script(data[1], encoder) if encoder is not None else None
    network = Network(
        file.stem,
        tuple(latent),
        _Script(decode),
        digest_of(*data),
        Encoder(_Script(encode), encoder_gives) if encode else None,
        modules=tuple(one for one in (decode, encode) if one),
        note=DEPRECATED,
        free=FREE,
        place=file,
    )
    outputs = Outputs(output, tuple(shape) if shape else None, values, layout)
    return assemble(network, prior=build_prior(prior), outputs=outputs, latent=None, block=block)


def _script(data: bytes, path: Path) -> Any:
    import torch

    check_archive(data, path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's own word on the format, which is told once, above
            module = torch.jit.load(io.BytesIO(data), map_location="cpu")  # type: ignore[no-untyped-call]
    except Exception as error:
        raise LCError(f"{path} cannot be loaded by torch {torch.__version__}: {one_line(error, 300)}") from error
    _check_inputs(module, path)
    module.eval()
    for one in module.parameters():
        one.requires_grad_(False)
    return module


def _check_inputs(module: Any, path: Path) -> None:
    schema = getattr(getattr(module, "forward", None), "schema", None)
    if schema is None:
        raise LCError(f"{path} has no forward", hint="script or trace a module whose forward(self, z) decodes")
    found = [one for one in schema.arguments[1:] if not one.has_default_value()]
    if len(found) != 1:
        told = ", ".join(f"{one.name}: {one.type}" for one in found)
        raise LCError(inputs_told(path, len(found), told), hint=ONE_INPUT)


def _check_latent(module: Any, latent: tuple[int, ...], path: Path) -> None:
    """Refuse a shape of a latent that the decoder cannot take, if another one is found that it takes.

    Raises:
        LCError: With that shape.
    """
    import torch

    def decodes(shape: tuple[int, ...]) -> bool:
        try:
            with torch.inference_mode():
                module(torch.zeros(2, *shape))
        except RuntimeError:
            return False
        return True

    if decodes(latent):
        return
    sizes = {math.prod(latent), *(size for one in module.parameters() for size in one.shape)}
    shapes = [[size, *more] for size in sorted(sizes) for more in ((), (1, 1))]
    fits = next((one for one in shapes if decodes(tuple(one))), None)
    if fits is not None:
        raise LCError(
            f"{path} cannot decode latents of shape {list(latent)}; expected {fits}, which it decodes",
            hint=f"say latent: {fits}",
        )


def _last_line(error: Exception) -> str:
    """Return what an error of a script says, without the lines of the script that led to it."""
    return (str(error).strip().splitlines() or [""])[-1].removeprefix("RuntimeError: ")[:200] or type(error).__name__


class _Script:
    """Runs a script, and tells in one line what goes wrong in it."""

    def __init__(self, module: Any) -> None:
        self.module = module

    def __call__(self, x: Tensor) -> Any:
        try:
            return self.module(x)
        except RuntimeError as error:
            raise RuntimeError(_last_line(error)) from error


def check_archive(data: bytes, path: Path) -> None:
    """Check that a TorchScript archive imports nothing, and reads and writes no file when it runs.

    Args:
        data: Content of the file.
        path: The file, for messages.

    Raises:
        LCError: If it is no such archive, or does any of these.
    """
    from torch._C import PyTorchFileReader

    check_unpacked(data, path)
    try:
        reader = PyTorchFileReader(io.BytesIO(data))
        names = [str(name) for name in reader.get_all_records()]
        parts = {name: reader.get_record(name) for name in names if name.endswith((".py", ".pkl", ".debug_pkl"))}
    except (RuntimeError, ValueError, OSError) as error:
        raise not_loaded(data, path, what=SCRIPT) from error
    if "constants.pkl" not in names or not any(name.startswith("code/") for name in names):
        raise not_loaded(data, path, what=SCRIPT)
    for name, content in parts.items():
        if name.endswith(".py"):
            _check_code(content.decode("utf-8", errors="replace"), name, path)
        else:
            _check_imports(content, name, path)


def _check_code(code: str, name: str, path: Path) -> None:
    found = FORBIDDEN.search(code)
    if found:
        raise refused(path, f"its script {name} calls {found[1]}, which reads or writes files")
    unknown = sorted(set(NAMESPACES.findall(code)) - KNOWN)
    if unknown:
        raise refused(path, f"its script {name} calls operators of {', '.join(unknown)}")


def _check_imports(content: bytes, name: str, path: Path) -> None:
    try:
        foreign = [one for one in globals_of(content) if not ALLOWED.fullmatch(one)]
    except ValueError as error:
        raise LCError(f"{path} is damaged: {name} cannot be read: {error}") from error
    if foreign:
        raise refused(path, f"its {name} imports {foreign[0]}")
