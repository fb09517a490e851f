"""Shards of samples: what a run of many outputs writes in place of `samples.safetensors`, as blocks come in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lc_core.common.files import unwritable
from lc_core.common.owned import Owned
from lc_core.sampling.collector import Keep
from lc_core.sampling.picked import Picked
from lc_core.sampling.result import samples_bytes
from lc_core.sampling.samples import shard_name

__all__ = ["MANY", "Many", "Shards"]


@dataclass(frozen=True)
class Many:
    """What a run of many outputs does otherwise.

    Attributes:
        sharded: With more outputs than this, samples are in shards.
        shard: Outputs in a shard, fewer where they are large.
        rendered: Outputs that are rendered, unless all are to be.
    """

    sharded: int = 100_000
    shard: int = 10_000
    rendered: int = 1_000


MANY = Many()


class Shards:
    """Writes samples into the folder of a run as they come.

    Args:
        owned: The folder.

    Attributes:
        names: Files that were written.
    """

    def __init__(self, owned: Owned) -> None:
        self._owned = owned
        self.names: list[str] = []

    def keep(self, many: Many) -> Keep:
        """Return what has a run give its outputs to this."""
        return Keep(self._add, size=many.shard, first=many.rendered)

    def _add(self, some: Picked) -> None:
        name = shard_name(len(self.names))
        try:
            self._owned.write(name, samples_bytes(some))
        except OSError as error:
            raise unwritable(self._owned.path, error) from error
        self.names.append(name)

    def join(self) -> None:
        """Put all samples into one file, `samples.safetensors`, where there are fewer than were asked for."""
        from safetensors.numpy import load_file, save

        parts = [load_file(self._owned.path / name) for name in self.names]
        whole = {name: np.concatenate([one[name] for one in parts]) for name in parts[0]}
        self._owned.write("samples.safetensors", save(whole))
        self._owned.remove(self.names)
        self.names = []
