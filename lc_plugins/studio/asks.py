"""What a worker of the studio does: answer specs, find what is like an output, change a file, render, read files.

Everything is said as JSON. Outputs and latents travel as base64 of numpy's own format.
"""

from __future__ import annotations

import base64
import io
import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lc_core import LCError, Measurement, transform
from lc_core.common import Cache
from lc_core.exploring import Answer, Explorer, Look
from lc_core.plugins import Registered, Registry, read_outputs, reader_settings, readers_of
from lc_core.spec import Problems, Spec, SpecError, load_spec, parse, yaml_text
from lc_plugins.studio.catalogue import Catalogue

__all__ = ["Asks", "array_of", "text_of"]

Json = dict[str, Any]
Tell = Callable[[Json], None]
MOST_USUAL = 64
"""Most settings of one rule that are measured before anybody asks."""
MADE_BY = {"moves": "near"}
HOW = {"exact": "exact", "sampler": "by the sampler", "near": "near it", "edit": "changed as little as was found"}
"""How answers were made, in words."""
MOST_OF_A_FILE = 16
"""Most outputs that are taken from a file."""


def text_of(array: np.ndarray) -> str:
    """Return an array as text."""
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    return base64.b64encode(content.getvalue()).decode()


def array_of(text: str) -> np.ndarray:
    """Return the array that `text_of` gave.

    Raises:
        ValueError: If the text is none of that kind.
    """
    return np.load(io.BytesIO(base64.b64decode(text)), allow_pickle=False)  # type: ignore[no-any-return]


class Asks:
    """Answers of one worker. Models stay loaded, with their banks.

    Args:
        registry: What is installed.
        samples: Samples of a bank that are looked at; None for the explorer's own choice.
        fills: Whether this worker decodes ahead when it has nothing to do.
    """

    def __init__(self, registry: Registry, *, samples: int | None, fills: bool) -> None:
        self._registry, self._samples, self._fills = registry, samples, fills
        self._cache = Cache()
        self._explorers: dict[str, tuple[Explorer, Catalogue]] = {}
        self._folder = Path(tempfile.mkdtemp(prefix="lc-studio-"))
        self._base = "prior"
        self._last: tuple[Explorer, Catalogue] | None = None

    def do(self, request: Mapping[str, Any], tell: Tell) -> None:
        """Do what a request asks; what is found is told as it comes.

        Raises:
            LCError: If something cannot be used, or a plugin is at fault.
        """
        getattr(self, f"_{request['do']}")(request, tell)

    def idle(self) -> bool:
        """Decode or measure a block ahead; return whether there was anything to do."""
        if not self._fills or self._last is None:
            return False
        explorer, catalogue = self._last
        return explorer.fill(self._base, list(_usual(self._registry, catalogue)))

    def _load(self, request: Mapping[str, Any], tell: Tell) -> None:
        """Load the model of a spec and what serves its specs."""
        spec = self._read(request, tell)
        if spec is not None:
            self._explorer(spec)

    def _ask(self, request: Mapping[str, Any], tell: Tell) -> None:
        spec = self._read(request, tell)
        if spec is None:
            return
        explorer, catalogue = self._explorer(spec)
        settled = explorer.settled(spec)
        tell({"kind": "spec", "doc": request["doc"], "yaml": _exported(request["doc"], spec, settled), "problems": []})
        if request.get("output"):
            self._changed(settled, array_of(request["output"]), explorer, catalogue, tell)
            return
        self._base = spec.base or "prior"
        told = _Told(settled, catalogue, tell)
        ended = explorer.answer(
            settled,
            tell=told.answer,
            look=lambda look: tell(_look(look)),
            progress=lambda line: tell({"kind": "progress", "text": line}),
            tried=lambda tries: tell({"kind": "tried", "tried": tries}),
        )
        told.end(ended.tried)
        if (wider := explorer.look_by_sampler(settled)) is not None:
            tell(_look(wider))

    def _near(self, request: Mapping[str, Any], tell: Tell) -> None:
        spec = self._read(request, tell)
        if spec is None:
            return
        explorer, catalogue = self._explorer(spec)
        told = _Told(spec, catalogue, tell)
        ended = explorer.near(spec, array_of(request["z"]), tell=told.answer, seed=int(request.get("seed", 0)))
        told.end(ended.tried)

    def _upload(self, request: Mapping[str, Any], tell: Tell) -> None:
        """Read a file that was dropped onto the page; its content comes with the request."""
        spec = self._read(request, tell)
        if spec is None:
            return
        explorer, catalogue = self._explorer(spec)
        suffix = Path(str(request["name"])).suffix.lower()
        path = self._folder / f"upload{suffix if suffix in catalogue.suffixes else '.unknown'}"
        path.write_bytes(base64.b64decode(request["content"]))
        said: list[str] = []
        try:
            outputs = read_outputs(
                path,
                readers=readers_of(self._registry, catalogue.output_type),
                known=reader_settings(explorer.model),
                tell=said.append,
            )
        except LCError as error:
            raise LCError(error.message.replace(str(path), Path(str(request["name"])).name), hint=error.hint) from error
        finally:
            path.unlink(missing_ok=True)
        for output in outputs[:MOST_OF_A_FILE]:
            tell(
                {"kind": "read", "output": text_of(output), "data": _drawn(catalogue, output), "text": "; ".join(said)}
            )

    def _render(self, request: Mapping[str, Any], tell: Tell) -> None:
        """Write a file of an output and tell its content."""
        renderer = self._registry.get("renderer", str(request["renderer"]))
        path = self._folder / f"output{renderer.load().suffix}"
        try:
            renderer.build(request.get("params") or {}).write(array_of(request["output"]), path)
            tell({"kind": "file", "content": base64.b64encode(path.read_bytes()).decode()})
        finally:
            path.unlink(missing_ok=True)

    def _changed(self, spec: Spec, output: np.ndarray, explorer: Explorer, catalogue: Catalogue, tell: Tell) -> None:
        """Change an output as little as makes it meet a spec, and find more like what comes out."""
        tell(_look(explorer.look(spec)))
        result = transform(
            model=explorer.model,
            inputs=output[None],
            constraints=spec.entries,
            realism=spec.realism,
            keep=[one.measurement for one in spec.keep],
            seed=spec.sample.seed,
            fit=spec.fit,
            progress=lambda line: tell({"kind": "progress", "text": line}),
        )
        told = _Told(spec, catalogue, tell)
        if result.satisfied[0]:
            first = Answer(
                index=-1,
                z=result.z_after[0],
                output=result.outputs[0],
                values={label: float(one[0]) for label, one in result.after.items()},
                met={label: bool(one[0]) for label, one in result.met.items()},
                engine="edit",
                exact=False,
            )
            told.answer(first)
            explorer.near(spec, first.z, tell=told.answer, seed=spec.sample.seed)
        else:
            tell({"kind": "progress", "text": "no change of it was found that meets all rules"})
        told.end(int(result.tries[0]))

    def _read(self, request: Mapping[str, Any], tell: Tell) -> Spec | None:
        """Return the spec of a request; None if something is wrong with it, which is told with its place."""
        text = request.get("yaml")
        problems = Problems()
        try:
            if text is not None:
                node = parse(text, source="spec.yaml", problems=problems)
                problems.check()
                request["doc"] = {} if node is None else node.plain()  # type: ignore[index]
            doc = request["doc"]
            if not isinstance(doc, dict):
                raise LCError("a spec is a mapping of keys, such as lc: 1")
            _refuse_files(doc, frozenset(request.get("files", ())))
            path = self._folder / "spec.yaml"
            path.write_text(yaml_text(doc) if text is None else text, encoding="utf-8")
            return load_spec(path, registry=self._registry)
        except LCError as error:
            tell({"kind": "spec", "doc": None, "yaml": text, "problems": _problems(error)})
            return None

    def _explorer(self, spec: Spec) -> tuple[Explorer, Catalogue]:
        name = f"{spec.model.plugin.qualified} {sorted(spec.model.params.items(), key=str)}"
        if name not in self._explorers:
            self._explorers.clear()  # one model at a time: memory is bounded
            catalogue = Catalogue(self._registry, spec.model.plugin, spec.model.params)
            self._explorers[name] = (Explorer.of(spec, samples=self._samples, cache=self._cache), catalogue)
        self._last = self._explorers[name]
        return self._last


def _usual(registry: Registry, catalogue: Catalogue) -> Iterator[Measurement]:
    """Yield what a page is likely to ask: each rule by default, and each word of the one setting that must be given.

    Rules whose settings cannot be guessed are left out.
    """
    for one in registry.all("constraint"):
        try:
            target, properties = one.load(), one.parameters().model_json_schema()
            if catalogue.output_type not in Measurement(target).info.accepts:
                continue
            needed = properties.get("required", [])
            words = _words(properties["properties"][needed[0]]) if len(needed) == 1 else []
            for params in [{needed[0]: word} for word in words[:MOST_USUAL]] if needed else [{}]:
                yield Measurement(target, one.fill(params), one.name, one.distribution)
        except LCError:
            continue


def _words(schema: Mapping[str, Any]) -> Sequence[Any]:
    """Return all values of a setting, if they are words or whole numbers between two bounds."""
    if schema.get("type") == "integer" and "minimum" in schema and "maximum" in schema:
        return range(schema["minimum"], schema["maximum"] + 1)
    return list(schema.get("enum", ()))


def _exported(doc: Json, spec: Spec, settled: Spec) -> str:
    """Return the YAML of a spec, with what of the bank is tried first: `lc sample` then delivers the same."""
    if settled is not spec:
        sample = {**doc.get("sample", {}), "budget": settled.sample.budget}
        doc = {**doc, "engine": {"use": "auto", "params": dict(settled.engine.params)}, "sample": sample}
    return yaml_text(doc)


def _refuse_files(doc: Json, allowed: frozenset[str]) -> None:
    """Refuse a spec of a page that names a file or folder, unless the spec that the studio was opened with names it.

    Raises:
        LCError: Naming it.
    """
    if "extends" in doc:
        raise LCError("a spec of the page cannot extend another", hint="open it: lc studio SPEC")
    for text in _texts({key: one for key, one in doc.items() if key not in ("name", "label")}):
        if text not in allowed and ("/" in text or "\\" in text or text.startswith(("~", "."))):
            hint = "name it in a spec of yours, and open that: lc studio SPEC"
            raise LCError(f"a spec of the page cannot name files of this machine; found {text!r}", hint=hint)


def _texts(part: Any) -> Iterator[str]:
    """Yield the texts among the values of plain data."""
    if isinstance(part, str):
        yield part
    elif isinstance(part, Mapping):
        for key, one in part.items():
            if key not in ("use", "label"):
                yield from _texts(one)
    elif isinstance(part, list):
        for one in part:
            yield from _texts(one)


def _problems(error: LCError) -> list[Json]:
    if not isinstance(error, SpecError):
        return [{"line": 0, "column": 0, "message": error.message, "hint": error.hint}]
    return [
        {"line": one.where.line, "column": one.where.column, "message": one.message, "hint": error.hint}
        for one in error.problems
    ]


def _look(look: Look) -> Json:
    """Return what samples tell, as JSON."""
    rates, every = look.rates, look.rates.every
    leaves = []
    for one in look.reach:
        span = rates.spans.get(one.label)
        leaves.append(
            {
                "path": list(one.path),
                "label": one.label,
                "bars": {"low": one.low, "high": one.high, "all": one.every.tolist(), "left": one.left.tolist()},
                "step": one.step,
                "span": None
                if span is None
                else {"low": span.low, "high": span.high, "middle": list(span.middle), "text": str(span)},
                "told": span.told if span else "samples",
            }
        )
    return {
        "kind": "look",
        "samples": rates.samples,
        "every": None if every is None else {"met": every.met, "text": str(every)},
        "leaves": leaves,
        "entries": [{"label": label, "text": str(rate)} for label, rate in rates.entries.items()],
        "conflicts": [str(one) for one in rates.conflicts],
        "advice": list(look.advice),
    }


class _Told:
    """Tells answers one by one, and how they were made.

    Args:
        spec: What is asked.
        catalogue: What draws them.
        tell: Takes what is told.
    """

    def __init__(self, spec: Spec, catalogue: Catalogue, tell: Tell) -> None:
        self._spec, self._catalogue, self._tell = spec, catalogue, tell
        self._wanted = {leaf.label: _wanted(leaf) for leaf in _leaves(spec)}
        self._made: dict[str, int] = {}

    def answer(self, one: Answer) -> None:
        """Tell an answer, unless there are enough."""
        number = sum(self._made.values())
        if number >= self._spec.sample.count:
            return
        by = "exact" if one.exact else MADE_BY.get(one.engine, one.engine)
        self._made[by] = self._made.get(by, 0) + 1
        values = [
            {"label": label, "value": _number(one.values.get(label)), "wanted": self._wanted.get(label, ""), "met": met}
            for label, met in one.met.items()
        ]
        self._tell(
            {
                "kind": "answer",
                "number": number,
                "by": by,
                "z": text_of(one.z),
                "output": text_of(one.output),
                "data": _drawn(self._catalogue, one.output),
                "values": values,
            }
        )

    def end(self, tried: int) -> None:
        """Tell how answers were made, and that there are no more."""
        made = ", ".join(f"{count} {HOW.get(by, f'by {by}')}" for by, count in self._made.items())
        delivered = sum(self._made.values())
        self._tell({"kind": "plan", "text": made})
        text = f"{delivered} of {self._spec.sample.count}"
        self._tell({"kind": "done", "delivered": delivered, "tried": tried, "text": text})


def _leaves(spec: Spec) -> Iterator[Any]:
    waiting = list(spec.entries)
    while waiting:
        entry = waiting.pop()
        inner = getattr(entry, "entries", None)
        if inner is None:
            yield entry
        else:
            waiting.extend(inner)


def _wanted(leaf: Any) -> str:
    """Return what a constraint wants in words."""
    low, high = leaf.want.low, leaf.want.high
    if math.isinf(low):
        return f"at most {high:g}"
    return f"at least {low:g}" if math.isinf(high) else f"{low:g} to {high:g}"


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value


def _drawn(catalogue: Catalogue, output: np.ndarray) -> Any:
    view: Registered | None = catalogue.view
    if view is None or not getattr(view.load(), "page_script", ""):
        return None
    return view.build().page_data(output)
