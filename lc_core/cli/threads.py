"""Threads of a command: one, unless the user says otherwise."""

from __future__ import annotations

import os

__all__ = ["use_one_thread"]


def use_one_thread() -> None:
    """Let torch use one thread, unless OMP_NUM_THREADS says how many.

    The matrices of critics and small decoders are too small to be worth sharing out: on a busy machine, waiting for
    each other makes two threads many times slower than one.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        import torch

        torch.set_num_threads(1)
