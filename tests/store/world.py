"""A pipeline, an input and bodies of requests, for tests of jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from runner.model.address import parse
from runner.model.entry import Attributes, Checksum
from runner.model.job import JobInput
from runner.model.pipeline import PfsInput, Pipeline, Transform
from runner.store import Store, files
from runner.store.history import commits
from runner.store.jobs import pipelines
from runner.store.sessions import begin
from runner.store.sessions.sessions import JobSession
from runner.store.writing.changes import open_change

DATUM = "d" * 64
NO_ATTRIBUTES = Attributes()
PIPELINE = Pipeline(
    project="default",
    name="double",
    transform=Transform(cmd=("true",)),
    input=PfsInput("data", "default", "data", "master", "/", s3=True),
    s3_out=True,
    spec={"pipeline": {"name": "double"}},
    digest="1",
)


class Body:
    """The content of a write: given pieces, and the checksum that was verified."""

    def __init__(self, *pieces: bytes, checksum: Checksum | None = None) -> None:
        self._pieces = pieces
        self.checksum = checksum

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


async def read_all(reader, first=0, end=None) -> bytes:
    end = reader.entry.size if end is None else end
    return b"".join([piece async for piece in reader.read(first, end)])


async def commit_objects(store: Store, objects: Mapping[bytes, bytes], repo="data", branch="master", gone=()):
    async with open_change(store, "default", repo, branch) as change:
        for key, data in objects.items():
            await change.put(key, Body(data), NO_ATTRIBUTES)
        for key in gone:
            await change.delete(key)
        commit, _ = await change.commit()
    return commit


async def open_session(store: Store, objects: Mapping[bytes, bytes] | None = None, **options) -> JobSession:
    """Open a running job whose input `data` holds *objects*."""
    commit = await commit_objects(store, objects or {})
    version = await pipelines.register(store, PIPELINE)
    inputs = [JobInput("data", "default", "data", "master", commit.id)]
    session = await begin.open_job(store, PIPELINE, version=version, inputs=inputs, **options)
    await session.start()
    return session


async def list_all(bucket, prefix=b"", delimiter=b"", limit=1000) -> list[object]:
    items, after = [], b""
    while after is not None:
        page = await bucket.list(prefix, delimiter, after, limit)
        items += [item if isinstance(item, bytes) else item.key for item in page.items]
        after = page.next_after
    return items


async def content(store: Store, address: str) -> dict[bytes, bytes]:
    """Return what the first 1,000 keys of a commit hold."""
    bucket = files.bucket_of(store, await commits.resolve(store, parse(address)))
    found = {}
    for entry in (await bucket.list(b"", b"", b"", 1000)).items:
        found[entry.key] = await read_all(await bucket.get(entry.key))
    return found
