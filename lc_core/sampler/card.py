"""The model card of a sampler, written from its configuration alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lc_core.common.words import counted

__all__ = ["abilities", "sampler_card"]

LIMITS = """\
Every share is of outputs that were decoded and measured, before any selection. Wants were drawn from prior samples
that took no part in the training, under settings that were drawn anew. Prior: the share of the other prior samples
that meet the same. A sampler knows its model and its rules; other rules of a spec get a critic each. What it makes is
not distributed exactly as prior samples that meet a spec are."""


def abilities(config: Mapping[str, Any]) -> list[str]:
    """Return what a sampler can do, in a few lines for a terminal.

    Args:
        config: What its `config.json` holds, figures included.
    """
    figures = config["figures"]
    lines = [
        f"met by {_rate(one['rate'])} prior samples: {one['satisfied']:.0%} of first tries satisfy (median of "
        f"{counted(one['compositions'], 'random composition')}; of prior samples {one['prior']:.2g})"
        for one in figures["by_rate"]
    ]
    weak = [one["rule"] for one in figures["by_rule"] if one["wants"] and one["satisfied"] < 0.5]
    if weak:
        lines.append(f"met by less than half of first tries: {', '.join(weak)}")
    return [*lines, f"{figures['distinct']:.1%} of outputs are distinct"]


def _rate(bounds: Sequence[float]) -> str:
    """Return a range of shares of prior samples in words."""
    low, high = (f"1 in {1 / bound:,.0f}" if bound else "" for bound in bounds)
    return f"fewer than {high}" if not low else f"{low} or more" if bounds[1] >= 1 else f"{low} to {high}"


def sampler_card(config: Mapping[str, Any]) -> str:
    """Return the card as Markdown.

    Args:
        config: What `config.json` holds, figures included.
    """
    return "\n".join(_lines(config)) + "\n"


def _lines(config: Mapping[str, Any]) -> Iterator[str]:
    model, figures, training = config["model"], config["figures"], config["training"]
    yield from (
        f"# Sampler for {model['name']}",
        "",
        f"A network that guides prior samples of `{model['name']}` to where any set of the rules below holds. It was",
        "trained once, by `lc amortise`; a spec needs no fit. `engine: auto` uses the sampler of its model by itself,",
        "`engine: {use: sampler, params: {folder: this/folder}}` this one.",
        "",
        "## Figures",
        "",
        f"First tries at {counted(figures['compositions'], 'random composition')} of one or more wants,"
        f" {figures['tries']} tries each, of at most {figures['steps']} steps. Rates are shares of"
        f" {figures['samples']:,} prior samples.",
        "",
        "| prior samples that meet it | compositions | median rate | satisfy, median | quartiles |",
        "|---|---|---|---|---|",
    )
    for one in figures["by_rate"]:
        first, third = one["quartiles"]
        yield (
            f"| {_rate(one['rate'])} | {one['compositions']} | {one['prior']:.2g} | {one['satisfied']:.1%} |"
            f" {first:.1%}, {third:.1%} |"
        )
    yield from ("", f"Distinct outputs: {figures['distinct']:.2%}.", "", "## Rules", "")
    yield from ("| rule | wants tried | meet the want | prior samples that do |", "|---|---|---|---|")
    for one in figures["by_rule"]:
        met = f"{one['satisfied']:.1%} | {one['prior']:.1%}" if one["wants"] else "- | -"
        yield f"| `{one['rule']}` | {one['wants']} | {met} |"
    if config["left_out"]:
        yield from ("", "Left out:", "")
        yield from (f"- {reason}" for reason in config["left_out"].values())
    settings = ", ".join(f"{key} {value}" for key, value in training.items() if key not in ("steps_done", "seconds"))
    yield from (
        "",
        "## Training",
        "",
        f"{counted(training['steps_done'], 'step')} in {training['seconds']:,.0f} s. Settings: {settings}.",
        f"Model: `{model['name']}`, digest `{model['digest'][:12]}`. Written by lc {config['lc']}.",
        "",
        LIMITS,
    )
