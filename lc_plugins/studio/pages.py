"""Pages of the studio: what each asks, what is told it, and what of it is cancelled."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from lc_plugins.studio.kept import NAME
from lc_plugins.studio.page import Odd, Page, Shared, heard

__all__ = ["Pages"]

Json = dict[str, Any]
MOST_PAGES = 64
"""Pages that are known at the same time; those that were opened longest ago are forgotten."""


class Pages:
    """All pages of one start.

    Args:
        shared: What all pages share.
        doc: The spec that pages begin with.
        fresh: Whether a new page begins with the spec, and not where the last page was left.
        token: What a page has to show.

    Raises:
        LCError: If there is no model as the spec has it.
    """

    def __init__(self, shared: Shared, doc: Json, *, fresh: bool, token: str) -> None:
        self._shared, self._doc, self._fresh, self._token = shared, doc, fresh, token
        self._pages: dict[str, Page] = {}
        self.catalogue = shared.catalogue_of(doc)

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
        await self._shared.pool.everywhere({"do": "load", "doc": self._doc, "files": list(self._shared.files)})
        self._shared.ready.set()

    async def close(self) -> None:
        """End what pages are still waiting for."""
        for page in self._pages.values():
            await page.stop()

    async def serve(self, socket: WebSocket) -> None:
        """Talk with a page until it is closed."""
        try:
            first = await heard(socket)
            if not secrets.compare_digest(str(first.get("token", "")).encode(), self._token.encode()):
                await socket.close(4401)
                return
            page = self._opened(first.get("page"))
            await page.serve(socket, first)
        except (WebSocketDisconnect, Odd):
            return

    def _opened(self, name: Any) -> Page:
        known = isinstance(name, str) and NAME.fullmatch(name) is not None
        there = self._pages.get(name) if known else None
        if there is not None and not there.open:
            return there
        state = self._shared.kept.load(name) if known else None if self._fresh else self._shared.kept.last()
        mine = known and state and there is None  # what is open twice is two pages from now on
        page = Page(name if mine else secrets.token_hex(4), self._shared, state, self._doc)
        while len(self._pages) >= MOST_PAGES:
            self._pages.pop(next(iter(self._pages)))
        self._pages[page.name] = page
        return page
