"""Imports of libraries that need torchvision, beside one that was built for another torch."""

from __future__ import annotations

__all__ = ["mend_torchvision"]


def mend_torchvision() -> None:
    """Make `import torchvision` work where its compiled operators cannot be loaded; do nothing if it is missing.

    onnx2torch and diffusers import torchvision for operators that find objects, which a decoder has none of. One built
    for CUDA cannot load these beside a torch without, and its import fails for want of two declarations.
    """
    import torch

    try:
        import torchvision  # noqa: F401
    except ImportError:
        return
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        for name in ("nms", "qnms"):
            torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
