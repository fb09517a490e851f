"""A limit on how long a plugin's code may take, so that one that hangs ends a command with its name."""

from __future__ import annotations

import math
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from lc_core.common.files import FULL, disk_full
from lc_core.errors import LCError

__all__ = ["CALL_SECONDS", "IMPORT_SECONDS", "TimedOut", "blaming", "limited", "seconds_allowed"]

VARIABLE = "LC_PLUGIN_TIMEOUT"
IMPORT_SECONDS = 60.0
"""Seconds for importing a plugin and asking it what it registers."""
CALL_SECONDS = 600.0
"""Seconds for one call of a measurement, or for one part of a batch in a worker process."""


class TimedOut(LCError):
    """A plugin did not answer in time."""

    def __init__(self, who: str, seconds: float) -> None:
        super().__init__(
            f"{who} has not answered within {seconds:g} second{'' if seconds == 1 else 's'}",
            hint=f"if it does not hang but is slow, {VARIABLE}=SECONDS allows more (0: no limit)",
        )


class _Alarm(BaseException):
    """Raised in the plugin's code; no `except Exception` of its own stops it."""


def seconds_allowed(default: float) -> float:
    """Return the limit in seconds: that of `LC_PLUGIN_TIMEOUT` if it is set; infinite for 0.

    Raises:
        LCError: If the variable holds no number of seconds.
    """
    given = os.environ.get(VARIABLE, "")
    try:
        seconds = float(given) if given else default
    except ValueError:
        seconds = math.nan
    if not seconds >= 0:
        raise LCError(f"{VARIABLE} should be a number of seconds, 0 for no limit; found {given!r}")
    return seconds or math.inf


@contextmanager
def limited(who: str, default: float) -> Iterator[None]:
    """Raise `TimedOut` if what is inside takes longer than allowed.

    It is interrupted where it runs Python or waits; a library that never returns to Python is not. There is no limit
    outside the main thread, on a system without alarms, and inside another limit, which then counts.

    Args:
        who: What is called, such as `measurement toy.slow (from lc-toy)`.
        default: Seconds, where `LC_PLUGIN_TIMEOUT` says nothing else.
    """
    seconds = seconds_allowed(default)
    if not math.isfinite(seconds) or not _can_alarm():
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        raise _Alarm

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except _Alarm as alarm:
        raise TimedOut(who, seconds) from alarm
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _can_alarm() -> bool:
    return (
        hasattr(signal, "setitimer")
        and threading.current_thread() is threading.main_thread()
        and signal.getitimer(signal.ITIMER_REAL)[0] == 0
    )


@contextmanager
def blaming(who: str) -> Iterator[None]:
    """Turn whatever a plugin's code raises into an `LCError` that names it; an `LCError` passes as it is.

    What hangs is interrupted, see `lc_core.common.guard`.

    Args:
        who: What was called, such as `renderer melody.midi (from latent-constraints)`.
    """
    try:
        with limited(who, CALL_SECONDS):
            yield
    except LCError:
        raise
    except OSError as error:
        if error.errno in FULL:
            raise disk_full(error) from error
        raise LCError(f"{who} raised {type(error).__name__}: {error}") from error
    except (Exception, SystemExit) as error:  # a plugin that ends the process is at fault as well
        raise LCError(f"{who} raised {type(error).__name__}: {error}") from error
