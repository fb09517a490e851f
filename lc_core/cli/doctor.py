"""`lc doctor`: check the installation, devices, cache, plugins and models."""

from __future__ import annotations

import json

import click

from lc_core.common.words import counted
from lc_core.diagnose.doctor import diagnose
from lc_core.plugins.discover import build_registry

__all__ = ["command"]

FAILED = 2


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """Check versions, devices, the cache, plugins, and whether prior samples of each model are sane.

    Each line begins with ok, warn, fail, or skip where settings are needed. The status is 2 if a check failed.
    """
    checks = []
    for check in diagnose(build_registry()):
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
