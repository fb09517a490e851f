"""Pages of the studio: what each asks, what is told it, and what of it is cancelled."""

from __future__ import annotations

import asyncio
import base64
import secrets
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from lc_core import LCError
from lc_core.plugins import Registered, Registry
from lc_plugins.studio.catalogue import Catalogue, doc_of_model
from lc_plugins.studio.kept import NAME, Kept
from lc_plugins.studio.pool import Pool

__all__ = ["Page", "Pages"]

Json = dict[str, Any]
MOST_PAGES = 64
"""Pages that are known at the same time; those that were opened longest ago are forgotten."""
RUNS = 1_000
"""Names of run folders that are tried."""


class Pages:
    """All pages of one start.

    Args:
        registry: What is installed.
        doc: The spec that pages begin with.
        kept: What is kept.
        pool: Workers that answer specs.
        fresh: Whether a new page begins with the spec, and not where the last page was left.
        files: Names of files that pages may name.
        plugins: Plugin files, for the runs that pages start.
        token: What a page has to show.
    """

    def __init__(
        self,
        registry: Registry,
        doc: Json,
        kept: Kept,
        pool: Pool,
        *,
        fresh: bool,
        files: Sequence[str],
        plugins: Sequence[Path],
        token: str,
    ) -> None:
        self.registry, self.kept, self.pool = registry, kept, pool
        self.files, self.plugins = list(files), list(plugins)
        self._doc, self._fresh, self._token = doc, fresh, token
        self._pages: dict[str, Page] = {}
        self.ready = asyncio.Event()
        self.catalogue = self.catalogue_of(doc)

    def catalogue_of(self, doc: Json) -> Catalogue:
        """Return what is installed for the model of a spec.

        Raises:
            LCError: If there is no such model.
        """
        model = doc.get("model")
        name, params = (model.get("use"), model.get("params")) if isinstance(model, dict) else (model, None)
        return Catalogue(self.registry, self.registry.get("model", str(name)), params)

    def script(self, view: str) -> Path | None:
        """Return the script of a view."""
        for catalogue in (self.catalogue, *(page.catalogue for page in self._pages.values())):
            if catalogue.view is not None and catalogue.view.name == view:
                return catalogue.script()
        return None

    def find(self, name: str) -> Page | None:
        """Return a page by its name."""
        return self._pages.get(name)

    async def prepare(self) -> None:
        """Have the workers load the model, so that the first answer need not wait for it."""
        await self.pool.everywhere({"do": "load", "doc": self._doc, "files": self.files})
        self.ready.set()

    async def close(self) -> None:
        """End what pages are still waiting for."""
        for page in self._pages.values():
            await page.stop()

    async def serve(self, socket: WebSocket) -> None:
        """Talk with a page until it is closed."""
        try:
            first = await socket.receive_json()
            if not secrets.compare_digest(str(first.get("token", "")).encode(), self._token.encode()):
                await socket.close(4401)
                return
            page = self._opened(first.get("page"))
            await page.serve(socket, first)
        except (WebSocketDisconnect, ValueError, AttributeError, RuntimeError):
            return  # the page was closed, or it said what no page of ours says

    def _opened(self, name: Any) -> Page:
        known = isinstance(name, str) and NAME.fullmatch(name) is not None
        if known and name in self._pages:
            return self._pages[name]
        state = self.kept.load(name) if known else None if self._fresh else self.kept.last()
        page = Page(name if known and state else secrets.token_hex(4), self, state, self._doc)
        while len(self._pages) >= MOST_PAGES:
            self._pages.pop(next(iter(self._pages)))
        self._pages[page.name] = page
        return page


class Page:
    """One page.

    Args:
        name: Its name.
        pages: All pages.
        state: What it was like when it was left; None for a new one.
        doc: The spec that it begins with.
    """

    def __init__(self, name: str, pages: Pages, state: Json | None, doc: Json) -> None:
        self.name, self._pages, self._state = name, pages, state
        left = _left(state)
        self.doc = left["doc"] if isinstance(left.get("doc"), dict) else doc
        try:
            self.catalogue = pages.catalogue_of(self.doc)
        except LCError:  # the model of a kept page is no longer installed
            self._state, self.doc, self.catalogue = None, doc, pages.catalogue
        self.yaml = ""
        stars = left.get("stars")
        self.starred = [str(key) for key in stars] if self._state and isinstance(stars, list) else []
        self.run: Path | None = None
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
        await self._tell_catalogue(socket, first.get("id", 0), state=self._state)
        waiting = asyncio.create_task(self._tell_ready(socket, first.get("id", 0)))
        try:
            while True:
                request = await socket.receive_json()
                await self._take(socket, request)
        finally:
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
        request = {"do": "upload", "doc": self.doc, "files": self._pages.files, "name": Path(name).name}
        outputs, text = [], ""
        async for found in self._pages.pool.do({**request, "content": base64.b64encode(content).decode()}, self.name):
            if found["kind"] == "error":
                raise LCError(found["message"], hint=found["hint"])
            if found["kind"] == "spec":
                raise LCError(found["problems"][0]["message"], hint=found["problems"][0]["hint"])
            if found["kind"] == "read":
                outputs.append({"key": self._pages.kept.add(found["output"]), "data": found["data"]})
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
            task = asyncio.create_task(self._run(socket, request))
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
        what, number, kept = request.get("do"), request.get("id", 0), self._pages.kept
        if what == "save":
            kept.save(self.name, dict(request["state"]))
            self._state = dict(request["state"])
        elif what == "star":
            key = str(request["key"])
            self.starred = [one for one in self.starred if one != key]
            if request.get("on"):
                kept.star(key)
                self.starred.append(key)
            await socket.send_json({"id": number, "kind": "starred", "keys": self.starred})
        elif what == "model":
            doc = doc_of_model(str(request["model"]))
            self.catalogue, self.doc = self._pages.catalogue_of(doc), doc
            await self._tell_catalogue(socket, number, state=None)
            await socket.send_json({"id": number, "kind": "ready"})
        else:
            raise LCError(f"the studio does not know {str(what)[:40]!r}")

    async def _tell_catalogue(self, socket: WebSocket, number: int, *, state: Json | None) -> None:
        ready = self._pages.ready.is_set()
        told = {"kind": "catalogue", "page": self.name, "state": state, "doc": self.doc, "ready": ready}
        await socket.send_json({"id": number, **told, **self.catalogue.as_json()})

    async def _tell_ready(self, socket: WebSocket, number: int) -> None:
        await self._pages.ready.wait()
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
        kept = self._pages.kept
        given: Json = {"do": request["do"], "files": self._pages.files}
        given |= {"yaml": str(request["yaml"])} if "yaml" in request else {"doc": request.get("doc")}
        if request.get("from"):
            given["output"] = kept.get(str(request["from"]))[0]
        if request["do"] == "near":
            given |= {"z": kept.get(str(request.get("key")))[1], "seed": int(request.get("seed", 0))}
            if not given["z"]:
                raise LCError("this output came from a file; start from it first")
        async for found in self._pages.pool.do(given, self.name):
            yield found

    def _shown(self, found: Json) -> Json:
        """Return what a worker said as the page is told it: outputs stay here, by key."""
        if found["kind"] == "answer":
            key = self._pages.kept.add(found.pop("output"), found.pop("z"))
            return {**found, "key": key}
        if found["kind"] == "spec" and not found["problems"]:
            self.doc, self.yaml = found["doc"], found["yaml"]
            with suppress(LCError):
                self.catalogue = self._pages.catalogue_of(self.doc)
        return found

    async def _run(self, socket: WebSocket, request: Json) -> None:
        """Make the run of a page's spec by `lc sample`, as a person would."""
        number = request.get("id", 0)
        try:
            folder = _free_folder()
            spec = folder.with_suffix(".yaml")
            spec.parent.mkdir(parents=True, exist_ok=True)
            spec.write_text(self.yaml, encoding="utf-8")
            plugins = [part for one in self._pages.plugins for part in ("--plugin", str(one))]
            command = [sys.executable, "-m", "lc_core", "sample", str(spec), "--out", str(folder), "--workers", "1"]
            process = await asyncio.create_subprocess_exec(
                *command, *plugins, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
            )
            assert process.stderr is not None
            try:
                last = ""
                while line := await process.stderr.readline():
                    last = line.decode(errors="replace").strip() or last
                    await socket.send_json({"id": number, "kind": "progress", "text": last})
                code = await process.wait()
            except asyncio.CancelledError:
                process.terminate()
                await process.wait()
                raise
            if code not in (0, 3):
                raise LCError(last or f"lc sample ended with status {code}")
            self.run = folder
            report = f"/run/{self.name}/report.html"
            await socket.send_json({"id": number, "kind": "run", "folder": str(folder.resolve()), "report": report})
        except (LCError, OSError) as error:
            message = error.message if isinstance(error, LCError) else str(error)
            await socket.send_json({"id": number, "kind": "error", "message": message, "hint": None})
        await socket.send_json({"id": number, "kind": "end"})


def _left(state: Json | None) -> Json:
    """Return where a page was left: the move of its history that it shows, with its spec and its stars."""
    try:
        found = (state or {})["moves"][(state or {})["at"]]["now"]
    except (KeyError, IndexError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def _free_folder() -> Path:
    """Return a folder for a run that is not there yet, in `runs` below the folder that one is in."""
    for number in range(1, RUNS):
        folder = Path("runs") / f"studio-{number}"
        if not folder.exists() and not folder.with_suffix(".yaml").exists():
            return folder
    raise LCError("there are too many runs of the studio in runs", hint="move some away")
