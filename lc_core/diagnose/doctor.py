"""Checks of an installation: versions, devices, cache, plugins, and whether prior samples of each model are sane."""

from __future__ import annotations

import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from lc_core.common.cache import Cache
from lc_core.common.files import reason
from lc_core.common.seeds import block_generator
from lc_core.common.words import counted
from lc_core.errors import LCError
from lc_core.models.adapt import as_latent_model
from lc_core.models.checks import distinct
from lc_core.models.latent_model import LatentModel, decode_array
from lc_core.plugins.installed import installed_version
from lc_core.plugins.registry import Broken, Distribution, Registered, Registry

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

__all__ = ["Check", "diagnose"]

SAMPLES = 256
"""Prior samples that are decoded for each model."""

FEW = 0.5
"""A smaller share of distinct outputs among them is a warning."""


class SamplerCheck(Protocol):
    """Checks the sampler of a model."""

    def __call__(self, subject: str, model: LatentModel) -> Check:
        """Return what was found."""


@dataclass(frozen=True)
class Check:
    """What one check found.

    Attributes:
        subject: What was looked at, such as `model melody.folk-2bar`.
        status: `ok`, `warn`, `fail`, or `skip` of what needs settings to be tried.
        text: What was found, in words.
        details: The same as data.
    """

    subject: str
    status: str
    text: str
    details: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"subject": self.subject, "status": self.status, "text": self.text, **self.details}


def diagnose(registry: Registry, sampler: SamplerCheck) -> Iterator[Check]:
    """Make all checks one after the other; one that fails does not end the others.

    Args:
        registry: What is installed.
        sampler: Checks the sampler of a model that is sound, under a subject.
    """
    yield _guarded("versions", _versions)
    yield _guarded("devices", _devices)
    yield _guarded("cache", _cache)
    for one in registry.distributions:
        yield _plugin(one)
    for fault in registry.broken:
        yield _broken(fault)
    for model in registry.all("model"):
        name, loaded = registry.spelling(model), list[LatentModel]()
        yield _guarded(f"model {name}", partial(_model, registered=model, loaded=loaded))
        yield from (_guarded(f"sampler of {name}", partial(sampler, model=it)) for it in loaded)


def _guarded(subject: str, check: Callable[[str], Check]) -> Check:
    try:
        return check(subject)
    except LCError as error:
        return Check(subject, "fail", error.message + (f" ({error.hint})" if error.hint else ""))
    except (Exception, SystemExit) as error:  # whatever is broken here is what this command is to report
        return Check(subject, "fail", f"{type(error).__name__}: {error}")


def _versions(subject: str) -> Check:
    import numpy
    import torch

    found = {
        "python": platform.python_version(),
        "lc": installed_version("latent-constraints"),
        "torch": str(torch.__version__),
        "numpy": numpy.__version__,
        "platform": platform.platform(),
    }
    return Check(subject, "ok", ", ".join(f"{name} {version}" for name, version in found.items()), found)


def _devices(subject: str) -> Check:
    import torch

    cuda = torch.cuda.is_available()
    found = {"cpus": os.cpu_count() or 1, "threads": torch.get_num_threads(), "cuda": cuda}
    cores, threads = counted(found["cpus"], "core"), counted(found["threads"], "thread")
    gpu = f"cuda ({torch.cuda.get_device_name()})" if cuda else "no cuda"
    return Check(subject, "ok", f"cpu ({cores}, {threads} in use), {gpu}", found)


def _cache(subject: str) -> Check:
    cache = Cache()
    try:
        cache.root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache.root) as file:
            file.write(b"test")
        entries = cache.entries()
    except OSError as error:
        message = f"{cache.root} cannot be used: {reason(error, cache.root)}"
        raise LCError(message, hint="set LC_CACHE_DIR to a folder that can") from error
    total = sum(one.bytes for one in entries)
    text = f"{cache.root} is writable; fitted parts and banks: {len(entries)}, {total / 1e6:.1f} MB"
    damaged = [one.folder.name for one in entries if one.what == "(damaged)"]
    if damaged:
        text += f"; damaged, and made again when needed: {', '.join(damaged)}"
    details = {"folder": str(cache.root), "parts": len(entries), "bytes": total, "damaged": damaged}
    return Check(subject, "warn" if damaged else "ok", text, details)


def _plugin(one: Distribution) -> Check:
    """Import every component of a distribution."""
    faults = []
    for component in one.components:
        try:
            component.parameters()
        except LCError as error:
            faults.append(error.message + (f" ({error.hint})" if error.hint else ""))
    text = counted(len(one.components), "component") + (f"; broken: {'; '.join(faults)}" if faults else "")
    details = {"version": one.version, "components": len(one.components), "broken": faults}
    return Check(f"plugin {one.name} {one.version}", "fail" if faults else "ok", text, details)


def _broken(one: Broken) -> Check:
    """A distribution that cannot be read need not hold a plugin: that is no fault of `lc`."""
    return Check(
        f"plugin {one.distribution} ({one.entry_point or one.path})", "warn" if one.path else "fail", one.error
    )


def _model(subject: str, registered: Registered, loaded: list[LatentModel]) -> Check:
    """Load a model, decode prior samples and try what it says it can do; one that is sound is added to a list."""
    needed = [name for name, setting in registered.parameters().model_fields.items() if setting.is_required()]
    if needed:
        return Check(subject, "skip", f"not tried: it has to be told {', '.join(needed)}")
    began = time.perf_counter()
    model = as_latent_model(registered.build())
    loading = time.perf_counter() - began
    z = model.sample_prior(SAMPLES, block_generator(0, 0, "doctor"))
    if tuple(z.shape) != (SAMPLES, *model.latent_shape):
        raise LCError(f"its prior gave shape {tuple(z.shape)}; expected {(SAMPLES, *model.latent_shape)}")
    gradient = model.differentiable  # asked for first, so that what follows is not timed cold
    began = time.perf_counter()
    outputs = decode_array(model, z)
    decoding = time.perf_counter() - began
    details: dict[str, Any] = {
        "output_type": model.output_type,
        "latent_shape": list(model.latent_shape),
        "output_shape": list(outputs.shape[1:]),
        "distinct": distinct(outputs),
        "seconds_to_load": round(loading, 3),
        "milliseconds_per_decode": round(1000 * decoding / SAMPLES, 4),
        "gradient": gradient,
        "encoder": type(model).encode is not LatentModel.encode and _encodes(model, outputs),
        "realism": _has_realism(model, z),
    }
    status, problem = _sane(registered, model, details["distinct"])
    if status != "fail":
        loaded.append(model)
    return Check(subject, status, problem + _summary(details), details)


def _encodes(model: LatentModel, outputs: np.ndarray) -> bool:
    posterior = model.encode(outputs[:2])
    shape, expected = tuple(posterior.mean.shape), (2, *model.latent_shape)
    if shape != expected:
        raise LCError(f"its encoder gave means of shape {shape}; expected {expected}")
    return True


def _has_realism(model: LatentModel, z: Tensor) -> bool:
    import torch

    critic = model.realism()
    if critic is None:
        return False
    with torch.inference_mode():
        logits = critic(z.to(model.device))
    if tuple(logits.shape) != (len(z),) or not bool(torch.isfinite(logits).all()):
        raise LCError(f"its realism critic gave shape {tuple(logits.shape)}; expected {len(z)} finite logits")
    return True


def _sane(registered: Registered, model: LatentModel, distinct: float) -> tuple[str, str]:
    """Return a status, and what is wrong in words."""
    if model.output_type != (output := registered.output(registered.fill())):
        return "fail", f"decodes to {model.output_type}, but is registered for {output}; "
    if distinct * SAMPLES <= 1:
        return "fail", f"all {SAMPLES} prior samples decode to one output; "
    if distinct < FEW:
        return "warn", f"few of {SAMPLES} prior samples differ; "
    return "ok", ""


def _summary(details: dict[str, Any]) -> str:
    shape = "x".join(map(str, details["output_shape"])) or "scalar"
    has = [f"{'' if details[name] else 'no '}{name}" for name in ("gradient", "encoder", "realism")]
    return (
        f"{details['output_type']} of shape {shape}, finite, {details['distinct']:.0%} of {SAMPLES} prior samples"
        f" distinct, {details['milliseconds_per_decode']:.3g} ms per decode; {', '.join(has)}"
    )
