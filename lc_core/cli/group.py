"""A click group that imports a sub-command when it is called, and turns errors into messages and a status."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from lc_core.cli.streams import guarded_streams
from lc_core.common.characters import controls
from lc_core.common.files import FULL, disk_full
from lc_core.common.guard import IMPORT_SECONDS, limited
from lc_core.common.locks import NO_LOCKS
from lc_core.common.spelling import nearest
from lc_core.errors import LCError
from lc_core.plugins.installed import DISTRIBUTION, Entry, installed, summary

__all__ = ["GROUP", "LazyGroup", "show_error"]

GROUP = "latent_constraints.commands"
INTERRUPTED = 130
USER = 2
SURROUNDINGS = (
    *FULL,
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.ELOOP),
    *(errno.EMFILE, errno.ENFILE, errno.EIO, errno.ESTALE),
    *NO_LOCKS,
)
"""Error numbers that a machine, a disk or a user's rights cause, and no mistake in `lc`."""
BUG = 1


class LazyGroup(click.Group):
    """Finds sub-commands in a table, and after that among the entry points of `latent_constraints.commands`.

    Args:
        table: For each name its module and one line of help.
        before: The name in the table before which the commands of plugins are listed; they come last if it is blank.
    """

    def __init__(self, *args: Any, table: Mapping[str, tuple[str, str]], before: str = "", **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._table = dict(table)
        self._at = list(table).index(before) if before else len(table)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names in the order in which they are listed."""
        own = list(self._table)
        return [*own[: self._at], *self._from_plugins(), *own[self._at :]]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one sub-command."""
        if cmd_name in self._table:
            found: click.Command = import_module(self._table[cmd_name][0]).command
            return found
        entry = self._from_plugins().get(cmd_name)
        return _loaded(entry) if entry else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the sub-command named first; suggest the nearest name if there is none."""
        # The table first: looking for plugins' commands reads what is installed.
        if args and not args[0].startswith("-") and args[0] not in self._table:
            names = self.list_commands(ctx)
            if args[0] not in names:
                close = nearest(args[0], names)
                guess = f"Did you mean {' or '.join(close)}?" if close else "See lc --help."
                ctx.fail(f"No such command {args[0]!r}. {guess}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of sub-commands; none is imported."""
        texts = {name: text for name, (_, text) in self._table.items()}
        texts |= {name: summary(entry) for name, entry in self._from_plugins().items()}
        rows = [(name, texts[name]) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def main(self, *args: Any, **settings: Any) -> Any:
        """Run the command line; what becomes of standard output and the error stream is seen to here.

        A sub-command of a plugin is found, and may fail to be imported, before `invoke`.
        """
        with guarded_streams():
            try:
                if any(one.has_entry_points for one in installed().damaged):
                    _spare_libraries()
                return super().main(*args, **settings)
            except LCError as error:
                show_error(error)
                sys.exit(error.exit_code)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the sub-command; end with the status that an error asks for."""
        try:
            return super().invoke(ctx)
        except LCError as error:
            show_error(error)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            ctx.exit(INTERRUPTED)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except SystemExit as error:
            command = ctx.invoked_subcommand or ""
            entry = self._from_plugins().get(command)
            if entry and entry.distribution != DISTRIBUTION:  # a command of others may end as it likes
                raise
            show_error(_ended(command, error))
            ctx.exit(USER)
        except Exception as error:
            if isinstance(error, OSError) and error.errno in SURROUNDINGS:
                show_error(_surroundings(error))
                ctx.exit(USER)
            traceback.print_exception(error, file=sys.stderr)
            click.echo("this is a bug in lc, not in what you gave it; please report it with the lines above", err=True)
            ctx.exit(BUG)

    def _from_plugins(self) -> dict[str, Entry]:
        """Return the commands of plugins by name, sorted; the first distribution in the alphabet has a name."""
        found = sorted(installed(GROUP).entries, key=lambda one: (one.point.name, one.distribution))
        return {one.point.name: one for one in reversed(found) if one.point.name not in self._table}


def _spare_libraries() -> None:
    """Have pydantic and torch, here and in worker processes, not look for plugins: a damaged one would stop them."""
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    os.environ.setdefault("TORCH_DEVICE_BACKEND_AUTOLOAD", "0")


def show_error(error: LCError) -> None:
    """Write an error to the error stream; lines that already say where and "error" stand as they are."""
    located = all(": error: " in line for line in error.message.splitlines())
    for line in (error.message if located else f"error: {error.message}").split("\n"):
        click.echo(controls(line), err=True)  # a name in it may be anybody's, and tell a terminal what to do
    if error.hint:
        click.echo(f"  hint: {controls(error.hint)}", err=True)


def _ended(command: str, error: SystemExit) -> LCError:
    """Return the error where code that a command called ended the process; none of our own does."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return LCError(
        f"lc {command} was ended by sys.exit({error.code!r}) in {last.filename}, line {last.lineno}",
        hint="code of a plugin must not end the process: let it raise an exception",
    )


def _surroundings(error: OSError) -> LCError:
    """Return the error for one of the operating system that nothing else explained."""
    if error.errno in FULL:
        return disk_full(error)
    where = f"{error.filename}: " if error.filename else ""
    return LCError(f"{where}{error.strerror}", hint="see to that, or name another file or folder")


def _loaded(entry: Entry) -> click.Command:
    who = f"command {entry.point.name} of {entry.distribution}"
    with limited(f"{who}, loaded from {entry.point.value},", IMPORT_SECONDS):
        try:
            found = entry.point.load()
        except (Exception, SystemExit) as error:  # a module that ends the process is broken as well
            raise LCError(f"{who} cannot be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(found, click.Command):
        raise LCError(f"{who} is {type(found).__name__}, not a click command")
    return found
