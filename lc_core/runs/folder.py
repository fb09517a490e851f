"""The files of a run: its blocks, from which it is resumed, and its samples.

While a run goes on, each finished block is one file under `blocks/`; nothing else decides where a resumed run starts.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lc_core.bank.keys import capability
from lc_core.common.files import delete_partials, unwritable, write_atomically
from lc_core.common.json_text import parsed_json
from lc_core.common.owned import Owned
from lc_core.constraints.constraint import leaves
from lc_core.constraints.digest import measurement_digest
from lc_core.errors import LCError
from lc_core.plugins.installed import installed_version
from lc_core.runs.block_files import block_bytes, block_path, load_block
from lc_core.sampling.block import Block
from lc_core.sampling.problem import Problem, Task
from lc_core.spec.values import Spec

__all__ = [
    "RunFolder",
    "check_identity",
    "default_path",
    "differing",
    "environment",
    "identity_of",
    "read_identity",
]


ELSEWHERE = "choose another folder with --out, or delete this one"
PROCESSOR = "processor, or its threads"


def identity_of(spec: Spec, problem: Task) -> dict[str, str]:
    """Return a digest of each thing that decides what a block holds, by what it is called in an error.

    Count, budget and unique are left out, so that a larger count extends a run. The rules' source is in, so that a
    plugin that was edited is never mixed with what it measured before.
    """
    tree = yaml.safe_load(spec.to_yaml())
    parts: dict[str, Any] = {
        "name": tree["name"],
        "model": [tree["model"], problem.model.digest],
        "constraints": [tree["constraints"], tree["realism"], *filter(None, [tree.get("base")])],
        "source of a rule": [measurement_digest(leaf.measurement) for leaf in leaves(problem.entries)],
        "engine": [
            tree["engine"],
            spec.engine.plugin.version,
            *filter(
                None,
                [problem.engine.weights(problem.model), spec.sample.moves is not None and f"moves {spec.sample.moves}"],
            ),
        ],
        "seed": tree["sample"]["seed"],
        "fit settings": tree["fit"],
        "device": problem.model.device,
        PROCESSOR: capability(problem.model.device),
        "version of lc or torch": [installed_version("latent-constraints"), installed_version("torch")],
    }
    texts = {name: json.dumps(part, sort_keys=True) for name, part in parts.items()}
    return {name: hashlib.sha256(text.encode()).hexdigest()[:24] for name, text in texts.items()}


def default_path(spec: Spec) -> Path:
    """Return the folder of a spec's run, if none is given."""
    return Path("runs") / f"{spec.name}-{spec.sample.seed}"


@dataclass(frozen=True)
class RunFolder:
    """A run's folder.

    Args:
        path: The folder.
        owned: The files in it that lc wrote; all but the blocks, which are known by their content.
    """

    path: Path
    owned: Owned

    @classmethod
    @contextmanager
    def open(cls, path: Path, identity: dict[str, str]) -> Iterator[RunFolder]:
        """Create the folder, or take it up again if it holds this run; no other process may write to it meanwhile.

        Args:
            path: The folder.
            identity: From `identity_of`.

        Raises:
            LCError: If it holds something else, is in use, or cannot be written.
        """
        blocks, stack = path / "blocks", ExitStack()
        try:
            opened = stack.enter_context(Owned.open(path, "run"))
            if blocks.is_symlink() or (blocks.exists() and not blocks.is_dir()):
                raise LCError(f"{blocks} is no folder; lc keeps finished blocks there", hint="move it away")
            blocks.mkdir(exist_ok=True)
            delete_partials(blocks)
        except OSError as error:
            stack.close()
            raise unwritable(path, error) from error
        with stack:
            _claim(path, blocks / "run.json", identity)
            yield cls(path, opened)

    @contextmanager
    def work(self) -> Iterator[Path]:
        """Give a folder to write in; what cannot be written is an error.

        Raises:
            LCError: If something cannot be written.
        """
        try:
            with self.owned.work() as work:
                yield work
        except OSError as error:
            raise unwritable(self.path, error) from error

    def blocks(
        self, make: Callable[[int], Block], *, progress: Callable[[str], None] = lambda _: None
    ) -> Iterator[Block]:
        """Yield every block in order: those that are saved, then new ones, each saved as it is needed.

        Args:
            make: Returns a block that is missing; called with its number.
            progress: Called with a line when a saved block is damaged; it is then made again, to the same bytes.
        """
        for number in itertools.count():
            path = block_path(self.path, number)
            try:
                block = load_block(path, number)
                if block is None:
                    if os.path.lexists(path):
                        aside = _aside(path)
                        progress(
                            f"block {number} of {self.path} is damaged; running it again (it is kept: {aside.name})"
                        )
                    block = make(number)
                    write_atomically(path, block_bytes(block))
            except OSError as error:
                raise unwritable(self.path, error) from error
            yield block

    def missing(self, problem: Problem) -> Iterator[int]:
        """Yield the number of every block that has yet to be made, as far as the budget goes."""
        for number in itertools.count():
            if not problem.has_block(number):
                return
            if load_block(block_path(self.path, number), number) is None:
                yield number


def _aside(path: Path) -> Path:
    """Rename what lies where a block belongs; it may be somebody's."""
    numbers = itertools.count(1)
    target = next(one for at in numbers if not os.path.lexists(one := path.with_name(f"{path.name}.damaged-{at}")))
    os.rename(path, target)
    return target


def _claim(path: Path, marker: Path, identity: dict[str, str]) -> None:
    """Write whose run a folder holds, or check that it is this one's."""
    try:
        if not os.path.lexists(marker):
            write_atomically(marker, json.dumps({"identity": identity}, indent=2).encode())
            return
        held = read_identity(path)
    except OSError as error:
        raise unwritable(path, error) from error
    check_identity(path, held, identity)


def read_identity(path: Path) -> dict[str, str]:
    """Return the identity of the run that a folder holds; empty if it cannot be read.

    Raises:
        OSError: If the file cannot be opened.
    """
    marker = path / "blocks" / "run.json"
    try:
        return dict(parsed_json(marker.read_bytes() if marker.is_file() else b"")["identity"])
    except (ValueError, KeyError, TypeError):
        return {}


def check_identity(path: Path, held: dict[str, str], identity: dict[str, str], *, hint: str = ELSEWHERE) -> None:
    """Refuse a folder that holds another run.

    Args:
        path: The folder.
        held: Its identity, from `read_identity`.
        identity: That of the run which is asked for.
        hint: What to do.

    Raises:
        LCError: Saying what differs.
    """
    if held != identity:
        names = differing(identity, held)
        if "constraints" in names:  # a rule's settings are in the digest of its source too
            names = [name for name in names if name != "source of a rule"]
        what = f"which differs in {', '.join(names)}" if held and names else "which cannot be read"
        if PROCESSOR in names:
            hint += "; a run has one kind of processor, and one number of threads (OMP_NUM_THREADS)"
        if names == ["engine"]:
            hint += "; a sampler that was trained, changed or removed since (lc amortise) makes another engine too"
        raise LCError(f"{path} holds another run, {what}", hint=hint)


def differing(one: dict[str, str], other: dict[str, str]) -> list[str]:
    """Return in what two identities differ, in words."""
    return [name for name in one if other.get(name) != one[name]]


def environment(problem: Task) -> dict[str, Any]:
    """Return what a result may depend on beside its spec: versions, platform and the model's digest."""
    packages = ("latent-constraints", "torch", "numpy")
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": platform.machine(),
        "versions": {name: installed_version(name) for name in packages},
        "device": problem.model.device,
        "model": {"name": problem.model.name, "digest": problem.model.digest},
        "command": [_without_folders(one) for one in sys.argv],
    }


def _without_folders(argument: str) -> str:
    """Return an argument of the command; of an absolute path only the last part, which says nothing of the machine."""
    key, equals, value = argument.rpartition("=")
    return f"{key}{equals}{Path(value).name}" if Path(value).is_absolute() else argument
