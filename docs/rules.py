"""The reference page of each domain's rules, from the docstrings and what is measured of them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

from lc_core.plugins.registry import Registered, Registry
from lc_core.plugins.typical import Typical, number, percent, read_typical

ROOT = Path(__file__).parents[1]


def rule_pages(registry: Registry, note: str) -> dict[str, str]:
    """Return the text of each domain's page, by its path in the repository.

    Args:
        registry: Whose measurements are told of.
        note: The first line of what is generated.
    """
    domains: dict[str, list[Registered]] = {}
    for one in registry.all("constraint"):
        domains.setdefault(one.name.partition(".")[0], []).append(one)
    return {
        f"docs/reference/rules/{domain}.md": "\n".join(
            [*head(domain, note), *(line for one in some for line in section(one))]
        )
        + "\n"
        for domain, some in domains.items()
    }


def head(domain: str, note: str) -> list[str]:
    """Return the top of a page."""
    return [
        f"{note}# Rules: {domain}",
        "",
        f"The rules whose names begin with `{domain}.`, as `lc plugins NAME` shows them. Typical values are of prior"
        " samples, before anything is asked of them: choose what you want by these. They were measured by"
        " `python -m benchmarks.typical`.",
    ]


def section(one: Registered) -> Iterator[str]:
    """Yield the section of one rule."""
    info = one.load().__lc_measurement__
    low, high = ("any" if abs(bound) == float("inf") else f"{bound:g}" for bound in info.range)
    settings = ", ".join(f"`{name}`" for name in one.setting_names()) or "none"
    yield from ("", f"## {one.name}", "", "```text", inspect.getdoc(one.load()) or "", "```", "")
    yield f"- Settings: {settings}. Unit: {info.unit}. Range: {low} to {high}. Default: {info.want or 'none'}."
    if info.part:
        yield f"- `{info.part.name}`: {info.part.about}"
    yield f"- Undefined: {info.undefined or 'never'}."
    rows = read_typical(one)
    if not rows:
        yield "- Typical values: none can be told, since they depend on files of yours."
        return
    counted = [row for row in rows if row.meets_default is not None]
    if counted and not any(row.meets_default for row in counted):
        yield f"- **The model hardly meets this default**: {rows[0].default_text}. Ask for less, or for another rule."
    yield from ("", *typical_table(rows))
    picture = f"typical_{one.short}.png"
    if (ROOT / "docs" / "images" / picture).exists():
        yield from ("", f"![How {one.name} is spread over prior samples of {rows[0].model}](../../images/{picture})")
        yield from ("", f"*`python -m docs.pictures {picture.removesuffix('.png')}`*")


def typical_table(rows: list[Typical]) -> list[str]:
    """Return typical values as a table."""
    lines = [
        "| model, settings | 1 % below | 25 % below | median | 25 % above | 1 % above | undefined | meet the default |"
    ]
    lines.append("|---|---|---|---|---|---|---|---|")
    for row in rows:
        values = [number(row.quantiles[key]) if row.quantiles else "" for key in ("1", "25", "50", "75", "99")]
        met = "" if row.meets_default is None else f"{percent(row.meets_default, row.samples)} of {row.samples:,}"
        name = f"`{row.model}`" + (f", {row.settings_text}" if row.params else "")
        lines.append(f"| {name} | {' | '.join(values)} | {percent(row.undefined, row.samples)} | {met} |")
    return lines
