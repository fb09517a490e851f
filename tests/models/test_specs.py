"""Foreign models in specs: paths beside the spec, priors, and what is told of a wrong one."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import save_file

from lc_core import load_spec
from lc_core.cli import main
from lc_core.common.seeds import block_generator
from lc_core.errors import LCError
from lc_core.runs.build import build_model
from tests.models.networks import Decoder, Payload, build, save_pt2

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
SPEC = """\
lc: 1
model: {{use: models.export, params: {{file: decoder.pt2, output: image.gray/1{more}}}}}
constraints:
  - {{use: digits.digit, params: {{digit: 1}}, at_least: 0.0}}
engine: rejection
sample: {{count: 2}}
"""


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    return save_pt2(build(Decoder), tmp_path_factory.mktemp("pt2") / "decoder.pt2").read_bytes()


@pytest.fixture
def folder(content, tmp_path):
    """A folder with a decoder, which is not the working folder."""
    place = tmp_path / "mine"
    place.mkdir()
    (place / "decoder.pt2").write_bytes(content)
    return place


def write(folder, more=""):
    path = folder / "spec.yaml"
    path.write_text(SPEC.format(more=more))
    return path


def test_a_spec_of_six_lines_samples_and_its_run_is_the_same_spec(folder):
    result = CliRunner().invoke(main, ["sample", str(write(folder)), "--out", "run"])
    assert result.exit_code == 0, result.output
    asked, resolved = load_spec(folder / "spec.yaml"), load_spec("run/spec.yaml")
    assert (resolved.model, resolved.entries, resolved.sample.seed) == (asked.model, asked.entries, asked.sample.seed)
    assert load_spec(folder / "spec.yaml").output_type == "image.gray/1"


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ("", "standard normal"),
        (", prior: uniform", "uniform in [-1, 1]"),
        (", prior: {uniform: [0, 1]}", "uniform in [0, 1]"),
        (", prior: hypersphere", "uniform on the sphere of radius 1"),
        (", prior: {hypersphere: 3.5}", "uniform on the sphere of radius 3.5"),
        (", prior: {mixture: {means: [[0, 0, 0, 0], [1, 1, 1, 1]], stds: 0.5}}", "mixture of 2 normals"),
        (", prior: {mixture: {file: mixture.safetensors}}", "mixture of 3 normals"),
        (", prior: {samples: z.npy}", "9 given samples"),
        (", prior: {samples: z.safetensors}", "9 given samples"),
    ],
)
def test_priors_in_a_spec(more, text, folder):
    z = np.random.default_rng(0).normal(size=(9, 4)).astype("float32")
    np.save(folder / "z.npy", z)
    save_file({"z": torch.from_numpy(z)}, folder / "z.safetensors")
    save_file({"means": torch.from_numpy(z[:3].copy()), "stds": torch.ones(3)}, folder / "mixture.safetensors")
    model = build_model(load_spec(write(folder, more)))
    assert model.prior.text == text


def test_sample_i_is_the_same_whatever_the_prior_and_the_count(folder):
    from lc_core.api import sample

    for prior in ("uniform", "{mixture: {means: [[0, 0, 0, 0], [1, 1, 1, 1]], stds: 0.5}}"):
        path = write(folder, f", prior: {prior}")
        few, many = (sample(load_spec(path, count=count), cache=False) for count in (2, 5))
        np.testing.assert_array_equal(few.latents, many.latents[:2])


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (", prior: cauchy", "'hypersphere' or should be a mapping; found \"cauchy\""),
        (", prior: {unifrom: [0, 1]}", "did you mean uniform?"),
        (", prior: {mixture: {mean: [[0]]}}", "did you mean means?"),
        (", latent: [0]", "greater than or equal to 1"),
        (", values: [0]", "too few values"),
        (", flie: x", "did you mean file"),
    ],
)
def test_settings_that_are_wrong_are_told_with_their_place(more, text, folder):
    result = CliRunner().invoke(main, ["validate", str(write(folder, more))])
    assert result.exit_code == 2
    assert "spec.yaml:2:" in result.output
    assert text in result.output


@pytest.mark.parametrize(
    ("use", "line"),
    [
        ("constraints: [{use: images.brightness, at_least: 0.0}]", "images.brightness measures"),
        ("render: [images.png]", "images.png draws"),
    ],
)
def test_a_misspelt_output_type_is_told_where_a_rule_or_a_renderer_does_not_take_it(use, line, folder):
    path = folder / "spec.yaml"
    model = "{use: models.export, params: {file: decoder.pt2, output: image.grey/1}}"
    path.write_text(f"lc: 1\nmodel: {model}\n{use}\n")
    result = CliRunner().invoke(main, ["validate", str(path)])
    assert result.exit_code == 2
    told = f"{line} image.rgb/1 or image.gray/1, but the model makes image.grey/1 (did you mean image.gray/1?)"
    assert told in result.output


@pytest.mark.parametrize(("output", "near"), [("image.grey/1", "image.gray/1"), ("image.gray/2", "image.gray/1")])
def test_an_output_type_that_is_nearly_one_of_ours_is_noted_and_another_of_ones_own_is_not(output, near, folder):
    settings = ["--set", f"file={folder / 'decoder.pt2'}", "--set"]
    result = CliRunner().invoke(main, ["inspect", "models.export", *settings, f"output={output}"])
    assert result.exit_code == 0
    assert f"{output} is a type of your own, which lc knows nothing of (did you mean {near}?)" in result.output
    result = CliRunner().invoke(main, ["inspect", "models.export", *settings, "output=lab.heights/1"])
    assert result.exit_code == 0 and "did you mean" not in result.output and "note" not in result.output


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (", prior: {samples: none.npy}", "cannot be read"),
        (", prior: {samples: decoder.pt2}", "should be a .npy or .safetensors file"),
        (", prior: {samples: pickled.npy}", "no tensors that can be read"),
        (", prior: {samples: wide.npy}", "has latents (7,); the model's are (4,)"),
        (", prior: {uniform: [1, 0]}", "low < high"),
        (", prior: {uniform: [0, 1], hypersphere: 1}", "one key"),
        (", prior: {mixture: {means: [[0, 0, 0, 0]]}}", "no stds"),
        (", prior: {mixture: {stds: 1}}", "means"),
        (", latent: [5]", "latent: [5]"),
    ],
)
def test_priors_and_shapes_that_do_not_fit_are_refused(more, text, folder):
    np.save(folder / "wide.npy", np.random.default_rng(0).normal(size=(9, 7)))
    np.save(folder / "pickled.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(LCError) as error:
        build_model(load_spec(write(folder, more)))
    assert text in str(error.value)


@pytest.mark.parametrize("saved", [True, False])
def test_a_pickle_payload_in_a_priors_file_is_refused_and_not_run(saved, folder, tmp_path):
    target = tmp_path / "created"
    payload = Payload(target)
    if saved:
        np.save(folder / "z.npy", np.array([payload], dtype=object), allow_pickle=True)
    else:
        (folder / "z.npy").write_bytes(pickle.dumps(payload))
    with pytest.raises(LCError, match="no tensors that can be read"):
        build_model(load_spec(write(folder, ", prior: {samples: z.npy}")))
    assert not target.exists()
    np.load(folder / "z.npy", allow_pickle=True)  # numpy itself would have run it
    assert target.exists()


class Overshoots(Decoder):
    """A decoder whose pixels are three times too large in a corner of the latent space."""

    def forward(self, z):
        return super().forward(z) * torch.where(z[:, :1] > 2.3, 3.0, 1.0)[:, :, None, None]


class Half(Decoder):
    def forward(self, z):
        return super().forward(z).half()


def told_by_inspect(path, *more):
    result = CliRunner().invoke(main, ["inspect", str(path), "--json", *more])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_what_is_cut_off_a_decoders_outputs_is_counted_and_told(folder):
    save_pt2(build(Overshoots), folder / "decoder.pt2")
    found = told_by_inspect(write(folder))
    z = torch.randn(256, 4, generator=block_generator(0, 0, "inspect"))
    rows = int((z[:, 0] > 2.3).sum())
    assert rows and f"0 to 1 is cut off: in {rows} of 256 outputs, " in found["samples_note"]
    result = CliRunner().invoke(main, ["sample", str(write(folder)), "--out", "run", "--count", "100"])
    (note,) = json.loads(Path("run/report.json").read_text())["notes"]
    assert note.startswith("model decoder: pixels go from ") and " of 100 outputs, " in note
    assert f"note: {note}\n" in result.stdout


def test_nothing_is_told_where_nothing_is_cut_off(folder):
    assert told_by_inspect(write(folder))["samples_note"] == ""


def test_outputs_of_sixteen_bits_are_taken_as_float32_and_that_is_told(folder):
    save_pt2(build(Half), folder / "decoder.pt2")
    found = told_by_inspect(write(folder))
    assert found["output"]["dtype"] == "float32"
    assert found["note"] == "the decoder makes float16, used as float32"


def test_a_type_in_other_letters_is_nearly_one_of_lcs_own(folder):
    found = told_by_inspect(write(folder), "--set", "output=Image.Gray/1")
    assert "lc knows nothing of (did you mean image.gray/1?)" in found["note"]


def test_an_encoder_that_takes_no_outputs_of_the_decoder_is_named(folder):
    result = CliRunner().invoke(main, ["inspect", str(write(folder, ", encoder: decoder.pt2"))])
    assert result.exit_code == 2
    assert "the encoder of decoder does not take outputs of shape (1, 8, 8): " in result.stderr
    assert "encoder names the file of a network that takes what the decoder makes" in result.stderr


@pytest.mark.parametrize(
    ("prior", "told"),
    [
        ("gauss", "prior: should be 'normal', 'uniform' or 'hypersphere' or should be a mapping; found \"gauss\""),
        ("{uniform: 3}", "prior.uniform: should be a list; found 3"),
        ("{unifrom: [0, 1]}", "prior.unifrom: unknown key 'unifrom'"),
    ],
)
def test_a_wrong_prior_is_told_in_words_of_the_spec(prior, told):
    result = CliRunner().invoke(main, ["inspect", "models.export", "--set", "file=x", "--set", f"prior={prior}"])
    assert f"error: settings of model models.export: output: missing key 'output'; {told}" in result.stderr, (
        result.stderr
    )
    assert "PriorForm" not in result.stderr
    assert result.stderr.count("prior") <= 2


@pytest.mark.parametrize(
    ("name", "more", "told"),
    [
        ("pythae", ["output=image.gray/1"], "{} has no model_config.json; expected a folder that pythae wrote"),
        ("diffusers", [], "{} has no config.json; expected a folder that diffusers wrote"),
    ],
)
def test_a_folder_that_is_another_one_is_named(name, more, told, tmp_path):
    for folder, shown in (("mine", "mine"), (".", "the working folder")):
        Path("mine").mkdir(exist_ok=True)
        options = [f"folder={folder}", *more]
        given = [part for one in options for part in ("--set", one)]
        result = CliRunner().invoke(main, ["inspect", f"models.{name}", *given, "--out", str(tmp_path / "sheets")])
        assert f"error: {told.format(shown)}" in result.stderr
