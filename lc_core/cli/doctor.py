"""`lc doctor`: check the installation, devices, cache, plugins and models."""

from __future__ import annotations

import json

import click

from lc_core.common.words import counted
from lc_core.diagnose.doctor import Check, diagnose
from lc_core.models.latent_model import LatentModel
from lc_core.plugins.discover import build_registry

__all__ = ["command"]

FAILED = 2


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """Check versions, devices, the cache, plugins, whether prior samples of each model are sane, and its sampler.

    Each line begins with ok, warn, fail, or skip where settings are needed. The status is 2 if a check failed.
    """
    checks = []
    for check in diagnose(build_registry(), _sampler):
        checks.append(check)
        if not as_json:
            click.echo(f"{check.status:<4}  {check.subject}: {check.text}")
    failed = [check for check in checks if check.status == "fail"]
    if as_json:
        found = {"ok": not failed, "checks": [check.as_dict() for check in checks]}
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    elif failed:
        click.echo(f"{len(failed)} of {counted(len(checks), 'check')} failed", err=True)
    click.get_current_context().exit(FAILED if failed else 0)


def _sampler(subject: str, model: LatentModel) -> Check:
    """Say which sampler there is for a model, and how many rules it knows.

    Raises:
        LCError: If it cannot be read.
    """
    from lc_core.sampler import find_sampler, read_sampler

    folder = find_sampler(model)
    if folder is None:
        return Check(subject, "ok", "none; lc amortise trains one", {"sampler": None})
    rules = [rule.label for rule in read_sampler(folder, model).rules.rules]
    whose = "comes with the model" if folder == model.unwrapped.sampler() else f"your own, in {folder}"
    details = {"sampler": {"folder": str(folder), "rules": rules}}
    return Check(subject, "ok", f"{whose}; knows {counted(len(rules), 'rule')}", details)
