"""What is said of a network that takes more, or less, than one batch of latents."""

from __future__ import annotations

from pathlib import Path

__all__ = ["ONE_INPUT", "inputs_told"]

ONE_INPUT = (
    "export a module that has one input and holds the others fixed:"
    " def forward(self, z): return self.model(z, self.label)"
)


def inputs_told(path: Path, count: int, told: str) -> str:
    """Return that a file takes `count` inputs, named in `told`, where one is expected."""
    found = f"{count} inputs ({told})" if count != 1 else f"the input {told}"
    return f"{path} takes {found if count else 'no input'}; expected one float32 tensor (B, ...)"
