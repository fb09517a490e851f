"""The documents name all that is public, their snippets run, and their commands and links exist."""

from __future__ import annotations

import dataclasses
import inspect
import re
import shlex
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
from click.testing import CliRunner

import lc_core
from lc_core import testing
from lc_core.cli import main
from lc_core.constraints.want import WANT_KEYS
from lc_core.plugins import hookspecs
from lc_core.plugins.discover import build_registry, registered_by
from lc_core.spec import load_spec, schema, shipped_names

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES = [*DOCUMENTS, *sorted((ROOT / "docs").glob("*/*.md"))]  # tutorials run in tests/docs/test_tutorials.py
OWN = "latent-constraints"


def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


def snippets(path, language):
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def per_document(language):
    found = [(path, code) for path in DOCUMENTS for code in snippets(path, language)]
    return [pytest.param(path, code, id=f"{path.name}-{number}") for number, (path, code) in enumerate(found)]


def all_code():
    """Return what stands in backticks in any document."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)
    return set(re.findall(r"[\w.-]+", " ".join(re.findall(r"`([^`\n]+)`", text))))


def hooks():
    return {
        name: value for name, value in vars(hookspecs).items() if name.startswith("lc_") and inspect.isfunction(value)
    }


def section(text, heading):
    """Return the text under a heading, up to the next of the same rank or a higher one."""
    rank = re.match("#+", heading)[0]
    found = re.search(rf"^{re.escape(heading)}\n(.*?)(?=^#{{1,{len(rank)}}} |\Z)", text, re.DOTALL | re.MULTILINE)
    assert found, f"there is no heading {heading!r}"
    return found[1]


def components(kind):
    return [one for one in build_registry().all(kind) if one.distribution == OWN]


def signature_of(function, *, skip=0):
    """Return a signature as the documents write it: `(register: Register) -> None`."""
    signature = inspect.signature(function)
    return str(signature.replace(parameters=list(signature.parameters.values())[skip:])).replace("'", "")


def test_plugins_md_has_every_hook_with_its_exact_signature_and_no_other():
    given = re.findall(r"^\| `(lc_\w+)(\(.*?)` \|", section(text_of("docs/plugins.md"), "## Hooks"), re.MULTILINE)
    assert dict(given) == {name: signature_of(hook) for name, hook in hooks().items()}
    assert len(given) == len(hooks())


def test_plugins_md_has_the_exact_signature_of_register():
    (given,) = re.findall(r"^register(\(.*)$", section(text_of("docs/plugins.md"), "## Hooks"), re.MULTILINE)
    assert given == signature_of(hookspecs.Register.__call__, skip=1)


def test_plugins_md_has_every_check():
    given = section(text_of("docs/plugins.md"), "## Tests")
    assert [one for kind in testing.CHECKS.values() for one in kind if f"`{one}`" not in given] == []


@pytest.mark.parametrize("name", lc_core.__all__)
def test_every_public_name_is_documented(name):
    assert name in all_code()


@pytest.mark.parametrize("name", testing.__all__)
def test_plugins_md_has_the_conformance_kit(name):
    assert f"`{name}`" in text_of("docs/plugins.md")


def test_plugins_md_has_every_argument_of_measurement():
    given = section(text_of("docs/plugins.md"), "## Measurements")
    named = [
        name for name, one in inspect.signature(lc_core.measurement).parameters.items() if one.kind != one.VAR_KEYWORD
    ]
    assert [name for name in (*named, *WANT_KEYS) if f"`{name}`" not in given] == []


def test_plugins_md_has_every_member_of_an_engine():
    given = section(text_of("docs/plugins.md"), "## Engines")
    members = [name for name in vars(lc_core.Engine) if not name.startswith("_")]
    assert [name for name in members if not re.search(rf"`{name}[`(]|\b{name}`", given)] == []


COMMANDS = main.list_commands(click.Context(main))


@pytest.mark.parametrize("name", COMMANDS)
def test_cli_md_has_every_command_with_its_options(name):
    text = section(text_of("docs/cli.md"), f"## lc {name}")
    command = main.get_command(click.Context(main), name)
    options = [max(one.opts, key=len) for one in command.params if isinstance(one, click.Option)]
    assert [option for option in options if f"`{option}`" not in text and f"`{option} " not in text] == []
    told = set(re.findall(r"^\| `(--[\w-]+)", text, re.MULTILINE))
    assert told <= set(options), "an option that does not exist is documented"


def test_cli_md_has_no_command_that_does_not_exist():
    assert set(re.findall(r"^## lc ([\w-]+)$", text_of("docs/cli.md"), re.MULTILINE)) == set(COMMANDS)


def test_spec_md_has_every_key():
    text = text_of("docs/spec.md")
    shapes = [
        schema.Shape,
        schema.Sample,
        schema.Fit,
        schema.Keep,
        schema.TopLeaf,
        schema.TopAny,
        schema.TopAll,
        schema.TopNot,
    ]
    keys = {field.alias or name for shape in shapes for name, field in shape.model_fields.items()} | {"extends"}
    assert [key for key in sorted(keys) if not re.search(rf"`{key}\b", text)] == []


@pytest.mark.parametrize("kind", ["model", "engine", "renderer"])
def test_spec_md_has_the_settings_of_what_is_built_in(kind):
    rows = section(text_of("docs/spec.md"), "## Settings of what is built in").splitlines()
    for one in components(kind):
        (row,) = (row for row in rows if row.startswith(f"| {kind} `{one.name}` |"))
        assert [name for name in one.parameters().model_fields if f"`{name}`" not in row] == [], one.name


def test_how_it_works_has_every_setting_of_a_fit():
    text = text_of("docs/how-it-works.md")
    assert [one.name for one in dataclasses.fields(lc_core.FitSettings) if f"`{one.name}`" not in text] == []


def test_rules_md_has_every_measurement_with_its_unit_settings_and_default():
    rows = text_of("docs/rules.md").splitlines()
    for one in components("constraint"):
        info = one.load().__lc_measurement__
        (row,) = (row for row in rows if row.startswith(f"| `{one.name}` |"))
        _, _, _, unit, params, default, _ = (cell.strip() for cell in row.split("|"))
        assert unit == info.unit, one.name
        own = [name for name in one.parameters().model_fields if not info.part or name != info.part.name]
        assert re.findall(r"`(\w+)`", params) == own, one.name
        assert not info.part or f"`{info.part.name}`" in text_of("docs/rules.md")
        assert default == ("" if info.want is None else f"{info.want}".removesuffix(".0")), one.name


def test_the_docstring_of_each_setting_that_is_a_list_shows_its_form():
    unclear = []
    for one in (each for kind in ("constraint", "model", "renderer", "engine") for each in build_registry().all(kind)):
        for name, field in one.parameters().model_json_schema()["properties"].items():
            forms = [field, *field.get("anyOf", ())]
            part = getattr(getattr(one.load(), "__lc_measurement__", None), "part", None)
            told = f"    {name}: {part.about}" if part and name == part.name else inspect.getdoc(one.load()) or ""
            text = re.search(rf"^    {name}: ((?:.|\n {{8}})*)", told, re.MULTILINE)
            if any(form.get("type") == "array" for form in forms) and not (text and "[" in text[1]):
                unclear.append(f"{one.name}: {name}")
    assert not unclear


def test_rules_md_has_every_shipped_spec():
    assert [name for name in shipped_names() if f"| `{name}` |" not in text_of("docs/rules.md")] == []


@pytest.mark.parametrize("document", ["README.md", "docs/plugins.md"])
def test_the_example_plugin_is_shown_as_it_is(document):
    assert text_of("examples/lc-no-repeats/lc_no_repeats.py") in snippets(ROOT / document, "python")
    entry = '[project.entry-points.latent_constraints]\nnorepeats = "lc_no_repeats"\n'
    assert entry in text_of("examples/lc-no-repeats/pyproject.toml")
    assert entry in snippets(ROOT / document, "toml")


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if snippets(path, "python")], ids=lambda path: path.name)
def test_python_snippets_run(path):
    names = {"__name__": "snippets"}
    for number, code in enumerate(snippets(path, "python")):
        exec(compile(code, f"{path.name}, snippet {number}", "exec"), names)
    if path.name == "plugins.md":
        check_examples(names)
    if path.name == "README.md":
        run_folder = section(text_of("docs/cli.md"), "## The run folder")
        assert [key for key in names["result"].report if f"`{key}`" not in run_folder] == []


def check_examples(names):
    """Check what docs/plugins.md defines with the kit that it recommends."""
    plugin = SimpleNamespace(**{name: names[name] for name in hooks() if name in names})
    registered = {one.name: one for one in registered_by(plugin, distribution="lc-example", version="1.0")}
    assert {"example.squares", "example.descent", "example.letters"} < set(registered)
    testing.check_model(registered["example.squares"].load())
    testing.check_engine(registered["example.descent"].load())
    testing.check_renderer(registered["example.letters"].load())


@pytest.mark.parametrize(("path", "text"), per_document("yaml"))
def test_yaml_snippets_that_are_whole_specs_load(path, text, tmp_path):
    assert text.startswith("lc: 1\n"), "begin a whole spec with lc: 1, and fence a part of one as text"
    file = tmp_path / "snippet.yaml"
    file.write_text(text, encoding="utf-8")
    assert load_spec(file).entries


def commands():
    lines = [line for path in PAGES for code in snippets(path, "sh") for line in code.splitlines()]
    return sorted({line for line in lines if line.startswith("lc ")})


@pytest.mark.parametrize("line", commands())
def test_command_lines_have_options_that_exist(line):
    name, *arguments = shlex.split(line.partition(" > ")[0], comments=True)[1:]
    command = main.get_command(click.Context(main), name)
    command.make_context(name, arguments, parent=click.Context(main))  # raises for what it does not know


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        if target.startswith(("http://", "https://")):
            continue
        file, _, anchor = target.partition("#")
        place = (path.parent / file).resolve() if file else path
        assert place.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", place.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in headings}, target


def test_the_picture_in_the_readme_is_small():
    assert (ROOT / "docs" / "images" / "busy_c_major.png").stat().st_size < 200_000


def test_the_table_of_a_fit_has_the_range_and_the_default_of_each_setting():
    def number(value):
        return f"{value:,}" if value < 2**62 else "2^63 - 1"

    rows = []
    for name, told in schema.Fit.model_json_schema()["properties"].items():
        if name == "refine":  # a mapping
            continue
        low = f"above {told['exclusiveMinimum']}" if "exclusiveMinimum" in told else number(told["minimum"])
        high = number(told["maximum"] if "maximum" in told else told["exclusiveMaximum"] - 1)
        default = "none: it goes on while it helps" if name == "stop_at" else f"`{told['default']}`"
        rows.append((f"`{name}`", f"{low} to {high}", default))
    part = text_of("docs/spec.md").split("### Fits")[1].split("###")[0]
    table = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines() if line.startswith("| `")
    ]
    assert [(name, interval, default) for name, _, interval, default in table] == rows


def masked(text):
    """Return lines of a printout without its numbers."""
    rates = re.sub(r"1 in [\d.,]*\d|[\d.]+ %", "RATE", text)
    return [re.sub(r"-?\d[\d.,e-]*", "N", line).rstrip() for line in rates.splitlines()]


@pytest.mark.parametrize(
    ("heading", "arguments"),
    [
        ("## lc inspect", ["inspect", "digits.8x8"]),
        ("## lc show", ["show", "melody/busy_c_major", "--set", "base=prior"]),
    ],
)
def test_what_a_page_says_that_a_command_prints_is_what_it_prints(heading, arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (recorded,) = re.findall(r"^```text\n(.*?)^```", section(text_of("docs/cli.md"), heading), re.DOTALL | re.MULTILINE)
    printed = masked(CliRunner().invoke(main, arguments).stdout)
    first = printed.index(masked(recorded)[0])
    assert printed[first : first + len(recorded.splitlines())] == masked(recorded)
