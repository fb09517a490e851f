"""A studio that serves, in a process of its own, and a line to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="needs the extra studio")
websockets = pytest.importorskip("websockets.sync.client", reason="needs the extra studio")

Json = dict[str, Any]


@dataclass
class Served:
    """A studio that serves."""

    base: str
    token: str
    folder: Path
    process: subprocess.Popen[str]

    @property
    def port(self) -> int:
        return int(self.base.rpartition(":")[2])

    def line(self, origin: str | None = None) -> Any:
        """Open a web socket as a page of an origin does."""
        return websockets.connect(self.base.replace("http", "ws") + "/live", origin=origin or self.base, max_size=None)


class Line:
    """What a page says and hears.

    Args:
        served: The studio.
        page: The page's name; None for a new one.
    """

    def __init__(self, served: Served, page: str | None = None) -> None:
        self._line = served.line()
        self.socket = self._line.__enter__()
        self.number = 0
        self.say({"do": "open", "id": 0, "token": served.token, "page": page})
        self.catalogue = self.hear()

    def say(self, message: Json) -> None:
        self.socket.send(json.dumps(message))

    def hear(self) -> Json:
        found: Json = json.loads(self.socket.recv(timeout=60))
        return found

    def send(self, do: str, **more: Any) -> int:
        """Send a request, and return its number."""
        self.number += 1
        self.say({"do": do, "id": self.number, **more})
        return self.number

    def ask(self, do: str, **more: Any) -> list[Json]:
        """Send a request and return all that is said to it; what is said to others is left out."""
        number = self.send(do, **more)
        found: list[Json] = []
        while not found or found[-1]["kind"] != "end":
            if (one := self.hear())["id"] == number:
                found.append(one)
        return found

    def close(self) -> None:
        self._line.__exit__(None, None, None)


def start(folder: Path, cache: Path, *options: str, cwd: Path) -> Served:
    """Start a studio and wait for its address."""
    command = [sys.executable, "-m", "lc_core", "studio", *options, "--no-open", "--folder", str(folder)]
    env = os.environ | {"LC_CACHE_DIR": str(cache), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env, cwd=cwd)
    assert process.stdout is not None
    base, _, token = process.stdout.readline().strip().partition("/#token=")
    return Served(base, token, folder, process)


@pytest.fixture(scope="package")
def studio(tmp_path_factory: pytest.TempPathFactory, cache_folder: Path) -> Iterator[Served]:
    """A studio of digits, with a small bank."""
    folder = tmp_path_factory.mktemp("studio")
    found = start(folder / "kept", cache_folder, "digits/seven", "--samples", "8192", cwd=folder)
    yield found
    found.process.send_signal(signal.SIGINT)
    assert found.process.wait(20) == 0


@pytest.fixture
def page(studio: Served) -> Iterator[Line]:
    line = Line(studio)
    yield line
    line.close()


@pytest.fixture
def doc() -> Callable[..., Json]:
    def make(*constraints: Json, **more: Any) -> Json:
        sample = {"count": 8, "seed": 0}
        return {"lc": 1, "model": "digits.8x8", "constraints": list(constraints), "sample": sample, **more}

    return make
