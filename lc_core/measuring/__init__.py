"""Measurements, functions of decoded outputs that may be plain numpy, and what is wanted of them.

Nothing here imports torch.
"""

from __future__ import annotations

from lc_core.measuring.declare import MeasurementInfo, Needs, measurement
from lc_core.measuring.measure import Measurement, PluginFault, measure_all
from lc_core.measuring.want import SLACK, WANT_KEYS, Want

__all__ = [
    "SLACK",
    "WANT_KEYS",
    "Measurement",
    "MeasurementInfo",
    "Needs",
    "PluginFault",
    "Want",
    "measure_all",
    "measurement",
]
