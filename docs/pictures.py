"""Makes the pictures of the documents: `python -m docs.pictures [NAME...]`; without a name, all of them.

Each picture is what some `lc` commands leave, made smaller. They run in `build/pictures`, where a run that is already
there is not repeated. The first time takes some twenty minutes, most of them for fits and edits. Screenshots need
Chromium.
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

from docs.studio_pictures import photograph as photograph_studio

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
SCRATCH = ROOT / "build" / "pictures"
ATTRIBUTE = """\
lc: 1
model: avatars.64
realism: 1
constraints: [{{use: avatars.attribute, params: {{name: {}}}, at_least: 0.99, guide: decoder}}]
render: [png]
"""
SPECS = {
    "brighter.yaml": """\
lc: 1
model: digits.8x8
constraints:
  - {use: images.brightness, at_least: 0.35, guide: decoder}
render: [{use: png, params: {scale: 16}}]
""",
    "conditional.yaml": """\
lc: 1
model: avatars.64
realism: 0.5
constraints:
  - {use: avatars.attribute, params: {name: eyeglasses}, label: glasses, at_least: 0.9, free: {present: [false, true]}}
  - {use: avatars.attribute, params: {name: beard}, label: beard, at_least: 0.9, free: {present: [false, true]}}
  - {use: avatars.attribute, params: {name: smiling}, label: smiling, at_least: 0.9, free: {present: [false, true]}}
sample: {count: 8, seed: 1}
engine: {use: actor}
render: [png]
""",
    "glasses.yaml": ATTRIBUTE.format("eyeglasses"),
    "beard.yaml": ATTRIBUTE.format("beard"),
}
"""Specs that are not shipped; each is written into the scratch folder."""


@dataclass(frozen=True)
class Picture:
    """What makes a picture.

    Args:
        commands: Command lines, run in order.
        take: The file that they leave; a page of HTML is photographed.
        width: Widest that it may be, in pixels.
        colours: How many it has at most.
        columns: If given, all files that `take` fits are set beside each other, this many in a row.
    """

    commands: tuple[str, ...]
    take: str
    width: int = 900
    colours: int = 64
    columns: int = 0


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


def numbered(folder: str, ending: str, count: int) -> str:
    """Return the names of the first outputs of a run."""
    return " ".join(f"{folder}/outputs/{number:06}.{ending}" for number in range(count))


def edited(spec: str) -> str:
    """Return the command that edits four people who have neither glasses nor a beard."""
    inputs = " ".join(f"people/outputs/{number:06}.png" for number in (2, 4, 5, 11))
    return f"lc transform {spec}.yaml --input {inputs} --out people-{spec}"


PEOPLE = "lc sample avatars/free --count 12 --seed 3 --out people"
SEVENS = "lc sample digits/seven --engine rejection --count 4 --out sevens"
DIGITS = tuple(
    f"lc sample digits/seven --set constraints.0.params.digit={digit} --count 12 --out digit-{digit}"
    for digit in range(10)
)
CONDITIONAL = tuple(
    "lc sample conditional.yaml"
    + "".join(f" --set constraints.{at}.params.present={('false', 'true')[int(bit)]}" for at, bit in enumerate(bits))
    + f" --out conditional-{bits}"
    for bits in ("000", "010", "100", "111")
)
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
    "e7_digits": Picture(DIGITS, "digit-*/outputs/*.png", 560, columns=12),
    "e2_conditional": Picture(CONDITIONAL, "conditional-*/outputs/*.png", 560, colours=160, columns=8),
    "edit_glasses": Picture((PEOPLE, edited("glasses")), "people-glasses/pairs.png", 800, colours=160),
    "e4_edits": Picture(
        (PEOPLE, edited("glasses"), edited("beard")), "people-*/pairs.png", 800, colours=160, columns=1
    ),
    "edit_melody": Picture(
        (
            "lc sample melody/free --count 4 --seed 3 --out tunes",
            f"lc transform melody/c_major --input {numbered('tunes', 'mid', 4)} --set keep=[melody.contour] --out in-c",
        ),
        "in-c/pairs.png",
        560,
    ),
    "edit_brighter": Picture(
        (SEVENS, f"lc transform brighter.yaml --input {numbered('sevens', 'png', 4)} --out brighter"),
        "brighter/pairs.png",
    ),
    "report": Picture((GRADIENT,), "busy-gradient/report.html", 800),
    "studio_page": Picture(("studio page",), "studio-page.png", 1000, colours=48),
    "studio_dark": Picture(("studio dark",), "studio-dark.png", 800, colours=32),
    "studio_conflict": Picture(("studio conflict",), "studio-conflict.png", 800, colours=32),
    "studio_avatars": Picture(("studio avatars",), "studio-avatars.png", 800, colours=128),
    "typical_syncopation": Picture(("typical melody.syncopation",), "typical-melody.syncopation.png"),
    "typical_note_density": Picture(("typical melody.note_density",), "typical-melody.note_density.png"),
    "typical_contour": Picture(("typical melody.contour",), "typical-melody.contour.png"),
    "typical_max_leap": Picture(("typical melody.max_leap",), "typical-melody.max_leap.png"),
}


def make(name: str, folder: Path) -> Path:
    """Make one picture in a folder and return its place."""
    picture = PICTURES[name]
    SCRATCH.mkdir(parents=True, exist_ok=True)
    for spec, text in SPECS.items():
        (SCRATCH / spec).write_text(text, encoding="utf-8")
    for line in picture.commands:
        if not (SCRATCH / line.rpartition(" ")[2]).exists():  # the folder after --out
            run(line)
    found = sorted(SCRATCH.glob(picture.take))
    source = together(found, picture.columns) if picture.columns else found[0]
    if source.suffix == ".html":
        source = photograph(source)
    place = folder / f"{name}.png"
    shrink(source, place, width=picture.width, colours=picture.colours)
    return place


def run(line: str) -> None:
    """Run one command line in the scratch folder."""
    program, *arguments = shlex.split(line)
    if program == "typical":
        histogram(arguments[0])
        return
    if program == "studio":
        photograph_studio(arguments[0], SCRATCH)
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
    options = ["--headless", "--no-sandbox", "--hide-scrollbars", "--window-size=1100,1350", f"--screenshot={shot}"]
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


def together(sources: list[Path], columns: int) -> Path:
    """Return a picture of pictures of one size beside each other, in rows, an eighth of a picture apart."""
    from PIL import Image

    images = [Image.open(source).convert("RGB") for source in sources]
    width, height = images[0].size
    gap = min(width, height) // 8
    rows = -(-len(images) // columns)
    sheet = Image.new("RGB", (columns * (width + gap) - gap, rows * (height + gap) - gap), "white")
    for at, image in enumerate(images):
        sheet.paste(image, (at % columns * (width + gap), at // columns * (height + gap)))
    place = SCRATCH / "together.png"
    sheet.save(place)
    return place


def shrink(source: Path, place: Path, *, width: int, colours: int) -> None:
    """Write a picture with few colours, no wider than `width`."""
    from PIL import Image

    image = Image.open(source).convert("RGB")
    if image.width > width:
        image = image.resize((width, round(image.height * width / image.width)), Image.Resampling.LANCZOS)
    image.quantize(colours, dither=Image.Dither.NONE).save(place, optimize=True)


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(PICTURES)))
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=IMAGES, help="Where to.")
def main(names: tuple[str, ...], out: Path) -> None:
    """Make the pictures of the documents."""
    for name in names or PICTURES:
        place = make(name, out)
        click.echo(f"{place}: {place.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
