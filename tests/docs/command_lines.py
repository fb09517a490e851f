"""Every command line that a reader is shown: in documents, at the head of specs, in messages of the program.

`python -m tests.docs.command_lines` prints how many there are, how many tests run, and why the others are not run.
"""

from __future__ import annotations

import ast
import difflib
import re
import shlex
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import click

from lc_core.cli import main
from tests.docs.not_run import NOT_RUN

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
TUTORIALS = [DOCS / "quickstart.md", *sorted((DOCS / "tutorials").glob("*.md"))]
"""Their blocks are run, with fits of full size, by `test_tutorials.py`."""
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(DOCS.rglob("*.md")),
    *sorted(ROOT.glob("examples/*/README.md")),
]
SPECS = [*sorted(ROOT.glob("constraint_specs/*/*.yaml")), *sorted(ROOT.glob("examples/*/*.yaml"))]
SOURCES = [*sorted(ROOT.glob("lc_core/**/*.py")), *sorted(ROOT.glob("lc_plugins/**/*.py"))]

FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^ *```$", re.DOTALL | re.MULTILINE)
PROGRAM = r"(?:\.venv/bin/)?(?:lc|make|python3?|pip|pytest|ruff|mypy)"
INLINE = re.compile(rf"`({PROGRAM} (?:[^`\n]|\n(?!\n))+)`")
INDENTED = re.compile(rf"^ {{4}}({PROGRAM} .+)$", re.MULTILINE)
WORD = r"--?[\w-]+(?:[= ][^\s;,)]+)?|\[?[A-Z][A-Z]+\]?(?:\.\.\.)?|[\w.-]*\{[^}]*\}|[\w.-]*[./=][^\s;,)]*\w|\"[^\"]+\""
"""A word after a command in a sentence that belongs to it: an option, a placeholder, a field, a path, a quotation."""
IN_PROSE = re.compile(
    rf"(?<![\w./-])(?:(?<=: )|(?<=&& ))(?P<rest>(?:lc|pip install|make) [^;,\n`]+)"
    rf"|(?<![\w./-])(?P<part>(?:lc (?P<name>[a-z][\w-]*)|pip install(?: [\w-]+(?=$))?|python -m)(?: +(?:{WORD}))*)"
)


class Line(NamedTuple):
    """A command line, and where it stands."""

    place: str
    """A page or file, from the root of the project."""
    kind: str
    """`block` or `inline` of a page, `head` of a spec, `message` of the program."""
    text: str
    status: int = 0
    """The exit status that the page says it has."""


def lines() -> list[Line]:
    """Return every command line, pages first, each page in its order."""
    found = [line for page in PAGES for line in of_page(page)]
    found += [line for spec in SPECS for line in of_spec(spec)]
    return found + [line for source in SOURCES for line in of_source(source)]


def of_page(page: Path) -> Iterator[Line]:
    """Yield the command lines of a document, in order."""
    text, place = page.read_text(encoding="utf-8"), str(page.relative_to(ROOT))
    found: list[tuple[int, Line]] = []
    for block in FENCE.finditer(text):
        before = text[: block.start()].rstrip().rpartition("\n")[2]
        status = re.fullmatch(r"<!-- status (\d+) -->", before)
        if block["language"] in ("sh", "bash", "console", "shell"):
            for line in block["text"].replace("\\\n", " ").splitlines():
                if words := uncommented(line):
                    found.append((block.start(), Line(place, "block", words, int(status[1]) if status else 0)))
    prose = FENCE.sub(lambda block: re.sub(r"[^\n]", " ", block[0]), text)
    found += [(one.start(), Line(place, "block", uncommented(one[1]))) for one in INDENTED.finditer(prose)]
    found += [(one.start(), Line(place, "inline", " ".join(one[1].split()))) for one in INLINE.finditer(prose)]
    yield from (line for _, line in sorted(found, key=lambda one: one[0]))


def of_spec(path: Path) -> Iterator[Line]:
    """Yield the command lines in the comments of a spec."""
    for comment in re.findall(r"# (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE):
        for text in in_prose(comment):
            yield Line(str(path.relative_to(ROOT)), "head", text)


def of_source(path: Path) -> Iterator[Line]:
    """Yield the command lines in what a module can print: its texts, but for docstrings. Fields stay as `{field}`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    silent = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            silent |= {id(inner) for inner in ast.walk(node) if inner is not node}
    for node in ast.walk(tree):
        if id(node) in silent:
            continue
        if isinstance(node, ast.JoinedStr):
            text = "".join(
                one.value if isinstance(one, ast.Constant) else f"{{{ast.unparse(one.value)}}}" for one in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        else:
            continue
        for command in in_prose(text):
            yield Line(str(path.relative_to(ROOT)), "message", command)


def in_prose(text: str) -> Iterator[str]:
    """Yield the command lines in a sentence: all that follows a colon, or a command with options and placeholders."""
    for found in IN_PROSE.finditer(text):
        name = found["name"]
        if name is None or difflib.get_close_matches(
            name, main.list_commands(click.Context(main)), cutoff=0.75
        ):  # not "this lc reads": a misspelt name
            yield _whole((found["rest"] or found["part"]).strip().rstrip(".:"))


def _whole(text: str) -> str:
    """Return a command without a last word of the sentence that was taken for an option's value."""
    shorter = text.rpartition(" ")[0]
    if not re.search(r" --[\w-]+$", shorter):
        return text
    try:
        parse(shlex.split(text))
    except (click.UsageError, ValueError):
        return shorter
    return text


def uncommented(line: str) -> str:
    """Return a line of a shell without its comment."""
    return re.sub(r"(^|\s+)#\s.*$", "", line).strip()


def command_of(words: list[str]) -> click.Command | None:
    """Return the sub-command of the words of a line of `lc`, or None where none is named."""
    return main.get_command(click.Context(main), words[1]) if len(words) > 1 else None


def parse(words: list[str]) -> None:
    """Parse a line of `lc`.

    Raises:
        click.UsageError: If the command does not take it.
    """
    command = command_of(words)
    if command is None:
        raise click.UsageError(f"there is no command lc {words[1]}")
    with suppress(click.exceptions.Exit):  # --help
        command.make_context(words[1], words[2:], parent=click.Context(main))


def is_mention(line: Line, words: list[str]) -> bool:
    """Return whether a line in prose only names a command, or one of its options, and is not whole."""
    command = command_of(words)
    if line.kind == "block" or words[0] != "lc" or command is None:
        return False
    options = {name for one in command.params for name in one.opts}
    if not all(word in options for word in words[2:]):
        return False
    try:
        parse(words)
    except click.UsageError:
        return True
    return False


def is_synopsis(words: list[str]) -> bool:
    """Return whether a line tells the arguments of a command, as its help does."""
    return "[OPTIONS]" in words


def treatment(line: Line) -> tuple[str, str]:
    """Return what is done with a line: `run`, `tutorial`, `mention`, `synopsis`, or `listed` with the reason."""
    words = shlex.split(line.text)
    if is_synopsis(words):
        return "synopsis", "tells the arguments of a command; compared with the command's own"
    for pattern, reason in NOT_RUN:
        if re.fullmatch(pattern, line.text):
            return "listed", reason
    if is_mention(line, words):
        return "mention", "names a command or an option in a sentence; both exist"
    if line.kind == "block" and ROOT / line.place in TUTORIALS:
        return "tutorial", "run by test_tutorials.py, with fits of full size"
    return "run", ""


def summary() -> str:
    """Return how many lines there are, how many are run, and why others are not."""
    found = [(line, *treatment(line)) for line in lines()]
    whole = [one for one in found if one[1] not in ("mention", "synopsis")]
    counts = Counter(how for _, how, _ in found)
    reasons = Counter(why for _, how, why in found if how == "listed")
    rows = [
        f"{len(whole)} command lines ({len({line.text for line, *_ in whole})} distinct) in"
        f" {len({line.place for line, *_ in whole})} files",
        f"  {counts['run'] + counts['tutorial']} are run: {counts['run']} by test_command_lines.py,"
        f" {counts['tutorial']} by test_tutorials.py",
        f"  {counts['listed']} are listed as not to be run:",
        *(f"    {count:3d}  {why}" for why, count in reasons.most_common()),
        f"beside them {counts['mention']} commands named in a sentence, {counts['synopsis']} synopses of arguments",
    ]
    return "\n".join(rows)


if __name__ == "__main__":
    print(summary())
