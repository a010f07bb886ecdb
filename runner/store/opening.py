"""Opening a store: its folder, its catalog in the present form, its writer."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import trio

from runner.host.objectstores import ExtraMissing
from runner.model.errors import Corrupt, Invalid, RunnerError, Unavailable
from runner.model.store_url import StoreUrl
from runner.store import settle
from runner.store.blobs import located
from runner.store.blobs.system import MISTAKES
from runner.store.catalog import query, schema
from runner.store.catalog.engine import Engine, WriteConnection
from runner.store.catalog.query import Connection, insert, value
from runner.store.catalog.sqlite import CATALOG_NAME, LOCKS_FOLDER, Sqlite
from runner.store.contents.objects import Objects
from runner.store.layers.merges import Merges
from runner.store.peers import Peers, on_many_hosts, on_one_host
from runner.store.store import Store, StoreSettings
from runner.store.writer import Writer

_NETWORK_FILE_SYSTEMS = {
    0x6969: "NFS",
    0x517B: "SMB",
    0xFF534D42: "CIFS",
    0xFE534D42: "SMB",
    0x65735546: "FUSE",
    0x01021997: "9P",
    0x00C36400: "Ceph",
    0x0BD00BD0: "Lustre",
    0x47504653: "GPFS",
    0x5346414F: "AFS",
}
"""By the magic number of statfs(2)."""

_EMPTY = frozenset({"lost+found", ".snapshot", ".DS_Store"})
"""What a folder may hold and still be an empty one: file systems and desktops leave it there."""


BLOBS_FOLDER = "blobs"


class CatalogLost(Corrupt):
    """A store's blobs are there without its catalog; a new one would collect them as garbage."""


class NetworkFolder(Invalid):
    """The store's folder lies where locks and shared memory may not work."""


class BlobsNowhere(Invalid):
    """A store that is no folder was made without a place for its blobs."""


class FolderRefused(Unavailable):
    """The store's folder cannot be made or opened for want of room, or because its disk failed."""


class FolderForbidden(Invalid):
    """The store's folder cannot be one, or is not for us."""


@asynccontextmanager
async def open_store(where: Path | StoreUrl, *, settings: StoreSettings | None = None) -> AsyncIterator[Store]:
    """Open the store in a folder or a database, making it when there is none; other processes may have it open too.

    The catalog of a folder is migrated when it has an older form, after a copy was made; that of a database, which
    other hosts use too, is refused. Jobs whose runner died are settled.

    Raises:
        NetworkFolder, NotAStore, NewerFormat, OlderFormat, StoreUrlInvalid: (Invalid)
        BlobsElsewhere, BlobsTaken, BlobsNowhere, LocationInvalid, ExtraMissing, PlaceRefused: (Invalid)
        CatalogForbidden, FolderForbidden: (Invalid)
        FolderRefused, CatalogRefused, StorageFailed: (Unavailable)
        CatalogDamaged, CatalogLost, RowDamaged: (Corrupt)
        Whatever the block raises, as it is.

    Cancellation: the block's clean-up can still write; what is in the queue is written before this ends.
    """
    settings = settings or StoreSettings()
    folder, engine = await trio.to_thread.run_sync(_prepare, where, settings)
    error: BaseException | None = None
    async with AsyncExitStack() as parts:
        owners, hints = await parts.enter_async_context(_peers(where, folder, settings))
        connection = engine.open_writer()
        parts.callback(connection.close)
        catalog = engine.open_reader()
        parts.callback(catalog.close)
        for name in query.values(catalog.db, "SELECT name FROM meta"):
            query.sound(catalog.db, "meta", "name = ?", (name,))
        place = _known(catalog.db, "blobs")
        if place is None:
            place = await trio.to_thread.run_sync(_choose_blobs, engine, connection, settings)
        _refuse_elsewhere(engine, folder, place, settings)
        blobs = located.open_blobs(
            place, folder / BLOBS_FOLDER, _known(catalog.db, "uuid") or "", settings.retry_seconds
        )
        parts.callback(blobs.close)
        credentials = (*engine.credentials, *located.credentials_of(place))
        writer = Writer(connection, blobs)
        objects, merges = Objects(catalog, writer, blobs), Merges(catalog, writer, owners)
        store = Store(folder, settings, engine, owners, hints, catalog, writer, blobs, objects, merges, credentials)
        async with trio.open_nursery() as writing:
            await writing.start(writer.run)
            try:
                async with trio.open_nursery() as merging:
                    merging.start_soon(merges.run)
                    try:
                        if settings.settles:
                            with suppress(Unavailable):  # a full disk can be read; it is settled another time
                                await settle.settle(store)
                        yield store
                    except BaseException as exc:  # noqa: BLE001  # raised below, out of the nurseries' groups
                        error = exc
                    merging.cancel_scope.cancel()
            finally:
                writer.close()
    if error is not None:
        raise error


def find_engine(where: Path | StoreUrl) -> Engine:
    """Return what keeps the catalog of a store; nothing is opened.

    Raises:
        ExtraMissing: (Invalid) What speaks to PostgreSQL is not installed.
    """
    if isinstance(where, Path):
        return Sqlite(where)
    try:
        from runner.store.catalog.postgres import Postgres
    except ModuleNotFoundError as exc:
        hint = "pip install 'sidecar-runner[postgres]'"
        raise ExtraMissing(f"the store {where} needs what speaks to PostgreSQL", hint=hint) from exc
    return Postgres(where)


def host_folder(where: Path | StoreUrl, settings: StoreSettings) -> Path:
    """Return the folder on this host that belongs to a store: all of it, or what only this host needs."""
    return where if isinstance(where, Path) else settings.hosts / where.label


def _prepare(where: Path | StoreUrl, settings: StoreSettings) -> tuple[Path, Engine]:
    """Return the store's folder on this host and its catalog, which is there and has the present form."""
    folder, engine = host_folder(where, settings), find_engine(where)
    try:
        _refuse_foreign(folder, has_catalog=isinstance(engine, Sqlite))
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # as https://specifications.freedesktop.org/basedir-spec
        (folder / LOCKS_FOLDER).mkdir(mode=0o700, exist_ok=True)
        kind = network_file_system(folder) if engine.has_folder else None
        if kind is not None and not settings.allow_network_folder:
            raise NetworkFolder(
                f"the store's folder {folder} lies on a {kind} file system, where its locks may not work",
                hint="choose a folder on a local disk with --store, or a PostgreSQL store for several hosts",
            )
        engine.prepare()
    except OSError as exc:
        hint = f"choose a folder that can be written with {'--store' if engine.has_folder else '[storage] hosts'}"
        refused = FolderForbidden if exc.errno in MISTAKES else FolderRefused
        raise refused(f"the store's folder {folder} cannot be used: {exc.strerror}", hint=hint) from exc
    return folder, engine


def _peers(where: Path | StoreUrl, folder: Path, settings: StoreSettings) -> AbstractAsyncContextManager[Peers]:
    """Reach the other processes on a store: those of this host, or of all."""
    if isinstance(where, Path):
        return on_one_host(folder)
    return on_many_hosts(where.secret, settings.lease_seconds)


def _known(db: Connection, name: str) -> str | None:
    found = value(db, "SELECT value FROM meta WHERE name = ?", (name,))
    return None if found is None else str(found)


def _choose_blobs(engine: Engine, connection: WriteConnection, settings: StoreSettings) -> str:
    """Take a place for the blobs of a new store, for good; return what was chosen, perhaps by another process."""
    if not (settings.blobs or engine.has_folder):
        raise BlobsNowhere(
            f"the new store {engine.place} needs a place for its blobs that all its hosts reach",
            hint="give --blobs s3://BUCKET/PREFIX, gs://…, az://… or a shared folder",
        )
    try:
        with connection.begin() as tx:
            store = _known(tx.db, "uuid") or ""
        place = located.canonical(settings.blobs)
        located.take(place, store, settings.retry_seconds)
        with connection.begin() as tx:
            chosen = _known(tx.db, "blobs")
            if chosen is None:
                insert(tx.db, "meta", {"name": "blobs", "value": place})
    except RunnerError:
        raise
    except connection.refusals as exc:
        hint = "see whether its disk is full or read-only"
        raise schema.CatalogRefused(f"the catalog {engine.place} cannot be written: {exc}", hint=hint) from exc
    return place if chosen is None else chosen


def _refuse_elsewhere(engine: Engine, folder: Path, place: str, settings: StoreSettings) -> None:
    own = str((folder / BLOBS_FOLDER).absolute())
    store = folder if engine.has_folder else engine.place
    if settings.blobs and located.canonical(settings.blobs) != (place or own):
        raise located.BlobsElsewhere(
            f"the store {store} keeps its blobs in {place or own}, not in {settings.blobs}",
            hint="leave --blobs out, or make a new store",
        )


def _refuse_foreign(folder: Path, *, has_catalog: bool) -> None:
    """Refuse a *folder* that is in use for something else, so that a slip of --store litters nothing.

    Args:
        folder: On this host.
        has_catalog: Whether the catalog is to be in it, and not in a database.

    Raises:
        NotAStore: (Invalid)
        CatalogLost: (Corrupt)
    """
    names = {path.name for path in folder.iterdir()} - _EMPTY if folder.is_dir() else set()
    if has_catalog and CATALOG_NAME not in names and _holds_blobs(folder / BLOBS_FOLDER):
        raise CatalogLost(
            f"{folder} holds the bytes of a store, and not its catalog, {CATALOG_NAME}",
            hint="restore that from a copy; without it nobody knows what the bytes are",
        )
    if names and not names & {LOCKS_FOLDER, CATALOG_NAME}:
        raise schema.NotAStore(
            f"{folder} holds other files and no store", hint="choose an empty or a new folder with --store"
        )


def _holds_blobs(folder: Path) -> bool:
    return any(path.is_file() for name in ("packs", "files") for path in (folder / name).rglob("*"))


def network_file_system(folder: Path) -> str | None:
    """Return the name of the network file system that *folder* lies on; None: it is a local one, or not known."""
    if sys.platform != "linux":
        return None
    buffer = (ctypes.c_long * 64)()  # struct statfs is smaller and begins with f_type
    if ctypes.CDLL(None, use_errno=True).statfs(os.fsencode(folder), buffer) != 0:
        return None
    return _NETWORK_FILE_SYSTEMS.get(buffer[0] & 0xFFFFFFFF)
