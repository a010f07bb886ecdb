from __future__ import annotations

import hashlib
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio

from runner.model.entry import Attributes
from runner.model.ids import CommitId
from runner.model.job import JobInput
from runner.model.pipeline import PfsInput, Pipeline, Transform
from runner.store import opening
from runner.store.jobs import pipelines
from runner.store.sessions import begin
from runner.store.sessions.attempts import AttemptSession
from runner.store.view import View
from runner.store.writing import changes
from tests import databases
from tests.gateway.bucket import Bucket, open_bucket
from tests.gateway.caller import Caller

BODY = b"0123456789"
ETAG = hashlib.md5(BODY).hexdigest()
INPUTS = {
    b"a/1": (b"one", Attributes()),
    b"a/2": (b"two", Attributes()),
    b"b": (BODY, Attributes({"content-type": "text/plain"}, {"colour": "red"})),
    b"empty": (b"", Attributes()),
}
PIPELINE = Pipeline(
    project="default",
    name="copier",
    transform=Transform(cmd=("true",)),
    input=PfsInput("in", "default", "in", "master", "/", s3=True),
    s3_out=True,
)


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def _make_store(folder: Path) -> CommitId:
    async with opening.open_store(folder) as store:
        await pipelines.register(store, PIPELINE)
        async with changes.open_change(store, "default", "in", "master") as change:
            for key, (body, attributes) in INPUTS.items():
                await change.put(key, _pieces(body), attributes)
            commit, _ = await change.commit()
    return commit.id


@dataclass(frozen=True, slots=True)
class Worlds:
    """Makes jobs, each in a store of its own; the store is made once and copied, which is many times as fast."""

    template: Path
    commit: CommitId
    folders: pytest.TempPathFactory

    @asynccontextmanager
    async def open(self) -> AsyncIterator[AttemptSession]:
        """Begin an attempt of a job that has `INPUTS` in the bucket ``in``."""
        folder = self.folders.mktemp("world") / "store"
        shutil.copytree(self.template, folder, ignore=shutil.ignore_patterns("catalog.*"))
        databases.copy(self.template, folder)
        pinned = JobInput("in", "default", "in", "master", self.commit)
        async with (
            opening.open_store(folder) as store,
            await begin.open_job(store, PIPELINE, version=1, inputs=[pinned]) as session,
        ):
            await session.start()
            yield await session.open_attempt("0" * 64, 1)


@pytest.fixture(scope="session")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Worlds:
    """For tests that need many jobs."""
    template = tmp_path_factory.mktemp("template") / "store"
    commit = trio.run(_make_store, template)
    databases.keep(template)
    return Worlds(template, commit, tmp_path_factory)


@pytest.fixture
async def attempt(worlds: Worlds) -> AsyncIterator[AttemptSession]:
    """An attempt of a job."""
    async with worlds.open() as attempt:
        yield attempt


@pytest.fixture
def view(attempt: AttemptSession) -> View:
    """The view of a job."""
    return attempt.view


@pytest.fixture
async def bucket(tmp_path: Path) -> AsyncIterator[Bucket]:
    """A branch as the bucket ``data`` of the store view."""
    async with open_bucket(tmp_path / "store") as bucket:
        yield bucket


@pytest.fixture
def call(view: View) -> Caller:
    """Calls operations on the view of a job."""
    return Caller(view)
