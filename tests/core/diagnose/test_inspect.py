"""`lc inspect`: what is told of a model, and what is found wrong with it; the same is refused when it is used."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import lc_core
from lc_core.common.seeds import block_generator
from lc_core.diagnose.inspect import inspect_model
from lc_core.models.gradient_path import gradient_path
from lc_core.models.latent_model import LatentModel
from lc_core.models.modules import modules_of

PLUGIN = """
    import torch
    from torch import nn
    from lc_core import LatentModel, hookimpl


    class Shop(LatentModel):
        latent_shape, output_type, block = (4,), "image.gray/1", 32

        def __init__(self, kind, size=4):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                self.net = nn.Sequential(nn.Linear(4, size * size), nn.Sigmoid()).requires_grad_(False)
            self.name, self.kind, self.size = kind, kind, size

        def decode(self, z):
            x = self.net(z).view(-1, 1, self.size, self.size)
            if self.kind == "noisy":
                return (x + 0.01 * torch.randn(x.shape)).clamp(0, 1)
            if self.kind == "shapeless":
                return x.repeat(1, 1, 1, 1 + len(x) % 2)
            if self.kind == "last":
                return x.movedim(1, -1)
            if self.kind == "scaled":
                return 255 * x
            if self.kind == "holes":
                return x.where(x > 0.3, torch.nan)
            if self.kind == "constant":
                return torch.zeros_like(x)
            return x


    def kind(name):
        def load(*, size: int = 4) -> Shop:
            return Shop(name, size)
        return load


    @hookimpl
    def lc_register_models(register):
        for name in ("fine", "noisy", "shapeless", "last", "scaled", "holes", "constant"):
            register(f"shop.{name}", kind(name), output="image.gray/1")
        register("shop.liar", kind("fine"), output="image.rgb/1")
"""


@pytest.fixture
def shop(install_plugin):
    install_plugin("lc-shop", PLUGIN)


def test_a_model_is_described_and_drawn(shop, lc):
    result = lc("inspect", "shop.fine", "--set", "size=5")
    assert result.exit_code == 0, result.output
    told = dict(line.strip().split("  ", 1) for line in result.stdout.splitlines()[1:-1])
    told = {key: value.strip() for key, value in told.items()}
    assert result.stdout.startswith("fine (from lc-shop)\n")
    assert told["latents"] == "4 (4 dimensions)"
    assert told["prior"].startswith("standard normal; values ")
    assert told["outputs"].startswith("image.gray/1: 1 x 5 x 5, float32, 0.")
    assert told["gradient"] == "through the decoder"
    assert " a second in blocks of 32, one alone in " in told["decode"]
    assert told["weights"] == "125, 500 B"
    assert told["encoder"] == "none; lc transform makes one"
    assert told["realism"].startswith("no encoder and no realism critic: realism is how typical")
    assert told["samples"] == "finite, 100% distinct, the same again"
    assert told["sheet"] == "runs/inspect-shop.fine/images.png" and Path(told["sheet"]).is_file()


def test_json_has_the_same_for_the_model_of_a_spec(shop, lc, write_spec):
    path = write_spec("lc: 1\nmodel: {use: shop.fine, params: {size: 3}}\n")
    result = lc("inspect", path, "--json", "--out", "sheets")
    found = json.loads(result.stdout)
    assert found["ok"] and found["problems"] == [] and found["sheets"] == ["sheets/images.png"]
    assert found["output"]["shape"] == [1, 3, 3] and found["latent_shape"] == [4]
    assert found["gradient"] == {"through": True, "module": "", "reason": ""}
    assert found["decode"]["block"] == 32 and found["decode"]["per_second"] > 0
    changed = json.loads(lc("inspect", path, "--json", "--set", "size=6").stdout)
    assert changed["output"]["shape"] == [1, 6, 6]


WRONG = {
    "noisy": "decoded to another output the second time",
    "shapeless": "shape",
    "last": "returned float32 of shape (256, 4, 4, 1); image.gray/1 is float (B, 1, H, W) in [0, 1]",
    "scaled": "returned values from",
    "holes": "returned a value that is not finite for latent",
    "constant": "all of 256 prior samples decode to one output",
    "liar": "makes image.gray/1, but is registered as making image.rgb/1",
}


@pytest.mark.parametrize("name", [name for name in WRONG if name != "shapeless"])
def test_what_is_wrong_is_told_with_status_2(shop, lc, name):
    result = lc("inspect", f"shop.{name}")
    assert result.exit_code == 2
    assert WRONG[name] in "\n".join(line for line in result.stdout.splitlines() if line.startswith("wrong: "))


@pytest.mark.parametrize("name", [name for name in WRONG if name != "constant"])
def test_the_same_is_refused_when_the_model_is_loaded(shop, lc, write_spec, name):
    told = {"noisy": "gave another output when latent 0 was decoded again", "last": "returned float32 of shape (2, 4,"}
    spec = write_spec(f"lc: 1\nmodel: shop.{name}\nengine: rejection\nsample: {{count: 2}}\n")
    result = lc("sample", spec)
    assert result.exit_code == 2
    assert told.get(name, WRONG[name]) in result.stderr


def test_a_noisy_object_of_the_python_api_is_refused():
    class Noisy:
        latent_shape = 3

        def decode(self, z):
            return z + torch.rand(z.shape)

    with pytest.raises(lc_core.LCError, match="expected the same"):
        lc_core.sample(model=Noisy(), engine="rejection")


def test_an_unknown_model_and_setting_are_mistakes_of_the_user(shop, lc):
    assert "did you mean shop.fine" in lc("inspect", "shop.fin").stderr
    result = lc("inspect", "shop.fine", "--set", "sise=3")
    assert result.exit_code == 2 and "sise" in result.stderr
    assert lc("inspect", "nowhere.yaml").exit_code == 2


def test_a_file_or_folder_of_a_model_is_told_apart_from_a_spec(shop, lc):
    Path("decoder.pt2").write_bytes(b"PK\x03\x04\0\0\0\0")
    Path("vae").mkdir()
    Path("shop.fine").mkdir()
    assert lc("inspect", "shop.fine").exit_code == 0
    for name in ("decoder.pt2", "vae"):
        result = lc("inspect", name)
        assert result.exit_code == 2
        assert f"{name} is neither a registered model nor a spec" in result.stderr
        assert f"lc inspect models.export --set file={name} --set output=" in result.stderr


def test_an_encoder_is_measured():
    class Ring(LatentModel):
        name, latent_shape, output_type = "ring", (5,), "ring/1"
        weights = torch.randn(2, 9, generator=torch.Generator().manual_seed(0))

        def decode(self, z):
            return z[:, :2] @ self.weights

        def encode(self, outputs):
            mean = torch.zeros(len(outputs), 5)
            mean[:, :2] = torch.as_tensor(outputs) @ torch.linalg.pinv(self.weights)
            return lc_core.Posterior(mean, torch.full_like(mean, 0.5))

    encoder = inspect_model(Ring()).about["encoder"]
    assert encoder["active_dimensions"] == 2 and encoder["mean_std"] == 0.5
    assert encoder["reconstruction"] < 1e-4 and encoder["represented"] == 1


class Step(nn.Module):
    def __init__(self, how):
        super().__init__()
        self.how = how

    def forward(self, x):
        if self.how == "detach":
            return x.detach()
        if self.how == "round":
            return x.round()
        if self.how == "no_grad":
            with torch.no_grad():
                return 2 * x
        return x


class Chain(LatentModel):
    """Three modules, the second of which may block the gradient."""

    latent_shape, output_type = (4,), "chain/1"

    def __init__(self, how):
        self.name, self.how = how, how
        self.parts = (nn.Sequential(nn.Linear(4, 8), Step(how), nn.Linear(8, 3)),)

    def decode(self, z):
        if self.how == "frozen":
            with torch.no_grad():
                return self.parts[0](z)
        x = self.parts[0](z)
        return {"numpy": lambda: np.asarray(x.numpy()), "argmax": lambda: x.argmax(1)}.get(self.how, lambda: x)()


@pytest.mark.parametrize(
    ("how", "module", "reason"),
    [
        ("detach", "parts.0.1 (Step)", "parts.0.1 (Step) lets no gradient through"),
        ("no_grad", "parts.0.1 (Step)", "parts.0.1 (Step) lets no gradient through"),
        ("round", "parts.0.1 (Step)", "the gradient is zero everywhere below parts.0.1 (Step)"),
        ("frozen", "parts.0.0 (Linear)", "gradients are switched off (torch.no_grad or inference_mode)"),
        ("numpy", "", "decode leaves torch for numpy, after parts.0.2 (Linear)"),
        ("argmax", "", "decode makes whole numbers (torch.int64), which have no gradient, after parts.0.2 (Linear)"),
    ],
)
def test_the_module_that_blocks_a_gradient_is_named(how, module, reason):
    model = Chain(how)
    for part in model.parts:
        part.requires_grad_(False)
    found = gradient_path(model, torch.randn(2, 4, generator=block_generator(0, 0)))
    assert (found.through, found.module) == (False, module)
    assert found.reason.startswith(reason)
    assert not model.differentiable


def test_a_gradient_that_comes_through_leaves_no_hook_behind():
    model = Chain("none")
    assert gradient_path(model, torch.randn(2, 4)).through
    assert list(modules_of(model)) == ["parts.0"]
    assert not any(part._forward_hooks for part in model.parts[0])


@pytest.mark.parametrize("given", [None, torch.zeros(2, 1)])
def test_a_module_beside_the_way_blocks_nothing(given):
    class Beside(nn.Module):
        """Looks at what comes in, as what torch.export adds to check its inputs."""

        def forward(self, x):
            return given

    class Watched(Chain):
        def decode(self, z):
            self.parts[1](z)
            return super().decode(z)

    model = Watched("none")
    model.parts += (Beside(),)
    assert gradient_path(model, torch.randn(2, 4)).through


def test_of_a_spec_only_the_model_is_looked_at(tmp_path, lc):
    spec = tmp_path / "half.yaml"
    spec.write_text(
        "lc: 1\nmodel: {use: digits.8x8}\n"
        "constraints: [{use: labels.attribute, params: {file: later.safetensors, name: bold}}]\n"
        "engine: {use: actor, params: {folder: later}}\n"
    )
    result = lc("inspect", spec, "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["model"] == "digits.8x8"
    spec.write_text("lc: 1\nmodel: {use: digits.8x9}\nconstraints: []\n")
    result = lc("inspect", spec)
    assert result.exit_code == 2 and "2:14: error: unknown model 'digits.8x9'" in result.stderr
    spec.write_text("lc: 1\nconstraints: []\n")
    result = lc("inspect", spec)
    assert result.exit_code == 2 and "half.yaml names no model" in result.stderr
