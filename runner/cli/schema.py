"""``runner schema``: the JSON Schema of a spec, and of each document that ``-o json`` prints."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import click

from runner.cli import shapes
from runner.cli.options import Command


def _pipeline() -> dict[str, Any]:
    from runner.spec.json_schema import pipeline_schema

    return pipeline_schema()


def _document(name: str) -> Callable[[], dict[str, Any]]:
    return lambda: shapes.json_schema(name)


SCHEMAS: dict[str, Callable[[], dict[str, Any]]] = {
    "pipeline": _pipeline,
    **{name: _document(name) for name in shapes.SCHEMAS},
}


@click.command("schema", cls=Command)
@click.argument("name", required=False)
@click.pass_context
def schema(ctx: click.Context, name: str | None) -> None:
    """Print the JSON Schema (draft 2020-12) of NAME; without one, the names."""
    if name is None:
        sys.stdout.write("".join(f"{known}\n" for known in SCHEMAS))
        return
    if name not in SCHEMAS:
        raise no_such_schema(ctx, name)
    sys.stdout.write(f"{json.dumps(SCHEMAS[name](), indent=2, ensure_ascii=False)}\n")


def no_such_schema(ctx: click.Context, name: str) -> click.UsageError:
    """Say that there is no such schema, and which one may have been meant."""
    import difflib

    near = difflib.get_close_matches(name, SCHEMAS, 1)
    advice = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(SCHEMAS)}"
    return click.UsageError(f"there is no schema {name!r}; {advice}", ctx)
