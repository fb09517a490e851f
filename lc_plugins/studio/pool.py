"""Worker processes of the studio: each does one request at a time; one that hangs or dies is replaced."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any

__all__ = ["Pool"]

Json = dict[str, Any]
LINE = 64 * 2**20
"""Most bytes of a line that a worker says."""
PATIENCE = 5.0
"""Seconds in which a worker has to leave what is cancelled; after that it is ended, and another one started."""


class Pool:
    """Some workers.

    Args:
        count: How many.
        options: Command-line options of the workers; the first one also gets `--fills`.
        fills: Whether the first one decodes ahead when it has nothing to do.
    """

    def __init__(self, count: int, options: Sequence[str], *, fills: bool = True) -> None:
        self._workers = [_Worker([*options, *(["--fills"] if fills and at == 0 else [])]) for at in range(count)]

    async def start(self) -> None:
        """Start the processes."""
        for worker in self._workers:
            await worker.start()

    async def close(self) -> None:
        """End the processes."""
        await asyncio.gather(*(worker.close() for worker in self._workers))

    async def everywhere(self, request: Json) -> None:
        """Have every worker do something, and wait for it."""

        async def one(worker: _Worker) -> None:
            async for _ in worker.do(request):
                pass

        await asyncio.gather(*map(one, self._workers))

    async def do(self, request: Json, place: str = "") -> AsyncIterator[Json]:
        """Have a worker do something, and yield what it says; whoever stops to listen cancels it.

        Args:
            request: What to do.
            place: Requests of one place go to the same worker, as long as that has nothing else to do.
        """
        first = self._workers[sum(map(ord, place)) % len(self._workers)]
        worker = min(self._workers, key=lambda one: (one.waiting, one is not first))
        async for found in worker.do(request):
            yield found


class _Worker:
    """One process, and whoever waits for what it says."""

    def __init__(self, options: Sequence[str]) -> None:
        self._command = [sys.executable, "-m", "lc_plugins.studio.worker", *options]
        self._process: asyncio.subprocess.Process | None = None
        self._listening: dict[int, asyncio.Queue[Json]] = {}
        self._reader: asyncio.Task[None] | None = None
        self._last = 0

    @property
    def waiting(self) -> int:
        """How many requests are not done."""
        return len(self._listening)

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *self._command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=LINE
        )
        self._reader = asyncio.create_task(self._listen(self._process))

    async def close(self) -> None:
        """End the process; one that does not end by itself is killed."""
        process, self._process = self._process, None
        if self._reader is not None:
            self._reader.cancel()
        if process is None or process.returncode is not None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 0.5)
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def do(self, request: Json) -> AsyncIterator[Json]:
        if self._process is None or self._process.returncode is not None:
            await self.start()
        self._last += 1
        task = self._last
        said: asyncio.Queue[Json] = asyncio.Queue()
        self._listening[task] = said
        begun = ended = False
        try:
            await self._say({"task": task, **request})
            while not ended:
                found = await said.get()
                ended = found["kind"] in ("end", "cancelled")
                if found["kind"] == "begun":
                    begun = True
                elif not ended:
                    yield found
        finally:
            if ended:
                self._listening.pop(task, None)
            elif not begun:  # it waits behind others, and is passed over when its turn comes
                self._listening.pop(task, None)
                await self._say({"cancel": task})
            else:
                cancelling = asyncio.ensure_future(self._cancel(task, said))
                await asyncio.shield(cancelling)

    async def _cancel(self, task: int, said: asyncio.Queue[Json]) -> None:
        """Have it leave a task."""
        try:
            await self._say({"cancel": task})
            async with asyncio.timeout(PATIENCE):
                while (await said.get())["kind"] not in ("end", "cancelled"):
                    pass
        except TimeoutError:
            if self._process is not None:
                with suppress(ProcessLookupError):
                    self._process.kill()
        finally:
            self._listening.pop(task, None)

    async def _say(self, request: Json) -> None:
        process = self._process
        if process is None or process.stdin is None:
            return
        with suppress(ConnectionError):  # who listens is told that it ended
            process.stdin.write((json.dumps(request) + "\n").encode())
            await process.stdin.drain()

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        """Hand on what the process says until it ends; then tell whoever waits."""
        assert process.stdout is not None
        while line := await process.stdout.readline():
            found = json.loads(line)
            if said := self._listening.get(found.pop("task")):
                said.put_nowait(found)
        code = await process.wait()
        if self._process is process:
            self._process = None
        for said in list(self._listening.values()):
            said.put_nowait({"kind": "error", "message": f"a worker process ended ({code})", "hint": "try again"})
            said.put_nowait({"kind": "end"})
