"""A folder with something that was trained: `config.json`, and `weights.safetensors` with the hash that it names."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from lc_core.common.json_text import parsed_json
from lc_core.common.pointers import read_bytes
from lc_core.errors import LCError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["CARD", "CONFIG", "WEIGHTS", "Told", "ToldModel", "TrainedFolder"]

CONFIG, WEIGHTS, CARD = "config.json", "weights.safetensors", "MODEL_CARD.md"


class ToldModel(TypedDict):
    """The model that something was trained for."""

    name: str
    digest: str


class Told(TypedDict):
    """What every `config.json` holds."""

    weights_sha256: str


@dataclass(frozen=True)
class TrainedFolder:
    """What folders of a kind hold, and how they are read.

    Attributes:
        what: What is trained, such as `actor`.
        command: The command that writes such a folder.
        mend: What to do about a damaged one.
        form: What `config.json` holds, beside what says what it is; more may be there.
        format: The format that is written and read; raised when a folder is written that an earlier lc cannot read.
    """

    what: str
    command: str
    mend: str
    form: type[Told]
    format: int = 1

    @property
    def kind(self) -> str:
        """What `config.json` says that it is."""
        return f"latent-constraints {self.what}"

    def config(self, folder: str | Path) -> dict[str, Any]:
        """Return what `config.json` of a folder says.

        Raises:
            LCError: If it is missing, damaged, of something else, or of another format.
        """
        path, hint = Path(folder) / CONFIG, f"give a folder that {self.command} wrote"
        try:
            config: dict[str, Any] = parsed_json(read_bytes(path))
            kind, number = config.get("kind"), config.get("format")
        except OSError as error:
            why = f"{CONFIG} cannot be read ({error.strerror or error})"
            raise LCError(f"{folder} holds no {self.what}: {why}", hint=hint) from error
        except (ValueError, AttributeError) as error:
            raise self.damaged(folder, f"{CONFIG}: {error}") from error
        if kind != self.kind:
            raise LCError(f"{path} is of kind {kind!r}; expected {self.kind!r}", hint=hint)
        if not isinstance(number, int) or number > self.format:
            reads = f"this lc reads formats up to {self.format}"
            raise LCError(
                f"{path} has format {number}, of lc {config.get('lc')}; {reads}",
                hint=f"install a newer lc, or make the {self.what} again: {self.command}",
            )
        if number < self.format:
            raise LCError(
                f"{path} has format {number}, of an earlier lc; this lc reads format {self.format}",
                hint=f"make the {self.what} again ({self.command}), or delete {folder}",
            )
        try:
            TypeAdapter(self.form).validate_python(config)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            why = f"lacks {place}" if first["type"] == "missing" else f"{place}: {first['msg']}"
            raise self.damaged(folder, f"{CONFIG} {why}") from error
        return config

    def tensors(self, folder: str | Path, config: Mapping[str, Any]) -> dict[str, Tensor]:
        """Return the weights in a folder.

        Args:
            folder: The folder.
            config: Its configuration.

        Raises:
            LCError: If they are missing or damaged, or not those that were written with this configuration.
        """
        from safetensors.torch import load

        try:
            content = read_bytes(Path(folder) / WEIGHTS)
        except OSError as error:
            raise self.damaged(folder, f"{WEIGHTS} cannot be read ({error.strerror or error})") from error
        if hashlib.sha256(content).hexdigest() != config["weights_sha256"]:
            raise self.damaged(folder, f"{WEIGHTS} is not the file that {CONFIG} was written with")
        try:
            found: dict[str, Tensor] = load(content)
        except Exception as error:
            raise self.damaged(folder, f"{WEIGHTS}: {error}") from error
        return found

    def damaged(self, folder: str | Path, why: object) -> LCError:
        """Return the error that says that a folder is damaged."""
        return LCError(f"the {self.what} in {folder} is damaged: {why}", hint=self.mend)
