"""`lc label`: make a label set, from measurements of prior samples or from labelled files."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lc_core import LCError, Measurement
from lc_core.cli import FILE_PATH, plugin_files, table, use_one_thread
from lc_core.common import Cache, counted, lock_of, write_atomically
from lc_core.plugins import Registered, Registry, build_registry, readers_of
from lc_core.spec import Problems, Where, parse
from lc_plugins.labels.collect import label_files, label_samples, load_chosen
from lc_plugins.labels.dataset import label_dataset
from lc_plugins.labels.label_set import LabelSet, is_label_set, read_label_set
from lc_plugins.labels.table import read_table

if TYPE_CHECKING:
    from lc_plugins.labels.probe import Probe, ProbeSettings

__all__ = ["command"]

COUNT = 4_096
GUESSING = 0.65
"""Below this AUC a probe tells next to nothing."""


@click.command("label")
@click.argument("model")
@click.argument("measurements", metavar="[MEASUREMENT]...", nargs=-1)
@click.option(
    "--set",
    "changes",
    metavar="KEY=VALUE",
    multiple=True,
    help="A setting: digit=3; 1.digit=3 of measurement 1, counted from 0; model.folder=DIR of the model; "
    "data.part=valid of the --dataset.",
)
@click.option("--as", "names", metavar="NAME", multiple=True, help="Name of a column; once for each measurement.")
@click.option("--count", type=click.IntRange(min=1), help=f"Prior samples to draw and measure; default {COUNT}.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of the prior samples; default 0.")
@click.option("--data", type=FILE_PATH, help="Folder of labelled files.")
@click.option("--labels", type=FILE_PATH, help="CSV file with the header file,name1,name2,...")
@click.option("--dataset", metavar="NAME", help="In place of --labels: the data set reader, such as images.celeba.")
@click.option(
    "--threshold",
    "thresholds",
    metavar="NAME=VALUE",
    multiple=True,
    help="Lowest value of a column that counts as a yes; repeatable.",
)
@plugin_files
@click.option("--out", type=FILE_PATH, required=True, help="The label set, a safetensors file.")
@click.pass_obj
def command(
    probing: ProbeSettings | None,
    model: str,
    measurements: tuple[str, ...],
    changes: tuple[str, ...],
    names: tuple[str, ...],
    count: int | None,
    seed: int | None,
    data: Path | None,
    labels: Path | None,
    dataset: str | None,
    thresholds: tuple[str, ...],
    plugins: tuple[Path, ...],
    out: Path,
) -> None:
    """Label outputs of a model, to make an attribute of your own.

    Either prior samples are drawn, decoded and measured with the MEASUREMENTs given, or the files in --data are encoded
    and have the labels of the table --labels, or --data is a data set whose layout and labels the --dataset knows. At
    the end a probe is fitted to the set, and how good it is on held-out rows is printed. In a spec, the measurement
    labels.attribute uses the set.
    """
    _check_source(measurements, names, count, seed, data, labels, dataset)

    use_one_thread()
    registry = build_registry(plugins)
    _check_installed(registry.get("model", model), plugins)
    model_settings, own, data_settings = _settings(changes, len(measurements), dataset is not None)
    limits = _thresholds(thresholds)
    with _claimed(out), redirect_stdout(sys.stderr):  # whatever a plugin prints: stdout is for the result
        if data is not None and labels is not None:
            found = _from_files(registry, model, model_settings, data, labels, limits)
        elif data is not None and dataset is not None:
            reading = registry.get("dataset", dataset)
            chosen = load_chosen(registry, model, model_settings)
            found = label_dataset(chosen, reading, data, params=data_settings, thresholds=limits, progress=_line)
        else:
            size, columns = count or COUNT, _columns(registry, measurements, own, names)
            chosen = load_chosen(registry, model, model_settings)
            found = label_samples(chosen, columns, count=size, seed=seed or 0, thresholds=limits, progress=_line)
        probe = _save(found, out, probing)
    _show(found, probe, out)


def _from_files(
    registry: Registry, model: str, params: Mapping[str, Any], data: Path, labels: Path, limits: Mapping[str, float]
) -> LabelSet:
    registered = registry.get("model", model)
    try:
        filled = registered.fill(params)
    except LCError as error:
        raise LCError(error.message, hint="give a setting of the model so: --set model.file=decoder.pt2") from error
    readers = readers_of(registry, registered.output(filled))
    table = read_table(labels, data, list(readers))
    return label_files(load_chosen(registry, model, params), table, readers=readers, thresholds=limits, progress=_line)


def _save(found: LabelSet, out: Path, probing: ProbeSettings | None) -> Probe:
    """Write the set, whole or not at all, and return its probe."""
    from lc_plugins.labels.probe import fitted_probe

    _check_out(out)  # what came there meanwhile may be somebody's
    try:
        write_atomically(out, found.to_bytes())
    except OSError as error:
        raise _unwritable(out, error) from error
    return fitted_probe(read_label_set(out), settings=probing, cache=Cache(), progress=_line)


def _show(found: LabelSet, probe: Probe, out: Path) -> None:
    rows = [("name", "counts as a yes", "yes of all rows", "yes of held-out rows", "AUC", "calibration error")]
    for column in found.columns:
        card = probe.card[column.name]
        area = "-" if card["auc"] is None else f"{card['auc']:.3f}"
        share = f"{card['rows_yes']:,} of {card['rows']:,}", f"{card['held_out_yes']:,} of {card['held_out']:,}"
        rows.append((column.name, str(column.want), *share, area, f"{card['ece']:.3f}"))
    click.echo(table(rows))
    for column in found.columns:
        area = probe.card[column.name]["auc"]
        if area is not None and area < GUESSING:
            told = f"{column.name}: an AUC of {area:.3f} is hardly better than guessing, which is 0.5"
            _line(f"warning: {told}; check that each label belongs to its output")
    click.echo(f"label set: {out}")
    click.echo("to use it, write in a spec:\n")
    for name in found.names:
        click.echo(f"  - {{use: labels.attribute, params: {{file: {_quoted(str(out))}, name: {_quoted(name)}}}}}")


def _quoted(text: str) -> str:
    return text if re.fullmatch(r"[A-Za-z_/][\w./-]*", text) else json.dumps(text, ensure_ascii=False)


def _line(text: str) -> None:
    click.echo(text, err=True)


def _check_source(
    measurements: Sequence[str],
    names: Sequence[str],
    count: int | None,
    seed: int | None,
    data: Path | None,
    labels: Path | None,
    dataset: str | None,
) -> None:
    """Check that there is one source of labels, and no option of the other."""
    if labels is not None and dataset is not None:
        raise click.UsageError("give --labels, a table, or --dataset, which has its own labels, not both")
    if (data is None) != (labels is None and dataset is None):
        raise click.UsageError(
            "--data and --labels belong together: a folder of files, and a table that labels them; or --data and "
            "--dataset NAME, if a plugin knows the folder's layout"
        )
    if data is not None and (measurements or names or count is not None or seed is not None):
        raise click.UsageError(
            "give measurements (with --count, --seed, --as), or --data with --labels or --dataset, not both"
        )
    if data is None and not measurements:
        raise click.UsageError("give a measurement, such as digits.digit, or --data FOLDER --labels FILE.csv")
    if names and len(names) != len(measurements):
        raise click.UsageError(
            f"--as names columns: once for each of {counted(len(measurements), 'measurement')}, or not at all"
        )


@contextmanager
def _claimed(out: Path) -> Iterator[None]:
    """Keep other processes from writing the same label set, or refuse a place where it cannot be written."""
    _check_out(out)
    with ExitStack() as stack:
        try:
            stack.enter_context(lock_of(out.with_name(f".{out.name[:100]}.lock"), what=out, remove=True))
        except OSError as error:
            raise _unwritable(out, error) from error
        yield


def _unwritable(out: Path, error: OSError) -> LCError:
    return LCError(f"label set {out} cannot be written: {error.strerror or error}", hint="choose another --out")


def _check_out(out: Path) -> None:
    """Refuse a place where nothing can be written, or where something else than a label set would be lost."""
    if out.is_symlink():
        raise LCError(f"--out {out} is a symbolic link", hint="give the file itself, or another name")
    if out.is_dir():
        raise LCError(f"--out {out} is a folder; expected a file such as my.safetensors")
    if not out.resolve().parent.is_dir():
        raise LCError(f"--out {out}: there is no folder {out.parent}")
    if out.exists() and not is_label_set(out):
        raise LCError(f"--out {out} holds something else than a label set", hint="choose another name")


def _check_installed(model: Registered, plugins: Sequence[Path]) -> None:
    """Refuse a model of a plugin file: what measures with the set builds it again, from what is installed."""
    if model.distribution in {file.stem for file in plugins}:
        raise LCError(
            f"model {model.name} comes from --plugin {model.distribution}.py; a spec that uses a label set needs its "
            "model installed",
            hint="put the model into a package: lc new-plugin NAME --kind model",
        )


def _settings(
    changes: Sequence[str], count: int, dataset: bool
) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]]:
    """Return the settings of the model, of each measurement and of the data set; values are YAML, as in a spec."""
    problems = Problems()
    own: list[dict[str, Any]] = [{} for _ in range(count)]
    named: dict[str, dict[str, Any]] = {"model": {}, "data": {}}
    places = {"model": named["model"]} | ({"data": named["data"]} if dataset else {})
    expected = " or ".join(places) + (f", or a number from 0 to {count - 1}," if count else "")
    places |= {str(at): one for at, one in enumerate(own)} | ({"": own[0]} if count == 1 else {})
    for change in changes:
        at = Where(f"--set {change}")
        key, equals, text = change.partition("=")
        place, dot, name = key.strip().rpartition(".")
        if not equals or not name or (dot and not place):
            problems.add(at, "expected KEY=VALUE, such as digit=3, 1.digit=3 or model.folder=runs/mine")
            continue
        if not dot and count > 1:
            problems.add(at, f"there are {count} measurements: say which, such as 0.{name}={text}")
            continue
        if not dot and not count:
            ways = " or ".join(f"{one}.{name}={text}" for one in places)
            problems.add(at, f"there is no measurement that this could be a setting of; expected {ways}")
            continue
        if place not in places:
            problems.add(at, f"expected {expected} before the dot; found {place!r}")
            continue
        target = places[place]
        if name in target:
            problems.add(at, f"{key.strip()} is given twice")
        value = parse(text, source=at.source, problems=problems, at=at)
        target[name] = value.plain() if value else None
    problems.check()
    return named["model"], own, named["data"]


def _thresholds(given: Sequence[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for one in given:
        name, equals, text = one.rpartition("=")
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not equals or not name or not math.isfinite(value):
            raise LCError(f"--threshold {one}: expected NAME=VALUE, such as age=40")
        if name in found:
            raise LCError(f"--threshold {one}: {name} has a threshold already")
        found[name] = value
    return found


def _columns(
    registry: Registry, uses: Sequence[str], settings: Sequence[Mapping[str, Any]], names: Sequence[str]
) -> dict[str, Measurement]:
    """Return the measurements by the names of their columns."""
    found: dict[str, Measurement] = {}
    for at, use in enumerate(uses):
        registered = registry.get("constraint", use)
        name = names[at] if names else _column_name(registered, settings[at])
        if not name.strip() or name in found:
            told = f"two columns have the name {name}" if name in found else "the name of a column is empty"
            raise LCError(told, hint="give every measurement a name of its own, in their order: --as NAME --as NAME")
        params = registered.fill(settings[at])
        found[name] = Measurement(
            registered.load(), params, name=registry.spelling(registered), source=registered.distribution
        )
    return found


def _column_name(registered: Registered, settings: Mapping[str, Any]) -> str:
    """Return the measurement's name without its domain, and the plain settings that were given: `digit-3`."""
    plain = [str(one) for one in settings.values() if isinstance(one, str | int | float)]
    return "-".join([registered.short, *plain])
