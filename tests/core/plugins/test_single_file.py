"""`--plugin my_rule.py`: a plugin of one file, without packaging."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from lc_core.constraints.digest import engine_digest, measurement_digest
from lc_core.constraints.measurement import Measurement
from lc_core.errors import LCError
from lc_core.plugins.discover import build_registry

RULE = '''
import numpy as np
from lc_core import hookimpl, measurement


@measurement(accepts="line/1", unit="steps", range=(-np.inf, np.inf), at_least=0)
def last(outputs: np.ndarray, *, plus: int = 0) -> np.ndarray:
    """Return the last number, `(B,)`."""
    return outputs[:, -1] + plus


@hookimpl
def lc_register_constraints(register):
    register("mine.last", last)
'''
ENGINE = '''
from lc_core import Engine, hookimpl


class Still(Engine):
    """Stays where it is."""

    def step(self, state, energy, model, number):
        return state


@hookimpl
def lc_register_engines(register):
    register("mine.still", Still)
'''
SPEC = """
lc: 1
model: line.model
constraints:
  - {use: mine.last}
engine: rejection
sample: {count: 4}
"""


@pytest.fixture
def file(line) -> Path:
    Path("my_rule.py").write_text(RULE)
    Path("mine.yaml").write_text(SPEC)
    return Path("my_rule.py")


def test_a_spec_may_use_what_the_file_registers(lc, file):
    told = lc("validate", "mine.yaml").stderr.splitlines()
    assert "unknown constraint 'mine.last'" in told[0]
    hint = "  hint: what a Python file of yours registers is known to a command that is given --plugin FILE"
    assert told[1:] == [hint]
    assert lc("validate", "mine.yaml", "--plugin", file).exit_code == 0
    assert "mine.last" in lc("show", "mine.yaml", "--plugin", file).stdout
    assert "needs no fit" in lc("fit", "mine.yaml", "--plugin", file).stdout
    sampled = lc("sample", "mine.yaml", "--plugin", file, "--json")
    assert sampled.exit_code == 0, sampled.output
    assert json.loads(sampled.stdout)["constraints"][0]["use"] == "mine.last"
    assert lc("eval", "runs/mine-0").stderr.splitlines()[-1] == hint
    assert "compared by" in lc("eval", "runs/mine-0", "--plugin", file, "--steps", "1").stdout


@pytest.mark.parametrize(
    "command",
    [
        "sample",
        "transform",
        "score",
        "validate",
        "show",
        "fit",
        "label",
        "inspect",
        "train",
        "bank",
        "eval",
        "amortise",
    ],
)
def test_every_command_that_uses_components_takes_files(lc, command):
    assert "--plugin FILE" in lc(command, "--help").stdout


MODEL = '''
from pathlib import Path
import torch
from lc_core import LatentModel, hookimpl


class Doubled(LatentModel):
    name, latent_shape, output_type = "doubled", (3,), "line/1"

    def decode(self, z):
        return 2 * z


def load(*, folder: str = ""):
    """Load it."""
    return Doubled()


def train(folder: Path, *, steps: int = 1) -> None:
    "Train it."
    (folder / "weights").write_text(f"{steps} steps")


@hookimpl
def lc_register_models(register):
    register("mine.doubled", load, output="line/1")


@hookimpl
def lc_register_recipes(register):
    register("mine.doubled", train)
'''


def test_a_model_of_the_file_is_inspected(lc, line):
    Path("my_model.py").write_text(MODEL)
    assert "unknown model 'mine.doubled'" in lc("inspect", "mine.doubled").stderr
    result = lc("inspect", "mine.doubled", "--plugin", "my_model.py", "--json")
    assert result.exit_code == 0, result.output
    about = json.loads(result.stdout)
    assert (about["model"], about["latent_shape"], about["output"]["shape"]) == ("doubled", [3], [3])


def test_a_recipe_of_the_file_trains_and_its_model_is_used_with_the_file(lc, line):
    Path("my_model.py").write_text(MODEL)
    assert "unknown recipe 'mine.doubled'" in lc("train", "mine.doubled").stderr
    result = lc("train", "mine.doubled", "--steps", 3, "--out", "trained", "--plugin", "my_model.py")
    assert result.exit_code == 0, result.output
    assert Path("trained/weights").read_text() == "3 steps"
    lines, option = result.stdout.split("\n\n", 1)[1].split("and give commands that read the spec: ")
    Path("mine.yaml").write_text(f"lc: 1\n{lines}constraints: []\n")
    assert lc("validate", "mine.yaml", *option.split()).exit_code == 0


def test_it_is_a_distribution_called_as_the_file(file):
    registry = build_registry([file])
    (found,) = (one for one in registry.distributions if one.name == "my_rule")
    assert registry.get("constraint", "my_rule:mine.last") == found.components[0]
    before = found.version
    file.write_text(RULE.replace("plus: int = 0", "plus: int = 1"))
    assert build_registry([file]).get("constraint", "mine.last").version != before


def test_its_source_is_part_of_the_keys_of_what_is_fitted(file):
    def digest() -> str | None:
        rule = build_registry([file]).get("constraint", "mine.last")
        return measurement_digest(Measurement(rule.load(), rule.fill()))

    first = digest()
    assert first is not None
    assert digest() == first
    file.write_text(RULE.replace("outputs[:, -1]", "outputs[:, -2]"))
    assert digest() not in (first, None)


def test_the_source_of_an_engine_is_part_of_the_key(line):
    path = Path("still.py")

    def source() -> str:
        path.write_text(text)
        return engine_digest(build_registry([path]).get("engine", "mine.still").load()())

    text = ENGINE
    first = source()
    text = ENGINE.replace("return state", "return (state[0] * 1,)")
    assert first != source()


def test_a_run_is_not_continued_with_an_edited_rule(lc, file):
    assert lc("sample", "mine.yaml", "--plugin", file).exit_code == 0
    file.write_text(RULE.replace("outputs[:, -1]", "outputs[:, -2]"))
    again = lc("sample", "mine.yaml", "--plugin", file)
    assert again.exit_code == 2
    assert "source of a rule" in again.stderr


def test_a_yaml_file_cannot_name_a_plugin_file(lc, file):
    Path("mine.yaml").write_text(SPEC + "plugin: my_rule.py\n")
    assert "unknown key 'plugin'" in lc("validate", "mine.yaml").stderr
    Path("mine.yaml").write_text(SPEC.replace("mine.last", "my_rule.py:mine.last"))
    assert lc("validate", "mine.yaml").exit_code == 2


@pytest.mark.parametrize(
    ("name", "source", "told"),
    [
        ("nowhere.py", None, "there is no such file"),
        ("rule.txt", RULE, "expected a Python file"),
        ("my-rule.py", RULE, "expected a Python file whose name could be a module's"),
        ("empty.py", "", "registers nothing"),
        ("bad.py", "1 / 0", "cannot be imported: ZeroDivisionError"),
        ("bad.py", "def broken(:", "cannot be imported: SyntaxError"),
        ("bad.py", "raise SystemExit(3)", "cannot be imported: SystemExit: 3"),
        ("bad.py", RULE.replace("lc_register_constraints", "lc_register_constraint"), "did you mean lc_register_const"),
        ("bad.py", RULE.replace(", last)", ", last, api=9)"), "needs plugin API 9"),
        ("lc_line.py", RULE, "there is a distribution lc_line already"),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error_that_names_it(lc, line, name, source, told):
    if source is not None:
        Path(name).write_text(source)
    Path("mine.yaml").write_text(SPEC)
    result = lc("validate", "mine.yaml", "--plugin", name)
    assert result.exit_code == 2
    assert told in result.stderr
    assert name in result.stderr


def test_a_file_called_as_an_installed_module_hides_nothing(line):
    Path("numpy.py").write_text(RULE.replace("mine.last", "other.last"))
    assert build_registry([Path("numpy.py")]).get("constraint", "other.last").distribution == "numpy"
    import numpy

    assert hasattr(numpy, "ndarray")


def test_a_file_that_is_named_twice_is_taken_once(line):
    Path("rule.py").write_text(RULE)
    found = build_registry([Path("rule.py"), Path("./rule.py"), Path("rule.py").resolve()])
    assert len([one for one in found.all("constraint") if one.distribution == "rule"]) == 1


def test_two_files_of_one_name_are_refused(line):
    for folder in ("one", "two"):
        Path(folder).mkdir()
        Path(folder, "rule.py").write_text(RULE)
    with pytest.raises(LCError, match="there is a distribution rule already") as told:
        build_registry([Path("one/rule.py"), Path("two/rule.py")])
    assert told.value.hint == "rename one of the files"


BESIDE = RULE.replace("import numpy as np\n", "import numpy as np\nimport helper\n").replace("+ plus", "+ helper.MORE")


def plugin_with(folder, more, *, name="mine"):
    """Write a plugin into a folder, whose rule adds what a module beside it says."""
    folder.mkdir(exist_ok=True)
    (folder / "helper.py").write_text("import numbers_of\nMORE = numbers_of.MORE\n")
    (folder / "numbers_of.py").write_text(f"MORE = {more}\n")
    (folder / f"{name}.py").write_text(BESIDE.replace('"mine.last"', f'"{name}.last"'))
    return folder / f"{name}.py"


def test_a_plugin_imports_what_lies_beside_it_and_nothing_of_another_folder(tmp_path):
    before = list(sys.path)
    files = plugin_with(tmp_path / "a", 1, name="one"), plugin_with(tmp_path / "b", 2, name="two")
    registry = build_registry(files)
    found = [registry.get("constraint", f"{name}.last").load()(np.zeros((1, 3)))[0] for name in ("one", "two")]
    assert found == [1, 2]
    assert sys.path == before
    assert "helper" not in sys.modules


def test_what_lies_beside_a_plugin_counts_for_its_version_and_for_the_cache(tmp_path):
    def told(more):
        registry = build_registry([plugin_with(tmp_path / "a", more)])
        rule = registry.get("constraint", "mine.last")
        return rule.version, measurement_digest(Measurement(rule.load())), rule.load()(np.zeros((1, 3)))[0]

    first, second = told(1), told(2)
    assert all(one != other for one, other in zip(first, second, strict=True))
    assert told(1) == first


def test_a_file_beside_a_plugin_replaces_nothing_of_the_standard_library(tmp_path):
    file = plugin_with(tmp_path / "a", 1)
    (tmp_path / "a" / "json.py").write_text("raise RuntimeError('not this one')\n")
    file.write_text("import json\n" + file.read_text())
    assert build_registry([file]).get("constraint", "mine.last").load()(np.zeros((1, 3)))[0] == 1


@pytest.mark.parametrize("line", ["from helper import MORE", "from .helper import MORE", "from . import helper"])
def test_each_way_to_import_what_lies_beside_a_plugin_works(tmp_path, line):
    file = plugin_with(tmp_path / "a", 1)
    more = "MORE" if line.endswith("MORE") else "helper.MORE"
    file.write_text(file.read_text().replace("import helper", line).replace("helper.MORE", more).replace("..", "."))
    assert build_registry([file]).get("constraint", "mine.last").load()(np.zeros((1, 3)))[0] == 1
