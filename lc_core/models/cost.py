"""What one decode costs, by what can be counted, and the size of a block that follows from it.

Nothing here looks at a clock: the same model, versions and kind of device give the same block on any machine, so bytes
agree.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lc_core.common.guard import blaming
from lc_core.errors import LCError
from lc_core.models.modules import modules_of

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["count_operations", "share_of_block"]

SLOW, VERY_SLOW = 10**8, 3 * 10**9
"""Operations of one decode above which a block has a 16th, and a 64th, of its tries. Batches of so costly decodes gain
nothing on a processor, and the last block of a run is decoded to its end whatever it delivers."""
EACH_VALUE = 10_000
"""Operations that are assumed for each number of an output where none can be counted: as in a small picture decoder."""


def share_of_block(operations: int, device: str = "cpu") -> float:
    """Return the share of a default block that a model of so many operations a decode is given: 1, 1/16 or 1/64.

    On an accelerator it is 1, since small batches leave that idle.
    """
    if operations <= SLOW or device != "cpu":
        return 1.0
    return 1 / 16 if operations <= VERY_SLOW else 1 / 64


def count_operations(model: Any, draw: Callable[[], Tensor]) -> int:
    """Count the floating point operations of one decode; see `LatentModel.operations`.

    Multiplications and additions in matrix products, convolutions and attention are counted as torch runs them. Where
    none is seen there are two for each weight of the modules that the model holds. A black box without modules, such
    as an ONNX file, is taken to need `EACH_VALUE` for each number of an output.

    Args:
        model: A latent model.
        draw: Returns two of its latents.
    """
    import numpy as np
    import torch

    try:
        z = draw()
        with blaming("decode"), torch.inference_mode(), _counter() as counter:
            outputs = model.decode(z)
            shape = tuple(outputs.shape) if torch.is_tensor(outputs) else np.shape(outputs)
    except LCError:
        return 0  # an error where outputs are needed
    if counted := int(counter.total) // 2:
        return counted
    weights = {id(one): one.numel() for module in modules_of(model).values() for one in module.parameters()}
    if weights:
        return 2 * sum(weights.values())
    return 0 if model.differentiable else EACH_VALUE * math.prod(shape[1:])


def _counter() -> Any:
    """Return a context that counts as torch's `FlopCounterMode` does, in `total`; that one takes a second to import."""
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils.flop_counter import flop_registry

    class Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
        total = 0

        @classmethod
        def _should_skip_dynamo(cls) -> bool:
            return False  # skipping it means importing it

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = kwargs or {}
            with self:
                parts = func.decompose(*args, **kwargs)
            if parts is not NotImplemented:
                return parts
            out = func(*args, **kwargs)
            if (formula := flop_registry.get(func._overloadpacket)) is not None:
                self.total += int(formula(*args, **kwargs, out_val=out))
            return out

    return Counter()  # type: ignore[no-untyped-call]
