"""Shards of samples: what a run of many outputs writes as blocks come in, so that it need not hold them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from lc_core.common.files import unwritable, write_atomically
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
        sharded: With more outputs than this, samples stay in shards; else the shards are joined at the end.
        shard: Outputs in a shard, fewer where they are large.
        rendered: Outputs that are held, and rendered unless all are to be; a run of no more has no shards.
    """

    sharded: int = 100_000
    shard: int = 10_000
    rendered: int = 1_000


MANY = Many()


class Shards:
    """Writes samples into the folder of a run as they come.

    Args:
        owned: The folder.
        count: How many outputs are asked for. If one file is to hold them, shards are among lc's own files until they
            are joined.
        many: From how many on there are shards.

    Attributes:
        lasting: Whether more outputs are asked for than one file is to hold.
        names: Files that were written.
    """

    def __init__(self, owned: Owned, *, count: int, many: Many) -> None:
        self._owned, self._many, self._count = owned, many, count
        self._parts = owned.path / ".lc" / "parts"
        shutil.rmtree(self._parts, ignore_errors=True)  # of a run that was stopped
        self.lasting = count > many.sharded
        self.names: list[str] = []

    @property
    def keep(self) -> Keep | None:
        """What has a run give its outputs to this; None where there are so few that it holds them."""
        many = self._many
        if self._count <= many.rendered:
            return None
        return Keep(self._add, size=many.shard, first=many.rendered, whole=many.sharded)

    def _add(self, some: Picked) -> None:
        name = shard_name(len(self.names))
        try:
            if self.lasting:
                self._owned.write(name, samples_bytes(some))
            else:
                (self._parts / name).parent.mkdir(parents=True, exist_ok=True)
                write_atomically(self._parts / name, samples_bytes(some))
        except OSError as error:
            raise unwritable(self._owned.path, error) from error
        self.names.append(name)

    def join(self, work: Path) -> None:
        """Put all samples into one file, `samples.safetensors`: the bytes that `save` of safetensors would write.

        Args:
            work: An empty folder to write in.
        """
        paths = [(self._owned.path if self.lasting else self._parts) / name for name in self.names]
        with (work / "samples.safetensors").open("wb") as file:
            _write_joined(paths, file)
        self._owned.take(work)
        self._owned.remove(self.names if self.lasting else [])
        shutil.rmtree(self._parts, ignore_errors=True)
        self.names = []


def _write_joined(paths: Sequence[Path], file: BinaryIO) -> None:
    """Write files of the same tensors, of other lengths, as one; only a part of one of them is held at a time."""
    heads = [_head(path) for path in paths]
    tensors = heads[0][0]
    whole, end = {}, 0
    for name, one in tensors.items():
        begin, rows = end, sum(head[name]["shape"][0] for head, _ in heads)
        end += sum(head[name]["data_offsets"][1] - head[name]["data_offsets"][0] for head, _ in heads)
        whole[name] = one | {"shape": [rows, *one["shape"][1:]], "data_offsets": [begin, end]}
    text = json.dumps(whole, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little") + text)
    for name in tensors:
        for path, (head, start) in zip(paths, heads, strict=True):
            first, last = head[name]["data_offsets"]
            with path.open("rb") as part:
                part.seek(start + first)
                file.write(part.read(last - first))


def _head(path: Path) -> tuple[dict[str, Any], int]:
    """Return what a file of safetensors says of its tensors, in the order of their data, and where these begin."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        tensors = json.loads(file.read(length))
    return dict(sorted(tensors.items(), key=lambda one: one[1]["data_offsets"])), 8 + length
