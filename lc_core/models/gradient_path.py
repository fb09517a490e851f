"""Where the gradient of a decoder is lost: the first module, on the way to the output, that lets none through."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lc_core.models.latent_model import LatentModel
from lc_core.models.modules import modules_of

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["GradientPath", "gradient_path"]


@dataclass(frozen=True)
class GradientPath:
    """Whether a gradient comes back through a decoder, and if not what blocks it.

    Attributes:
        through: A gradient comes back that is finite and not zero everywhere.
        module: The module that blocks it, such as `net.decoder.3 (Quantize)`; empty if none is known.
        reason: Why there is none, in words; empty if there is one.
    """

    through: bool
    module: str = ""
    reason: str = ""


@dataclass
class _Call:
    """A call of a module that holds no others: what it took and gave, and whether gradients were on."""

    name: str
    inputs: list[Tensor]
    outputs: list[Tensor]
    enabled: bool


def gradient_path(model: LatentModel, z: Tensor) -> GradientPath:
    """Decode latents `(B, *latent_shape)` and follow a gradient back."""
    import torch

    calls: list[_Call] = []

    def note(name: str) -> Any:
        def hook(_: nn.Module, inputs: tuple[Any, ...], outputs: Any) -> None:
            given, made = list(_tensors(inputs)), list(_tensors(outputs))
            for one in (*given, *made):
                if one.requires_grad:
                    one.retain_grad()
            calls.append(_Call(name, given, made, torch.is_grad_enabled()))

        return hook

    handles = []
    for outer, module in modules_of(model).items():
        for inner, part in module.named_modules():
            if not list(part.children()) and not isinstance(part, torch.jit.ScriptModule):
                name = ".".join(filter(None, (outer, inner)))
                handles.append(part.register_forward_hook(note(f"{name} ({type(part).__name__})")))
    at = z.detach().clone().to(model.device, torch.float32)
    try:
        with torch.enable_grad():
            at.requires_grad_()
            try:
                outputs = model.decode(at)
            except (Exception, SystemExit) as error:
                return GradientPath(False, *_raised(error, calls))
            return _assess(at, outputs, calls)
    finally:
        for handle in handles:
            handle.remove()


def _assess(at: Tensor, outputs: Any, calls: list[_Call]) -> GradientPath:
    import torch

    gradient = None
    if torch.is_tensor(outputs) and outputs.is_floating_point() and outputs.requires_grad:
        (gradient,) = torch.autograd.grad(outputs.double().sum(), at, allow_unused=True, retain_graph=True)
        if gradient is not None and bool(gradient.isfinite().all()) and bool((gradient != 0).any()):
            return GradientPath(True)  # whatever is lost beside it, as in what torch.export adds to check its inputs
    blocked = next((one for one in calls if one.outputs and _any_grad(one.inputs) > _any_grad(one.outputs)), None)
    if blocked is not None and _any_grad([at]):
        return GradientPath(False, blocked.name, _lost_in(blocked))
    if not torch.is_tensor(outputs):
        return GradientPath(False, "", f"decode returns {type(outputs).__name__}, which is no torch tensor")
    if not outputs.is_floating_point():
        return GradientPath(
            False, "", f"decode makes whole numbers ({outputs.dtype}), which have no gradient{_after(calls)}"
        )
    if not outputs.requires_grad:
        if not calls:
            return GradientPath(False, "", "decode gives no gradient, and holds no torch module that could be followed")
        first = calls[0]
        if not first.enabled:
            return GradientPath(False, first.name, _lost_in(first))
        return GradientPath(False, "", f"decode gives no gradient: it is detached{_after(calls)}")
    if gradient is not None and not bool(gradient.isfinite().all()):
        return GradientPath(False, "", "the gradient of decode is not finite")
    outputs.double().sum().backward()  # type: ignore[no-untyped-call]
    for call in reversed(calls):
        if _moved(call.outputs) and not _moved(call.inputs):
            return GradientPath(False, call.name, f"the gradient is zero everywhere below {call.name}")
    return GradientPath(False, "", f"the gradient of decode is zero everywhere; it is lost{_after(calls)}")


def _raised(error: BaseException, calls: list[_Call]) -> tuple[str, str]:
    text = " ".join(str(error).split())
    if "numpy" in text:
        return "", f"decode leaves torch for numpy{_after(calls)}"
    return "", f"decode raises {type(error).__name__} when a gradient is asked for: {text[:200]}"


def _lost_in(call: _Call) -> str:
    if not call.enabled:
        return f"gradients are switched off (torch.no_grad or inference_mode) when {call.name} runs"
    return f"{call.name} lets no gradient through"


def _after(calls: list[_Call]) -> str:
    return f", after {calls[-1].name}" if calls else ""


def _any_grad(tensors: list[Tensor]) -> bool:
    return any(one.requires_grad for one in tensors)


def _moved(tensors: list[Tensor]) -> bool:
    return any(one.requires_grad and one.grad is not None and bool((one.grad != 0).any()) for one in tensors)


def _tensors(value: Any) -> Iterator[Tensor]:
    import torch

    if torch.is_tensor(value):
        yield value
    elif isinstance(value, tuple | list):
        for one in value:
            yield from _tensors(one)
