"""The report of a run as one web page that needs nothing else: pictures and sound are inside it.

What the page says is in `lc_core/templates`: `base.html`, filled by `sample.html` and `transform.html`.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from lc_core.common.characters import escaping
from lc_core.common.words import GROUPS, counted
from lc_core.runs.charts import HEIGHT, WIDTH, charts
from lc_core.sampling.histogram import Distribution

__all__ = ["MAX_SAMPLES", "write_html"]

MAX_SAMPLES = 48
"""Samples shown in the page; it would grow too large to open with more."""

SOUNDS = ("audio/wav", "audio/mpeg", "audio/ogg", "audio/flac")


def write_html(
    folder: Path,
    report: Mapping[str, Any],
    samples: Sequence[Mapping[str, Any]],
    *,
    total: int | None = None,
    rendered: int | None = None,
    distributions: Mapping[str, Distribution] | None = None,
    into: Path | None = None,
) -> Path:
    """Write `report.html` into a run's folder.

    Args:
        folder: The run's folder.
        report: The content of `report.json`, of `lc sample` or of `lc transform`.
        samples: What was delivered, in order; the first 48 are shown. Each has `number` (from 0) and `files` (each
            with `path`, relative to the folder, and `media_type`); pictures and sound are embedded, other files
            linked. A sample has `index` (of its try), `measurements` (label to value; None or NaN where undefined)
            and `met` (label to bool, groups included); an edit, what its entry in `examples` of the report has.
        total: How many were delivered, if not all are among the samples.
        rendered: How many of them were rendered, if not all.
        distributions: For each constraint's label, how its values are distributed.
        into: Where the page is written, if not into the run's folder.

    Returns:
        The page's path.
    """
    loader = PackageLoader("lc_core")
    pages = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    pages.globals |= {"chart_width": WIDTH, "chart_height": HEIGHT}
    pages.filters |= {"counted": counted, "percent": _percent, "wanted": _wanted, "words": _words}
    shown = [{**one, "files": [_file(folder, file) for file in one["files"]]} for one in samples[:MAX_SAMPLES]]
    page = pages.get_template(f"{report.get('kind', 'sample')}.html")
    path = (into or folder) / "report.html"
    total = len(samples) if total is None else total
    drawn = list(charts(report["constraints"], distributions or {}))
    text = page.render(
        report=report, shown=shown, total=total, rendered=total if rendered is None else rendered, charts=drawn
    )
    path.write_text(text, encoding="utf-8", errors=escaping())
    return path


def _file(folder: Path, file: Mapping[str, Any]) -> dict[str, str]:
    """Return a file's `name`, its `source`, which is its content or its address, and its `kind`.

    The kind is `image`, `sound`, `link` or, of an image or sound that is not there, `missing`.
    """
    path, media = folder / file["path"], str(file["media_type"])
    kind = "image" if media.startswith("image/") else "sound" if media.startswith(SOUNDS) else "link"
    if kind == "link":
        return {"kind": kind, "name": path.name, "source": quote(Path(file["path"]).as_posix())}
    if not path.is_file():
        return {"kind": "missing", "name": path.name}
    content = base64.b64encode(path.read_bytes()).decode("ascii")
    return {"kind": kind, "name": path.name, "source": f"data:{media};base64,{content}"}


def _words(value: Any) -> str:
    """Return any JSON value in words: a number has four digits at most, a whole number all of its digits."""
    if isinstance(value, Mapping):
        return ", ".join(f"{str(key).replace('_', ' ')} {_words(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_words, value))
    if value is None or value != value:
        return "undefined"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    whole = isinstance(value, int) or (math.isfinite(value) and value == round(value) and abs(value) < 1e15)
    return f"{int(value):,}" if whole else f"{value:.4g}"


def _percent(share: float | None) -> str:
    """Return a share in [0, 1] in percent; nothing short of all reads as 100 %, and nothing above none as 0 %."""
    if share is None or math.isnan(share):
        return "undefined"
    percent = 100 * share
    if 0 < percent < 0.01:
        return "< 0.01 %"
    if 99.9 < percent < 100:
        return "> 99.9 %"
    return f"{percent:.2g} %" if percent < 1 else f"{percent:.1f} %".replace(".0 %", " %")


def _wanted(entry: Mapping[str, Any]) -> str:
    """Return what an entry of a report wants in words: `at least 0.75`, `12 to 24`, `40 ± 5`, `any of`."""
    if "entries" in entry:
        return GROUPS[entry["use"]]
    wanted = entry["wanted"]
    if "between" in wanted:
        return " to ".join(map(_words, wanted["between"]))
    if "target" in wanted:
        return f"{_words(wanted['target'])} ± {_words(wanted['tolerance'])}"
    return _words(wanted)
