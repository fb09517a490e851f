"""Reads files through the readers of plugins."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lc_core.common.pointers import refuse_pointer_at
from lc_core.errors import LCError
from lc_core.plugins.registry import Registered, Registry

if TYPE_CHECKING:
    from lc_core.models.latent_model import LatentModel

__all__ = ["naming", "read_file", "read_outputs", "reader_for", "reader_settings", "readers_of"]


def readers_of(registry: Registry, output_type: str) -> dict[str, list[Registered]]:
    """Return the readers of files that give outputs of a type, by suffix in lower case (`.mid`).

    Raises:
        LCError: If there is none.
    """
    found: dict[str, list[Registered]] = {}
    for one in registry.all("reader"):
        suffixes = one.about["suffixes"]
        if one.about["output"] == output_type:
            for suffix in [suffixes] if isinstance(suffixes, str) else suffixes:
                found.setdefault(suffix.lower(), []).append(one)
    if not found:
        raise LCError(
            f"no installed plugin reads files as {output_type}, which is what this spec's model makes",
            hint="lc plugins lists the readers that are installed",
        )
    return found


def read_outputs(
    path: Path,
    *,
    readers: Mapping[str, Sequence[Registered]],
    known: Mapping[str, Any] | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> np.ndarray:
    """Read a file: outputs, first dimension B of 1 or more.

    Args:
        path: The file.
        readers: From `readers_of`.
        known: Values of settings that a reader may have, such as the size of a model's pictures.
        tell: Called with each line that the reader says of the file.

    Raises:
        LCError: If it cannot be read.
    """
    with naming(path):
        return read_file(path, reader_for(path, readers), known, tell=tell)


def reader_settings(model: LatentModel) -> dict[str, int]:
    """Return what a reader takes from a model: the `size` of its pictures and the `steps` of its melodies."""
    return {name: value for name in ("size", "steps") if isinstance(value := getattr(model, name, None), int)}


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Have an error name the file."""
    try:
        yield
    except LCError as error:
        if str(path) in error.message:
            raise
        raise LCError(f"{path}: {error.message}", hint=error.hint) from error
    except OSError as error:  # a name that is too long, a folder that may not be looked into
        raise LCError(f"{path}: {error.strerror or error}") from error


def reader_for(path: Path, readers: Mapping[str, Sequence[Registered]]) -> Registered:
    """Return the reader of a file's suffix; raise `LCError` if there is none, or several."""
    if path.is_dir():
        raise LCError("is a folder; expected a file", hint=f"name the files in it: {path}/*")
    if not path.exists():
        raise LCError("no such file")
    fitting = readers.get(path.suffix.lower(), ())
    if not fitting:
        ending = f"files that end in {path.suffix}" if path.suffix else "files without an ending"
        raise LCError(f"{ending} cannot be read; expected {' or '.join(sorted(readers))}")
    if len(fitting) > 1:
        names = " and ".join(one.qualified for one in fitting)
        raise LCError(
            f"{names} both read {path.suffix} files",
            hint=f"leave one distribution out: LC_DISABLE_PLUGINS={fitting[-1].distribution}",
        )
    return fitting[0]


def read_file(
    path: Path, reader: Registered, known: Mapping[str, Any] | None = None, *, tell: Callable[[str], None]
) -> np.ndarray:
    """Return the outputs in a file, first dimension N, as its reader gives them."""
    names = reader.parameters().model_fields
    read, settings = reader.load(), reader.fill({key: value for key, value in (known or {}).items() if key in names})
    who = f"reader {reader.name} of {reader.distribution}"
    more = {"tell": tell} if "tell" in inspect.signature(read).parameters else {}
    refuse_pointer_at(path)
    try:
        outputs = np.asarray(read(path, **settings, **more))
    except LCError:
        raise
    except (Exception, SystemExit) as error:
        raise LCError(f"{who} raised {type(error).__name__}: {error}") from error
    if outputs.ndim == 0 or not len(outputs):
        raise LCError(f"{who} returned shape {outputs.shape}; expected (B, ...) with B of 1 or more")
    return outputs
