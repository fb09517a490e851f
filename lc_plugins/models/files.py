"""Reads model files, and looks into pickles without unpickling them."""

from __future__ import annotations

import hashlib
import io
import pickletools
import zipfile
from pathlib import Path

from lc_core.errors import LCError
from lc_core.pointers import read_bytes

__all__ = ["digest_of", "globals_of", "looks_pickled", "read_file", "refuse_pickle", "refused"]


def read_file(path: Path, *, what: str) -> bytes:
    """Return a file's content, to be inspected and then loaded: the same bytes, whatever becomes of the file.

    Raises:
        LCError: If it cannot be read, or is a Git LFS pointer.
    """
    try:
        return read_bytes(path)
    except IsADirectoryError as error:
        raise LCError(f"{path} is a folder; expected {what}") from error
    except NotADirectoryError as error:
        raise LCError(f"{path.parent} is a file; expected {what}") from error
    except OSError as error:
        raise LCError(f"{path} cannot be read: {error.strerror}; expected {what}") from error


def digest_of(*contents: bytes) -> str:
    """Return a hash of some files' contents."""
    return hashlib.sha256(b"".join(hashlib.sha256(one).digest() for one in contents)).hexdigest()


def looks_pickled(data: bytes) -> bool:
    """Return whether a file is a pickle, or a zip archive of torch.save."""
    if zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return any(name.endswith("/data.pkl") for name in archive.namelist())
    return data[:1] == b"\x80" and data[-1:] == b"."


def refuse_pickle(data: bytes, path: Path, *, what: str) -> None:
    """Refuse a pickle where a file of another kind is expected.

    Raises:
        LCError: If it is one.
    """
    if looks_pickled(data):
        raise LCError(
            f"{path} is a pickle, which runs code when it is loaded; expected {what}",
            hint="nothing of it was run; export the model as docs/models.md shows",
        )


def refused(path: Path, what: str) -> LCError:
    """Return the error for a file that could run code."""
    return LCError(f"{path} is refused: {what}", hint="nothing of it was run; take models from whom you trust")


def globals_of(data: bytes) -> list[str]:
    """Return what a pickle imports, as `module name`, without running it.

    Raises:
        ValueError: If it is no pickle.
    """
    found = []
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name in ("GLOBAL", "INST"):
            found.append(str(argument))
        elif opcode.name == "STACK_GLOBAL" or opcode.name.startswith("EXT"):
            found.append("a name that is only known when it runs")
    return found
