"""The suite of speeds, `make bench`: `python -m benchmarks.bench [--only NAME]... [--out FOLDER]`.

Each figure is a ratio of two things that are measured in turn in one run, or a growth of one cost. One thread. The
command writes `bench.json` and `bench.html`.
"""

import os

os.environ["OMP_NUM_THREADS"] = (
    "1"  # before numpy is imported, which reads it then; processes that are timed read it too
)
