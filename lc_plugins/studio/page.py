"""One page of the studio: what it asks, what is told it, and what of it is cancelled."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.websockets import WebSocket

from lc_core import LCError
from lc_core.plugins import Registered, Registry
from lc_plugins.studio.catalogue import Catalogue, doc_of_model
from lc_plugins.studio.kept import Kept
from lc_plugins.studio.pool import Pool
from lc_plugins.studio.runs import make_run

__all__ = ["Odd", "Page", "Shared", "heard"]

Json = dict[str, Any]


class Odd(Exception):
    """A page said what no page of ours says."""


async def heard(socket: WebSocket) -> Json:
    """Return the next message of a page.

    Raises:
        Odd: If it is no JSON mapping.
        WebSocketDisconnect: If the page was closed.
    """
    try:
        found = await socket.receive_json()
    except (ValueError, KeyError) as error:  # no JSON, or no text
        raise Odd from error
    if not isinstance(found, dict):
        raise Odd
    return found


@dataclass(frozen=True)
class Shared:
    """What all pages share.

    Attributes:
        registry: What is installed.
        kept: What is kept.
        pool: Workers that answer specs.
        files: Names of files that pages may name.
        plugins: Plugin files, for the runs that pages start.
        ready: Set when the first model is loaded.
    """

    registry: Registry
    kept: Kept
    pool: Pool
    files: Sequence[str] = ()
    plugins: Sequence[Path] = ()
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    def catalogue_of(self, doc: Json) -> Catalogue:
        """Return what is installed for the model of a spec.

        Raises:
            LCError: If there is no such model.
        """
        model = doc.get("model")
        name, params = (model.get("use"), model.get("params")) if isinstance(model, dict) else (model, None)
        return Catalogue(self.registry, self.registry.get("model", str(name)), params)


class Page:
    """One page.

    Args:
        name: Its name.
        shared: What all pages share.
        state: What it was like when it was left; None for a new one.
        doc: The spec that it begins with.
    """

    def __init__(self, name: str, shared: Shared, state: Json | None, doc: Json) -> None:
        self.name, self._shared, self._state = name, shared, state
        left = _left(state)
        self.doc = left["doc"] if isinstance(left.get("doc"), dict) else doc
        try:
            self.catalogue = shared.catalogue_of(self.doc)
        except LCError:  # the model of a kept page is no longer installed
            self._state, self.doc, self.catalogue = None, doc, shared.catalogue_of(doc)
        self.yaml = ""
        stars = left.get("stars")
        self.starred = [str(key) for key in stars] if self._state and isinstance(stars, list) else []
        self.run: Path | None = None
        self.open = False
        self._current: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[None]] = set()

    def params_of(self, renderer: Registered) -> Json:
        """Return the settings of a renderer that the page's spec has."""
        for one in self.doc.get("render", ()) if isinstance(self.doc.get("render"), list) else ():
            if isinstance(one, dict) and one.get("use") in (renderer.name, renderer.short, renderer.qualified):
                return dict(one.get("params") or {})
        return {}

    async def serve(self, socket: WebSocket, first: Json) -> None:
        """Answer what the page asks until it is closed."""
        self.open = True
        waiting: asyncio.Task[None] | None = None
        try:
            await self._tell_catalogue(socket, first.get("id", 0), state=self._state)
            waiting = asyncio.create_task(self._tell_ready(socket, first.get("id", 0)))
            while True:
                await self._take(socket, await heard(socket))
        finally:
            self.open = False
            if waiting is not None:
                waiting.cancel()
            await self.stop()

    async def stop(self) -> None:
        """Leave what is worked on for this page."""
        for task in (*([self._current] if self._current else []), *self._running):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        self._current = None

    async def read_file(self, name: str, content: bytes) -> Json:
        """Read a file that was dropped onto the page.

        Raises:
            LCError: If it cannot be read.
        """
        request = {"do": "upload", "doc": self.doc, "files": self._shared.files, "name": Path(name).name}
        outputs, text = [], ""
        async for found in self._shared.pool.do({**request, "content": base64.b64encode(content).decode()}, self.name):
            if found["kind"] == "error":
                raise LCError(found["message"], hint=found["hint"])
            if found["kind"] == "spec":
                raise LCError(found["problems"][0]["message"], hint=found["problems"][0]["hint"])
            if found["kind"] == "read":
                outputs.append({"key": self._shared.kept.add(found["output"]), "data": found["data"]})
                text = found["text"]
        return {"outputs": outputs, "text": text}

    async def _take(self, socket: WebSocket, request: Json) -> None:
        """Begin what the page asks."""
        what, number = request.get("do"), request.get("id", 0)
        if what in ("ask", "near", "stop"):
            if self._current is not None:
                self._current.cancel()
                with suppress(asyncio.CancelledError):
                    await self._current
            self._current = None
            if what != "stop":
                self._current = asyncio.create_task(self._answer(socket, request))
                return
        elif what == "run":
            task = asyncio.create_task(self._run(socket, request.get("id", 0)))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
            return
        else:
            try:
                await self._quick(socket, request)
            except LCError as error:
                await socket.send_json({"id": number, "kind": "error", "message": error.message, "hint": error.hint})
        await socket.send_json({"id": number, "kind": "end"})

    async def _quick(self, socket: WebSocket, request: Json) -> None:
        """Do what takes no time."""
        what, number, kept = request.get("do"), request.get("id", 0), self._shared.kept
        if what == "save":
            state = request.get("state")
            if not isinstance(state, dict):
                raise LCError("a page is saved as a mapping")
            kept.save(self.name, state)
            self._state = state
            self.doc = _left(self._state).get("doc", self.doc)
        elif what == "star":
            key = str(request.get("key"))
            self.starred = [one for one in self.starred if one != key]
            if request.get("on"):
                kept.star(key)
                self.starred.append(key)
            await socket.send_json({"id": number, "kind": "starred", "keys": self.starred})
        elif what == "model":
            doc = doc_of_model(str(request.get("model")))
            self.catalogue, self.doc = self._shared.catalogue_of(doc), doc
            await self._tell_catalogue(socket, number, state=None)
            await socket.send_json({"id": number, "kind": "ready"})
        else:
            raise LCError(f"the studio does not know {str(what)[:40]!r}")

    async def _tell_catalogue(self, socket: WebSocket, number: int, *, state: Json | None) -> None:
        ready = self._shared.ready.is_set()
        told = {"kind": "catalogue", "page": self.name, "state": state, "doc": self.doc, "ready": ready}
        await socket.send_json({"id": number, **told, **self.catalogue.as_json()})

    async def _tell_ready(self, socket: WebSocket, number: int) -> None:
        await self._shared.ready.wait()
        with suppress(RuntimeError):
            await socket.send_json({"id": number, "kind": "ready"})

    async def _answer(self, socket: WebSocket, request: Json) -> None:
        """Have a worker answer, and hand on what it says."""
        try:
            async for found in self._asked(request):
                await socket.send_json({"id": request.get("id", 0), **self._shown(found)})
        except LCError as error:
            found = {"kind": "error", "message": error.message, "hint": error.hint}
            await socket.send_json({"id": request.get("id", 0), **found})
        await socket.send_json({"id": request.get("id", 0), "kind": "end"})

    async def _asked(self, request: Json) -> AsyncIterator[Json]:
        kept = self._shared.kept
        given: Json = {"do": request["do"], "files": self._shared.files}
        given |= {"yaml": str(request["yaml"])} if "yaml" in request else {"doc": request.get("doc")}
        if request.get("from"):
            given["output"] = kept.get(str(request["from"]))[0]
        if request["do"] == "near":
            given |= {"z": kept.get(str(request.get("key")))[1], "seed": int(request.get("seed", 0))}
            if not given["z"]:
                raise LCError("this output came from a file; start from it first")
        async for found in self._shared.pool.do(given, self.name):
            yield found

    def _shown(self, found: Json) -> Json:
        """Return what a worker said as the page is told it: outputs stay here, by key."""
        if found["kind"] == "answer":
            key = self._shared.kept.add(found.pop("output"), found.pop("z"))
            return {**found, "key": key}
        if found["kind"] == "spec" and not found["problems"]:
            self.doc, self.yaml = found["doc"], found["yaml"]
            with suppress(LCError):
                self.catalogue = self._shared.catalogue_of(self.doc)
        return found

    async def _run(self, socket: WebSocket, number: int) -> None:
        """Make the run of the page's spec, and tell where it is."""

        async def say(line: str) -> None:
            await socket.send_json({"id": number, "kind": "progress", "text": line})

        try:
            self.run = await make_run(self.yaml, self._shared.plugins, say)
            where = {"folder": str(self.run.resolve()), "report": f"/run/{self.name}/report.html"}
            await socket.send_json({"id": number, "kind": "run", **where})
        except LCError as error:
            await socket.send_json({"id": number, "kind": "error", "message": error.message, "hint": error.hint})
        await socket.send_json({"id": number, "kind": "end"})


def _left(state: Json | None) -> Json:
    """Return where a page was left: the move of its history that it shows, with its spec and its stars."""
    try:
        found = (state or {})["moves"][(state or {})["at"]]["now"]
    except (KeyError, IndexError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}
