"""Where a store keeps its blobs: in its own folder, in another one, or in an object store.

A store remembers the place as `canonical` writes it, and keeps it for good: rows that name bytes elsewhere would name
nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from runner.host import objectstores
from runner.host.home import expand_home
from runner.model.errors import Invalid
from runner.model.store_url import looks_like_url
from runner.store.blobs import Blobs, StorageFailed
from runner.store.blobs.local import LocalBlobs
from runner.store.blobs.mark import MARK, BlobsTaken, PlaceRefused, claim, taken
from runner.store.blobs.system import MISTAKES, refusals

OWN = ""
"""The folder ``blobs`` of the store itself."""


class BlobsElsewhere(Invalid):
    """The store keeps its blobs in another place than the one that was said."""


def canonical(said: str) -> str:
    """Return a place as a store remembers it: a URL without a slash at its end, or the path of a folder.

    Raises:
        NoHome, LocationInvalid, ExtraMissing: (Invalid)
    """
    if not said:
        return OWN
    scheme, is_url, rest = said.partition("://")
    if not is_url:
        if looks_like_url(said):
            raise objectstores.LocationInvalid(
                f"blobs cannot use {said}", hint=f"write {objectstores.FORMS}, or ./{said} for a folder of that name"
            )
        return str(expand_home(said).absolute())
    objectstores.locate(said, "blobs")
    return f"{scheme}://{rest.rstrip('/')}"


def take(place: str, store: str, retry_seconds: float) -> None:
    """Claim *place* for a store that is about to be made, by its id.

    Raises:
        LocationInvalid, ExtraMissing, BlobsTaken, PlaceRefused: (Invalid)
        StorageFailed: (Unavailable)
    """
    if "://" in place:
        location = objectstores.locate(place, "blobs")
        claim(partial(location.open, retry_seconds), place, store)
    elif place != OWN:
        try:
            with refusals(place):
                Path(place).mkdir(parents=True, exist_ok=True)
                _mark_folder(place, store)
        except StorageFailed as exc:
            if isinstance(exc.__cause__, OSError) and exc.__cause__.errno in MISTAKES:
                raise PlaceRefused(exc.message, hint="choose a folder that can be written with --blobs") from exc
            raise


def open_blobs(place: str, own: Path, store: str, retry_seconds: float) -> Blobs:
    """Open what lies at *place*; an object store is asked only when it is needed.

    Args:
        place: As the store remembers it.
        own: Its own folder for blobs.
        store: Its id.
        retry_seconds: For so long requests over a network are repeated.

    Raises:
        LocationInvalid, ExtraMissing, BlobsTaken: (Invalid)
        StorageFailed: (Unavailable)
    """
    if "://" in place:
        from runner.store.blobs.remote import RemoteBlobs

        location = objectstores.locate(place, "blobs")
        return RemoteBlobs(place, partial(location.open, retry_seconds), store)
    if place == OWN:
        return LocalBlobs(own)
    with refusals(place):
        _check_folder(place, store)
    return LocalBlobs(Path(place))


def credentials_of(place: str) -> Sequence[str]:
    """Return patterns of the variables that may hold what opens *place*."""
    return objectstores.locate(place, "blobs").credentials if "://" in place else ()


def _mark_folder(place: str, store: str) -> None:
    try:
        with Path(place, MARK).open("x", encoding="utf-8") as mark:
            mark.write(f"{store}\n")
    except FileExistsError:
        _check_folder(place, store)


def _check_folder(place: str, store: str) -> None:
    try:
        found = Path(place, MARK).read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError as exc:
        raise StorageFailed(
            f"{place} holds no blobs of a store", hint=f"see whether it is mounted: {MARK} is not there"
        ) from exc
    if found != store:
        raise taken(place, found)


__all__ = ["BlobsElsewhere", "BlobsTaken", "canonical", "credentials_of", "open_blobs", "take"]
