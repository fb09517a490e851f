"""`models.torchscript`: files that work, with the word that the format is deprecated; files that are refused."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from lc_core.cli import main
from lc_core.errors import LCError
from lc_core.models.latent_model import decode_array
from lc_core.testing import check_model
from lc_plugins.models.torchscript import load_torchscript
from tests.models.networks import (
    IN_TRAINING,
    WRONG_OUTPUTS,
    Batchy,
    Decoder,
    Encoder,
    Noisy,
    NotANumber,
    Payload,
    build,
    latents,
    rewritten,
    save_pt2,
    save_torchscript,
)

GRAY = "image.gray/1"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture
def file(tmp_path):
    return save_torchscript(build(Decoder), tmp_path / "decoder.pt")


def refusal(file, **settings):
    with pytest.raises(LCError) as error:
        load_torchscript(file=file, **{"output": GRAY, "latent": [4], **settings})
    return str(error.value)


def test_it_works_and_says_that_the_format_is_deprecated(file, tmp_path):
    encoder = save_torchscript(build(Encoder), tmp_path / "encoder.pt", torch.rand(3, 1, 8, 8))
    model = load_torchscript(file=file, encoder=encoder, output=GRAY, latent=[4])
    check_model(model)
    assert model.differentiable
    assert model.encodes
    assert "deprecated" in model.note
    np.testing.assert_allclose(decode_array(model, latents()), build(Decoder)(latents()).numpy(), atol=1e-6)


@pytest.mark.parametrize("command", ["inspect", "sample"])
def test_a_command_says_once_in_a_line_that_the_format_is_deprecated(command, file, tmp_path):
    spec = tmp_path / "spec.yaml"
    model = f"{{use: models.torchscript, params: {{file: {file}, output: {GRAY}, latent: [4]}}}}"
    spec.write_text(f"lc: 1\nmodel: {model}\nengine: rejection\nsample: {{count: 2}}\n")
    settings = [f"file={file}", f"output={GRAY}", "latent=[4]"]
    inspected = ["models.torchscript", *(part for one in settings for part in ("--set", one))]
    what = [str(spec)] if command == "sample" else inspected
    with warnings.catch_warnings():
        warnings.simplefilter("error", FutureWarning)
        result = CliRunner().invoke(main, [command, *what, "--out", str(tmp_path / "run")])
    assert result.exit_code == 0, result.output
    assert result.output.count("TorchScript is deprecated in torch") == 1


@pytest.mark.parametrize("latent", [[16], [4, 1, 1], [1]])
def test_a_latent_shape_that_does_not_fit_is_refused_with_one_that_does(latent, file):
    told = f"{file} cannot decode latents of shape {latent}; expected [4], which it decodes\n  hint: say latent: [4]"
    assert refusal(file, latent=latent) == told


def test_a_latent_that_is_a_picture_of_one_pixel_is_suggested(tmp_path):
    class Convolved(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = torch.nn.ConvTranspose2d(4, 1, 8)

        def forward(self, z):
            return self.net(z).sigmoid()

    file = save_torchscript(build(Convolved), tmp_path / "conv.pt", torch.zeros(2, 4, 1, 1))
    assert "say latent: [4, 1, 1]" in refusal(file)


def test_what_goes_wrong_inside_a_script_is_told_in_one_line(tmp_path):
    class Broken(torch.nn.Module):
        def forward(self, z):
            return z @ torch.zeros(9, 9)

    message = refusal(save_torchscript(Broken(), tmp_path / "broken.pt", torch.zeros(2, 9)), latent=[5])
    assert "raised RuntimeError: mat1 and mat2 shapes cannot be multiplied" in message
    assert "Traceback" not in message and "\n" not in message.split("\n  hint:")[0]


@pytest.mark.parametrize(("settings", "text"), WRONG_OUTPUTS)
def test_outputs_of_another_type_or_shape_are_refused(settings, text, file):
    assert text in refusal(file, **settings)


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
    message = refusal(save_torchscript(build(kind), tmp_path / "faulty.pt"))
    assert text in message and "faulty.pt" in message
    assert (kind is NotANumber) != ("call model.eval() before you export it" in message)


def test_files_of_another_kind_are_refused(tmp_path):
    assert "cannot be read" in refusal(tmp_path / "none.pt")
    text = tmp_path / "text.pt"
    text.write_text("not a model")
    assert "is not a TorchScript file of torch.jit.save: it is text" in refusal(text)
    weights = tmp_path / "weights.pt"
    torch.save(build(Decoder).state_dict(), weights)
    assert "is a pickle" in refusal(weights)
    assert "models.export" in refusal(save_pt2(build(Decoder), tmp_path / "decoder.pt2"))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95, 0.999])
def test_a_truncated_file_is_refused(file, share):
    data = file.read_bytes()
    file.write_bytes(data[: int(share * len(data))])
    assert "truncated" in refusal(file)


@pytest.mark.parametrize("member", ["data.pkl", "constants.pkl"])
def test_a_pickle_payload_is_refused_and_not_run(member, file, tmp_path):
    target = tmp_path / "created"
    payload = pickle.dumps(Payload(target), protocol=2)
    rewritten(file, lambda name, content: payload if name == member else content)
    assert "mkdir" in refusal(file)
    assert not target.exists()


def test_a_whole_pickle_is_refused_and_not_run(file, tmp_path):
    target = tmp_path / "created"
    file.write_bytes(pickle.dumps(Payload(target)))
    assert "is a pickle" in refusal(file)
    torch.save(Payload(target), file)
    assert "is a pickle" in refusal(file)
    assert not target.exists()


class Saving(torch.nn.Module):
    """Its script writes a file whenever it runs: no pickle is needed for that."""

    def __init__(self, target: str):
        super().__init__()
        self.target = target

    def forward(self, z):
        torch.save(z, self.target)
        return z.view(-1, 1, 2, 2)


class Mapping(torch.nn.Module):
    def __init__(self, target: str):
        super().__init__()
        self.target = target

    def forward(self, z):
        return z.view(-1, 1, 2, 2) + torch.from_file(self.target, shared=True, size=1)


@pytest.mark.parametrize("kind", [Saving, Mapping])
def test_a_script_that_writes_files_is_refused_and_not_run(kind, tmp_path):
    target = tmp_path / "created"
    torch.jit.script(kind(str(target))).save(str(tmp_path / "writes.pt"))
    assert "reads or writes files" in refusal(tmp_path / "writes.pt")
    assert not target.exists()
    torch.jit.load(str(tmp_path / "writes.pt"))(latents())  # torch itself would have run it
    assert target.exists()
