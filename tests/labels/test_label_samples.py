"""`lc label` with measurements: prior samples that are decoded and measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lc_plugins.labels.label_set import read_label_set

COUNT = 600
RULE = '''
import numpy as np
from lc_core import hookimpl, measurement


@measurement(accepts="image.gray/1", unit="share", range=(0, 1), at_least=0.3)
def ink(pictures: np.ndarray) -> np.ndarray:
    """Return the mean of a picture, `(B,)`."""
    return pictures.mean(axis=(1, 2, 3))


@hookimpl
def lc_register_constraints(register):
    register("mine.ink", ink)
'''
MODEL = """
from lc_core import hookimpl


@hookimpl
def lc_register_models(register):
    register("mine.digits", "lc_plugins.digits.model:load_8x8", output="image.gray/1")
"""
SPEC = """
lc: 1
model: digits.8x8
constraints:
  - {use: labels.attribute, params: {file: set.safetensors, name: ink}}
engine: rejection
sample: {count: 16}
"""


@pytest.fixture
def meanwhile():
    """Write a plugin whose measurement does something else as well when it is first called."""

    def write(what):
        imports = "import subprocess\nimport sys\nfrom pathlib import Path\n"
        once = (
            f'if not Path("done").exists():\n        Path("done").touch()\n        exec({what!r})\n    return pictures'
        )
        Path("mine.py").write_text(imports + RULE.replace("return pictures", once))

    return write


@pytest.fixture
def label(lc):
    """Label prior samples of digits and read the set."""

    def run(*arguments, count=COUNT, out="set.safetensors"):
        result = lc("label", "digits.8x8", *arguments, "--count", count, "--out", out)
        assert result.exit_code == 0, result.output
        return read_label_set(Path(out))

    return run


def test_two_at_once_cannot_both_write_one_set(lc, label, meanwhile, tmp_path):
    meanwhile("""
for number, out in enumerate(("set.safetensors", Path("set.safetensors").resolve())):
    command = [sys.executable, "-m", "lc_core", "label", "digits.8x8", "digits.digit", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True)
    Path(f"told-{number}").write_text(f"{done.returncode} {done.stderr}")
""")
    label("mine.ink", "--plugin", "mine.py")
    told = [Path(f"told-{number}").read_text() for number in range(2)]
    assert all(one.startswith("2 ") and "another lc is writing to" in one and "set.safetensors" in one for one in told)
    assert [one.name for one in tmp_path.iterdir() if "set" in one.name] == ["set.safetensors"]


def test_what_came_to_its_place_meanwhile_is_not_replaced(lc, meanwhile, tmp_path):
    meanwhile('Path("set.safetensors").write_text("mine")')
    result = lc("label", "digits.8x8", "mine.ink", "--plugin", "mine.py", "--count", COUNT, "--out", "set.safetensors")
    assert (result.exit_code, (tmp_path / "set.safetensors").read_text()) == (2, "mine")


def test_each_row_is_what_is_measured_of_the_decoded_latent(label):
    import torch

    from lc_plugins.digits.measurements import digit
    from lc_plugins.digits.model import load_8x8

    found = label("digits.digit", "--set", "digit=3", "--as", "three")
    outputs = load_8x8().decode(torch.from_numpy(found.z)).numpy()
    np.testing.assert_allclose(found.values["three"], digit(outputs, digit=3), atol=1e-4)
    assert found.columns[0].want.as_dict() == {"at_least": 0.5}, "the measurement's own default"
    assert found.columns[0].source == {"use": "digits.digit", "params": {"digit": 3}}
    assert found.source == {"kind": "samples", "count": COUNT, "seed": 0}


def test_a_row_depends_on_the_seed_and_its_number_alone(label):
    three = ("digits.digit", "--set", "digit=3")
    few, many, other = label(*three), label(*three, count=1100), label(*three, "--seed", 1)
    np.testing.assert_array_equal(few.z, many.z[:COUNT])
    np.testing.assert_array_equal(few.values["digit-3"], many.values["digit-3"][:COUNT])
    assert not np.array_equal(few.z, other.z)


def test_several_measurements_give_a_column_each(label):
    found = label("digits.digit", "digits.digit", "--set", "0.digit=3", "--set", "1.digit=0")
    assert found.names == ("digit-3", "digit-0")
    assert found.columns[1].source["params"] == {"digit": 0}


def test_a_threshold_says_what_counts_as_a_yes(label):
    found = label("digits.digit", "--set", "digit=3", "--threshold", "digit-3=0.01")
    np.testing.assert_array_equal(found.held()[:, 0], found.values["digit-3"] >= 0.01)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["digits.digt"], "unknown constraint 'digits.digt' (did you mean digits.digit?)"),
        (["digits.digit"], "settings of constraint digits.digit: digit: missing key 'digit'"),
        (["digits.digit", "--set", "digit=12"], "digit: should be less than or equal to 9; found 12"),
        (["digits.digit", "--set", "digt=1"], "unknown key 'digt' (did you mean digit?)"),
        (["digits.digit", "--set", "digit"], "expected KEY=VALUE, such as digit=3, 1.digit=3"),
        (["digits.digit", "--set", "digit=1", "--set", "0.digit=2"], "0.digit is given twice"),
        (
            ["digits.digit", "digits.digit", "--set", "digit=1"],
            "there are 2 measurements: say which, such as 0.digit=1",
        ),
        (["digits.digit", "--set", "1.digit=1"], "expected model, or a number from 0 to 0, before the dot; found '1'"),
        (["digits.digit", "--set", "digit=1", "--set", "model.folder=nowhere"], "nowhere holds no digit model"),
        (["melody.span"], "melody.span measures melody.tokens/1, but digits.8x8 makes image.gray/1"),
        (
            ["digits.digit", "digits.digit", "--set", "0.digit=1", "--set", "1.digit=1"],
            "two columns have the name digit-1",
        ),
        (
            ["digits.digit", "--set", "digit=3", "--threshold", "digit-3=2"],
            "digit-3 has one class only: 40 rows, all a no",
        ),
        (["digits.digit", "--set", "digit=3"], "with a no; 30 of each are needed"),
    ],
)
def test_bad_input(lc, arguments, told):
    result = lc("label", "digits.8x8", *arguments, "--count", 40, "--out", "set.safetensors")
    assert result.exit_code == 2 and told in " ".join(result.stderr.split()), result.stderr
    assert not Path("set.safetensors").exists()


def test_a_graded_measurement_without_a_default_needs_a_threshold(lc):
    result = lc("label", "melody.folk-2bar", "melody.span", "--count", 100, "--out", "set.safetensors")
    assert "melody.span measures semitones and has no default want" in result.stderr
    assert "hint: say from which value on it is a yes: --threshold span=VALUE" in result.stderr


def test_names_are_once_for_each_measurement(lc):
    result = lc("label", "digits.8x8", "digits.digit", "--as", "a", "--as", "b", "--out", "set.safetensors")
    assert result.exit_code == 2 and "once for each of 1 measurement," in result.stderr


def test_a_measurement_of_a_plugin_file_labels_and_the_set_needs_the_file_no_more(lc, label):
    from safetensors.numpy import load_file

    file = Path("my_rule.py")
    file.write_text(RULE)
    assert "unknown constraint 'mine.ink'" in lc("label", "digits.8x8", "mine.ink", "--out", "set.safetensors").stderr
    found = label("mine.ink", "--plugin", file)
    assert found.columns[0].source == {"use": "mine.ink", "params": {}}
    file.unlink()
    Path("mine.yaml").write_text(SPEC)
    result = lc("sample", "mine.yaml", "--out", "run")
    assert result.exit_code == 0, result.output
    outputs = load_file("run/samples.safetensors")["x"]
    assert (outputs.mean(axis=(1, 2, 3)) >= 0.3).mean() > 0.7, "the probe learned what the file measured"
    assert 0.2 < found.held().mean() < 0.6, "of prior samples"


def test_a_model_of_a_plugin_file_is_refused_since_a_set_is_used_with_what_is_installed(lc):
    Path("my_model.py").write_text(MODEL)
    result = lc("label", "mine.digits", "digits.digit", "--plugin", "my_model.py", "--out", "set.safetensors")
    assert result.exit_code == 2 and not Path("set.safetensors").exists()
    assert "model mine.digits comes from --plugin my_model.py" in result.stderr
    assert "hint: put the model into a package: lc new-plugin NAME --kind model" in result.stderr
