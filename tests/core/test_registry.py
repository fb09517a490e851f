from __future__ import annotations

import dataclasses
import math
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Literal

import pytest
from pydantic import AfterValidator, Field

from lc_core.errors import LCError
from lc_core.plugins.hookspecs import hookimpl
from lc_core.plugins.manager import build_registry, registered_by
from lc_core.plugins.registry import Distribution, Registered, Registry

if TYPE_CHECKING:
    from nowhere import Tensor  # noqa: F401

RULE = """
    from lc_core.measuring import measurement
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
    untyped=7,
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
        "untyped": 7,
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


@pytest.mark.parametrize("kind", ["reader", "recipe", "constraint"])
def test_readers_recipes_and_constraints_take_data_first(kind):
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
