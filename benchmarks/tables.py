"""Tables as Markdown, and the folder that an experiment writes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return a Markdown table; floats get three decimals."""
    lines = [head, ["---"] * len(head), *[[_cell(cell) for cell in row] for row in rows]]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _cell(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def say(text: str) -> None:
    """Tell how far it is, where it does not get into the tables."""
    click.echo(text, err=True)


def out_option(name: str) -> Any:
    """Return the option `--out`, by default `runs/paper/NAME`."""
    default = Path("runs/paper") / name
    kind = click.Path(file_okay=False, path_type=Path)
    return click.option("--out", default=default, show_default=True, type=kind, help="Folder of pictures and tables.")


def write_results(out: Path, text: str, figures: dict[str, Any]) -> None:
    """Print tables, and write them as `table.md` and all figures as `figures.json`."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "table.md").write_text(text + "\n", encoding="utf-8")
    (out / "figures.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(text)
    say(f"wrote {out}")
