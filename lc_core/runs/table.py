"""A run's measured values as a Parquet table, written and read a part at a time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lc_core.common.spelling import free_name
from lc_core.constraints.constraint import Entry, leaves, walk
from lc_core.constraints.logic import verdict
from lc_core.errors import LCError
from lc_core.sampling.result import column
from lc_core.sampling.samples import read_samples

__all__ = ["TABLE", "check_table", "write_table"]

TABLE = "samples.parquet"


def check_table() -> None:
    """Refuse a table where the library that writes it is not installed.

    Raises:
        LCError: Saying what to install.
    """
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise LCError("--table needs pyarrow", hint='pip install "latent-constraints[table]"') from error


def write_table(path: Path, run: Path, entries: Sequence[Entry]) -> None:
    """Write a table of the samples of a run, a group of rows for each shard.

    Its columns are `index`; for each constraint's label its values, empty where undefined; and for each entry's label
    `met:<label>`.

    Args:
        path: The file.
        run: The folder of the run.
        entries: Top-level entries.
    """
    import pyarrow as pa
    from pyarrow import parquet

    taken = {"index"}
    values_of = {free_name(leaf.label, taken): leaf.label for leaf in leaves(entries)}
    met_of = {free_name(f"met:{entry.label}", taken): entry for entry in walk(entries)}
    schema = pa.schema(
        [("index", pa.int64()), *((name, pa.float64()) for name in values_of), *((name, pa.bool_()) for name in met_of)]
    )
    names = ["index", *(column(label) for label in values_of.values())]
    with parquet.ParquetWriter(path, schema) as writer:
        for _, tensors in read_samples(run, names):
            values = {label: tensors[column(label)] for label in values_of.values()}
            columns = {"index": pa.array(tensors["index"])}
            columns |= {
                name: pa.array(values[label], mask=np.isnan(values[label])) for name, label in values_of.items()
            }
            columns |= {name: pa.array(verdict(entry, values).met) for name, entry in met_of.items()}
            writer.write_table(pa.table(columns, schema=schema))
