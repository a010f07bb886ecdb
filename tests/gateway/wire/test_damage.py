"""What a client gets of a damaged store: an error, or fewer bytes than announced, never a 200 that seems whole."""

from __future__ import annotations

import http.client
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import trio

from runner.gateway.principal import only
from runner.store import open_store
from runner.store.buckets.storeview import StoreView
from tests.gateway.wire.conftest import Served
from tests.store.world import commit_objects

pytestmark = pytest.mark.sqlite  # it writes into the file
OBJECTS = {b"small": b"s" * 3000, b"large": bytes(range(256)) * 8000}
ROWS = {
    "entry": "UPDATE entry SET size = size - 1",
    "ETag": "UPDATE entry SET etag = 'x' || etag",
    "place in a pack": "UPDATE blob SET off = off + 1 WHERE pack IS NOT NULL",
    "name of a file": "UPDATE blob SET name = 'a' || name WHERE name IS NOT NULL",
    "head": "UPDATE branch SET head = head + 1",
    "layers of a commit": "UPDATE commits SET read_set = '[2]'",
}


class Damaged:
    """A store behind a gateway, and what a client gets from it."""

    def __init__(self, folder: Path, served: Served) -> None:
        self._folder = folder
        self._served = served

    def flip(self, kind: str, at: int) -> None:
        (path,) = (path for path in (self._folder / "blobs" / kind).rglob("*") if path.is_file())
        data = bytearray(path.read_bytes())
        data[at] ^= 1
        path.chmod(0o600)
        path.write_bytes(data)

    def change(self, statement: str) -> None:
        with closing(sqlite3.connect(self._folder / "catalog.sqlite3")) as db, db:
            assert db.execute(statement).rowcount

    async def get(self, key: str, **headers: str) -> tuple[int, bytes] | None:
        """Return status and body; None: the connection broke before that was whole."""
        return await trio.to_thread.run_sync(self._get, key, headers)

    def _get(self, key: str, headers: dict[str, str]) -> tuple[int, bytes] | None:
        with closing(http.client.HTTPConnection("127.0.0.1", self._served.port, timeout=10)) as connection:
            try:
                connection.request("GET", f"/data/{key}", headers=headers)
                answer = connection.getresponse()
                return answer.status, answer.read()
            except (http.client.IncompleteRead, http.client.RemoteDisconnected):
                return None


@pytest.fixture
async def damaged(tmp_path, nursery):
    """A store with a small and a large object that is about to be damaged."""
    folder = tmp_path / "store"
    async with open_store(folder) as store:
        await commit_objects(store, OBJECTS)
        served = Served(nursery, only(StoreView(store, None, project="default")))
        await served.start()
        yield Damaged(folder, served)
        served.scope.cancel()


async def test_what_is_whole_is_served(damaged):
    for key, data in OBJECTS.items():
        assert await damaged.get(key.decode()) == (200, data)


@pytest.mark.parametrize(("key", "kind"), [("small", "packs"), ("large", "files")])
async def test_a_flipped_bit_in_the_bytes_breaks_the_connection(damaged, key, kind):
    damaged.flip(kind, -100)
    assert await damaged.get(key) is None
    other = {"small": "large", "large": "small"}[key]
    assert await damaged.get(other) == (200, OBJECTS[other.encode()])


async def test_a_range_of_a_small_object_is_compared_too(damaged):
    assert await damaged.get("small", Range="bytes=0-9") == (206, b"s" * 10)
    damaged.flip("packs", -100)
    assert await damaged.get("small", Range="bytes=0-9") is None


@pytest.mark.parametrize("statement", ROWS.values(), ids=ROWS)
async def test_a_damaged_row_ends_in_an_error_and_never_in_not_found(damaged, statement):
    damaged.change(statement)
    answers = {key: await damaged.get(key.decode()) for key in OBJECTS}
    assert any(answer != (200, OBJECTS[key]) for key, answer in answers.items())
    for key, answer in answers.items():
        assert answer is None or answer[0] == 500 or answer == (200, OBJECTS[key])
