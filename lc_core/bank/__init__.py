"""Prior samples of a model, decoded and measured once and kept in the cache; and how often they meet a spec."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lc_core.common.lazy import exports

if TYPE_CHECKING:
    from lc_core.bank.at_hand import AtHand as AtHand
    from lc_core.bank.bank import Bank as Bank
    from lc_core.bank.rate import Rates as Rates
    from lc_core.bank.rate import rates as rates
    from lc_core.bank.stream import default_block as default_block

__getattr__, __dir__ = exports(__name__)
