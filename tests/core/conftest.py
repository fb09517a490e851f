"""A small registry without torch, and helpers to write specs and install plugins."""

from __future__ import annotations

import importlib
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Annotated, Literal

import numpy as np
import pytest
from click.testing import CliRunner, Result
from pydantic import Field

from lc_core.cli import main
from lc_core.constraints.declare import measurement
from lc_core.plugins.discover import registered_by
from lc_core.plugins.hookspecs import hookimpl
from lc_core.plugins.registry import Distribution, Registry
from lc_core.plugins.renderer import Renderer
from lc_core.spec import Spec, SpecError, load_spec


def load_toy(*, size: Annotated[int, Field(ge=1)] = 4) -> object:
    """Load a toy."""
    return size


@measurement(accepts="toy/1", unit="share", range=(0, 1), at_least=0.5)
def mean(
    outputs: np.ndarray,
    *,
    scale: float = 1.0,
    mode: Literal["major", "minor"] = "major",
    notes: tuple[str, ...] = (),
    tonic: str | int = "C",
) -> np.ndarray:
    """Return the mean."""
    return outputs.mean(axis=1)


@measurement(accepts="*", unit="", range=(-np.inf, np.inf))
def total(outputs: np.ndarray, *, power: int, offset: float = 0.0) -> np.ndarray:
    """Return the total; has no default want and a setting without default."""
    return outputs.sum(axis=1)


@measurement(accepts="image/1", unit="", range=(0, 255), at_least=1)
def brightness(outputs: np.ndarray) -> np.ndarray:
    """Return the brightness of images."""
    return outputs.mean(axis=1)


class Gradient:
    """A stand-in for the gradient engine."""

    def __init__(self, *, steps: Annotated[int, Field(ge=1)] = 40, lr: float = 0.1) -> None:
        self.settings = (steps, lr)


class Auto(Gradient):
    """A stand-in for the engine that is taken where none is named; with settings, so that these can be wrong."""


class Rejection:
    """A stand-in for rejection."""


class Text(Renderer):
    """Writes text."""

    accepts = ("toy/1",)
    suffix = ".txt"

    def __init__(self, *, width: int = 80) -> None:
        self.width = width

    def write(self, output: object, path: Path) -> None:
        path.write_text(str(output))


class Numbers(Text):
    """Writes numbers."""

    suffix = ".num"


class Prose(Text):
    """Writes text as well."""


class Picture(Text):
    """Draws pictures."""

    accepts = ("image/1",)
    suffix = ".png"


@hookimpl
def lc_register_models(register):
    register("toy.model", load_toy, output="toy/1")
    register("toy.camera", load_toy, output="image/1")


@hookimpl
def lc_register_constraints(register):
    register("toy.mean", mean)
    register("toy.total", total)
    register("toy.brightness", brightness)


@hookimpl
def lc_register_renderers(register):
    register("toy.text", Text)
    register("toy.numbers", Numbers)
    register("toy.prose", Prose)
    register("pictures.text", Picture)


@hookimpl
def lc_register_engines(register):
    register("auto", Auto)
    register("gradient", Gradient)
    register("rejection", Rejection)


TOY = (lc_register_models, lc_register_constraints, lc_register_renderers, lc_register_engines)


@pytest.fixture
def toy_registry() -> Registry:
    """Models, constraints, engines and renderers of one distribution, `lc-toy`."""
    plugin = SimpleNamespace(**{hook.__name__: hook for hook in TOY})
    components = registered_by(plugin, distribution="lc-toy", version="1.0", bare_names=True)
    return Registry(distributions=(Distribution("lc-toy", "1.0", components, 0.0),))


@pytest.fixture
def small_fit() -> dict[str, int]:
    """Settings with which critics of the line and the curve are fitted in a second; for a module to replace."""
    return {
        "prior_samples": 1024,
        "push_samples": 256,
        "steps": 60,
        "rounds": 2,
        "round_samples": 128,
        "round_steps": 40,
        "hidden": 32,
    }


@pytest.fixture
def write_spec(tmp_path: Path, small_fit: dict[str, int]) -> Callable[..., Path]:
    """Write a file of a spec and return its path; one of the line or the curve is fitted in a second."""

    def write(text: str, *, name: str = "spec.yaml") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = textwrap.dedent(text)
        if re.search(r"^model:.*\b(line|curve)\.", text, re.MULTILINE) and "\nfit:" not in text:
            text = f"{text.rstrip()}\nfit: {json.dumps(small_fit)}\n"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def load_text(write_spec: Callable[..., Path], toy_registry: Registry) -> Callable[..., Spec]:
    """Write a spec and load it with the toy registry."""

    def load(text: str, **options: object) -> Spec:
        return load_spec(write_spec(text), registry=toy_registry, **options)

    return load


@pytest.fixture
def errors_of(load_text: Callable[..., Spec]) -> Callable[..., list[str]]:
    """Load a spec that is wrong and return its errors as `line:column: message`."""

    def errors(text: str, **options: object) -> list[str]:
        with pytest.raises(SpecError) as caught:
            load_text(text, **options)
        assert all(": error: " in line for line in caught.value.message.splitlines())
        return [
            (f"{one.where.line}:{one.where.column}" if one.where.line else one.where.source) + f": {one.message}"
            for one in caught.value.problems
        ]

    return errors


@pytest.fixture
def install_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Install a distribution of one module, found by its entry point as any other."""
    installed: list[str] = []

    def install(name: str, source: str, *, version: str = "1.0", group: str = "latent_constraints") -> None:
        site = tmp_path / f"site-{name}"
        module = name.replace("-", "_")
        info = site / f"{module}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        attribute = ":command" if group.endswith("commands") else ""
        (info / "entry_points.txt").write_text(f"[{group}]\n{module.removeprefix('lc_')} = {module}{attribute}\n")
        (site / f"{module}.py").write_text(textwrap.dedent(source))
        monkeypatch.syspath_prepend(str(site))
        installed.append(module)

    yield install
    for module in installed:
        sys.modules.pop(module, None)


LINE = Path(__file__).with_name("line_plugin.py")


@pytest.fixture(scope="session")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder in which critics of the line are fitted once for all tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def line(
    install_plugin: Callable[..., None], fitted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ModuleType:
    """The plugin `lc-line`, installed, in an empty working folder."""
    install_plugin("lc-line", LINE.read_text(encoding="utf-8"))
    monkeypatch.setenv("LC_CACHE_DIR", str(fitted))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return importlib.import_module("lc_line")


@pytest.fixture
def lc() -> Callable[..., Result]:
    """Run `lc` in this process."""

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(main, [str(one) for one in arguments])

    return run


@pytest.fixture
def content_of() -> Callable[[Path], dict[str, object]]:
    """Return what two runs must agree in byte for byte, and the report without its times."""

    def content(folder: Path) -> dict[str, object]:
        files = [folder / "spec.yaml", folder / "samples.safetensors", *sorted((folder / "outputs").rglob("*"))]
        report = json.loads((folder / "report.json").read_text())
        assert report.pop("seconds")
        return {str(one.relative_to(folder)): one.read_bytes() for one in files} | {"report.json": report}

    return content


@pytest.fixture
def start_lc(line: ModuleType, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start `lc` in a process of its own, with the plugin of `line`."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: object) -> subprocess.Popen[str]:
        path = os.pathsep.join([str(Path(line.__file__).parent), os.environ.get("PYTHONPATH", "")])
        process = subprocess.Popen(
            [sys.executable, "-m", "lc_core", *map(str, arguments)],
            env=os.environ | {"PYTHONPATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # What runs the tests in the background has it ignore Ctrl-C, which children inherit.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


collect_ignore = ["heavy_part.py", "parallel_rule.py", "sound_parts.py"]  # parts that tests import, not tests
