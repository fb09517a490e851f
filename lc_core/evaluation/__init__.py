"""How good samples are: how many satisfy, how many differ, and how like exact samples they are distributed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lc_core.common.lazy import exports

if TYPE_CHECKING:
    from lc_core.evaluation.exact import Asked as Asked
    from lc_core.evaluation.exact import Pair as Pair
    from lc_core.evaluation.exact import Search as Search
    from lc_core.evaluation.exact import draw_exact as draw_exact
    from lc_core.evaluation.figures import evaluate as evaluate
    from lc_core.evaluation.intervals import wilson as wilson
    from lc_core.evaluation.neighbours import neighbour_figures as neighbour_figures
    from lc_core.evaluation.run import Run as Run
    from lc_core.evaluation.run import read_runs as read_runs
    from lc_core.evaluation.two_sample import two_sample_auc as two_sample_auc

__getattr__, __dir__ = exports(__name__)
