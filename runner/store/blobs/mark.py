"""Whose a place in an object store is: an object there says so, as two stores in one place collect each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from runner.host import objectstores
from runner.model.errors import Invalid
from runner.store.blobs import StorageFailed

if TYPE_CHECKING:
    from obstore.store import ObjectStore

MARK = "runner-store"
_HINT = "its bucket has to be there, and the variables of its SDK to hold what may write to it"


class BlobsTaken(Invalid):
    """The place for blobs is another store's: its collections would remove what they do not know."""


class PlaceRefused(Invalid):
    """The place for blobs is not there, or not for us; the same again will fail again."""


@contextmanager
def refusals(url: str) -> Iterator[None]:
    """Turn what the client library raises in the block into `StorageFailed`, naming *url*."""
    try:
        yield
    except Exception as exc:
        if not objectstores.is_failure(exc):
            raise
        hint = "see whether it is within reach, and whether its credentials are right"
        raise StorageFailed(f"cannot use {url}: {objectstores.sentence(exc)}", hint=hint) from exc


def claim(connect: Callable[[], ObjectStore], url: str, store: str) -> None:
    """Take *url*, which *connect* leads to, for the store with the id *store*, for good.

    Raises:
        BlobsTaken: (Invalid) It is another's.
        PlaceRefused: (Invalid)
        StorageFailed: (Unavailable)
    """
    import obstore
    from obstore.exceptions import AlreadyExistsError

    with refusals(url):
        try:
            client = connect()
            if _marked(client) is None:
                with suppress(AlreadyExistsError):
                    obstore.put(client, MARK, f"{store}\n".encode(), mode="create")
        except Exception as exc:  # the library raises many kinds, of which `refusals` takes the others
            if objectstores.is_mistake(exc):
                raise PlaceRefused(f"cannot use {url}: {objectstores.sentence(exc)}", hint=_HINT) from exc
            raise
    check_mark(client, url, store)


def _marked(client: ObjectStore) -> str | None:
    import obstore

    try:
        return bytes(obstore.get(client, MARK).bytes()).decode(errors="replace").strip()
    except FileNotFoundError:
        return None


def check_mark(client: ObjectStore, url: str, store: str) -> None:
    """See that the place is the store's.

    Raises:
        BlobsTaken, StorageFailed.
    """
    with refusals(url):
        found = _marked(client)
    if found is None:
        raise StorageFailed(
            f"{url} holds no blobs of a store any more", hint=f"its object {MARK} is gone, or the whole place"
        )
    if found != store:
        raise taken(url, found)


def taken(place: str, store: str) -> BlobsTaken:
    """Return the error that tells whose *place* is."""
    return BlobsTaken(
        f"{place} holds the blobs of another store, {store}",
        hint=f"choose another place; when that store is no more, remove {MARK} there",
    )
