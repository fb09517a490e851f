"""Writes the package of a new plugin from the templates in `lc_core/templates/plugin`."""

from __future__ import annotations

import keyword
import re
import shutil
import sys
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from string import Template

from lc_core.common.files import reason, write_atomically
from lc_core.common.owned import check_place
from lc_core.errors import LCError
from lc_core.plugins.installed import canonical, installed

__all__ = ["KINDS", "new_plugin"]

KINDS = {
    "constraint": ("a rule", "the rule: one function of decoded outputs, and its registration"),
    "model": ("a latent model", "the model, the function that loads it, and its registration"),
    "engine": ("an engine", "the engine, and its registration"),
    "renderer": ("a renderer", "the renderer, and its registration"),
}
"""Kinds of plugins that there are templates for: what each is, and what its module holds."""
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST = 40
RESERVED = {"aux", "con", "nul", "prn", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10))}
"""Names that no file and no folder has on Windows, whatever its ending."""


def new_plugin(name: str, kind: str = "constraint", folder: Path | None = None) -> list[Path]:
    """Write an installable package: module, spec, test, README, CI workflow and `pyproject.toml`.

    Args:
        name: Name of the distribution, such as `high-notes`. Its module is `high_notes`, its component
            `high-notes.high_notes`; a leading `lc-` is left out of the component's name.
        kind: One of `KINDS`.
        folder: Where to write it; default a folder of that name here. It must not exist.

    Returns:
        The files that were written.

    Raises:
        LCError: If the name cannot be used, the folder exists, or it cannot be written.
    """
    _check_name(name)
    folder = folder or Path(name)
    if folder.exists() or folder.is_symlink():
        raise LCError(f"{folder} exists already; nothing is written", hint="choose another name or --out")
    check_place(folder)
    values = _values(name, kind)
    module = values["module"]
    files = {
        Path("pyproject.toml"): "pyproject.toml.txt",
        Path("README.md"): "README.md.txt",
        Path(f"{module}.py"): f"{kind}/module.py.txt",
        Path(f"{module}.yaml"): f"{kind}/spec.yaml.txt",
        Path("tests") / f"test_{module}.py": f"{kind}/test.py.txt",
        Path(".github/workflows/ci.yml"): "ci.yml.txt",
    }
    templates = resources.files("lc_core") / "templates" / "plugin"
    try:
        folder.mkdir(parents=True)  # fails if another command made it just now
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        for path, template in files.items():
            text = Template((templates / template).read_text(encoding="utf-8")).substitute(values)
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            write_atomically(folder / path, text.encode())
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)  # half a package would be in the way of the same command
        raise _unwritable(folder, error) from error
    return [folder / path for path in files]


def _unwritable(folder: Path, error: OSError) -> LCError:
    return LCError(f"{folder} cannot be written: {reason(error, folder)}", hint="choose another place with --out")


def _values(name: str, kind: str) -> dict[str, str]:
    domain = re.sub("^lc-", "", name)
    function = domain.replace("-", "_")
    about, what = KINDS[kind]
    return {
        "name": name,
        "module": name.replace("-", "_"),
        "domain": domain,
        "function": function,
        "Class": "".join(part.title() for part in function.split("_")),
        "component": f"{domain}.{function}",
        "about": about.capitalize(),
        "About": about.capitalize(),
        "what": what,
    }


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        raise LCError(
            f"{name!r} cannot name a plugin: expected small letters, digits and single hyphens, a letter first, "
            f"at most {LONGEST}",
            hint="for example: lc new-plugin high-notes",
        )
    module, short = name.replace("-", "_"), re.sub("^lc-", "", name).replace("-", "_")
    for one in (module, short):
        if keyword.iskeyword(one) or keyword.issoftkeyword(one) or not one.isidentifier():
            raise LCError(f"{name!r} cannot name a plugin: {one!r} cannot name a function in Python")
    if name == "lc":
        raise LCError("'lc' cannot name a plugin: it is the name of the command", hint="choose another name")
    if name in RESERVED:
        raise LCError(f"{name!r} cannot name a plugin: on Windows no file may have that name")
    if module in sys.stdlib_module_names:
        raise LCError(f"{name!r} cannot name a plugin: Python has a module {module!r}, which it would hide")
    if any(canonical(name) == canonical(one) for one in installed().names):
        raise LCError(f"a distribution called {name!r} is installed already", hint="choose another name")
    if find_spec(module) is not None:
        raise LCError(f"{name!r} cannot name a plugin: a module {module!r} is installed, which it would hide")
