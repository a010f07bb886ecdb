"""An open store: the owner of its parts, without logic of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from runner.store.blobs import Blobs
from runner.store.catalog.engine import Catalog, Engine
from runner.store.contents.objects import Objects
from runner.store.hints import Hints
from runner.store.layers.merges import Merges
from runner.store.owners import Owners
from runner.store.writer import Writer


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """What can be chosen of a store.

    Attributes:
        allow_network_folder: Open it although its folder lies on a network or FUSE file system, where locks and
            shared memory may not work.
        blobs: Where bytes are kept, a folder or a URL; empty: where the store keeps them, a new one in its own folder.
        retry_seconds: For so long requests to an object store are repeated.
        settles: Settle what dead processes left when it is opened; not for whoever only looks.
        lease_seconds: After so long without a sign of life a process is taken for dead that is on another host.
        hosts: Folder in which this host keeps what only it needs of stores in databases.
    """

    allow_network_folder: bool = False
    blobs: str = ""
    retry_seconds: float = 30.0
    settles: bool = True
    lease_seconds: float = 15.0
    hosts: Path = Path("/var/tmp/runner")  # noqa: S108  # made for its owner alone


@dataclass(frozen=True, slots=True)
class Store:
    """An open store.

    Attributes:
        folder: Of this host: its catalog, and scratch files.
        engine: Opens further connections to the catalog.
        owners: Who is alive.
        hints: That something has changed.
        catalog: Reads, on the loop's thread.
        writer: All writes.
        blobs: Bytes by place.
        credentials: Patterns of the variables that hold what opens it; user code inherits none of them.
        objects: Bytes in and out.
        merges: Keeps reads of long histories short.
    """

    folder: Path
    settings: StoreSettings
    engine: Engine
    owners: Owners
    hints: Hints
    catalog: Catalog
    writer: Writer
    blobs: Blobs
    objects: Objects
    merges: Merges
    credentials: Sequence[str] = ()

    @property
    def place(self) -> str:
        """Where it lies, for people."""
        return str(self.folder) if self.engine.has_folder else self.engine.place
