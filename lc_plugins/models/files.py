"""Reads model files, tells what a file is that cannot be loaded, and looks into pickles without unpickling them."""

from __future__ import annotations

import hashlib
import io
import pickletools
import zipfile
from pathlib import Path

from lc_core import LCError
from lc_core.common import counted, nearest, parsed_json, read_bytes

__all__ = [
    *(
        "ONNX",
        "PT2",
        "SCRIPT",
        "check_safetensors",
        "check_unpacked",
        "digest_of",
        "globals_of",
        "is_pickle",
        "not_loaded",
        "one_line",
    ),
    *("read_file", "refused"),
]

PT2, SCRIPT, ONNX = "a .pt2 archive of torch.export.save", "a TorchScript file of torch.jit.save", "an .onnx file"
TENSORS = "a safetensors file"
PICKLE = "a pickle, which runs code when it is loaded"
WEIGHTS = "a file of weights alone (safetensors), without the network"
EXPORT = "export the model as docs/models.md shows"
HINTS = {
    PT2: "load it with models.export",
    SCRIPT: "load it with models.torchscript",
    ONNX: "load it with models.onnx",
    PICKLE: f"nothing of it was run; {EXPORT}",
    WEIGHTS: EXPORT,
}
"""What to do with a file of some kind where another kind is expected."""
UNPACKED = 2**26
"""Most bytes that the packed parts of an archive may unpack to; torch packs nothing but scripts."""
AGAIN = "get it again, by a download or an export"


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
        close = nearest(path.name, [one.name for one in path.parent.glob("*")])
        hint = f"did you mean {' or '.join(close)}?" if close else "give its path, beside the spec or as a whole"
        raise LCError(f"{path} cannot be read: {error.strerror}; expected {what}", hint=hint) from error


def read_in(folder: Path, name: str, *, what: str) -> bytes:
    """Return the content of a file that tells what a folder holds.

    Raises:
        LCError: Naming the folder, if there is none or it has no such file.
    """
    if not folder.is_dir():
        found = "it is a file" if folder.exists() else "no such folder"
        raise LCError(f"{folder} cannot be read: {found}; expected {what}")
    if not (folder / name).exists():
        raise LCError(f"{_shown(folder)} has no {name}; expected {what}", hint="give the folder with that file in it")
    return read_file(folder / name, what=what)


def _shown(folder: Path) -> str:
    return "the working folder" if folder == Path() else str(folder)


def digest_of(*contents: bytes) -> str:
    """Return a hash of some files' contents."""
    return hashlib.sha256(b"".join(hashlib.sha256(one).digest() for one in contents)).hexdigest()


def not_loaded(data: bytes, path: Path, *, what: str) -> LCError:
    """Return the error for a file that cannot be loaded: what it is in place of what was expected.

    Args:
        data: Content of the file.
        path: The file, for the message.
        what: What was expected.
    """
    found = _kind_of(data)
    if found and found != what:
        return LCError(f"{path} is not {what}: it is {found}", hint=HINTS.get(found, EXPORT))
    if data[:4] == b"PK\x03\x04":
        return LCError(f"{path} is truncated: it ends after {len(data):,} bytes; expected {what}", hint=AGAIN)
    return LCError(f"{path} is not {what}, or is truncated", hint=AGAIN)


def check_unpacked(data: bytes, path: Path) -> None:
    """Refuse an archive of which a few bytes unpack to very many: torch packs scripts alone, and stores all else.

    Raises:
        LCError: If it is such an archive.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            found = archive.infolist()
    except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError):
        return  # which is told by what reads it
    packed = [one for one in found if one.compress_type != zipfile.ZIP_STORED]
    stored = sum(one.file_size for one in found) - sum(one.file_size for one in packed)
    if stored > len(data) or sum(one.file_size for one in packed) > UNPACKED:
        size = counted(sum(one.file_size for one in found), "byte")
        raise refused(path, f"it has {counted(len(data), 'byte')}, but unpacks to {size}")


def is_pickle(data: bytes) -> bool:
    """Return whether a file is a whole pickle, or a whole archive of torch.save."""
    return _kind_of(data) == PICKLE


def _kind_of(data: bytes) -> str:
    """Return in words what a file is, as far as its content tells; empty if that is not known."""
    names = _members(data)
    if "constants.pkl" in names and any(one.startswith("code/") for one in names):
        return SCRIPT
    if any(one.startswith("models/") for one in names):
        return PT2
    if "data.pkl" in names or (data[:1] == b"\x80" and data[-1:] == b"."):
        return PICKLE
    if names:
        return f"a zip archive of {', '.join(names[:3])}"
    if data[8:9] == b"{" and int.from_bytes(data[:8], "little") <= len(data):
        return WEIGHTS
    if data[:1] == b"\x08" and data[2:3] in (b"\x12", b"\x1a", b"\x22", b"\x2a", b"\x32", b"\x3a", b"\x42"):
        return ONNX  # a number, the version of the format, and then one of the fields of a model
    try:
        line = data[:80].decode("utf-8").split("\n")[0]
    except UnicodeDecodeError:
        return ""
    return "text" if line.strip().isprintable() else ""  # which may be private: nothing of it is shown


def _members(data: bytes) -> list[str]:
    """Return the names in a zip archive without the folder that torch puts them in; none if it is not whole."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            found = archive.infolist()
    except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError):
        return []
    if min((one.header_offset for one in found), default=1) > 0:
        return []  # an archive that is a member of another one, whose end is missing
    return [one.filename.partition("/")[2] or one.filename for one in found]


def check_safetensors(data: bytes, path: Path) -> None:
    """Refuse what is no whole safetensors file: its first 8 bytes and its header tell its length.

    Raises:
        LCError: If it is another file, or truncated.
    """
    header = int.from_bytes(data[:8], "little")
    try:
        tensors = {name: one for name, one in parsed_json(data[8 : 8 + header]).items() if name != "__metadata__"}
        wanted = 8 + header + max((one["data_offsets"][1] for one in tensors.values()), default=0)
    except (ValueError, AttributeError, KeyError, TypeError, IndexError) as error:
        raise not_loaded(data, path, what=TENSORS) from error
    if len(data) != wanted:
        raise LCError(f"{path} is truncated: it has {len(data):,} bytes; expected {wanted:,}", hint=AGAIN)


def one_line(error: BaseException, most: int = 200) -> str:
    """Return what an error says in one line of at most so many characters."""
    return " ".join(str(error).split())[:most] or type(error).__name__


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
