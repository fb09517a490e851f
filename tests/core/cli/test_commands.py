"""`lc` without a sub-command, and `lc plugins`, `validate`, `schema`: output, status, and what they import."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from lc_core.cli import COMMANDS, main
from lc_core.cli.group import LazyGroup
from lc_core.cli.options import FilePath
from lc_core.errors import LCError

HEAVY = ("torch", "matplotlib", "music21", "pretty_midi")


def run(*arguments):
    return CliRunner().invoke(main, list(arguments))


def imported(*arguments):
    """Run `lc` in a process of its own; return its status and the modules that it imported."""
    code = (
        "import sys\n"
        "from lc_core.cli import main\n"
        f"try: main({list(arguments)!r})\n"
        "except SystemExit as end: print(end.code, file=sys.stderr)\n"
        "print(' '.join(sys.modules), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *_, status, modules = done.stderr.splitlines()
    return int(status), set(modules.split())


def test_help_lists_every_command_without_importing_any():
    status, modules = imported("--help")
    assert status == 0
    assert not modules & {*HEAVY, "numpy", "pydantic", "yaml", "pluggy", *(module for module, _ in COMMANDS.values())}
    assert not [name for name in modules if name.startswith("lc_plugins")]
    output = run("--help").output
    for name, (_, text) in COMMANDS.items():
        assert f"  {name} " in output
        assert text.split()[0] in output
    assert "  label       Label outputs of a model, to make an attribute of your own.\n  fit " in output


@pytest.mark.parametrize("arguments", [("plugins",), ("plugins", "--json"), ("schema",), ("schema", "--draft", "7")])
def test_listing_what_is_installed_imports_plugins_but_nothing_heavy(arguments):
    status, modules = imported(*arguments)
    assert status == 0
    assert "lc_plugins.melody.plugin" in modules
    assert not modules & set(HEAVY)


def test_validating_imports_nothing_heavy(write_spec):
    path = write_spec(
        "lc: 1\nmodel: melody.folk-2bar\nconstraints: [{use: melody.span, at_least: 5}]\nrender: [midi]\n"
    )
    _, modules = imported("validate", str(path))
    assert "lc_plugins.melody.measurements" in modules
    assert not modules & set(HEAVY)


def test_the_version_is_that_of_the_distribution():
    assert run("--version").output == "lc 0.1.0\n"


def test_an_unknown_command_is_answered_with_the_nearest():
    result = run("sampel")
    assert result.exit_code == 2
    assert "No such command 'sampel'. Did you mean sample?" in result.stderr


def test_an_unknown_option_is_a_mistake_of_the_user():
    assert run("schema", "--draft", "4").exit_code == 2
    assert run("validate").exit_code == 2


@pytest.fixture
def failing():
    """A group with one command that raises what it is given."""

    def build(error):
        @click.group("lc", cls=LazyGroup, table={})
        def group():
            pass

        @click.command("fail")
        def fail():
            raise error

        group.get_command = lambda ctx, name: fail
        group.list_commands = lambda ctx: ["fail"]
        return CliRunner().invoke(group, ["fail"])

    return build


def test_an_error_of_the_user_ends_with_its_status_message_and_hint(failing):
    result = failing(LCError("no such thing", hint="try another", exit_code=3))
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr == "error: no such thing\n  hint: try another\n"


def test_an_error_with_its_place_stands_as_it_is(failing):
    assert failing(LCError("a.yaml:1:2: error: bad\na.yaml:3:4: error: worse")).stderr == (
        "a.yaml:1:2: error: bad\na.yaml:3:4: error: worse\n"
    )


def test_an_interruption_ends_with_130(failing):
    assert failing(KeyboardInterrupt()).exit_code == 130


def test_an_unexpected_error_is_told_as_a_bug_with_its_traceback(failing):
    result = failing(ZeroDivisionError("oh"))
    assert result.exit_code == 1
    assert "ZeroDivisionError: oh" in result.stderr
    assert "this is a bug in lc" in result.stderr


COMMAND = """
    import click

    @click.command()
    def command():
        "Greet."
        click.echo("hello from a plugin")
"""


def test_a_plugin_brings_a_command(install_plugin):
    install_plugin("lc-greet", COMMAND, group="latent_constraints.commands")
    assert re.search("^  greet +Greet. .from lc-greet.$", run("--help").output, re.MULTILINE)
    assert "lc_greet" not in sys.modules
    assert run("greet").output == "hello from a plugin\n"


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("1 / 0", "cannot be loaded: ZeroDivisionError"),
        ("raise SystemExit(3)", "cannot be loaded: SystemExit: 3"),
        ("import time\ntime.sleep(60)", "loaded from lc_greet:command, has not answered within 2 seconds"),
    ],
)
def test_a_broken_command_leaves_the_others_alone(install_plugin, monkeypatch, source, told):
    monkeypatch.setenv("LC_PLUGIN_TIMEOUT", "2")
    install_plugin("lc-greet", source, group="latent_constraints.commands")
    assert run("--help").exit_code == 0
    result = run("greet")
    assert result.exit_code == 2
    assert "error: command greet of lc-greet" in result.stderr
    assert told in result.stderr


def test_a_plugin_cannot_replace_a_command(install_plugin):
    install_plugin("lc-schema", COMMAND, group="latent_constraints.commands")
    assert run("schema").output.startswith("{")


def test_plugins_lists_components_by_kind_with_their_purpose():
    result = run("plugins")
    assert result.exit_code == 0
    assert "latent-constraints 0.1.0" in result.output
    lines = [line.split() for line in result.output.splitlines()]
    assert ["constraints"] in lines
    (in_scale,) = [line for line in lines if line[:1] == ["melody.in_scale"]]
    assert len(in_scale) > 3


def test_plugins_lists_what_is_broken(install_plugin):
    install_plugin("lc-bad", "1 / 0")
    result = run("plugins")
    assert result.exit_code == 0
    assert "broken: lc-bad (bad): ZeroDivisionError: division by zero" in result.output
    assert json.loads(run("plugins", "--json").output)["broken"] == [
        {"distribution": "lc-bad", "entry_point": "bad", "error": "ZeroDivisionError: division by zero"}
    ]


def test_plugins_as_json_tells_of_each_component():
    distributions = {one["name"]: one for one in json.loads(run("plugins", "--json").output)["distributions"]}
    own = distributions["latent-constraints"]
    found = {(one["kind"], one["name"]): one for one in own["components"]}
    span = found["constraint", "melody.span"]
    assert span["accepts"] == ["melody.tokens/1"]
    assert span["unit"] == "semitones"
    assert span["summary"]
    assert found["model", "melody.folk-2bar"]["output"] == "melody.tokens/1"
    assert "steps" in found["engine", "gradient"]["params"]


def test_validate_tells_all_mistakes_of_all_files(write_spec):
    one = write_spec("lc: 1\nmodle: x\n", name="one.yaml")
    two = write_spec("lc: 1\nmodel: melody.none\nrealism: -1\n", name="two.yaml")
    result = run("validate", str(one), str(two), "nowhere.yaml")
    assert (result.exit_code, result.stdout) == (2, "")
    lines = result.stderr.splitlines()
    assert f"{one}:2:1: error: unknown key 'modle' (did you mean model?)" in lines
    assert any(line.startswith(f"{two}:2:8: error: unknown model 'melody.none'") for line in lines)
    assert any(line.startswith(f"{two}:3:10: error: should be greater than") for line in lines)
    assert any(line.startswith("error: nowhere.yaml: no such file or shipped spec") for line in lines)


@pytest.mark.parametrize("given", ["", "  "])
def test_a_blank_path_is_not_taken_for_the_folder_that_one_is_in(lc, given):
    for command in main.list_commands(None):
        parameters = [one for one in main.get_command(None, command).params if isinstance(one.type, FilePath)]
        for one in (one for one in parameters if one.opts[0].startswith("--")):
            result = lc(command, "digits.8x8", one.opts[0], given)
            assert result.exit_code == 2, (command, one.name)
            assert f"Invalid value for '{one.opts[0]}': the path is blank" in result.stderr, (command, one.name)
    for arguments in (("validate", given), ("sample", given), ("score", given, "file")):
        assert lc(*arguments).stderr.startswith("error: the name of a spec is blank"), arguments


def test_every_path_of_a_command_line_is_checked_for_being_blank():
    for command in main.list_commands(None):
        for one in main.get_command(None, command).params:
            assert isinstance(one.type, FilePath) or not isinstance(one.type, click.Path), (command, one.name)


def test_schema_prints_json_of_either_draft():
    assert json.loads(run("schema").output)["$schema"].endswith("2020-12/schema")
    assert json.loads(run("schema", "--draft", "7").output)["$schema"].endswith("draft-07/schema#")
