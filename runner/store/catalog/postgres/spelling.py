"""Statements and values as the server wants them; the store writes them as SQLite has them."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import psycopg
from psycopg.adapt import Buffer, Loader
from psycopg.types.numeric import Int8Dumper

_MARKS = re.compile(
    r"""'[^']*'|"[^"]*"|\?|(?<!:):([a-z_]+)|\bIS NOT (?!NULL\b|DISTINCT\b)|\bIS (?!NOT\b|NULL\b|DISTINCT\b)"""
)
_SAME = {"IS ": "IS NOT DISTINCT FROM ", "IS NOT ": "IS DISTINCT FROM "}
"""As SQLite compares what may be NULL, and how the standard spells it, which SQLite knows from 3.39."""


@cache
def native(statement: str) -> tuple[str, tuple[str, ...]]:
    """Return *statement* with the server's own marks, and the names of its parameters, if they have any."""
    names: list[str] = []
    count = 0

    def mark(found: re.Match[str]) -> str:
        nonlocal count
        if found[1]:
            if found[1] not in names:
                names.append(found[1])
            return f"${names.index(found[1]) + 1}"
        if found[0] == "?":
            count += 1
            return f"${count}"
        return _SAME.get(found[0], found[0])

    return _MARKS.sub(mark, statement), tuple(names)


def holdable(value: object) -> object:
    """Replace U+0000 in text, which the server's text cannot hold."""
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) and "\0" in value else value


class _Number(Loader):
    """Reads sums and means, which are of arbitrary precision, as SQLite gives them."""

    def load(self, data: Buffer) -> int | float:
        text = bytes(data)
        return float(text) if b"." in text else int(text)


def adapt(db: psycopg.Connection[Any]) -> None:
    """Let each text be prepared once, whatever the size of its numbers; truth is 1 or 0."""
    for kind in (int, bool):
        db.adapters.register_dumper(kind, _Wide)
    db.adapters.register_loader("numeric", _Number)


class _Wide(Int8Dumper):
    """Sends whole numbers as the columns hold them."""

    def dump(self, obj: Any) -> Buffer | None:
        return super().dump(int(obj))
