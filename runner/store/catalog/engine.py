"""What the store asks of the database that holds its catalog. The files `sqlite` and `postgres` give it.

Statements are texts that both databases understand (`query`). What only one of them can say is a method here, never a
question which one it is.
"""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, cast

import sqlalchemy as sa

from runner.store.catalog.query import Connection
from runner.store.catalog.sums import sum_rows


@dataclass(frozen=True, slots=True)
class Transaction:
    """A write transaction that is under way.

    Attributes:
        db: For statements. No transaction control, no cursor that outlives the function.
        now_us: Its time, microseconds since 1970 UTC, the same for the whole group.
    """

    db: Connection
    now_us: int


class Catalog(ABC):
    """The read side: every statement sees all that was committed before it began. Used by one thread."""

    db: Connection

    def rows(self, statement: sa.Executable) -> Sequence[sa.Row[Any]]:
        """Return all rows of a SQLAlchemy statement."""
        return core(self.db, statement).fetchall()

    def row(self, statement: sa.Executable) -> sa.Row[Any] | None:
        """Return its first row, if any."""
        return core(self.db, statement).first()

    @abstractmethod
    def snapshot(self) -> AbstractContextManager[Connection]:
        """Let every statement of the block see the same moment."""

    @abstractmethod
    def close(self) -> None:
        """Close the connection."""


class WriteConnection(ABC):
    """The write side: one connection. Transactions of all connections to the catalog run one after another."""

    errors: tuple[type[Exception], ...]
    """Whatever the database says."""
    refusals: tuple[type[Exception], ...]
    """What it refuses for reasons of its own: no room, no lock, a failed disk."""

    @abstractmethod
    def begin(self) -> AbstractContextManager[Transaction]:
        """Hold a transaction; it is durable when the block has ended well, undone when it raised."""

    @abstractmethod
    def undo(self, savepoint: str | None) -> bool:
        """Undo what was written since *savepoint*, if any was set; False: the whole transaction is lost."""

    @abstractmethod
    def tidy(self, *, last: bool = False) -> None:
        """Do now and then, and at the end, what keeps the database quick."""

    @abstractmethod
    def close(self) -> None:
        """Close the connection."""


class Engine(ABC):
    """One catalog in one database."""

    errors: tuple[type[Exception], ...]
    """As of its connections."""
    refusals: tuple[type[Exception], ...]

    @property
    @abstractmethod
    def place(self) -> str:
        """Where the catalog is, for messages."""

    @abstractmethod
    def prepare(self) -> None:
        """Make the catalog when there is none, and see to it that it has the present form.

        Raises:
            NotAStore, NewerFormat: (Invalid)
            CatalogRefused: (Unavailable)
            CatalogDamaged: (Corrupt)
        """

    @abstractmethod
    def open_reader(self) -> Catalog:
        """Open a read side.

        Raises:
            CatalogRefused: (Unavailable)
            CatalogDamaged: (Corrupt)
        """

    @abstractmethod
    def open_writer(self) -> WriteConnection:
        """Open the write side; raises as `open_reader`."""

    @abstractmethod
    def size_bytes(self) -> int:
        """Return how much room the catalog takes."""

    @abstractmethod
    def find_damage(self, catalog: Catalog) -> Iterator[str]:
        """Yield what the database finds wrong with its own structure, one sentence each."""


def lend(db: sqlite3.Connection) -> None:
    """Put a SQLAlchemy connection on *db* that emits no BEGIN and no COMMIT; goes away."""
    engine = sa.create_engine("sqlite://", creator=lambda: db, poolclass=sa.StaticPool, isolation_level="AUTOCOMMIT")
    _LENT[db] = engine.connect()


_LENT: dict[Connection, sa.Connection] = {}


def core(db: Connection, *statement: Any) -> sa.CursorResult[Any]:
    """Run a SQLAlchemy statement; goes away."""
    written: Any = statement[0]
    if not isinstance(written, sa.Insert | sa.Update):
        return _LENT[db].execute(*statement)
    table: Any = written.table
    columns = [column.name for column in table.columns]
    result = _LENT[db].execute(written.returning(*table.columns), *statement[1:])
    rows = [tuple(row)[-len(columns) :] for row in result.fetchall()]
    sum_rows(db, table.name, columns, rows)
    return cast("sa.CursorResult[Any]", _Written(rows))


class _Written:
    def __init__(self, rows: list[tuple[Any, ...]]) -> None:
        self.rowcount = len(rows)
        self._rows = rows

    def scalar_one(self) -> Any:
        """Return the number of the row that was added."""
        return self._rows[0][0]


def take_back(db: Connection) -> None:
    """Undo `lend`; goes away."""
    sql = _LENT.pop(db)
    sql.close()
    sql.engine.dispose()
