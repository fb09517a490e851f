"""The generator as a latent model: a uniform prior, no encoder, pixels brought to [0, 1]."""

import hashlib
from pathlib import Path

from lc_core import LatentModel, LCError
from lc_core.models import Uniform

SHIPPED = Path(__file__).parent


class TinyGan(LatentModel):
    """A generator of 8 x 8 grey digits.

    Args:
        path: Its weights, a safetensors file.
    """

    name = "tinygan.digits"
    output_type = "image.gray/1"
    prior = Uniform(-1, 1)

    def __init__(self, path: Path) -> None:
        from safetensors.torch import load

        from lc_tiny_gan.network import LATENT, generator

        self.latent_shape = (LATENT,)
        try:
            data = path.read_bytes()
            self.net = generator()
            self.net.load_state_dict(load(data))
        except Exception as error:
            raise LCError(f"{path} holds no generator: {error}", hint="give a folder that lc train wrote") from error
        self.net.eval().requires_grad_(False)
        self.weights = hashlib.sha256(data).hexdigest()

    @property
    def digest(self) -> str:
        """Hash of the weights: fitted critics are kept for them."""
        return self.weights

    def decode(self, z):
        """Return pictures `(B, 1, 8, 8)` in [0, 1]; z is in the prior's units, which `own` makes the network's."""
        return (self.net(self.prior.own(z)) + 1) / 2


def load(*, folder: str = "") -> TinyGan:
    """Handwritten digits of 8 x 8 grey pixels from a small GAN, which has no encoder.

    Args:
        folder: A folder that `lc train tinygan.digits` wrote; the shipped weights if empty.
    """
    return TinyGan((Path(folder) if folder else SHIPPED) / "generator.safetensors")
