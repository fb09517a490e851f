"""The server of the studio: a page, a web socket for all that is live, and files.

It listens on the loopback interface unless it is told otherwise. All but the page's own files needs the token of this
start, which stands in the address behind `#` and so is never sent by a link. Requests with another `Host` (DNS
rebinding) or another `Origin` (other pages) are refused.
"""

from __future__ import annotations

import asyncio
import base64
import io
import ipaddress
import secrets
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

import lc_core
from lc_core import LCError
from lc_plugins.studio.page import Page, Shared
from lc_plugins.studio.pages import Pages
from lc_plugins.studio.pool import Pool

__all__ = ["Studio", "policy"]

Json = dict[str, Any]
PAGE = Path(__file__).with_name("page")
SHARED = Path(lc_core.__file__).with_name("templates") / "shared.css"
"""What the page has in common with the reports of runs."""
KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
MOST_UPLOADED = 8 * 2**20
MOST_AT_ONCE = 4
"""Files of pages that are read at the same time."""


def policy() -> dict[str, str]:
    """Return the headers of every answer: nothing is loaded from elsewhere, nothing inline is run, nobody frames it."""
    allowed = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        "media-src 'self' blob:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
    )
    return {
        "content-security-policy": allowed,
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "cross-origin-resource-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "cache-control": "no-store",
    }


class Studio:
    """What one start of `lc studio` serves.

    Args:
        shared: What pages share.
        doc: The spec that pages begin with.
        light: Workers that only render.
        host: Where it listens.
        port: The port.
        fresh: Whether a new page begins with the spec, and not where the last page was left.

    Raises:
        LCError: If there is no model as the spec has it.
    """

    def __init__(self, shared: Shared, doc: Json, light: Pool, *, host: str, port: int, fresh: bool) -> None:
        self.token = secrets.token_urlsafe(24)
        self._shared, self._light, self._host, self._port = shared, light, host, port
        self.pages = Pages(shared, doc, fresh=fresh, token=self.token)
        self._uploads = asyncio.Semaphore(MOST_AT_ONCE)

    @property
    def address(self) -> str:
        """The address to open, with its token."""
        host = "127.0.0.1" if self._host in ("0.0.0.0", "::") else self._host
        return f"http://{f'[{host}]' if ':' in host else host}:{self._port}/#token={self.token}"

    def app(self) -> ASGIApp:
        """Return the application."""
        routes = [
            Route("/", self._index),
            Route("/page/{name}", self._page_file),
            Route("/view/{name}", self._view),
            Route("/file/{name}", self._file),
            Route("/starred.zip", self._zip),
            Route("/spec.yaml", self._spec),
            Route("/run/{page}/{path:path}", self._run_file),
            Route("/upload", self._upload, methods=["POST"]),
            WebSocketRoute("/live", self._live),
        ]
        return _Guard(Starlette(routes=routes, lifespan=self._lifespan), self._refused)

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        await self._shared.pool.start()
        await self._light.start()
        loading = asyncio.create_task(self.pages.prepare())
        try:
            yield
        finally:
            loading.cancel()
            await self.pages.close()
            await asyncio.gather(self._shared.pool.close(), self._light.close())

    def _refused(self, scope: Scope) -> bool:
        """Return whether a request comes from another page, or by a name that is not this machine's."""
        headers = HTTPConnection(scope).headers
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._is_here(host):
            return True
        if origin is None:
            return scope["type"] == "websocket" or scope.get("method") not in ("GET", "HEAD")
        return origin != f"http://{host}"

    def _is_here(self, host: str) -> bool:
        name, _, port = host.rpartition(":")
        name = name.strip("[]").lower()
        if port != str(self._port):
            return False
        if self._host in ("0.0.0.0", "::"):
            try:  # a name may be made to point here by anybody; a number cannot
                ipaddress.ip_address(name)
            except ValueError:
                return name == "localhost"
            return True
        return name in ("127.0.0.1", "localhost", "::1", self._host.lower())

    def _known(self, request: Request) -> bool:
        return secrets.compare_digest(request.query_params.get("token", "").encode(), self.token.encode())

    async def _index(self, request: Request) -> Response:
        return FileResponse(PAGE / "index.html", media_type="text/html")

    async def _page_file(self, request: Request) -> Response:
        name = Path(request.path_params["name"]).name
        path = SHARED if name == SHARED.name else PAGE / name
        if path.suffix not in KINDS or not path.is_file():
            return PlainTextResponse("not found", 404)
        return FileResponse(path, media_type=KINDS[path.suffix])

    async def _view(self, request: Request) -> Response:
        script = self.pages.script(request.path_params["name"].removesuffix(".js"))
        if script is None or not script.is_file():
            return PlainTextResponse("not found", 404)
        return FileResponse(script, media_type="text/javascript")

    async def _file(self, request: Request) -> Response:
        """Render one output as a file of the kind that the name ends in."""
        if not self._known(request):
            return PlainTextResponse("forbidden", 403)
        key, suffix = Path(request.path_params["name"]).stem, Path(request.path_params["name"]).suffix
        page = self.pages.find(request.query_params.get("page", ""))
        try:
            content, media = await self._rendered(page, key, suffix)
        except LCError as error:
            return PlainTextResponse(error.message, 404)
        named = {"content-disposition": f'attachment; filename="{key}{suffix}"'}
        return Response(content, media_type=media, headers={} if media.startswith(("image/", "audio/w")) else named)

    async def _rendered(self, page: Page | None, key: str, suffix: str) -> tuple[bytes, str]:
        catalogue = page.catalogue if page else self.pages.catalogue
        renderer = next((one for one in catalogue.renderers if one.load().suffix == suffix), None)
        if renderer is None:
            raise LCError(f"nothing writes {suffix} files of these outputs")
        output, _ = self._shared.kept.get(key)
        params = page.params_of(renderer) if page else {}
        request = {"do": "render", "renderer": renderer.qualified, "params": params, "output": output}
        async for found in self._light.do(request, key):
            if found["kind"] == "error":
                raise LCError(found["message"])
            if found["kind"] == "file":
                return base64.b64decode(found["content"]), str(renderer.load().media_type)
        raise LCError("nothing was written")

    async def _zip(self, request: Request) -> Response:
        """Give the starred outputs of a page, as files of every kind, with the spec."""
        page = self.pages.find(request.query_params.get("page", ""))
        if not self._known(request) or page is None:
            return PlainTextResponse("forbidden", 403)
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
            if page.yaml:
                archive.writestr("spec.yaml", page.yaml)
            for number, key in enumerate(page.starred, start=1):
                for renderer in page.catalogue.renderers:
                    suffix = renderer.load().suffix
                    try:
                        file, _ = await self._rendered(page, key, suffix)
                    except LCError as error:
                        archive.writestr(f"{number:02d}{suffix}.txt", error.message)
                    else:
                        archive.writestr(f"{number:02d}{suffix}", file)
        named = {"content-disposition": 'attachment; filename="starred.zip"'}
        return Response(content.getvalue(), media_type="application/zip", headers=named)

    async def _spec(self, request: Request) -> Response:
        page = self.pages.find(request.query_params.get("page", ""))
        if not self._known(request) or page is None:
            return PlainTextResponse("forbidden", 403)
        named = {"content-disposition": 'attachment; filename="spec.yaml"'}
        return Response(page.yaml, media_type="application/yaml", headers=named)

    async def _run_file(self, request: Request) -> Response:
        """Give a file of the run that a page made; its report is one page that needs nothing else."""
        page = self.pages.find(request.path_params["page"])
        if not self._known(request) or page is None or page.run is None:
            return PlainTextResponse("forbidden", 403)
        path = (page.run / request.path_params["path"]).resolve()
        if not path.is_relative_to(page.run.resolve()) or not path.is_file():
            return PlainTextResponse("not found", 404)
        alone = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:; sandbox"
        return FileResponse(path, headers={"content-security-policy": alone})

    async def _upload(self, request: Request) -> Response:
        """Read a file that was dropped onto a page."""
        page = self.pages.find(request.query_params.get("page", ""))
        if not self._known(request) or page is None:
            return PlainTextResponse("forbidden", 403)
        content = bytearray()
        try:
            async for part in request.stream():
                content += part
                if len(content) > MOST_UPLOADED:
                    message = f"the file has more than {MOST_UPLOADED // 2**20} MB"
                    return JSONResponse({"message": message, "hint": None}, 413)
        except ClientDisconnect:
            return PlainTextResponse("the file did not come to its end", 400)
        async with self._uploads:
            try:
                found = await page.read_file(request.query_params.get("name", ""), bytes(content))
            except LCError as error:
                return JSONResponse({"message": error.message, "hint": error.hint}, 400)
        return JSONResponse(found)

    async def _live(self, socket: WebSocket) -> None:
        await socket.accept()
        await self.pages.serve(socket)


class _Guard:
    """Refuses requests that are not from this page, and puts the headers of `policy` on every answer."""

    def __init__(self, app: ASGIApp, refused: Any) -> None:
        self._app, self._refused = app, refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if self._refused(scope):
            if scope["type"] == "websocket":
                await receive()
                await send({"type": "websocket.close", "code": 4403})
            else:
                await PlainTextResponse("forbidden", 403)(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.decode().lower() for name, _ in message["headers"]}
                more = [(name.encode(), text.encode()) for name, text in policy().items() if name not in given]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        await self._app(scope, receive, with_headers)
