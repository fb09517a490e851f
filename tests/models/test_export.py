"""`models.export`: .pt2 files that work, and .pt2 files that are refused before anything of them runs."""

from __future__ import annotations

import io
import json
import pickle
import re

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from lc_core.cli import main
from lc_core.errors import LCError
from lc_core.models.latent_model import decode_array
from lc_core.testing import check_model
from lc_plugins.models.export import load_export
from tests.models.networks import (
    IN_TRAINING,
    WRONG_OUTPUTS,
    Batchy,
    Decoder,
    Encoder,
    Noisy,
    NotANumber,
    Payload,
    Quiet,
    build,
    latents,
    rewritten,
    save_pt2,
)

GRAY = "image.gray/1"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Content of a .pt2 file of the decoder."""
    return save_pt2(build(Decoder), tmp_path_factory.mktemp("pt2") / "decoder.pt2").read_bytes()


@pytest.fixture
def file(archive, tmp_path):
    path = tmp_path / "decoder.pt2"
    path.write_bytes(archive)
    return path


def refusal(file, **settings):
    with pytest.raises(LCError) as error:
        load_export(file=file, **{"output": GRAY, **settings})
    return str(error.value)


def test_it_keeps_the_contract_of_a_model_and_decodes_as_the_network(file):
    model = load_export(file=file, output=GRAY)
    check_model(model)
    assert model.latent_shape == (4,)
    assert model.differentiable
    assert not model.encodes
    np.testing.assert_allclose(decode_array(model, latents()), build(Decoder)(latents()).numpy(), atol=1e-6)


class Unusual(torch.nn.Module):
    """Texts as arguments, names with underscores, buffers, constants, blocks without gradients, convolutions."""

    def __init__(self):
        super().__init__()
        self._net__ = torch.nn.Sequential(torch.nn.Linear(4, 64), torch.nn.GELU(approximate="tanh"))
        self.conv = torch.nn.Sequential(torch.nn.ConvTranspose2d(4, 3, 2, stride=2), torch.nn.BatchNorm2d(3))
        self.register_buffer("_mix_", torch.rand(3, 1))
        self.gain = torch.tensor([0.5])

    def forward(self, z):
        with torch.no_grad():
            shift = self.gain.square()
        x = self.conv(self._net__(z).reshape(z.shape[0], 4, 4, 4))
        return torch.sigmoid(torch.einsum("bchw,cd->bdhw", x, self._mix_) * self.gain[0] + shift)


def test_programs_of_many_kinds_are_not_refused(tmp_path):
    model = load_export(file=save_pt2(build(Unusual), tmp_path / "unusual.pt2"), output=GRAY)
    check_model(model)
    assert model.differentiable
    np.testing.assert_allclose(decode_array(model, latents()), build(Unusual)(latents()).numpy(), atol=1e-6)


def test_with_an_encoder_it_encodes(file, tmp_path):
    encoder = save_pt2(build(Encoder), tmp_path / "encoder.pt2", torch.rand(3, 1, 8, 8))
    model = load_export(file=file, encoder=encoder, output=GRAY)
    check_model(model)
    assert model.encodes
    pictures = decode_array(model, latents())
    mean, std = build(Encoder)(torch.from_numpy(pictures))
    torch.testing.assert_close(model.encode(pictures).mean, mean)
    torch.testing.assert_close(model.encode(pictures).std, std)


def test_without_a_gradient_it_loads_and_says_so(tmp_path):
    model = load_export(file=save_pt2(build(Quiet), tmp_path / "quiet.pt2"), output=GRAY)
    assert not model.differentiable
    assert "no gradient" in model.note


def test_why_it_has_no_gradient_is_told_wherever_that_matters(tmp_path):
    file = save_pt2(build(Quiet), tmp_path / "quiet.pt2")
    note = "no gradient comes through the decoder: it was exported under torch.no_grad, or is not smooth"

    def lc(*arguments):
        return CliRunner().invoke(main, list(map(str, arguments)))

    inspect = ("inspect", "models.export", "--set", f"file={file}", "--set", f"output={GRAY}")
    assert re.search(rf"^  note +{note}$", lc(*inspect).stdout, re.MULTILINE)
    assert json.loads(lc(*inspect, "--json").stdout)["note"] == note
    spec = tmp_path / "spec.yaml"
    text = f"lc: 1\nmodel: {{use: models.export, params: {{file: quiet.pt2, output: {GRAY}}}}}\nengine: rejection\n"
    spec.write_text(text + "constraints: [{use: images.brightness, at_least: 0.0}]\nsample: {count: 2}\n")
    assert f"\nnote: {note}\n" in lc("show", spec).stdout
    assert f"note: model quiet: {note}\n" in lc("sample", spec, "--out", tmp_path / "run").stdout
    guided = lc("sample", spec, "--set", "constraints.0.guide=decoder", "--set", "engine=gradient")
    assert guided.exit_code == 2
    assert "quiet is a black box: " in guided.stderr and f"; {note}\n" in guided.stderr


def test_a_model_without_a_note_has_no_line_of_it(file):
    result = CliRunner().invoke(main, ["inspect", "models.export", "--set", f"file={file}", "--set", f"output={GRAY}"])
    assert result.exit_code == 0
    assert not re.search("^  note", result.stdout, re.MULTILINE)


def test_values_are_mapped_to_pixels(tmp_path):
    file = save_pt2(build(Decoder, torch.nn.Tanh), tmp_path / "tanh.pt2")
    model = load_export(file=file, output=GRAY, values=(-1, 1))
    check_model(model)
    wanted = (build(Decoder, torch.nn.Tanh)(latents()).numpy() + 1) / 2
    np.testing.assert_allclose(decode_array(model, latents()), wanted, atol=1e-6)
    assert "values: [-1, 1]" in refusal(file)


def test_the_digest_is_of_content_and_settings(file, tmp_path):
    first = load_export(file=file, output=GRAY)
    moved = tmp_path / "moved.pt2"
    moved.write_bytes(file.read_bytes())
    assert load_export(file=moved, output=GRAY).digest == first.digest
    assert load_export(file=file, output=GRAY, prior="uniform").digest != first.digest


def test_the_latent_shape_that_a_spec_says_has_to_be_the_files(file):
    assert load_export(file=file, output=GRAY, latent=[4]).latent_shape == (4,)
    assert "latent: [16], but decoder takes latents of shape [4]" in refusal(file, latent=[16])


@pytest.mark.parametrize(("settings", "text"), WRONG_OUTPUTS)
def test_outputs_of_another_type_or_shape_are_refused(settings, text, file):
    assert text in refusal(file, **settings)


def test_outputs_are_brought_to_the_shape_that_a_spec_says(file):
    assert load_export(file=file, output="numbers/1", shape=[64]).decode(latents()).shape == (3, 64)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (NotANumber, "not finite"),
        (Noisy, "other outputs for the same latents"),
        (Batchy, "depends on the others"),
        (IN_TRAINING["dropout"], "the decoder is random"),
        (IN_TRAINING["normalisation"], "depends on the others in its batch"),
    ],
)
def test_faulty_decoders_are_refused(kind, text, tmp_path):
    message = refusal(save_pt2(build(kind), tmp_path / "faulty.pt2"))
    assert text in message and "faulty.pt" in message
    assert (kind is NotANumber) != ("call model.eval() before you export it" in message)


def test_a_fixed_batch_is_refused_with_what_to_write(tmp_path):
    message = refusal(save_pt2(build(Decoder), tmp_path / "fixed.pt2", free=False))
    assert "batches of 3 only" in message
    assert "dynamic_shapes" in message


def test_files_of_another_kind_are_refused(file, tmp_path):
    assert "cannot be read" in refusal(tmp_path / "none.pt2")
    assert "is a folder" in refusal(tmp_path)
    text = tmp_path / "text.pt2"
    text.write_text("not a model")
    assert "is not a .pt2 archive" in refusal(text)
    weights = tmp_path / "weights.pt2"
    torch.save(build(Decoder).state_dict(), weights)
    assert "is a pickle" in refusal(weights)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95, 0.999])
def test_a_truncated_file_is_refused(file, share):
    data = file.read_bytes()
    file.write_bytes(data[: int(share * len(data))])
    assert "truncated" in refusal(file)


def pickled(what):
    buffer = io.BytesIO()
    torch.save(what, buffer)
    return buffer.getvalue()


def in_program(change):
    """Return a change of an archive that edits its program."""

    def edit(name, content):
        if name != "models/model.json":
            return content
        program = json.loads(content)
        change(program)
        return json.dumps(program).encode()

    return edit


def sizes(program, text):
    (found,) = (one for one in program["graph_module"]["graph"]["tensor_values"]["z"]["sizes"] if "as_expr" in one)
    found["as_expr"]["expr_str"] = text


def attacks(target):
    """Return changes of a .pt2 archive that would create `target`, by name."""
    call = f"__import__('os').mkdir({str(target)!r})"
    weights, model = "data/weights/model_weights_config.json", "graph_module"

    def with_pickled_weight(name, content):
        if name == weights:
            table = json.loads(content)
            next(iter(table["config"].values()))["use_pickle"] = True
            return json.dumps(table).encode()
        return pickled(Payload(target)) if name == "data/weights/weight_0" else content

    def sample(name, content):
        return pickled((Payload(target), {})) if name == "data/sample_inputs/model.pt" else content

    def opaque(name, content):
        if name == "data/constants/model_constants_config.json":
            table = {"config": {"c": {"path_name": "opaque_obj_0", "is_param": False, "use_pickle": True}}}
            return json.dumps(table | {"tensor_meta": None}).encode()
        return content

    def rename(program):
        program[model]["graph"]["inputs"][-1]["as_tensor"]["name"] = f"z={call}"

    def argument(program):
        (one,) = (one for one in program[model]["module_call_graph"] if one["fqn"] == "")
        one["signature"]["forward_arg_names"] = [f"z={call}"]

    def keyword(program):
        (one,) = (one for one in program[model]["module_call_graph"] if one["fqn"] == "")
        one["signature"]["in_spec"] = one["signature"]["in_spec"].replace('"[]"', json.dumps(json.dumps([call])))

    def constant(program):
        value = {"name": "k", "value": {"as_string": f"' or {call} or '"}}
        program[model]["signature"]["input_specs"].append({"constant_input": value})

    def operator(program):
        program[model]["graph"]["nodes"][0]["target"] = "torch.hub.load"

    def file_operator(program):
        program[model]["graph"]["nodes"][0]["target"] = "torch.ops.aten.from_file.default"

    def getter(program):
        program[model]["graph"]["nodes"][0]["target"] = "_operator.methodcaller"

    return {
        "pickled weight": with_pickled_weight,
        "pickled example inputs": sample,
        "pickled constant": opaque,
        "code as a size": in_program(lambda program: sizes(program, call)),
        "code as a size in words": in_program(lambda program: sizes(program, "Symbol.__class__")),
        "code as a name": in_program(rename),
        "code as an argument": in_program(argument),
        "code as a keyword": in_program(keyword),
        "code as a constant": in_program(constant),
        "a function of torch": in_program(operator),
        "an operator that writes files": in_program(file_operator),
        "an operator that calls methods": in_program(getter),
        "guards": in_program(lambda program: program.update(guards_code=[call])),
    }


@pytest.mark.parametrize("name", attacks(""))
def test_a_payload_is_refused_and_not_run(name, file, tmp_path):
    target = tmp_path / "created"
    rewritten(file, attacks(target)[name])
    assert "is refused" in refusal(file)
    assert not target.exists()


@pytest.mark.parametrize("name", ["pickled weight", "code as a size"])
def test_torch_itself_would_have_run_it(name, file, tmp_path):
    """These archives are no straw men; and a `torch` that refuses them makes the test fail, so that we look again."""
    target = tmp_path / "created"
    rewritten(file, attacks(target)[name])
    with pytest.raises(Exception):  # noqa: B017 what it raises after the damage is done is no concern here
        torch.export.load(file)
    assert target.exists()


@pytest.mark.parametrize("member", ["data/aotinductor/model/code.so", "data/weights/model.pt", "data/constants/x.pt"])
def test_members_that_are_machine_code_or_unpickled_are_refused(member, file, tmp_path):
    import zipfile

    root = zipfile.ZipFile(file).namelist()[0].partition("/")[0]
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(f"{root}/{member}", pickle.dumps(Payload(tmp_path / "created")))
    assert "is refused" in refusal(file)
    assert not (tmp_path / "created").exists()
