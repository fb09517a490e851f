"""What a worker of the studio does: answer specs, find what is like an output, change a file, render, read files.

Everything is said as JSON. Outputs and latents travel as base64 of numpy's own format.
"""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lc_core import LCError
from lc_core.common import Cache
from lc_core.plugins import Registry, read_outputs, reader_settings, readers_of
from lc_core.spec import Problems, Spec, load_spec, parse, yaml_text
from lc_plugins.studio.catalogue import Catalogue
from lc_plugins.studio.specs import exported, problems_of, refuse_files, usual
from lc_plugins.studio.told import Tell, Told, array_of, drawn, look_json, text_of

if TYPE_CHECKING:
    from lc_core.exploring import Explorer

__all__ = ["Asks"]

Json = dict[str, Any]
MOST_OF_A_FILE = 16
"""Most outputs that are taken from a file."""


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
        self._temporary = tempfile.TemporaryDirectory(prefix="lc-studio-")
        self._folder = Path(self._temporary.name)
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
        return self._last[0].fill(self._base)

    def _load(self, request: Mapping[str, Any], tell: Tell) -> None:
        """Load the model of a spec and what serves its specs."""
        spec = self._read(request, tell)
        if spec is not None:
            self._base = self._explorer(spec)[0].base_of(spec)

    def _ask(self, request: Mapping[str, Any], tell: Tell) -> None:
        spec = self._read(request, tell)
        if spec is None:
            return
        explorer, catalogue = self._explorer(spec)
        settled = explorer.settled(spec)
        tell({"kind": "spec", "doc": request["doc"], "yaml": exported(request["doc"], spec, settled), "problems": []})
        if request.get("output"):
            self._changed(settled, array_of(request["output"]), explorer, catalogue, tell)
            return
        self._base = explorer.base_of(spec)
        told = Told(settled, catalogue, tell)
        ended = explorer.answer(
            settled,
            tell=told.answer,
            look=lambda look: tell(look_json(look)),
            progress=lambda line: tell({"kind": "progress", "text": line}),
            tried=lambda tries: tell({"kind": "tried", "tried": tries}),
        )
        told.end(ended.tried)
        if (wider := explorer.look_by_sampler(settled)) is not None:
            tell(look_json(wider))

    def _near(self, request: Mapping[str, Any], tell: Tell) -> None:
        spec = self._read(request, tell)
        if spec is None:
            return
        explorer, catalogue = self._explorer(spec)
        told = Told(spec, catalogue, tell)
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
            tell({"kind": "read", "output": text_of(output), "data": drawn(catalogue, output), "text": "; ".join(said)})

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
        from lc_core import transform
        from lc_core.exploring import Answer

        tell(look_json(explorer.look(spec)))
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
        told = Told(spec, catalogue, tell)
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
            refuse_files(doc, frozenset(request.get("files", ())))
            path = self._folder / "spec.yaml"
            path.write_text(yaml_text(doc) if text is None else text, encoding="utf-8")
            return load_spec(path, registry=self._registry)
        except LCError as error:
            tell({"kind": "spec", "doc": None, "yaml": text, "problems": problems_of(error)})
            return None

    def _explorer(self, spec: Spec) -> tuple[Explorer, Catalogue]:
        from lc_core.exploring import Explorer
        from lc_core.runs import build_model

        name = f"{spec.model.plugin.qualified} {sorted(spec.model.params.items(), key=str)}"
        if name not in self._explorers:
            self._explorers.clear()  # one model at a time: memory is bounded
            catalogue = Catalogue(self._registry, spec.model.plugin, spec.model.params)
            asked = list(usual(self._registry, catalogue))
            explorer = Explorer(build_model(spec), samples=self._samples, cache=self._cache, usual=asked)
            self._explorers[name] = (explorer, catalogue)
        self._last = self._explorers[name]
        return self._last
