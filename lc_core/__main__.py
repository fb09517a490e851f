"""`python -m lc_core` is `lc`."""

from __future__ import annotations

from lc_core.cli import main

main(prog_name="lc")
