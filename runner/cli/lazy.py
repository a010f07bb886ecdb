"""Commands that are imported when they are asked for, so that help and the common path start fast."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib import import_module
from typing import NamedTuple

import click


class Lazy(NamedTuple):
    """Where a command is defined, under which heading it stands, and what it does in one line."""

    place: str
    heading: str
    summary: str

    def load(self) -> click.Command:
        """Import the command: ``package.module:name``."""
        module, _, name = self.place.partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command


class LazyGroup(click.Group):
    """A group whose commands are named in a table; a noun's plural is the noun."""

    def __init__(self, *args: object, table: Mapping[str, Lazy], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # click's own signature, passed through
        self._table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        del ctx
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command of that name, or of that plural."""
        del ctx
        lazy = self._table.get(cmd_name) or self._table.get(_singular(cmd_name))
        return lazy.load() if lazy else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that *args* begin with; for an unknown one name the nearest."""
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise no_such_command(ctx, args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands under their headings, without importing one."""
        del ctx
        for heading in dict.fromkeys(lazy.heading for lazy in self._table.values()):
            with formatter.section(heading):
                formatter.write_dl(
                    [(name, lazy.summary) for name, lazy in self._table.items() if lazy.heading == heading]
                )


class NounGroup(click.Group):
    """The commands of one noun."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that *args* begin with; for an unknown one name the nearest."""
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise no_such_command(ctx, args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)


def no_such_command(ctx: click.Context, name: str, known: list[str]) -> click.UsageError:
    """Say that there is no such command, and which one may have been meant."""
    near = difflib.get_close_matches(name, known, 1)
    advice = f"; did you mean {near[0]!r}?" if near else f"; there are: {', '.join(known)}"
    return click.UsageError(f"{ctx.command_path} has no command {name!r}{advice}", ctx)


def _singular(name: str) -> str:
    return name.removesuffix("es") if name.endswith("ches") else name.removesuffix("s")
