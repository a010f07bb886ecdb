"""Statements as text, the same for both engines, and their rows by the names of the columns.

Marks are ``?``, or ``:name`` with a mapping; truth is 1 or 0; a key that is there already is met with ON CONFLICT and a
new number told by RETURNING: that much SQLite from 3.35 and PostgreSQL have in common. Whatever reads a few rows asks
here; what is hot takes the connection's own tuples. Whatever writes a row of a table whose rows have sums (`sums`) does
it by `write` and what builds on it, or sums the row itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Protocol

from runner.store.catalog.sums import KEYS, RowDamaged, is_right, sum_rows

Parameters = Sequence[Any] | Mapping[str, Any]


_COLUMNS: dict[str, tuple[str, ...]] = {}
"""By table, as the one form has them that this release knows; to ask each time costs more than the row."""


class Cursor(Protocol):
    """What a statement gave."""

    @property
    def rowcount(self) -> int:
        """How many rows it changed."""

    @property
    def description(self) -> Any:  # each driver has a type of its own; the name comes first
        """The columns of its rows, the name of each first."""

    def fetchone(self) -> Any:  # a row holds what the columns hold
        """Return the next row as a tuple; None: there is no more."""

    def fetchmany(self, size: int, /) -> list[Any]:
        """Return the next rows as tuples; none: there is no more."""

    def fetchall(self) -> list[Any]:
        """Return the rows that are left, as tuples."""

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """A connection to a catalog, whichever engine keeps it.

    Attributes:
        is_remote: Each statement is a round trip, so that one large one is cheaper than many small.
    """

    is_remote: bool

    def execute(self, statement: str, parameters: Parameters = ..., /) -> Cursor:
        """Run a statement."""

    def executemany(self, statement: str, parameters: Iterable[Sequence[Any]], /) -> Cursor:
        """Run a statement once for each of the parameters."""


class Snapshot(Connection, Protocol):
    """A connection for which all of its statements see the same moment."""

    def scan(self, statement: str, parameters: Sequence[Any] = ..., /) -> Iterator[Any]:
        """Yield the rows of a result of any size as tuples, a few in memory; others may run meanwhile, and fail."""


class Row(tuple[Any, ...]):
    """A row whose columns are also attributes; where two have one name, the last."""

    __slots__ = ()

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...


def rows(db: Connection, statement: str, parameters: Parameters = ()) -> list[Row]:
    """Return all rows."""
    cursor = db.execute(statement, parameters)
    kind = _kind(tuple(column[0] for column in cursor.description))
    return [kind(row) for row in cursor.fetchall()]


def row(db: Connection, statement: str, parameters: Parameters = ()) -> Row | None:
    """Return the first row; None: there is none."""
    found = rows(db, statement, parameters)
    return found[0] if found else None


def one(db: Connection, statement: str, parameters: Parameters = ()) -> Row:
    """Return the row, which is there."""
    found = row(db, statement, parameters)
    if found is None:
        raise LookupError(statement)
    return found


def value(db: Connection, statement: str, parameters: Parameters = ()) -> Any:  # as the column holds it
    """Return the first column of the first row; None: there is no row, or it holds NULL."""
    found = db.execute(statement, parameters).fetchone()
    return None if found is None else found[0]


def values(db: Connection, statement: str, parameters: Parameters = ()) -> list[Any]:
    """Return the first column of all rows."""
    return [found[0] for found in db.execute(statement, parameters).fetchall()]


def exists(db: Connection, statement: str, parameters: Parameters = ()) -> bool:
    """Tell whether there is a row."""
    return db.execute(statement, parameters).fetchone() is not None


def sound(db: Connection, table: str, where: str, parameters: Sequence[Any]) -> Row | None:
    """Return the first row for which *where* holds, with all of its columns.

    Raises:
        RowDamaged: It, or another one for which that holds, is not what was written.
    """
    cursor = db.execute(f"SELECT * FROM {table} WHERE {where}", parameters)  # noqa: S608  # our own names
    found = cursor.fetchall()
    if not found:
        return None
    names = _COLUMNS.get(table) or _COLUMNS.setdefault(table, tuple(column[0] for column in cursor.description))
    if not all(is_right(names, each) for each in found):
        raise RowDamaged(
            f"a row of the catalog's table {table} does not match its checksum",
            hint="runner store check tells the damage",
        )
    return _kind(names)(found[0])


def write(db: Connection, table: str, statement: str, parameters: Parameters = ()) -> list[Any]:
    """Run an INSERT or an UPDATE of a table, and give the rows that it wrote their sums; return these rows."""
    cursor = db.execute(f"{statement} RETURNING *", parameters)
    columns = tuple(column[0] for column in cursor.description)
    found = cursor.fetchall()
    if table in KEYS:
        sum_rows(db, table, columns, found)
    return found


def insert(db: Connection, table: str, columns: Mapping[str, Any]) -> None:
    """Add a row."""
    write(db, table, _insert(table, tuple(columns)), tuple(columns.values()))


def insert_numbered(db: Connection, table: str, columns: Mapping[str, Any]) -> int:
    """Add a row to a table whose rows have an `id`, and return it."""
    number: int = write(db, table, _insert(table, tuple(columns)), tuple(columns.values()))[0][0]
    return number


def update(db: Connection, table: str, columns: Mapping[str, Any], where: str, parameters: Sequence[Any] = ()) -> int:
    """Set columns of the rows for which *where* holds; return how many there were.

    Raises:
        RowDamaged: One of them was damaged, which its new sum would hide.
    """
    if table in KEYS:
        sound(db, table, where, parameters)
    return len(write(db, table, _update(table, tuple(columns), where), (*columns.values(), *parameters)))


def marks(parameters: Sequence[Any]) -> str:
    """Return as many marks as there are parameters, for what stands in the parentheses of IN; not for thousands."""
    return ", ".join("?" * len(parameters))


@cache
def _kind(names: tuple[str, ...]) -> type[Row]:
    columns: dict[str, Any] = {name: property(itemgetter(at)) for at, name in enumerate(names)}
    return type("Row", (Row,), {"__slots__": (), **columns})


@cache
def _insert(table: str, columns: tuple[str, ...]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks(columns)})"  # noqa: S608  # our own names


@cache
def _update(table: str, columns: tuple[str, ...], where: str) -> str:
    return f"UPDATE {table} SET {', '.join(f'{column} = ?' for column in columns)} WHERE {where}"  # noqa: S608  # our own names
