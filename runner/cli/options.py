"""Options that every command takes, before or after its name, and the command class that adds them."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar

import click

from runner.cli.lazy import NounGroup
from runner.host.garbage import end_imports

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(slots=True)
class Options:
    """What was said for every command; None: not said, so the settings decide.

    Attributes:
        form: Of the result, ``table`` or ``json``.
        quiet: Results only, no progress and no remarks.
        verbose: A traceback for our own mistakes.
        outcome: Set by a command whose exit status stands, whatever interrupts the rest of it.
    """

    store: str | None = None
    blobs: str | None = None
    config: str | None = None
    project: str | None = None
    log_format: str | None = None
    log_level: str | None = None
    form: str = "table"
    quiet: bool = False
    verbose: bool = False
    outcome: int | None = None

    @property
    def is_json(self) -> bool:
        """Whether the result is to be one JSON document."""
        return self.form == "json"


def _take(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    """Keep a global option where it was given; the innermost wins."""
    options = ctx.ensure_object(Options)
    if value not in (None, False) and param.name is not None:
        setattr(options, param.name, value)


def _global(*names: str, **attributes: Any) -> click.Option:
    return click.Option(names, expose_value=False, callback=_take, is_eager=True, **attributes)


def global_options() -> list[click.Option]:
    """Return the options of every command."""
    formats = ("auto", "plain", "json")
    levels = ("debug", "info", "warning", "error")
    return [
        _global("--store", metavar="FOLDER|URL", help="The store."),
        _global("--blobs", metavar="URL", help="Where a new store keeps its blobs."),
        _global("--config", metavar="FILE", help="Settings file."),
        _global("--project", metavar="NAME", help="Project of names that say none."),
        _global("--log-format", type=click.Choice(formats), help="How stderr is written."),
        _global("--log-level", type=click.Choice(levels), help="The least that is logged."),
        _global("-o", "form", type=click.Choice(("table", "json")), help="Form of the result."),
        _global("-q", "--quiet", is_flag=True, help="The result only."),
        _global("-v", "--verbose", is_flag=True, help="Say more when something breaks."),
    ]


class Command(click.Command):
    """A command with the global options, which its help lists apart."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._own = len(self.params)
        self.params += global_options()

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the command's own options first, then those of every command; arguments stand in the usage."""
        shared = {id(param) for param in self.params[self._own :]}
        for heading, wanted in (("Options", False), ("Options of every command", True)):
            records = [
                record
                for param in self.get_params(ctx)
                if (id(param) in shared) is wanted and (record := param.get_help_record(ctx)) is not None and record[1]
            ]
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)


class Noun(NounGroup):
    """A group of commands on one noun."""

    command_class = Command


def noun(name: str) -> Callable[[Callable[..., None]], Noun]:
    """Make a function the group of the commands on *name*; its docstring is the help."""
    return click.group(name, cls=Noun)


def in_trio(function: Callable[P, Awaitable[T]]) -> Callable[P, T]:
    """Run an async command to its end."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        import trio

        end_imports()
        return trio.run(partial(function, *args, **kwargs))

    return run


def remark(options: Options, text: str) -> None:
    """Say something beside the result, on stderr."""
    if not options.quiet:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
