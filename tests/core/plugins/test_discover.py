from __future__ import annotations

import dataclasses
import json
import math
import re
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Literal

import pytest
from pydantic import AfterValidator, Field

from lc_core.errors import LCError
from lc_core.plugins.discover import build_registry, registered_by
from lc_core.plugins.hookspecs import hookimpl
from lc_core.plugins.registry import Distribution, Registered, Registry

if TYPE_CHECKING:
    from nowhere import Tensor  # noqa: F401

RULE = """
    from lc_core.constraints.declare import measurement
    from lc_core.plugins.hookspecs import hookimpl

    @measurement(accepts="*", unit="", range=(0, 1), at_least=1)
    def rule(outputs):
        "Return a rule's value."
        return outputs

    @hookimpl
    def lc_register_constraints(register):
        register("{name}", rule)
"""


def constraint(function, **settings):
    return Registered("constraint", "toy.rule", "lc-toy", "1.0", function, settings)


def test_the_shipped_plugins_are_registered_without_torch():
    registry = build_registry()
    assert {"gradient", "rejection"} <= {one.name for one in registry.all("engine")}
    assert registry.get("constraint", "melody.in_scale").distribution == "latent-constraints"
    assert registry.get("model", "melody.folk-2bar").about["output"] == "melody.tokens/1"


def test_an_unknown_name_is_answered_with_the_nearest(toy_registry):
    with pytest.raises(LCError, match=r"unknown constraint 'toy.maen' \(did you mean toy.mean\?\)"):
        toy_registry.get("constraint", "toy.maen")
    with pytest.raises(LCError, match="did you mean toy.mean"):
        toy_registry.get("constraint", "mean")
    with pytest.raises(LCError, match="installed: toy.brightness, toy.mean, toy.total"):
        toy_registry.get("constraint", "zzz")


def test_a_name_of_another_kind_is_told(toy_registry):
    with pytest.raises(LCError, match="there is a renderer of that name, but no model"):
        toy_registry.get("model", "pictures.text")


def test_two_plugins_with_one_name_need_the_distribution(install_plugin):
    install_plugin("lc-one", RULE.format(name="same.rule"))
    install_plugin("lc-two", RULE.format(name="same.rule"))
    registry = build_registry()
    with pytest.raises(LCError, match="lc-one and lc-two both register it") as caught:
        registry.get("constraint", "same.rule")
    assert "lc-one:same.rule" in caught.value.hint
    two = registry.get("constraint", "lc-two:same.rule")
    assert two.distribution == "lc-two"
    assert registry.get("constraint", "lc_two:same.rule") == two
    assert registry.spelling(two) == "lc-two:same.rule"
    assert registry.spelling(registry.get("constraint", "melody.span")) == "melody.span"


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import no_such_module", "no_such_module"),
        ("def broken(:", "SyntaxError"),
        ("raise SystemExit(3)", "SystemExit"),
        (RULE.format(name="norule"), "domain.name"),
        (RULE.format(name="a.b").replace("lc_register_constraints", "lc_register_constraint"), "did you mean lc_regis"),
        (RULE.format(name="a.b").replace("(register)", "(registar)"), "registar"),
        (RULE.format(name="a.b").replace('"a.b", rule', '"a.b", "no colon"'), "package.module:attribute"),
        (RULE.format(name="a.b").replace('"a.b", rule', '"a.b", 3'), "callable"),
        (RULE.format(name="a.b").replace("constraints(", "models("), "output="),
        (RULE.format(name="a.b") + "        register('a.b', rule)", "registered twice"),
    ],
)
def test_a_plugin_that_cannot_register_is_listed_and_the_others_work(install_plugin, source, told):
    install_plugin("lc-bad", source)
    install_plugin("lc-good", RULE.format(name="good.rule"))
    registry = build_registry()
    (broken,) = registry.broken
    assert (broken.distribution, broken.entry_point) == ("lc-bad", "bad")
    assert told in broken.error
    assert registry.get("constraint", "good.rule").load().__name__ == "rule"
    assert "lc-bad" not in {one.name for one in registry.distributions}


def test_strict_plugins_raise(install_plugin, monkeypatch):
    install_plugin("lc-bad", "1 / 0")
    monkeypatch.setenv("LC_STRICT_PLUGINS", "1")
    with pytest.raises(LCError, match="plugin bad of lc-bad is broken: ZeroDivisionError"):
        build_registry()


def test_a_disabled_distribution_is_not_imported(install_plugin, monkeypatch):
    install_plugin("lc-bad", "1 / 0")
    monkeypatch.setenv("LC_DISABLE_PLUGINS", "something, LC_Bad")
    assert build_registry().broken == ()


def test_an_unknown_name_mentions_broken_plugins(install_plugin):
    install_plugin("lc-bad", "1 / 0")
    with pytest.raises(LCError) as caught:
        build_registry().get("constraint", "bad.rule")
    assert "lc-bad" in caught.value.hint


def test_the_core_is_no_plugin_that_others_may_imitate():
    @hookimpl
    def lc_register_engines(register):
        register("fast", print)

    with pytest.raises(LCError, match="domain.name"):
        registered_by(SimpleNamespace(lc_register_engines=lc_register_engines), distribution="lc-x", version="1")


@pytest.mark.parametrize("target", ["no_such_package:thing", "math:no_such_attribute"])
def test_a_target_that_cannot_be_loaded_names_plugin_and_distribution(target):
    with pytest.raises(LCError, match="constraint toy.rule of lc-toy cannot be loaded"):
        constraint(target).load()


def test_targets_given_as_text_are_imported_when_used():
    assert constraint("math:floor").load() is math.floor


def rule(
    outputs: Tensor,
    ratio: float = 0.5,
    *,
    count: Annotated[int, Field(ge=1, le=9)] = 3,
    mode: Literal["major", "minor"] = "major",
    chords: tuple[str, ...] = (),
    bounds: tuple[float, float] | None = None,
    flag: bool = False,
    implicit: int = None,  # type: ignore[assignment]
) -> Tensor:
    """Measure something."""


def test_settings_are_the_parameters_after_the_data_with_defaults():
    assert constraint(rule).fill() == {
        "ratio": 0.5,
        "count": 3,
        "mode": "major",
        "chords": (),
        "bounds": None,
        "flag": False,
        "implicit": None,
    }


def test_integers_do_for_floats_and_lists_for_tuples():
    filled = constraint(rule).fill({"ratio": 1, "chords": ["Dm7", "G7"], "bounds": [1, 2.5], "implicit": None})
    assert filled["ratio"] == 1.0
    assert isinstance(filled["ratio"], float)
    assert filled["chords"] == ("Dm7", "G7")
    assert filled["bounds"] == (1.0, 2.5)


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"ratio": "abc"}, 'ratio: should be a number; found "abc"'),
        ({"ratio": "1.5"}, "should be a number"),
        ({"ratio": True}, "should be a number; found true"),
        ({"ratio": math.nan}, "finite"),
        ({"ratio": math.inf}, "finite"),
        ({"count": True}, "should be a whole number; found true"),
        ({"count": 2.5}, "should be a whole number"),
        ({"count": "3"}, "should be a whole number"),
        ({"count": 0}, "greater than or equal to 1"),
        ({"flag": 1}, "should be true or false; found 1"),
        ({"chords": "Dm7"}, "should be a list"),
        ({"chords": [1]}, "chords.0: should be text"),
        ({"mode": "mayor"}, "did you mean major?"),
        ({"cuont": 1}, "did you mean count?"),
        ({"outputs": 1}, "unknown key 'outputs'"),
        ({"chords": {1, 2}}, "not JSON serializable"),
    ],
)
def test_settings_are_not_converted(params, told):
    with pytest.raises(LCError) as caught:
        constraint(rule).fill(params)
    assert told in caught.value.message


@dataclasses.dataclass
class Engine:
    """An engine whose settings are the fields of a dataclass."""

    steps: Annotated[int, Field(ge=1)] = 10
    stages: list[float] = dataclasses.field(default_factory=lambda: [1.0])


def test_settings_of_a_class_are_those_of_its_constructor():
    engine = Registered("engine", "toy.engine", "lc-toy", "1.0", Engine)
    assert Engine(**engine.fill({"steps": 2})) == Engine(2, [1.0])
    assert engine.fill()["stages"] is not engine.fill()["stages"]


def test_a_model_has_no_data_before_its_settings():
    def load(size: int = 3, *, depth: int = 2):
        pass

    assert Registered("model", "toy.model", "lc-toy", "1.0", load).fill() == {"size": 3, "depth": 2}


@pytest.mark.parametrize("kind", ["reader", "dataset", "recipe", "constraint"])
def test_readers_datasets_recipes_and_constraints_take_data_first(kind):
    def read(path, *, tempo: float = 120.0):
        pass

    assert Registered(kind, "toy.read", "lc-toy", "1.0", read).fill() == {"tempo": 120.0}


def test_a_setting_that_cannot_be_typed_is_the_plugins_fault():
    def odd(outputs, *, weights: Tensor = None):
        pass

    def positional(outputs, ratio: float, /):
        pass

    with pytest.raises(LCError, match="settings of constraint toy.rule of lc-toy cannot be read"):
        constraint(odd).parameters()
    with pytest.raises(LCError, match="constraint toy.rule of lc-toy: setting 'ratio' is positional-only"):
        constraint(positional).parameters()


def test_a_setting_without_a_type_is_the_plugins_fault(install_plugin, lc):
    source = RULE.format(name="untyped.rule").replace("def rule(outputs)", "def rule(outputs, *, above=0.5)")
    install_plugin("lc-untyped", source.replace('"Return a rule\'s value."', ""))
    with pytest.raises(LCError, match="constraint untyped.rule of lc-untyped: setting 'above' has no type") as caught:
        build_registry().get("constraint", "untyped.rule").fill()
    assert "annotate it" in caught.value.hint
    shown = lc("plugins").stdout
    assert "untyped.rule" in shown
    assert "broken: constraint untyped.rule of lc-untyped: setting 'above' has no type" in shown


def test_a_component_without_a_docstring_is_listed_as_such(install_plugin, lc):
    install_plugin("lc-silent", RULE.format(name="silent.rule").replace('"Return a rule\'s value."', ""))
    (line,) = (line for line in lc("plugins").stdout.splitlines() if "silent.rule" in line)
    assert line.endswith("(it has no docstring)")


def test_a_judge_has_no_settings_of_its_own(lc):
    def judge(outputs: Tensor, settings: list[dict[str, Tensor]]) -> Tensor:
        """Judge."""

    assert Registered("judge", "toy.rule", "lc-toy", "1.0", judge).fill() == {}
    assert "broken" not in lc("plugins").stdout


# The plugin API


@pytest.mark.parametrize(
    ("api", "told"),
    [
        (7, r"constraint a.rule needs plugin API 7; latent-constraints .* has 1: upgrade latent-constraints"),
        (0, r"constraint a.rule was written for plugin API 0, which .* \(it supports 1 to 1\): upgrade lc-other"),
        ("1", "api of constraint a.rule should be a whole number, such as 1; found '1'"),
    ],
)
def test_a_plugin_of_another_api_is_listed_as_broken_with_what_to_do(install_plugin, lc, api, told):
    install_plugin("lc-other", RULE.format(name="a.rule").replace(", rule)", f", rule, api={api!r})"))
    (broken,) = build_registry().broken
    assert broken.distribution == "lc-other"
    assert re.match(told, broken.error)
    assert f"broken: lc-other (other): {broken.error}" in lc("plugins").stdout


def test_a_registration_of_this_api_works_while_a_newer_one_supports_it():
    @hookimpl
    def lc_register_constraints(register):
        register("a.unstated", rule)
        register("a.stated", rule, api=1)

    plugin = SimpleNamespace(lc_register_constraints=lc_register_constraints)
    found = registered_by(plugin, distribution="lc-a", version="1", apis=range(1, 3))
    assert [one.api for one in found] == [1, 1]
    with pytest.raises(LCError, match="constraint a.unstated was written for plugin API 1, which"):
        registered_by(plugin, distribution="lc-a", version="1", apis=range(2, 3))


def test_lc_plugins_tells_version_api_and_load_time(install_plugin, lc):
    install_plugin("lc-told", RULE.format(name="told.rule"), version="2.5")
    assert re.search(r"^lc-told 2\.5, plugin API 1 \(\d+ ms\)$", lc("plugins").stdout, re.MULTILINE)
    found = {one["name"]: one for one in json.loads(lc("plugins", "--json").stdout)["distributions"]}["lc-told"]
    assert (found["version"], found["api"], found["components"][0]["api"]) == ("2.5", [1], 1)
    assert found["seconds"] > 0


def test_tracing_tells_what_is_imported_registered_left_out_and_broken(install_plugin, lc, monkeypatch):
    install_plugin("lc-good", RULE.format(name="good.rule"))
    install_plugin("lc-bad", "1 / 0")
    install_plugin("lc-off", "1 / 0")
    monkeypatch.setenv("LC_DISABLE_PLUGINS", "lc-off")
    assert lc("plugins").stderr == ""
    monkeypatch.setenv("LC_TRACE_PLUGINS", "1")
    told = lc("plugins").stderr
    assert re.search(r"^lc plugins: lc-good 1\.0 \(good\): lc_good in \d+ ms$", told, re.MULTILINE)
    assert "lc plugins:   constraint good.rule, API 1: rule" in told
    assert "lc-bad (bad): broken: ZeroDivisionError" in told
    assert "Traceback" in told
    assert "lc-off (off): left out by LC_DISABLE_PLUGINS" in told


def test_a_plugin_that_hangs_on_import_is_broken_after_its_time(install_plugin, monkeypatch):
    install_plugin("lc-hangs", "import time\ntime.sleep(60)")
    monkeypatch.setenv("LC_PLUGIN_TIMEOUT", "0.3")
    broken = [one for one in build_registry().broken if one.distribution == "lc-hangs"]  # others may be slow, not hang
    assert [one.error for one in broken] == ["plugin hangs of lc-hangs has not answered within 0.3 seconds"]
    monkeypatch.setenv("LC_PLUGIN_TIMEOUT", "soon")
    with pytest.raises(LCError, match="LC_PLUGIN_TIMEOUT should be a number of seconds, 0 for no limit; found 'soon'"):
        build_registry()


TEXT = """
    from lc_core.plugins.hookspecs import hookimpl

    @hookimpl
    def lc_register_constraints(register):
        register("{name}", "{module}:rule")
"""


@pytest.fixture
def install_text(install_plugin, tmp_path, monkeypatch):
    """Install a plugin that registers a constraint as text, in a module of its own with the given source."""

    def install(distribution, source):
        module = f"{distribution.replace('-', '_')}_parts"
        install_plugin(distribution, TEXT.format(name=f"{distribution.removeprefix('lc-')}.rule", module=module))
        (tmp_path / f"site-{distribution}" / f"{module}.py").write_text(source)

    return install


HANGS = "constraint slow.rule of lc-slow, loaded from lc_slow_parts:rule, has not answered within 2 seconds"
ENDS = "constraint quits.rule of lc-quits cannot be loaded from lc_quits_parts:rule: SystemExit: 3"


def test_a_component_whose_module_hangs_or_ends_the_process_is_listed_as_broken(install_text, lc, monkeypatch):
    install_text("lc-slow", "import time\ntime.sleep(60)")
    install_text("lc-quits", "raise SystemExit(3)")
    install_text("lc-fine", "def rule(outputs):\n    'Return nothing.'")
    monkeypatch.setenv("LC_PLUGIN_TIMEOUT", "2")
    result = lc("plugins")
    assert result.exit_code == 0
    assert f"slow.rule  broken: {HANGS}" in result.stdout
    assert f"quits.rule  broken: {ENDS}" in result.stdout
    assert "fine.rule  Return nothing." in result.stdout


@pytest.mark.parametrize(
    ("distribution", "source", "told"),
    [("lc-slow", "import time\ntime.sleep(60)", HANGS), ("lc-quits", "raise SystemExit(3)", ENDS)],
)
def test_a_spec_that_uses_a_component_that_cannot_be_loaded_is_refused(
    install_text, lc, write_spec, monkeypatch, distribution, source, told
):
    install_text(distribution, source)
    monkeypatch.setenv("LC_PLUGIN_TIMEOUT", "2")
    rule = f"{distribution.removeprefix('lc-')}.rule"
    result = lc("validate", write_spec(f"lc: 1\nmodel: melody.folk-2bar\nconstraints:\n  - use: {rule}\n"))
    assert result.exit_code == 2
    assert f"spec.yaml:4:10: error: {told}" in result.stderr


def refuse(value):
    raise ValueError(f"expected a scale; found {value!r}")


def fail(value):
    raise TypeError("oh")


def test_a_plugins_own_check_of_a_setting_is_told():
    def scale(outputs, *, name: Annotated[str, AfterValidator(refuse)] = "major"):
        pass

    def faulty(outputs, *, name: Annotated[str, AfterValidator(fail)] = "major"):
        pass

    with pytest.raises(LCError, match="name: expected a scale; found 'x'$"):
        constraint(scale).fill({"name": "x"})
    with pytest.raises(LCError, match="constraint toy.rule of lc-toy cannot check its settings: TypeError: oh"):
        constraint(faulty).fill({"name": "x"})


def test_a_setting_may_have_the_name_of_something_in_pydantic(recwarn):
    def named(outputs, *, copy: int = 1, schema: str = "a", model_config_: int = 2):
        pass

    assert constraint(named).fill({"copy": 5}) == {"copy": 5, "schema": "a", "model_config_": 2}
    assert not recwarn


def test_the_registry_is_a_value():
    one = Registered("model", "a.b", "lc-a", "1", "math:floor", {"output": "x/1"})
    registry = Registry((Distribution("lc-a", "1", (one,), 0.0),))
    assert registry == Registry((Distribution("lc-a", "1", (dataclasses.replace(one),), 0.0),))
    assert one.qualified == "lc-a:a.b"
    assert "no_such_module" not in sys.modules
