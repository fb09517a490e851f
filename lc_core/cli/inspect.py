"""`lc inspect`: what a model can do, how fast, and whether it is sane."""

from __future__ import annotations

import sys
from contextlib import ExitStack, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lc_core.cli.chosen_model import chosen_model
from lc_core.cli.options import FILE_PATH, plugin_files
from lc_core.cli.text import number, size, table
from lc_core.cli.threads import use_one_thread
from lc_core.cli.train import with_changes
from lc_core.common.files import reason
from lc_core.common.owned import Owned
from lc_core.common.words import counted
from lc_core.errors import LCError
from lc_core.plugins.discover import build_registry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lc_core.diagnose.inspect import Inspection
    from lc_core.models.latent_model import LatentModel

__all__ = ["command"]

UNSOUND = 2


@click.command("inspect")
@click.argument("model", metavar="MODEL")
@click.option("--set", "changes", metavar="KEY=VALUE", multiple=True, help="Change a setting of the model.")
@click.option("--out", type=FILE_PATH, help="Folder for the sheets; default runs/inspect-<model>.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@plugin_files
@click.option("--json", "as_json", is_flag=True, help="Print JSON, and nothing else, on stdout.")
def command(
    model: str, changes: tuple[str, ...], out: Path | None, device: str, plugins: tuple[Path, ...], as_json: bool
) -> None:
    """Load a model and show its shapes, prior, gradient, speed, memory, encoder and realism.

    MODEL is the name of a registered model, such as avatars.64, or a spec, whose model is meant. Prior samples are
    decoded, checked, and drawn on a sheet by every renderer that can. The status is 2 if something is wrong.
    """
    import json

    from lc_core.diagnose.inspect import inspect_model, write_sheets
    from lc_core.runs.build import load_selected

    use_one_thread()
    registry = build_registry(plugins)
    with ExitStack() as stack, redirect_stdout(sys.stderr):  # whatever a plugin prints: stdout is for the result
        selected, promised = chosen_model(registry, model, with_changes({}, changes))
        folder = out or Path("runs") / f"inspect-{selected.plugin.name}"
        owned = _open(stack, folder)
        model_itself = load_selected(selected, device=device)
        found = inspect_model(model_itself)
        if promised not in (found.about["output_type"], "*"):
            found.problems.append(f"it makes {found.about['output_type']}, but is registered as making {promised}")
        if "digest" in found.about:
            _add_sampler(found, model_itself)
        found.about["sheets"] = [str(path) for path in write_sheets(found, registry, owned)]
    if as_json:
        click.echo(json.dumps(found.as_dict(), indent=2, ensure_ascii=False))
    else:
        _show(found.as_dict(), model)
    if found.problems:
        click.get_current_context().exit(UNSOUND)


def _add_sampler(found: Inspection, model: LatentModel) -> None:
    """Note which sampler there is for the model, and whether it can be read."""
    from lc_core.sampler import find_sampler, read_sampler

    if (folder := find_sampler(model)) is None:
        found.about["sampler"] = None
        return
    try:
        rules = [rule.label for rule in read_sampler(folder, model).rules.rules]
    except LCError as error:
        found.problems.append(error.message)
    else:
        found.about["sampler"] = {"folder": str(folder), "rules": rules}


def _open(stack: ExitStack, folder: Path) -> Owned:
    """Open the folder of the sheets, or refuse it before a model is loaded."""
    try:
        return stack.enter_context(Owned.open(folder, "inspection"))
    except OSError as error:
        raise LCError(
            f"{folder} cannot be written: {reason(error, folder)}", hint="choose another folder with --out"
        ) from error


def _show(about: Mapping[str, Any], name: str) -> None:
    source = f" (from {about['source']})" if about["source"] else ""
    click.echo(f"{about['model']}{source}")
    click.echo(table(list(_rows(about, name)), indent="  "))
    for problem in about["problems"]:
        click.echo(f"wrong: {problem}")
    if not about["problems"]:
        click.echo("nothing is wrong with it")


def _rows(about: Mapping[str, Any], name: str) -> Iterator[tuple[str, str]]:
    def short(value: float) -> str:
        return number(float(f"{value:.3g}"))

    shape = " x ".join(map(str, about["latent_shape"]))
    yield "latents", f"{shape} ({counted(about['dimensions'], 'dimension')})"
    if prior := about.get("prior"):
        norm = prior["norm"]
        kind = prior["kind"] + ("" if prior["density"] == "known" else ", density not known")
        values = f"values {prior['mean']:.2f} ± {prior['std']:.2f}, norm {norm['mean']:.2f} ± {norm['std']:.2f}"
        yield "prior", f"{kind}; {values}"
    if output := about.get("output"):
        shape = " x ".join(map(str, output["shape"])) or "one number"
        ends = f"{short(output['low'])} to {short(output['high'])}"
        yield "outputs", f"{about['output_type']}: {shape}, {output['dtype']}, {ends}"
    if gradient := about.get("gradient"):
        yield "gradient", "through the decoder" if gradient["through"] else f"none: {gradient['reason']}"
    if about["note"]:
        yield "note", about["note"]
    if about.get("samples_note"):
        yield "note", about["samples_note"]
    if decode := about.get("decode"):
        alone = f"one alone in {decode['milliseconds_for_one']:.3g} ms"
        yield "decode", f"{short(decode['per_second'])} a second in blocks of {decode['block']}, {alone}"
    if "weights" in about:
        held = about["weights"]
        yield "weights", f"{held['count']:,}, {size(held['bytes'])}" if held else "in no torch module; not counted"
    if "encoder" in about:
        yield "encoder", _encoder(about["encoder"], about["dimensions"])
    if "realism" in about:
        yield "realism", about["realism"]
    if "sampler" in about:
        yield "sampler", _sampler(about["sampler"], name)
    if sanity := about.get("sanity"):
        again = "the same again" if sanity["deterministic"] else "not the same again"
        yield "samples", f"finite, {sanity['distinct']:.0%} distinct, {again}"
    for path in about.get("sheets", []):
        yield "sheet", path


def _encoder(found: Mapping[str, Any] | None, dimensions: int) -> str:
    if found is None:
        return "none; lc transform makes one"
    likeness, active = found["reconstruction"], f"{found['active_dimensions']} of {counted(dimensions, 'dimension')}"
    back = f"{likeness:.1%} of values" if "equal" in found["measure"] else f"all but {likeness:.3g} (RMS)"
    return (
        f"{back} of decoded prior samples come back; {active} active,"
        f" means of norm {found['mean_norm']:.2f}, mean std {found['mean_std']:.3f}"
    )


def _sampler(found: Mapping[str, Any] | None, model: str) -> str:
    if found is None:
        return f"none; lc amortise {model} trains one"
    return f"knows {counted(len(found['rules']), 'rule')}: {', '.join(found['rules'])}"
