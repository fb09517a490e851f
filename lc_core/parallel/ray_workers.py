"""Workers on a Ray cluster: each holds what it makes pieces with; Ray starts them, and starts them again if they die.

P. Moritz, R. Nishihara and others, "Ray: A Distributed Framework for Emerging AI Applications", OSDI 2018. Its package
is the extra `ray`.
"""

from __future__ import annotations

import logging
import os
import socket
import warnings
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from lc_core.errors import LCError
from lc_core.parallel.child import Answer, loaded_files, prepare
from lc_core.parallel.processes import Pieces, all_built, packed

__all__ = ["RayWorkers"]

ANSWERS = 10.0
"""Seconds in which a cluster has to answer."""
RETRIES = 1
"""Times that Ray makes a piece again whose worker died; what kills its worker each time has to become an error."""
QUIET = {"RAY_IGNORE_UNHANDLED_ERRORS": "1", "RAY_DEDUP_LOGS_SKIP_REGEX": "."}
"""What keeps Ray from printing lines of its own, to stdout: errors come back with their pieces."""


class RayWorkers:
    """Workers on a Ray cluster, one for each processor.

    Args:
        address: Of the cluster, such as `ray://host:10001`; `ray` starts one on this machine, or takes the one that
            `RAY_ADDRESS` names.
        count: How many; None for as many as the cluster has processors.
        build: A function at the top of a module; it returns what makes a piece of a number. Called in each worker.
        given: Its arguments, which can be pickled.

    Raises:
        LCError: If Ray is not installed, the cluster cannot be reached, or the arguments cannot be sent.
    """

    works_too = False

    def __init__(
        self, address: str, count: int | None, build: Callable[..., Callable[[int], Any]], *given: Any
    ) -> None:
        self._blob = packed(build, given)  # opened once the plugins of single files are loaded
        self._ray = _connected(address, count)
        self.count = count or max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        self.died: tuple[type[Exception], ...] = (self._ray.exceptions.RayActorError,)
        self._actors: list[Any] = []
        self._starting: list[Future[Answer]] = []
        self._waiting: list[set[Future[Answer]]] = []

    def ready(self) -> bool:
        """Start them if they are not; return whether all have built what they make pieces with.

        Raises:
            LCError: If that cannot be built.
        """
        if not self._actors:
            files, _ = loaded_files()
            environment = {"env_vars": {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}}
            options = {"num_cpus": 1, "max_restarts": -1, "max_task_retries": RETRIES, "runtime_env": environment}
            worker = self._ray.remote(_Worker).options(**options)
            self._actors = [worker.remote(files, self._blob) for _ in range(self.count)]
            self._starting = [one.make.remote(None).future() for one in self._actors]
            self._waiting = [set() for _ in self._actors]
        return all_built(self._starting)

    def submit(self, number: int) -> Future[Answer]:
        """Have a piece made by the worker that has least to do."""
        self.ready()
        self._waiting = [{one for one in some if not one.done()} for some in self._waiting]
        least = min(range(self.count), key=lambda at: len(self._waiting[at]))
        future: Future[Answer] = self._actors[least].make.remote(number).future()
        self._waiting[least].add(future)
        return future

    def again(self) -> None:
        """Begin anew after workers died that Ray could not start again."""
        self._end()

    def close(self) -> None:
        """End them, whatever they do, and leave the cluster."""
        self._end()
        self._ray.shutdown()

    def _end(self) -> None:
        actors, self._actors = self._actors, []
        for one in actors:
            self._ray.kill(one)


class _Worker:
    """A worker of the cluster."""

    def __init__(self, files: tuple[str, ...], blob: bytes) -> None:
        prepare(files)
        self._pieces = Pieces(blob)

    def make(self, number: int | None) -> Answer:
        """Make a piece; None only builds what it takes."""
        return self._pieces(number)


def _connected(address: str, count: int | None) -> Any:
    """Return the module ray, connected to a cluster."""
    for name, value in QUIET.items():  # read when ray is imported
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        raise LCError(
            "--cluster needs Ray, which is not installed", hint='pip install "latent-constraints[ray]"'
        ) from error
    where = None if address == "ray" else address
    if where is not None and not where.startswith("ray://"):
        raise LCError(f"--cluster {address}: expected ray, or ray://HOST:PORT")
    named = where or os.environ.get("RAY_ADDRESS", "")
    _check_reachable(address, named)
    own = not named
    more: dict[str, Any] = {"num_cpus": count, "include_dashboard": False} if own else {}
    try:
        with warnings.catch_warnings(action="ignore", category=UserWarning):
            ray.init(address=where, log_to_driver=False, logging_level=logging.ERROR, **more)
    except Exception as error:  # whatever Ray raises, the cluster is not there
        raise LCError(f"--cluster {address}: Ray cannot be reached: {error}") from error
    return ray


def _check_reachable(given: str, address: str) -> None:
    """Refuse an address at which nobody answers: Ray itself goes on trying for minutes."""
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if not colon or not port.isdigit():
        return  # `auto` and the like are for Ray to find
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWERS):
            pass
    except OSError as error:
        raise LCError(
            f"--cluster {given}: nobody answers at {address}: {error.strerror or error}",
            hint="start the cluster, or correct the address; RAY_ADDRESS names the one that `ray` takes",
        ) from error
