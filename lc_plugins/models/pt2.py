"""Looks through an archive of `torch.export.save` before torch loads it, and keeps only what cannot run code.

`torch.export.load` unpickles some parts without restriction. It also evaluates texts of the archive: sizes as sympy
expressions, and the program's names as the Python source that is made of them. So here nothing is listed that is
refused: every text has to be of a form that is known to be harmless, every operator on a list, and what is loaded
is a new archive that is written of the parts that were looked at.

Members of an archive, torch 2.8 and later: `models/*.json` the program, `data/weights` and `data/constants` raw
numbers and, for tensors of unusual kinds, pickles; `data/sample_inputs` a pickle; `data/aotinductor` machine code;
`extra`, `executorch`.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lc_core import LCError
from lc_core.common import parsed_json
from lc_plugins.models.batches import FIXED, ONE_INPUT, inputs_told
from lc_plugins.models.files import PT2, check_unpacked, not_loaded, one_line, refused

__all__ = ["FREE", "clean_archive"]

FREE = (
    "export it with a batch of any size:"
    " torch.export.export(model, (z,), dynamic_shapes=({0: torch.export.Dim('batch')},)), z of two rows or more;"
    " in forward write -1 for the size of the batch, as in x.view(-1, 3, 64, 64), not len(z)"
)
PROGRAM = "models/model.json"
CONFIGS = ("data/weights/model_weights_config.json", "data/constants/model_constants_config.json")
SAMPLE = "data/sample_inputs/model.pt"
VERSIONS = ("archive_format", "archive_version", "byteorder")
RAW = re.compile(r"data/(weights/weight|constants/tensor)_\d+")

WORD = re.compile(r"[A-Za-z0-9_.]*")
EXPRESSION = re.compile(r"[A-Za-z0-9_+\-*/(),=<>&|~' ]*")
CALLS = frozenset(
    "Symbol Integer Float Rational Add Mul Pow Mod PythonMod FloorDiv CleanDiv CeilDiv ModularIndexing Max Min"
    " IntTrueDiv FloatTrueDiv PowByNatural FloatPow TruncToInt TruncToFloat CeilToInt FloorToInt RoundToInt ToFloat"
    " Identity Eq Ne Lt Le Gt Ge And Or Not LShift RShift Where positive integer nonnegative real True False".split()
)
SYMBOL = re.compile(r"(zuf|zf|[suzf])\d+")
TREE_TYPES = (None, "builtins.tuple", "builtins.list", "builtins.dict")
OPERATORS = frozenset(
    "add sub mul truediv floordiv mod neg pow eq ne lt le gt ge and_ or_ not_ getitem xor lshift rshift".split()
)
ATEN = re.compile(r"torch\.ops\.(aten|prims)\.([A-Za-z_0-9]+)\.[A-Za-z_0-9]+")
WRITES = frozenset(("from_file", "save", "_print", "warn"))
"""Operators of aten that reach beyond tensors."""
OTHERS = re.compile(
    r"torch\.(sym_(not|int|float|max|min|sqrt|ite)|ops\.higher_order\.(wrap_with_set_grad_enabled|wrap_with_autocast))"
    r"|math\.(sqrt|ceil|floor|trunc|pow)"
)


def clean_archive(data: bytes, path: Path) -> bytes:
    """Return an archive with the same program that runs no code when it is loaded.

    Args:
        data: Content of the file.
        path: The file, for messages.

    Raises:
        LCError: If it is no such archive, or has a part that could run code.
    """
    from torch._C import PyTorchFileReader, PyTorchFileWriter

    check_unpacked(data, path)
    try:
        reader = PyTorchFileReader(io.BytesIO(data))
        names = [str(name) for name in reader.get_all_records()]
    except (RuntimeError, ValueError, OSError) as error:
        raise not_loaded(data, path, what=PT2) from error
    if "archive_format" not in names or reader.get_record("archive_format") != b"pt2":
        raise not_loaded(data, path, what=PT2)
    if PROGRAM not in names:
        hint = "save it with torch.export.save of torch 2.8 or later, one program to a file"
        raise LCError(f"{path} is not {PT2} with one program; it holds {', '.join(names[:5])}", hint=hint)
    for name in names:
        _check_member(name, path)
    try:
        parts: dict[str, bytes] = {name: reader.get_record(name) for name in names if RAW.fullmatch(name)}
        parts |= {name: reader.get_record(name) for name in VERSIONS if name in names}
        parts |= {name: _config(reader.get_record(name), path) for name in CONFIGS}
        parts[PROGRAM] = _program(reader.get_record(PROGRAM), path)
        parts[SAMPLE] = _sample(reader.get_record(SAMPLE), path)
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise LCError(f"{path} is damaged: {one_line(error)}", hint="export it again") from error
    buffer = io.BytesIO()
    writer = PyTorchFileWriter(buffer)
    for name, content in parts.items():
        writer.write_record(name, content, len(content))
    writer.write_end_of_file()
    return buffer.getvalue()


def _check_member(name: str, path: Path) -> None:
    if RAW.fullmatch(name) or name in (PROGRAM, SAMPLE, *CONFIGS, *VERSIONS) or name.startswith(".data/"):
        return
    if name == "version" or name.startswith("extra/"):
        return  # left out of what is loaded
    if name.startswith("data/aotinductor"):
        raise refused(path, f"it holds compiled machine code ({name}); save the program that torch.export made")
    raise refused(path, f"it holds {name}, which is unpickled when it is loaded")


def _config(content: bytes, path: Path) -> bytes:
    """Check that a table of tensors points to raw numbers alone."""
    table = parsed_json(content)
    for name, one in table["config"].items():
        if one.get("use_pickle"):
            raise refused(path, f"its tensor {name} is pickled")
        if not re.fullmatch(r"(weight|tensor)_\d+", one["path_name"]):
            raise refused(path, f"its tensor {name} is in {one['path_name']!r}")
    _check_texts(table, path)
    return json.dumps(table).encode()


def _sample(content: bytes, path: Path) -> bytes:
    """Check that the example inputs are tensors by loading them as weights, and write them anew."""
    import torch

    if not content:
        return content
    try:
        inputs = torch.load(io.BytesIO(content), weights_only=True)
    except Exception as error:
        raise refused(path, f"its {SAMPLE} holds more than tensors") from error
    buffer = io.BytesIO()
    torch.save(inputs, buffer)
    return buffer.getvalue()


def _program(content: bytes, path: Path) -> bytes:
    """Return the program without what is only told to people: where each node came from."""
    program = parsed_json(content)
    graph_module = program["graph_module"]
    inputs = [one["user_input"]["arg"] for one in graph_module["signature"]["input_specs"] if "user_input" in one]
    if len(inputs) != 1:
        names = (
            str(next(iter(one.values()))) if "as_tensor" not in one else one["as_tensor"]["name"] for one in inputs
        )
        raise LCError(inputs_told(path, len(inputs), ", ".join(name[:60] for name in names)), hint=ONE_INPUT)
    for graph in _graphs(graph_module["graph"]):
        for node in graph["nodes"]:
            node["metadata"] = {}
            _check_target(node["target"], path)
    graph_module["metadata"] = {}
    fixed = _fixed_batch(graph_module["graph"], inputs[0])
    if fixed is not None:  # which torch may write into the guards, too
        raise LCError(f"{path}: {FIXED.format(fixed)}", hint=FREE)
    if program.get("guards_code") or graph_module.get("treespec_namedtuple_fields"):
        raise refused(path, "its program comes with Python code or types of its own")
    written = json.dumps(program)
    for graph in _graphs(graph_module["graph"]):
        for one in (one for node in graph["nodes"] for one in node["inputs"]):
            if "as_string" in one["arg"]:  # what an operator is told, such as an einsum, is quoted wherever it goes
                one["arg"]["as_string"] = ""
    _check_texts(program, path)
    return written.encode()


def _fixed_batch(graph: dict[str, Any], argument: dict[str, Any]) -> int | None:
    """Return the size of the batch where an input `(B, ...)` takes one size only."""
    tensor = graph["tensor_values"].get(argument.get("as_tensor", {}).get("name"), {})
    sizes = tensor.get("sizes") or [{}]
    batch = sizes[0].get("as_int")
    return batch if isinstance(batch, int) else None


def _graphs(graph: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a graph and those inside its nodes."""
    yield graph
    for node in graph["nodes"]:
        for one in node["inputs"]:
            inner = one["arg"].get("as_graph")
            if inner is not None:
                yield from _graphs(inner["graph"])


def _check_target(target: str, path: Path) -> None:
    found = ATEN.fullmatch(target)
    if found and found[2] not in WRITES:
        return
    module, _, name = target.partition(".")
    if OTHERS.fullmatch(target) or (module == "_operator" and name in OPERATORS):
        return
    raise refused(path, f"its program calls {target!r}, which is not among the operators that are known to be harmless")


def _check_texts(value: Any, path: Path, key: str = "") -> None:
    """Check each text of a tree: names are words, sizes are arithmetic, and argument trees are plain."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if not WORD.fullmatch(name):
                raise refused(path, f"a name in its program is {name[:60]!r}")
            _check_texts(inner, path, name)
    elif isinstance(value, list):
        for inner in value:
            _check_texts(inner, path, key)
    elif isinstance(value, str):
        if key in ("in_spec", "out_spec"):
            _check_tree(parsed_json(value)[1], path)
        elif key == "expr_str":
            _check_expression(value, path)
        elif key == "torch_version":
            pass
        elif not WORD.fullmatch(value):
            raise refused(path, f"a name in its program is {value[:60]!r}")


def _check_expression(text: str, path: Path) -> None:
    words = re.findall(r"[A-Za-z_][A-Za-z_0-9]*", text)
    if EXPRESSION.fullmatch(text) and all(word in CALLS or SYMBOL.fullmatch(word) for word in words):
        return
    raise refused(path, f"a size in its program is {text[:60]!r}, which is not plain arithmetic")


def _check_tree(tree: Any, path: Path) -> None:
    context = tree["context"]
    names = parsed_json(context) if context else None
    plain = names is None or (
        isinstance(names, list) and all(isinstance(one, str) and one.isidentifier() for one in names)
    )
    if tree["type"] not in TREE_TYPES or not plain:
        raise refused(path, f"its program takes or returns a {tree['type']}")
    for child in tree["children_spec"]:
        _check_tree(child, path)
