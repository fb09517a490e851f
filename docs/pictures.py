"""Makes the pictures of the documents: `python -m docs.pictures [NAME...]`; without a name, all of them.

Each picture is what some `lc` commands leave, made smaller. They run in `build/pictures`, where a run that is already
there is not repeated. The first time takes some ten minutes, most of them for fits. Screenshots need Chromium.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import click

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
SCRATCH = ROOT / "build" / "pictures"
COLOURS = 64
BRIGHTER = """\
lc: 1
model: digits.8x8
constraints:
  - {use: images.brightness, at_least: 0.35, guide: decoder}
render: [{use: png, params: {scale: 16}}]
"""


@dataclass(frozen=True)
class Picture:
    """What makes a picture.

    Args:
        commands: Command lines, run in order.
        take: The file that they leave; a page of HTML is photographed.
        width: Widest that it may be, in pixels.
    """

    commands: tuple[str, ...]
    take: str
    width: int = 900


def sampled(spec: str, folder: str, options: str = "--engine rejection", *, count: int = 16) -> str:
    """Return the command that samples a shipped spec into a folder."""
    budget = " --budget 1000000" if options == "--engine rejection" else ""
    return f"lc sample {spec} {options} --count {count}{budget} --out {folder}".replace("  ", " ")


def rolls(name: str) -> Picture:
    """Return the piano rolls of a shipped spec, drawn from the prior."""
    return Picture((sampled(f"melody/{name}", name),), f"{name}/piano_rolls.png")


def sheet(spec: str, folder: str, options: str = "--engine rejection") -> Picture:
    """Return a sheet of pictures under a shipped spec."""
    return Picture((sampled(spec, folder, options, count=36),), f"{folder}/images.png", 450)


SEVENS = "lc sample digits/seven --engine rejection --count 4 --out sevens"
INPUTS = " ".join(f"sevens/outputs/{number:06}.png" for number in range(4))
GRADIENT = sampled("melody/busy_c_major", "busy-gradient", "")
ACTOR = sampled("melody/busy_c_major", "busy-actor", "--engine actor --set realism=0")
PICTURES = {
    "busy_c_major": Picture((GRADIENT,), "busy-gradient/piano_rolls.png"),
    "rolls_c_major": rolls("c_major"),
    "rolls_no_big_leaps": rolls("no_big_leaps"),
    "rolls_over_a_ii_v": rolls("over_a_ii_v"),
    "rolls_sparse_pentatonic": rolls("sparse_pentatonic"),
    "rolls_arch": rolls("arch_contour_ending_on_tonic"),
    "rolls_rare": rolls("rare"),
    "rolls_free": Picture((sampled("melody/free", "free", ""),), "free/piano_rolls.png"),
    "busy_rejection": rolls("busy_c_major"),
    "busy_actor": Picture((ACTOR,), "busy-actor/piano_rolls.png"),
    "inspect_melody": Picture(
        ("lc inspect melody.folk-2bar --out inspect-melody",), "inspect-melody/piano_rolls.png", 640
    ),
    "inspect_avatars": Picture(("lc inspect avatars.64 --out inspect-avatars",), "inspect-avatars/images.png", 450),
    "inspect_digits": Picture(("lc inspect digits.8x8 --out inspect-digits",), "inspect-digits/images.png", 400),
    "avatars_prior": sheet("avatars/free", "avatars-prior"),
    "avatars_free": sheet("avatars/free", "avatars-free", ""),
    "avatars_smiling_blond": sheet("avatars/smiling_blond", "smiling_blond"),
    "avatars_sunglasses": sheet("avatars/sunglasses_and_beard", "sunglasses_and_beard"),
    "digits_seven": sheet("digits/seven", "seven"),
    "digits_three_or_eight": sheet("digits/between_three_and_eight", "between_three_and_eight"),
    "edit_brighter": Picture(
        (SEVENS, f"lc transform brighter.yaml --input {INPUTS} --out brighter"), "brighter/pairs.png"
    ),
    "report": Picture((GRADIENT,), "busy-gradient/report.html", 800),
    "typical_syncopation": Picture(("typical melody.syncopation",), "typical-melody.syncopation.png"),
    "typical_note_density": Picture(("typical melody.note_density",), "typical-melody.note_density.png"),
    "typical_contour": Picture(("typical melody.contour",), "typical-melody.contour.png"),
    "typical_max_leap": Picture(("typical melody.max_leap",), "typical-melody.max_leap.png"),
}


def make(name: str) -> Path:
    """Make one picture and return its place."""
    picture = PICTURES[name]
    SCRATCH.mkdir(parents=True, exist_ok=True)
    (SCRATCH / "brighter.yaml").write_text(BRIGHTER, encoding="utf-8")
    source = next(iter(sorted(SCRATCH.glob(picture.take))), None)
    if source is None or picture.take.startswith("typical-"):
        for line in picture.commands:
            run(line)
        source = next(iter(sorted(SCRATCH.glob(picture.take))))
    if source.suffix == ".html":
        source = photograph(source)
    place = IMAGES / f"{name}.png"
    shrink(source, place, width=picture.width)
    return place


def run(line: str) -> None:
    """Run one command line in the scratch folder."""
    program, *arguments = shlex.split(line)
    if program == "typical":
        histogram(arguments[0])
        return
    done = subprocess.run([sys.executable, "-m", "lc_core", *arguments], cwd=SCRATCH)
    if done.returncode:
        raise click.ClickException(f"{line} ended with status {done.returncode}")


def photograph(page: Path) -> Path:
    """Return a screenshot of a page, by Chromium without a window."""
    browser = next((found for name in ("chromium", "google-chrome") if (found := shutil.which(name))), None)
    if browser is None:
        raise click.ClickException("a screenshot needs Chromium, which is not installed")
    shot = SCRATCH / f"{page.parent.name}.png"
    options = ["--headless", "--no-sandbox", "--hide-scrollbars", "--window-size=1100,900", f"--screenshot={shot}"]
    subprocess.run([browser, *options, page.resolve().as_uri()], check=True, capture_output=True)
    return shot


def histogram(rule: str) -> None:
    """Draw how a rule's values are spread, from what `python -m benchmarks.typical` wrote."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    domain = rule.partition(".")[0]
    found = json.loads((ROOT / "lc_plugins" / domain / "typical.json").read_text(encoding="utf-8"))["rules"][rule][0]
    bars = found["histogram"]
    step = (bars["high"] - bars["low"]) / len(bars["counts"])
    figure, axes = pyplot.subplots(figsize=(5, 1.8), dpi=110, layout="constrained")
    shares = [100 * count / found["samples"] for count in bars["counts"]]
    axes.bar([bars["low"] + step * (at + 0.5) for at in range(len(shares))], shares, width=step * 0.9, color="#3b6ea5")
    axes.set_xlabel(rule)
    axes.set_ylabel("% of samples")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(SCRATCH / f"typical-{rule}.png", metadata={"Software": None})
    pyplot.close(figure)


def shrink(source: Path, place: Path, *, width: int) -> None:
    """Write a picture with few colours, no wider than `width`."""
    from PIL import Image

    image = Image.open(source).convert("RGB")
    if image.width > width:
        image = image.resize((width, round(image.height * width / image.width)), Image.Resampling.LANCZOS)
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(place, optimize=True)


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(PICTURES)))
def main(names: tuple[str, ...]) -> None:
    """Make the pictures of the documents."""
    for name in names or PICTURES:
        place = make(name)
        click.echo(f"{place.relative_to(ROOT)}: {place.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
