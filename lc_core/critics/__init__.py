"""Value functions on latents: critics of measurements, realism, and flows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lc_core.common.lazy import exports

if TYPE_CHECKING:
    from lc_core.critics.chain import Chain as Chain
    from lc_core.critics.critic import Critic as Critic
    from lc_core.critics.flow import FLOW as FLOW
    from lc_core.critics.flow import Flow as Flow
    from lc_core.critics.quality import auc as auc
    from lc_core.critics.quality import calibration as calibration
    from lc_core.critics.quality import calibration_error as calibration_error
    from lc_core.critics.realism import RealismCritic as RealismCritic

__getattr__, __dir__ = exports(__name__)
