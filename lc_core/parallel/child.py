"""What every worker process of lc begins with, and how its errors come back.

This module is imported in each worker before anything else, and so imports nothing heavy.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from lc_core.errors import LCError
from lc_core.plugins.single_file import PREFIX, VERSION, load_file

__all__ = ["Answer", "answered", "end", "loaded_files", "prepare", "spawned", "start"]

Answer = tuple[bool, Any]
"""Whether a call succeeded, and what it returned; or the message and hint of the error."""


def loaded_files() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the plugins of single files that this process has loaded and that are still there, and their versions."""
    loaded = [module for name, module in sys.modules.items() if name.startswith(PREFIX)]
    loaded = [module for module in loaded if os.path.isfile(str(module.__file__))]
    return tuple(sorted(str(module.__file__) for module in loaded)), tuple(getattr(one, VERSION) for one in loaded)


def spawned(count: int, begin: Callable[..., None] | None = None, *given: Any) -> ProcessPoolExecutor:
    """Return so many workers, each with the plugins of single files that this process has; none shares its memory.

    Args:
        count: How many.
        begin: Called in each, after these plugins are loaded.
        given: Its arguments; nothing in them may need these plugins to be opened.
    """
    files, _ = loaded_files()
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(count, mp_context=context, initializer=start, initargs=(files, begin, given))


def end(executor: ProcessPoolExecutor) -> None:
    """End workers at once, whatever they do."""
    processes = list((executor._processes or {}).values())
    for process in processes:
        process.kill()
    executor.shutdown(wait=True, cancel_futures=True)  # its own threads still write to what the processes read


def start(files: tuple[str, ...], begin: Callable[..., None] | None = None, given: tuple[Any, ...] = ()) -> None:
    """Prepare a worker: it leaves Ctrl-C and stdout to the command, and ends with its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdout = sys.stderr
    threading.Thread(target=_end_with_parent, daemon=True).start()
    prepare(files)
    if begin is not None:
        begin(*given)


def prepare(files: tuple[str, ...]) -> None:
    """Load plugins of single files; use one thread, unless OMP_NUM_THREADS says how many."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for file in files:
        load_file(Path(file))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def answered(function: Callable[..., Any], *given: Any) -> Answer:
    """Call a function; an error is returned as text, since not every exception survives being sent."""
    try:
        found = function(*given)
    except LCError as error:
        return False, (error.message, error.hint)
    except (Exception, SystemExit) as error:
        return False, (f"{type(error).__name__}: {error}", None)
    return True, found
