"""Reads an ONNX model as one piece: weights in files of its folder are read, and none from anywhere else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from lc_core import LCError
from lc_core.common import refuse_stand_in_at
from lc_plugins.models.files import ONNX, not_loaded, one_line, read_file, refused

__all__ = ["whole"]

DRIVE = re.compile(r"[A-Za-z]:")


def whole(path: Path) -> bytes:
    """Return a model as one piece.

    Raises:
        LCError: If it is no ONNX model, or names a file elsewhere.
    """
    try:
        import onnx
        import onnxruntime  # noqa: F401 whether it is there
    except ImportError as error:
        raise LCError(f"models.onnx needs {error.name}", hint='pip install "latent-constraints[onnx]"') from error
    from onnx.external_data_helper import load_external_data_for_model

    data = read_file(path, what=ONNX)
    try:
        model = onnx.load_from_string(data)
    except Exception as error:
        raise not_loaded(data, path, what=ONNX) from error
    if not model.graph.node:
        raise not_loaded(data, path, what=ONNX)
    parts = [*_tensors(model.graph), *(one for function in model.functions for one in _of_nodes(function.node))]
    entries = [entry for one in parts for entry in one.external_data if entry.key == "location"]
    if not entries:
        return data
    for entry in entries:
        entry.value = _inside(entry.value, path)
    for place in sorted({entry.value for entry in entries}):
        _check_there(path.parent / place, path)
    try:
        load_external_data_for_model(model, str(path.parent))
        content: bytes = model.SerializeToString()
    except Exception as error:
        places = ", ".join(sorted({entry.value for entry in entries}))
        raise LCError(
            f"weights of {path} in {places} cannot be read, or are truncated: {one_line(error)}",
            hint="get them again from where the model came, as a whole",
        ) from error
    return content


def _inside(place: str, path: Path) -> str:
    """Return the location of weights in one form, `weights/ext.data`, however it was written.

    Raises:
        LCError: If it leads out of the model's folder.
    """
    plain = place.replace("\\", "/")
    parts = [one for one in plain.split("/") if one not in ("", ".")]
    if plain.startswith("/") or DRIVE.match(plain) or ".." in parts or not parts or "\0" in plain:
        raise refused(path, f"its weights are in {place!r}, which is not beside it or in a folder there")
    folder = path.parent
    for number in range(len(parts)):
        if (folder / "/".join(parts[: number + 1])).is_symlink():
            raise refused(
                path, f"its weights are in {place!r}, and {parts[number]} is a link; put the file itself there"
            )
    return str(PurePosixPath(*parts))


def _check_there(file: Path, path: Path) -> None:
    try:
        refuse_stand_in_at(file)
    except OSError as error:
        raise LCError(
            f"{path} has its weights in another file, {file}, which cannot be read: {error.strerror}",
            hint=f"put {file.name} where it was beside the model when it was exported, under the same name",
        ) from error


def _tensors(graph: Any) -> Iterator[Any]:
    """Yield the tensors of a graph, of those inside its nodes too."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    yield from _of_nodes(graph.node)


def _of_nodes(nodes: Any) -> Iterator[Any]:
    for node in nodes:
        for one in node.attribute:
            yield from [one.t, *one.tensors]
            for inner in [one.g, *one.graphs]:
                yield from _tensors(inner)
