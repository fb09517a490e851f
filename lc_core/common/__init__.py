"""What every room uses: files, the cache, limits on plugins' code, seeds, spelling. Knows no model and no plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lc_core.common.lazy import exports

if TYPE_CHECKING:
    from lc_core.common.cache import Cache as Cache
    from lc_core.common.cache import key_of as key_of
    from lc_core.common.files import put_in_place as put_in_place
    from lc_core.common.files import write_atomically as write_atomically
    from lc_core.common.guard import blaming as blaming
    from lc_core.common.json_text import parsed_json as parsed_json
    from lc_core.common.locks import lock_of as lock_of
    from lc_core.common.nets import built_for as built_for
    from lc_core.common.nets import cast_once as cast_once
    from lc_core.common.nets import mlp as mlp
    from lc_core.common.nets import training_autocast as training_autocast
    from lc_core.common.network_files import check_finite as check_finite
    from lc_core.common.network_files import read_network as read_network
    from lc_core.common.network_files import write_network as write_network
    from lc_core.common.plain_text import decoded as decoded
    from lc_core.common.plain_text import looks as looks
    from lc_core.common.plain_text import tidy as tidy
    from lc_core.common.plain_text import visible as visible
    from lc_core.common.pointers import LONGEST as LONGEST
    from lc_core.common.pointers import read_bytes as read_bytes
    from lc_core.common.pointers import refuse_pointer as refuse_pointer
    from lc_core.common.pointers import refuse_pointer_at as refuse_pointer_at
    from lc_core.common.pointers import refuse_special as refuse_special
    from lc_core.common.pointers import refuse_stand_in as refuse_stand_in
    from lc_core.common.pointers import refuse_stand_in_at as refuse_stand_in_at
    from lc_core.common.progress import Progress as Progress
    from lc_core.common.progress import ProgressLine as ProgressLine
    from lc_core.common.residual import Residual as Residual
    from lc_core.common.seeds import block_generator as block_generator
    from lc_core.common.spelling import misspelt as misspelt
    from lc_core.common.spelling import nearest as nearest
    from lc_core.common.words import counted as counted

__getattr__, __dir__ = exports(__name__)
