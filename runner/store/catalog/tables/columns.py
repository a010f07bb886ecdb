"""What every table is made of."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import INTEGER, TEXT, Column, Table

metadata = sa.MetaData()

CLUSTERED: dict[str, Any] = {"sqlite_with_rowid": False, "sqlite_strict": True}
NUMBERED: dict[str, Any] = {"sqlite_autoincrement": True, "sqlite_strict": True}


def some(name: str, kind: type[Any]) -> Column[Any]:
    """Return a column that is never NULL."""
    return Column(name, kind, nullable=False)


def crc() -> Column[Any]:
    """Return the sum of the other columns (`sums`); NULL only between the statements of `query.write`."""
    return Column("crc", INTEGER)


def number(name: str = "id") -> Column[int]:
    """Return the key of rows that are counted."""
    return Column(name, INTEGER, primary_key=True)


meta = Table("meta", metadata, Column("name", TEXT, primary_key=True), some("value", TEXT), crc(), **CLUSTERED)
