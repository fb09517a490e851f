"""`labels.attribute`: one line of a spec for an attribute of one's own; and label sets that will not do."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest

from lc_core.common.seeds import block_generator
from lc_core.constraints.digest import measurement_digest
from lc_core.constraints.measurement import Measurement
from lc_core.models.latent_model import decode_array
from lc_core.plugins.discover import registered_by
from lc_core.spec import load_spec
from lc_core.testing import checks_of
from lc_plugins.digits.model import SHIPPED, load_8x8
from lc_plugins.labels import plugin
from lc_plugins.labels.attribute import attribute
from lc_plugins.labels.label_set import read_label_set

ROOT = Path(__file__).parents[2]
FIT = """\
fit:
  {prior_samples: 1024, push_samples: 256, steps: 80, hidden: 64, rounds: 1, round_samples: 128, round_steps: 20}
"""


@pytest.fixture
def spec(tmp_path):
    """Write a spec with one attribute of a label set."""

    def write(file="mine.safetensors", name="seven", more="", model="digits.8x8", folder=tmp_path):
        path = folder / "mine.yaml"
        path.write_text(
            f"lc: 1\nmodel: {model}\nconstraints:\n"
            f"  - {{use: labels.attribute, params: {{file: {file}, name: {name}}}}}\n"
            f"sample: {{count: 16, seed: 3}}\n{FIT}{more}"
        )
        return path

    return write


def errors_of(result):
    assert result.exit_code == 2, result.output
    return result.stderr


def test_it_is_registered_by_the_entry_point_of_this_distribution():
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["latent_constraints"]
    assert points["labels"] == plugin.__name__
    (found,) = registered_by(plugin, distribution="latent-constraints", version="1")
    assert (found.kind, found.name, found.load()) == ("constraint", "labels.attribute", attribute)
    assert list(found.parameters().model_fields) == ["file", "name"]


def test_it_keeps_a_measurements_contract(labelled):
    outputs = decode_array(load_8x8(), load_8x8().sample_prior(80, block_generator(0, 0)))
    for check in checks_of(attribute, outputs=outputs, params={"file": str(labelled), "name": "seven"}):
        check()


def test_its_values_tell_held_out_digits_apart(labelled):
    from lc_core.critics.quality import auc
    from lc_plugins.digits.data import read_digits

    test = read_digits("test")
    values = attribute(test.pictures, file=labelled, name="seven")
    assert auc(values, test.shown == 7) > 0.97
    assert abs(values.mean() - (test.shown == 7).mean()) < 0.05


def test_sampling_under_it_delivers_what_another_classifier_agrees_with(lc, labelled, spec):
    from lc_plugins.digits.judge import judged

    result = lc("sample", spec(), "--out", "run")
    assert result.exit_code == 0, result.output
    from safetensors.numpy import load_file

    samples = load_file("run/samples.safetensors")
    assert len(samples["x"]) == 16 and (samples["attribute"] >= 0.5).all()
    assert (judged(samples["x"])[:, 7] >= 0.5).mean() >= 0.6
    again = lc("sample", "run/spec.yaml", "--out", "again")
    assert again.exit_code == 0, "a run's spec finds the label set"


def test_the_rejection_engine_and_transform_take_it(lc, labelled, spec, pictures):
    assert lc("sample", spec(), "--engine", "rejection", "--count", 4, "--out", "run").exit_code == 0
    result = lc("transform", spec(), "--input", pictures / "000.png", "--out", "edit")
    assert result.exit_code in (0, 3), result.output
    report = json.loads(Path("edit/report.json").read_text())
    assert report["examples"][0]["after"]["attribute"] > report["examples"][0]["before"]["attribute"]


def test_show_says_how_good_it_is(lc, labelled, spec):
    result = lc("show", spec())
    assert "attribute: seven of mine.safetensors: AUC 0." in result.stdout or "AUC 1.000" in result.stdout
    assert "held-out rows" in result.stdout


def test_the_file_is_looked_for_beside_the_spec_first(labelled, spec, tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    path = spec(folder=inner)
    assert load_spec(path).entries[0].measurement.params["file"] == Path("mine.safetensors"), "any other path"
    shutil.copy(labelled, inner / "mine.safetensors")
    assert load_spec(path).entries[0].measurement.params["file"] == inner / "mine.safetensors"


def test_fits_are_cached_by_the_files_content_and_not_its_path(labelled, tmp_path, lc):
    def digest(path, name="seven"):
        return measurement_digest(Measurement(attribute, {"file": path, "name": name}))

    before = digest(labelled)
    moved = shutil.copy(labelled, tmp_path / "moved.safetensors")
    assert digest(Path(moved)) == before
    assert digest(labelled, "loop") != before
    arguments = ("--set", "digit=7", "--as", "seven", "--count", 600, "--out", labelled)
    assert lc("label", "digits.8x8", "digits.digit", *arguments).exit_code == 0
    assert digest(labelled) != before


def test_the_probe_is_fitted_once(labelled, lc, cache_folder):
    from lc_plugins.labels.attribute import SetNeeds

    SetNeeds(file=labelled, name="seven").about()
    before = set(cache_folder.iterdir())
    assert "seven of mine.safetensors: AUC" in SetNeeds(file=labelled, name="seven").about()
    assert set(cache_folder.iterdir()) == before
    assert "probe of seven, loop for digits.8x8" in lc("cache").stdout


def test_an_unknown_name_is_told_at_its_place_with_the_nearest(lc, labelled, spec):
    found = errors_of(lc("validate", spec(name="sevn")))
    assert "mine.yaml:4:11: error: " in found
    assert "mine.safetensors has no label 'sevn' (did you mean seven?)" in found


def test_a_file_that_is_not_there_is_told_at_its_place_with_the_nearest(lc, labelled, spec):
    found = errors_of(lc("validate", spec(file="mne.safetensors")))
    assert "mine.yaml:4:11: error: label set mne.safetensors: no such file (did you mean mine.safetensors?)" in found


@pytest.mark.parametrize("share", [0.001, 0.5, 0.999])
def test_a_truncated_set(lc, labelled, spec, share):
    data = labelled.read_bytes()
    labelled.write_bytes(data[: int(share * len(data))])
    assert "is truncated, or no safetensors file" in errors_of(lc("validate", spec()))


def test_files_that_are_no_label_sets(lc, labelled, spec):
    from safetensors.numpy import save_file

    labelled.write_text("file,seven\n")
    assert "is truncated, or no safetensors file" in errors_of(lc("validate", spec()))
    save_file({"z": np.zeros((2, 3), np.float32)}, labelled)
    assert "is a safetensors file, but no label set" in errors_of(lc("validate", spec()))


def rewritten(path, change):
    """Change what a set says of itself, or its tensors."""
    from safetensors import safe_open
    from safetensors.numpy import load_file, save_file

    with safe_open(path, framework="numpy") as file:
        about = json.loads(file.metadata()["lc_labels"])
    tensors = load_file(path)
    change(about, tensors)
    save_file(tensors, path, metadata={"lc_labels": json.dumps(about)})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda about, tensors: about.update(format=2), "is a label set of format 2; this version reads 1"),
        (lambda about, tensors: about.pop("model"), "is a damaged label set"),
        (lambda about, tensors: tensors.pop("label:loop"), "is a damaged label set"),
        (lambda about, tensors: tensors.update(std=tensors["std"][:4]), "its latents differ in shape"),
        (lambda about, tensors: tensors["mean"].fill(np.nan), "its latents are not finite"),
        (lambda about, tensors: tensors["label:seven"].fill(1), "seven has one class only: 500 rows, all a yes"),
    ],
)
def test_sets_that_were_changed(lc, labelled, spec, change, told):
    rewritten(labelled, change)
    assert told in errors_of(lc("validate", spec()))


def test_a_set_of_another_model_is_refused_before_anything_is_fitted(lc, labelled, spec, tmp_path):
    shutil.copytree(SHIPPED, tmp_path / "other")
    config = tmp_path / "other" / "config.json"
    config.write_text(config.read_text() + "\n")  # another digest
    other = f"{{use: digits.8x8, params: {{folder: {tmp_path / 'other'}}}}}"
    found = errors_of(lc("fit", spec(model=other)))
    digest = read_label_set(labelled).model.digest[:12]
    assert f"mine.safetensors was made with digits.8x8 (digest {digest}); found digits.8x8" in found
    assert "fitting" not in found
    assert "mine.safetensors was made with digits.8x8" in errors_of(lc("fit", spec(model="melody.folk-2bar")))


@pytest.mark.parametrize("model", ["melody.folk-2bar", "avatars.64"])
def test_a_set_of_a_model_of_another_name_is_refused_when_the_spec_is_read(lc, labelled, spec, model):
    found = errors_of(lc("validate", spec(model=model)))
    assert "mine.safetensors was made with digits.8x8, which makes image.gray/1; found the model " + model in found


def test_a_model_that_changed_since_is_refused(lc, labelled, spec):
    rewritten(labelled, lambda about, _: about["model"].update(digest="0" * 64))
    with pytest.raises(Exception, match="digits.8x8 is not the model any more that the label set was made with"):
        attribute(np.zeros((1, 1, 8, 8), np.float32), file=labelled, name="seven")


def test_a_model_without_an_encoder_is_refused_with_the_reason(lc, install_plain):
    result = lc("label", "plain.model", "plain.first", "--out", "set.safetensors")
    assert "plain has no encoder; labels are learned from encodings of outputs" in errors_of(result)


@pytest.fixture
def install_plain(tmp_path, monkeypatch):
    """Install a model that only decodes, and a measurement of it."""
    info = tmp_path / "plain-site" / "lc_plain-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lc-plain\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[latent_constraints]\nplain = lc_plain\n")
    (info.parent / "lc_plain.py").write_text(
        "import lc_core\n\n\nclass Plain(lc_core.LatentModel):\n"
        "    name, latent_shape, output_type = 'plain', (2,), 'plain/1'\n\n"
        "    def decode(self, z):\n        return z\n\n\n"
        "def load():\n    'Load.'\n    return Plain()\n\n\n"
        "@lc_core.measurement(accepts='plain/1', unit='m', range=(-9, 9), at_least=0)\n"
        "def first(outputs):\n    'First.'\n    return outputs[:, 0]\n\n\n"
        "@lc_core.hookimpl\ndef lc_register_models(register):\n"
        "    register('plain.model', load, output='plain/1')\n\n\n"
        "@lc_core.hookimpl\ndef lc_register_constraints(register):\n    register('plain.first', first)\n"
    )
    monkeypatch.syspath_prepend(str(info.parent))
