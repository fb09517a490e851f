"""The command lines of documents and messages that tests do not run, each with the reason. There is no other list.

Of each, tests check what can be checked without running it: that the target, module, recipe, extra or path exists and
that its options are known. A line that is neither here nor run fails `test_command_lines.py`, and so does an entry that
matches no line any more.
"""

from __future__ import annotations

NOT_RUN: tuple[tuple[str, str], ...] = (
    (r"make (demo|test|docs)( .*)?", "make: installs an environment of its own, from the network"),
    (r"make (bench|bench-large|bench-processes|paper)", "make: prints measured figures, in hours"),
    (r"pip install .*", "pip: installs from the network, into the environment that runs the tests"),
    (r"(torchrun|srun|ray) .+", "launchers: tests/core/runs/test_workers.py starts ranks and a Ray cluster"),
    (r"(\.venv/bin/)?python -m benchmarks\.[\w.]+.*", "benchmarks: measure for minutes to hours"),
    (r"python compare\.py", "benchmarks: measure for minutes to hours"),
    (r"lc train .+", "lc train: trains for minutes to hours, some on data that are not here; tests/*/test_*train* do"),
    (r"lc studio( .+)?", "lc studio: serves until it is ended; tests/studio does"),
    (r"lc amortise .+", "lc amortise: trains for minutes to hours; tests/core/cli/test_amortise.py does"),
    (r"(\.venv/bin/python -m )?pytest.*", "pytest: these are the tests"),
    (r"\.venv/bin/(ruff|mypy).*|mypy --strict", "ruff, mypy: change or check the whole project; make test runs both"),
    (r"python -m tests\.docs\.command_lines", "command_lines: a test calls what prints the counts"),
    (
        r"python -m docs\.pictures( \w+)?",
        "docs.pictures: fits for minutes, and writes into the project; tests/docs/test_pictures.py reads its commands",
    ),
    (
        r"python -m docs\.generate",
        "docs.generate: writes into the project; tests/docs/test_pages.py runs what it writes",
    ),
)
"""Patterns of whole lines, without comments, and reasons."""
