"""Which rules a sampler is trained for: those that are named, or all that a model's outputs can be measured by."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lc_core.common.seeds import block_generator
from lc_core.constraints.constraint import Constraint
from lc_core.constraints.measurement import Measurement, measure_all
from lc_core.errors import LCError
from lc_core.models.latent_model import LatentModel, decode_outputs, draw_prior
from lc_core.plugins.registry import Registered, Registry
from lc_core.sampler.rules import Column, Rule, Rules
from lc_core.sampler.wants import Table
from lc_core.spec.values import plain

__all__ = ["Chosen", "Wanted", "choose_rules", "without_constant"]

LOOKED, DRAWN = 64, 3
"""Prior samples, and settings of each rule, on which it is checked to measure the same again."""
CLOSE = 1e-4
"""Networks round differently in batches of another size: so far may a value be from what it was."""

Wanted = str | Measurement | Constraint | Callable[..., Any]


@dataclass(frozen=True)
class Chosen:
    """Rules for a sampler, and those that were left out.

    Attributes:
        rules: The rules, without bins yet.
        left_out: For each rule that was not asked for by name and cannot be had, why.
    """

    rules: tuple[Rule, ...]
    left_out: dict[str, str]


def choose_rules(
    model: LatentModel, registry: Registry, wanted: Sequence[Wanted] | None = None, more: Sequence[Wanted] = ()
) -> Chosen:
    """Choose and check the rules of a sampler.

    Args:
        model: The model.
        registry: What is installed.
        wanted: Names of registered rules and declared functions, taken under any settings; measurements and
            constraints, taken under their own. None for every registered rule that accepts the model's outputs.
        more: Further ones.

    Raises:
        LCError: If what is wanted cannot be had, or nothing is left.
    """
    outputs = decode_outputs(model, draw_prior(model, LOOKED, block_generator(0, 0, "rules")))
    found: dict[str, Rule] = {}
    left_out: dict[str, str] = {}
    for one in _accepting(model, registry, left_out) if wanted is None else ():
        try:
            rule = _checked(one, registry, model, outputs)
        except LCError as error:
            left_out[one] = error.message
        else:
            found[rule.label] = rule
    for asked in (*(wanted or ()), *more):
        rule = _checked(asked, registry, model, outputs)
        found[rule.label] = rule
    kept = [
        rule for rule in found.values() if rule.fixed is None or not any(_covers(one, rule) for one in found.values())
    ]
    if not kept:
        why = "; ".join(left_out.values()) or "none is installed"
        raise LCError(f"there is no rule that a sampler of {model.name} could learn ({why})")
    return Chosen(tuple(kept), left_out)


def _accepting(model: LatentModel, registry: Registry, left_out: dict[str, str]) -> Iterator[str]:
    """Yield the names of all registered rules that a model's outputs can be measured by."""
    for one in registry.all("constraint"):
        try:
            accepts = Measurement(one.load()).accepts(model.output_type)
        except LCError as error:
            left_out[registry.spelling(one)] = error.message
            continue
        if accepts:
            yield registry.spelling(one)


def _checked(one: Wanted, registry: Registry, model: LatentModel, outputs: np.ndarray) -> Rule:
    rule = _rule(one, registry, model, outputs.shape[1:])
    _check(rule, registry, outputs)
    return rule


def _rule(one: Wanted, registry: Registry, model: LatentModel, shape: tuple[int, ...]) -> Rule:
    """Return a rule for what is wanted.

    Raises:
        LCError: If it does not measure the model's outputs, or its settings are not to be had.
    """
    if isinstance(one, Constraint):
        if one.free:
            raise LCError(f"{one.label} has free values; a sampler is trained for rules, not for a spec")
        one = one.measurement
    fixed = isinstance(one, Measurement)
    if isinstance(one, Measurement):
        measurement = one
    elif isinstance(one, str):
        component = registry.get("constraint", one)
        measurement = Measurement(
            component.load(), name=registry.spelling(component), source=component.distribution
        )  # fmt: skip
    else:
        measurement = Measurement(one)
    if not measurement.accepts(model.output_type):
        accepted = ", ".join(measurement.info.accepts)
        raise LCError(f"{measurement.who} measures {accepted}, but {model.name} decodes to {model.output_type}")
    if measurement.info.needs and not fixed:
        raise LCError(
            f"{measurement.who} needs a file that its settings name",
            hint="give a spec that names it, in place of the rule",
        )
    return Rule.of(measurement, fixed=fixed, shape=shape)


def _covers(one: Rule, fixed: Rule) -> bool:
    return one.fixed is None and one.knows(fixed.measurement({}))


def _check(rule: Rule, registry: Registry, outputs: np.ndarray) -> None:
    """Check that settings that are drawn are such as a spec takes, and that a rule measures the same again.

    Raises:
        LCError: With what is wrong.
    """
    component = next((one for one in registry.all("constraint") if registry.spelling(one) == rule.name), None)
    rng = np.random.default_rng(0)
    columns = []
    for _ in range(DRAWN):
        measurement = rule.measurement(rule.code.draw(rng))
        if component is not None and rule.fixed is None:
            measurement = replace(measurement, params=_filled(component, measurement))
        rule.encode(measurement)
        columns.append(measurement)
    for one in columns[: DRAWN if rule.size else 1]:
        _check_steady(one, outputs)
    if rule.size:
        _check_together(columns, outputs)


def _filled(component: Registered, one: Measurement) -> dict[str, Any]:
    try:
        return component.fill(one.params)
    except LCError as error:
        raise LCError(f"{one.name} draws settings that it refuses, {plain(one.params)}: {error.message}") from error


def _check_steady(one: Measurement, outputs: np.ndarray) -> None:
    """Refuse a measurement that is random, or depends on what else is in a batch."""
    values, again = one.measure_here(outputs), one.measure_here(outputs)
    if not np.array_equal(values, again, equal_nan=True):
        row = int(np.flatnonzero(~((values == again) | (np.isnan(values) & np.isnan(again))))[0])
        raise LCError(f"{one.name} is random: output {row} was {values[row]:g}, then {again[row]:g}")
    mixed, third = outputs[::-1].copy(), len(outputs) // 3
    parts = np.concatenate([one.measure_here(mixed[:third]), one.measure_here(mixed[third:])])[::-1]
    if (at := _differing(values, parts)) is not None:
        raise LCError(
            f"{one.name} depends on what else is in a batch: output {at} was {values[at]:g}, then {parts[at]:g}"
        )


def _check_together(some: Sequence[Measurement], outputs: np.ndarray) -> None:
    """Refuse what measures otherwise under several settings at once."""
    for one, values in zip(some, measure_all(some, outputs), strict=True):
        if (at := _differing(one.measure_here(outputs), values)) is not None:
            raise LCError(f"{one.name} measures output {at} otherwise by `together` than alone")


def _differing(first: np.ndarray, second: np.ndarray) -> int | None:
    rows = np.flatnonzero(~np.isclose(first, second, rtol=CLOSE, atol=CLOSE, equal_nan=True))
    return int(rows[0]) if len(rows) else None


def without_constant(rules: Rules, table: Table) -> tuple[Rules, Table, dict[str, str]]:
    """Leave out rules whose value never changes on prior samples: nothing can be asked of them.

    Returns:
        The other rules, their part of the table, and for each that is left out the reason.
    """
    every = range(len(rules.rules))
    left_out = {
        rules.rules[number].label: f"{rules.rules[number].label} is constant on {len(table):,} prior samples"
        for number in every
        if table.constant(number)
    }
    kept = [number for number in every if not table.constant(number)]
    some = Rules(tuple(rules.rules[number] for number in kept))
    columns = tuple(
        tuple(Column(new, one.measurement, one.code[: some.size]) for one in table.columns[number])
        for new, number in enumerate(kept)
    )
    bins = tuple(table.bins[number] for number in kept)
    complete = tuple(table.complete[number] for number in kept)
    return some, Table(columns, bins, complete, table.latents), left_out
