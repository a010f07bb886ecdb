"""Stores to begin with, and places where one run of `runner` after another works on a copy of one."""

from __future__ import annotations

import os
import pickle
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from enum import StrEnum, auto
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

import trio

from tests.long import seen
from tests.long.faults import LOOK, End, How, Order, Victims, build_library
from tests.long.seen import Seen
from tests.system.postgres import Postgres

T = TypeVar("T")

AT_ONCE = 2
"""So many runs beside each other."""
SOURCE = "SOURCE"
"""Stands for the folder that is put."""


class Base(StrEnum):
    """What a store is like in the beginning."""

    NONE = auto()
    """There is none yet."""
    PRESENT = auto()
    """It has something of everything."""
    FORMER = auto()
    """As that, in the form of a former release."""


class Bench:
    """Stores to begin with.

    Attributes:
        places: Those that are free.
    """

    def __init__(self, folder: Path, at_ends: ExitStack, server: Postgres | None) -> None:
        self.folder = folder
        self.server = server
        self.source = folder / "source"
        self.source.mkdir()
        for name, data in {"small": b"changed", "new": b"new", "large": seen.LARGE[5:]}.items():
            (self.source / name).write_bytes(data)
        self.begin(folder / Base.PRESENT, Base.NONE)
        trio.run(seen.make, folder / Base.PRESENT)
        self.begin(folder / Base.FORMER, Base.PRESENT)
        seen.make_former(folder / Base.FORMER)
        library = build_library(folder)
        self.places: SimpleQueue[Place] = SimpleQueue()
        for number in range(AT_ONCE):
            home = folder / f"{number}"
            home.mkdir()
            self.places.put(Place(self, home, at_ends.enter_context(Victims(library, home))))

    def begin(self, store: Path, base: Base) -> None:
        """Have a store in a folder that is as *base*; on a server its database has the name of the folder."""
        if store.exists():
            shutil.rmtree(store)
        if base is not Base.NONE:
            _copy(self.folder / base, store)
        if self.server is not None:
            template = "template0" if base is Base.NONE else (self.folder / base / seen.URL).read_text()
            store.mkdir(exist_ok=True)
            (store / seen.URL).write_text(self.server.renew(_database(store), template.rpartition("/")[2]))
            seen.move_blobs(store)

    @contextmanager
    def place(self) -> Iterator[Place]:
        """Lend a place for as long as the block."""
        place = self.places.get()
        try:
            yield place
        finally:
            self.places.put(place)

    def each(self, function: Callable[[Place, T], str], items: Sequence[T]) -> list[str]:
        """Call *function* for each item in some place, some at a time; return what it says is wrong."""

        def one(item: T) -> str:
            with self.place() as place:
                wrong = function(place, item)
                return f"{item}: {wrong}" if wrong else ""

        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(filter(None, pool.map(one, items)))


class Place:
    """Where one run after another has its store and says what it says.

    Attributes:
        victims: Its runs.
        store: The folder of the store.
    """

    def __init__(self, bench: Bench, folder: Path, victims: Victims) -> None:
        self.victims = victims
        self.store = folder / "store"
        self._bench = bench
        self._folder = folder

    def begin(self, base: Base = Base.PRESENT) -> None:
        """Have a store to begin with."""
        self._bench.begin(self.store, base)

    @property
    def is_served(self) -> bool:
        """Whether the catalog is in a database of a server."""
        return self._bench.server is not None

    def order(self, words: Sequence[str], how: How = How.COUNT, number: int = 0, **more: str) -> Order:
        """Word a run on the store."""
        given = [str(self._bench.source) if word == SOURCE else word for word in words]
        variables = {"RUNNER_STORE": str(self.store)}
        port = 0
        if self._bench.server is not None:
            port = self._bench.server.port
            variables["RUNNER_STORE"] = (self.store / seen.URL).read_text()
            variables["RUNNER_BLOBS"] = seen.blobs_of(self.store)
            variables["RUNNER_STORAGE_HOSTS"] = str(self.store / "hosts")
        said = self._path("out"), self._path("err")
        return Order(given, str(self.store), *said, variables | dict(more), how, number, port=port)

    def run(self, words: Sequence[str], how: How = How.COUNT, number: int = 0) -> End:
        """Run a command to its end."""
        return self.victims.run(self.order(words, how, number))

    def look(self, how: Callable[[Path], Awaitable[Seen]]) -> tuple[str, Seen]:
        """Look at the store with a function of `tests.long.seen`; return what is wrong with it, and what was seen."""
        order = Order((LOOK, how.__name__, str(self.store)), "", self._path("seen"), self._path("looked"))
        assert self.victims.run(order).status == 0, Path(self._path("looked")).read_text()
        wrong, found = pickle.loads(Path(self._path("seen")).read_bytes())  # our own
        return wrong, found

    @property
    def said(self) -> str:
        """Return what the last run said on standard error."""
        return Path(self._path("err")).read_text()

    def pipe(self, name: str) -> str:
        """Return the path of a pipe, which lies outside of the store."""
        path = self._path(name)
        with suppress(FileExistsError):
            os.mkfifo(path)
        return path

    def _path(self, name: str) -> str:
        return str(self._folder / name)


@contextmanager
def open_bench(server: Postgres | None = None) -> Iterator[Bench]:
    """Make a bench, in memory where the machine has a file system there: a kill loses nothing that was written.

    Catalogs are in databases of *server*, if there is one.
    """
    memory = Path("/dev/shm")  # a folder is made in it
    with ExitStack() as at_ends:
        folder = at_ends.enter_context(tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None))
        yield Bench(Path(folder), at_ends, server)


def _copy(base: Path, to: Path) -> None:
    """Copy a store; what never changes is shared."""
    shutil.copytree(base, to, ignore=shutil.ignore_patterns("blobs"))
    shutil.copytree(base / "blobs", to / "blobs", copy_function=os.link)


def _database(store: Path) -> str:
    return f"bench_{store.parent.name}_{store.name}".lower()
