"""Label sets from data sets whose folder a plugin can read: it knows the layout, the labels and what is cut out.

Outputs are read and encoded piece by piece, since those of a large data set do not fit into memory at once.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lc_core import LCError
from lc_core.common import Progress, counted
from lc_core.models import encode_outputs
from lc_core.plugins import Registered, reader_settings
from lc_plugins.labels.collect import Chosen, check_encodes, graded
from lc_plugins.labels.label_set import LabelSet, check_classes
from lc_plugins.labels.table import check_folder

__all__ = ["label_dataset"]

BLOCKS = 8  # of the model, in a piece


def label_dataset(
    chosen: Chosen,
    dataset: Registered,
    folder: Path,
    *,
    params: Mapping[str, Any],
    thresholds: Mapping[str, float] | None = None,
    progress: Progress = lambda _: None,
) -> LabelSet:
    """Read and encode a labelled data set.

    Args:
        chosen: The model.
        dataset: What reads the folder. Of its settings, `size` and `steps` are the model's if it tells them.
        folder: Holds the data set.
        params: Settings of the data set.
        thresholds: From which value on a column counts as a yes; default 0.5 where all values are 0 or 1.
        progress: Called with a line of text now and then.

    Raises:
        LCError: If the model has no encoder or makes other outputs; if the data set cannot be read, or what was read
            is not as expected; if a column has other values than 0 and 1 and no threshold, or one of its classes has
            too few rows.
    """
    model = chosen.model
    check_encodes(model)
    if dataset.about["output"] != model.output_type:
        raise LCError(
            f"dataset {dataset.name} holds {dataset.about['output']}, but {model.name} makes {model.output_type}"
        )
    check_folder(folder)
    names = dataset.parameters().model_fields
    known = {key: value for key, value in reader_settings(model).items() if key in names}
    settings = dataset.fill(known | dict(params))
    outputs, labels = _read(dataset, folder, settings, progress)
    values = np.stack(list(labels.values()), axis=1)
    where = f"{dataset.name} in {folder}"
    columns = graded(list(labels), values, thresholds or {}, where=where, source={"dataset": dataset.name})
    held = np.stack([one.want.met(labels[one.name]) for one in columns], axis=1)
    check_classes(columns, held, where=where)
    mean, std = _encoded(chosen, outputs, progress)
    about = {"kind": "dataset", "dataset": dataset.name, "params": settings, "rows": len(mean)}
    return LabelSet(chosen.labelled(), columns, labels, mean, mean, std, about)


def _encoded(chosen: Chosen, outputs: Any, progress: Progress) -> tuple[np.ndarray, np.ndarray]:
    """Return posterior means and standard deviations, each `(N, *latent_shape)`."""
    piece = BLOCKS * chosen.model.block
    means, stds = [], []
    for first in range(0, len(outputs), piece):
        posterior = encode_outputs(chosen.model, np.asarray(outputs[first : first + piece]))
        means.append(posterior.mean.cpu().numpy())
        stds.append(posterior.std.cpu().numpy())
        progress(f"encoded {min(len(outputs), first + piece):,} of {counted(len(outputs), 'output')}")
    return np.concatenate(means), np.concatenate(stds)


def _read(
    dataset: Registered, folder: Path, settings: Mapping[str, Any], progress: Progress
) -> tuple[Any, dict[str, np.ndarray]]:
    """Return outputs, of length N, and the labels of each name, `(N,)` float64."""
    who = f"dataset {dataset.name} of {dataset.distribution}"
    read = dataset.load()
    more = {"progress": progress} if "progress" in inspect.signature(read).parameters else {}
    try:
        outputs, given = read(folder, **settings, **more)
        labels = {str(name): np.asarray(one, dtype=np.float64) for name, one in given.items()}
        rows = len(outputs)
    except LCError:
        raise
    except (Exception, SystemExit) as error:
        raise LCError(f"{who} raised {type(error).__name__}: {error}") from error
    if not rows or not labels:
        found = f"{counted(rows, 'output')} and {counted(len(labels), 'name')}"
        raise LCError(f"{who} returned {found}; expected one of each at least")
    for name, one in labels.items():
        if one.shape != (rows,) or not np.isfinite(one).all():
            raise LCError(f"{who} returned labels {name} of shape {one.shape}; expected ({rows},), finite numbers")
    return outputs, labels
