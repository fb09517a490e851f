"""How many processes this machine has room for."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

__all__ = ["processors", "workers_by_default"]

SHARE = 0.8
"""Share of the free memory that workers may take."""


def workers_by_default() -> int:
    """Return as many workers as this process may use processors, fewer where memory does not allow that."""
    free, own = _free_memory(), _own_memory()
    by_memory = 1 + int(SHARE * free / own) if free is not None and own else processors()
    return max(1, min(processors(), by_memory))


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _free_memory() -> int | None:
    """Return the bytes that are free, by the machine and by the limit of a container; None where nothing tells."""
    found = []
    with suppress(OSError, ValueError, IndexError):
        lines = Path("/proc/meminfo").read_text().splitlines()
        found.append(1024 * int(next(one for one in lines if one.startswith("MemAvailable")).split()[1]))
    with suppress(OSError, ValueError):
        limit, used = (Path(f"/sys/fs/cgroup/memory.{name}").read_text().strip() for name in ("max", "current"))
        if limit != "max":
            found.append(max(0, int(limit) - int(used)))
    return min(found, default=None)


def _own_memory() -> int | None:
    """Return the bytes that this process holds now; None where nothing tells."""
    with suppress(OSError, ValueError, IndexError):
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return None
