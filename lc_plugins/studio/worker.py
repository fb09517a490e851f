"""A worker process of the studio: requests come in as lines of JSON, what is found goes out as lines of JSON.

A request is `{"task": N, "do": ..., ...}`; `{"cancel": N}` ends task N wherever it is. Whatever a plugin prints goes to
the error stream.
"""

from __future__ import annotations

import _thread
import argparse
import json
import os
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from lc_core import LCError
from lc_core.cli import use_one_thread
from lc_core.plugins import build_registry
from lc_plugins.studio.asks import Asks

__all__ = ["main"]

Json = dict[str, Any]


class Cancelled(BaseException):
    """A newer request took the place of the one that is worked on."""


class Loop:
    """Takes requests in turn; the reading thread can interrupt the one that is worked on.

    Args:
        asks: What does the work.
        answers: The stream that answers go to.
    """

    def __init__(self, asks: Asks, answers: Any) -> None:
        self._asks, self._answers = asks, answers
        self._waiting: queue.SimpleQueue[Json | None] = queue.SimpleQueue()
        self._cancelled: set[int] = set()
        self._lock = threading.Lock()
        self._task = -1
        self._telling = False

    def read(self, requests: Any) -> None:
        """Read requests until there are no more; runs in a thread of its own."""
        for line in requests:
            request = json.loads(line)
            if "cancel" in request:
                self._cancel(int(request["cancel"]))
            else:
                self._waiting.put(request)
                self._wake()
        self._waiting.put(None)
        self._wake()

    def run(self) -> None:
        """Work until the reading thread says that there is no more."""
        signal.signal(signal.SIGINT, self._interrupted)
        busy = True
        while True:
            try:
                request = self._next(busy)
                busy = True
                if request is None:
                    return
                if request == {}:
                    busy = self._ahead()
                elif not self._is_cancelled(request["task"]):
                    self._work(request)
            except Cancelled:
                pass  # it came when nothing was worked on any more
            finally:
                self._task = -1
            if request:
                self._forget(request["task"])

    def _next(self, busy: bool) -> Json | None:
        """Return the next request; an empty one if there is none and there may be something to do ahead."""
        try:
            return self._waiting.get(block=not busy)
        except queue.Empty:
            return {}

    def _ahead(self) -> bool:
        self._task = 0
        try:
            return self._asks.idle()
        except LCError:
            return False  # whoever asks for it is told
        finally:
            self._task = -1

    def _work(self, request: Json) -> None:
        task = request["task"]
        try:
            self._task = task
            self._tell(task, {"kind": "begun"})
            self._asks.do(request, lambda found: self._tell(task, found))
        except Cancelled:
            self._tell(task, {"kind": "cancelled"})
            return
        except LCError as error:
            self._tell(task, {"kind": "error", "message": error.message, "hint": error.hint})
        except Exception as error:  # the page is told, and the worker goes on
            self._tell(task, {"kind": "error", "message": f"{type(error).__name__}: {error}", "hint": None})
        finally:
            self._task = -1
        self._tell(task, {"kind": "end"})

    def _tell(self, task: int, found: Json) -> None:
        """Write a line, whole, whatever comes meanwhile."""
        self._telling = True
        try:
            self._answers.write(json.dumps({"task": task, **found}, allow_nan=False) + "\n")
            self._answers.flush()
        finally:
            self._telling = False
        if self._task == task and self._is_cancelled(task):
            self._interrupted()

    def _cancel(self, task: int) -> None:
        with self._lock:
            self._cancelled.add(task)
        if self._task == task:
            _thread.interrupt_main()

    def _wake(self) -> None:
        """Leave what is done ahead, if that is all that is done."""
        if self._task == 0:
            _thread.interrupt_main()

    def _forget(self, task: int) -> None:
        with self._lock:
            self._cancelled.discard(task)

    def _is_cancelled(self, task: int) -> bool:
        with self._lock:
            return task in self._cancelled

    def _interrupted(self, *_: object) -> None:
        task = self._task
        if self._telling:
            return
        if task == 0 or (task > 0 and self._is_cancelled(task)):
            self._task = -1  # once is enough
            raise Cancelled


def main() -> None:
    """Work for the studio that started this process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--plugin", action="append", default=[], type=Path)
    parser.add_argument("--samples", type=int)
    parser.add_argument("--fills", action="store_true")
    given = parser.parse_args()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    use_one_thread()
    asks = Asks(build_registry(given.plugin), samples=given.samples, fills=given.fills)
    loop = Loop(asks, answers)
    threading.Thread(target=loop.read, args=(sys.stdin,), daemon=True).start()
    loop.run()


if __name__ == "__main__":
    main()
