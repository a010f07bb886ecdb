"""What the store asks of the database that holds its catalog. The files `sqlite` and `postgres` give it.

Statements are texts that both databases understand (`query`). What only one of them can say is a method here, never a
question which one it is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from runner.store.catalog.query import Connection, Snapshot


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

    @abstractmethod
    def snapshot(self) -> AbstractContextManager[Snapshot]:
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

    has_folder: bool
    """Whether the store's folder holds all of it: one host's."""
    credentials: Sequence[str]
    """Patterns of the variables that may hold what opens it."""
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
            NotAStore, NewerFormat, OlderFormat, CatalogForbidden: (Invalid)
            CatalogRefused: (Unavailable)
            CatalogDamaged: (Corrupt)
        """

    @abstractmethod
    def migrate(self) -> int:
        """Bring the catalog to the present form when that was asked for; return the format that it had, 0: none.

        Raises:
            NotAStore, NewerFormat, CatalogForbidden: (Invalid)
            CatalogRefused: (Unavailable) nothing was changed.
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
