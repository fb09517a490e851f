"""`lc studio`: serve a page on this machine, on which rules are moved and verified answers are heard and seen."""

from __future__ import annotations

import importlib.util
import signal
import socket
import webbrowser
from pathlib import Path
from typing import Any

import click
from platformdirs import user_data_path

from lc_core import LCError
from lc_core.cli import FILE_PATH, plugin_files
from lc_core.plugins import Registry, build_registry
from lc_core.spec import Problems, Spec, find_spec, load_spec, parse
from lc_plugins.studio.catalogue import Catalogue, doc_of_model, playable
from lc_plugins.studio.kept import Kept
from lc_plugins.studio.pool import Pool

__all__ = ["command"]

NEEDED = ("starlette", "uvicorn", "websockets")


@click.command("studio", short_help="Serve a page on which rules are moved and verified answers heard.")
@click.argument("spec_name", metavar="[SPEC]", required=False)
@click.option("--port", type=click.IntRange(0, 65_535), default=0, help="Port; default any that is free.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; others than this machine.")
@click.option("--no-open", is_flag=True, help="Do not open a browser.")
@click.option(
    "--folder", type=FILE_PATH, help="Where pages and starred outputs are kept; default the user's data folder."
)
@click.option("--samples", type=click.IntRange(min=1), help="Samples that are decoded ahead; default 262,144 or fewer.")
@click.option("--workers", type=click.IntRange(min=1), default=2, show_default=True, help="Processes that answer.")
@plugin_files
def command(
    spec_name: str | None,
    port: int,
    host: str,
    no_open: bool,
    folder: Path | None,
    samples: int | None,
    workers: int,
    plugins: tuple[Path, ...],
) -> None:
    """Serve a page on this machine: move rules, and hear or see sixteen verified answers at once.

    SPEC is a path, or the name of a shipped spec; without it the page begins where the last one was left. Nothing is
    loaded from the network. The address that is printed holds a token: whoever has it can use the page.
    """
    _check_installed()
    import uvicorn

    from lc_plugins.studio.page import Shared
    from lc_plugins.studio.server import Studio

    registry = build_registry(plugins)
    spec = load_spec(spec_name, registry=registry) if spec_name else None
    doc = _doc(spec, find_spec(str(spec_name))) if spec else _first(registry)
    kept = Kept(folder or _default_folder())
    kept.check()
    options = [part for one in plugins for part in ("--plugin", str(one))]
    with _bound(host, port) as listening:
        answering = Pool(workers, [*options, *(["--samples", str(samples)] if samples else [])])
        shared = Shared(registry, kept, answering, _files_of(doc), plugins)
        port = listening.getsockname()[1]
        light = Pool(1, options, fills=False)
        studio = Studio(shared, doc, light, host=host, port=port, fresh=spec is not None)
        click.echo(studio.address)
        if host not in ("127.0.0.1", "localhost", "::1"):
            click.echo("other machines reach it by this machine's own number, with this port and token", err=True)
        click.echo("Ctrl-C ends it", err=True)
        if not no_open:
            webbrowser.open(studio.address)
        config = uvicorn.Config(
            studio.app(),
            log_level="warning",
            ws="websockets-sansio",
            ws_max_size=2**22,
            timeout_graceful_shutdown=2,  # seconds; a page that is open would hold it for ever
        )
        for name in (signal.SIGINT, signal.SIGTERM):  # the server ends on them by itself, and hands them on
            signal.signal(name, lambda *_: None)
        uvicorn.Server(config).run(sockets=[listening])


def _check_installed() -> None:
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        hint = 'pip install "latent-constraints[studio]"'
        raise LCError(f"lc studio needs {', '.join(missing)}, not installed", hint=hint)


def _bound(host: str, port: int) -> socket.socket:
    """Return a socket that listens at an address.

    Raises:
        LCError: If it cannot be had.
    """
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        hint = "leave --port out, for any that is free" if port else "see that --host is an address of this machine"
        raise LCError(f"{host}:{port} cannot be listened on: {error.strerror or error}", hint=hint) from error


def _first(registry: Registry) -> dict[str, Any]:
    """Return the spec of a page that is given none: a model with a view of its own, else any that can be drawn.

    Raises:
        LCError: If nothing can be drawn.
    """
    found = [Catalogue(registry, one) for one in playable(registry)]
    if not found:
        raise LCError("no installed model has a renderer", hint='pip install "latent-constraints[melody]"')
    chosen = next((one for one in found if one.script()), found[0])
    return doc_of_model(registry.spelling(chosen.model))


def _doc(spec: Spec, source: Path) -> dict[str, Any]:
    """Return a spec as its file says it, files in it by their whole paths; with every default if it extends another."""
    node = parse(source.read_text(encoding="utf-8"), source=str(source), problems=Problems())
    doc: dict[str, Any] = {} if node is None else node.plain()
    if "extends" in doc:
        whole = parse(spec.to_yaml(), source=str(source), problems=Problems())
        assert whole is not None
        return dict(whole.plain())
    return dict(_with_whole_paths(doc, source.parent))


def _with_whole_paths(part: Any, folder: Path) -> Any:
    """Return plain data in which a text that names a file beside the spec is the whole path of that."""
    if isinstance(part, dict):
        return {key: _with_whole_paths(one, folder) for key, one in part.items()}
    if isinstance(part, list):
        return [_with_whole_paths(one, folder) for one in part]
    if isinstance(part, str) and part.strip() and len(part) < 200 and (folder / part).is_file():
        return str((folder / part).resolve())
    return part


def _files_of(doc: dict[str, Any]) -> list[str]:
    """Return the texts of a spec that may name files."""
    found, waiting = [], [doc]
    while waiting:
        part: Any = waiting.pop()
        if isinstance(part, str):
            found.append(part)
        elif isinstance(part, dict):
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)
    return found


def _default_folder() -> Path:
    return user_data_path("latent-constraints") / "studio"
