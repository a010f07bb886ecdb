"""``runner config``: what is set, and who said so."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from runner.cli.options import Options, noun, remark


@noun("config")
def config() -> None:
    """Show every setting, its value and its origin."""


@config.command("show")
@click.pass_obj
def show(options: Options) -> None:
    """List every setting with its value and where that was said."""
    from runner.cli import looks, tables
    from runner.cli.world import flags_of, print_json
    from runner.host import settings

    found = settings.resolve(flags_of(options), options.config, environ=os.environ, folder=Path.cwd())
    if options.is_json:
        print_json([{"name": each.name, "value": each.value, "origin": each.origin} for each in found.values])
    else:
        look = looks.look_at(sys.stdout)
        columns = (tables.Column("SETTING"), tables.Column("ORIGIN"), tables.Column("VALUE", gives=True))
        rows = [(each.name, each.origin, _written(each.value)) for each in found.values]
        looks.show(tables.table(columns, rows, look), look)
    if found.ignored:
        remark(options, f"not settings, ignored: {', '.join(found.ignored)}")


def _written(value: object) -> str:
    """Write a value as a settings file would."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value) if value not in ("", None) else "none"
