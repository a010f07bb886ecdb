"""Processes that put and commit until they are killed; each acknowledged thing is one line on their output."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import trio

from runner.model.address import parse
from runner.model.job import JobInput
from runner.store import open_store
from runner.store.history import commits
from runner.store.jobs import pipelines
from runner.store.sessions import begin
from tests.store.world import DATUM, NO_ATTRIBUTES, PIPELINE, Body

WRITERS = 4


def value(key: str) -> bytes:
    """Return what is put under *key*: small or large, by its number."""
    return key.encode() * (40_000 if key.endswith("7") else 3)


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


async def run_job(store, version: int, inputs, objects: int) -> None:
    session = await begin.open_job(store, PIPELINE, version=version, inputs=inputs)
    async with session:
        say("job", session.key.id)
        await session.start()
        attempt = await session.open_attempt(DATUM, 1)
        out = attempt.buckets["out"]

        async def put(writer: int) -> None:
            for number in range(writer, objects, WRITERS):
                key = f"{session.key.id[:8]}/{number}"
                await out.put(key.encode(), Body(value(key)), NO_ATTRIBUTES)
                say("put", session.key.id, key)

        async with trio.open_nursery() as nursery:
            for writer in range(WRITERS):
                nursery.start_soon(put, writer)
        await attempt.close(keep=True, exit=None, reason="")
        say("closed", session.key.id)
        await session.seal({"job": session.key.id})
        say("sealed", session.key.id)
        await session.commit({"job": session.key.id, "whole": True})
        say("committed", session.key.id)


async def main(folder: str, jobs: int, objects: int) -> None:
    async with open_store(Path(folder)) as store:
        commit = await commits.resolve(store, parse("data@master"))
        inputs = [JobInput("data", "default", "data", "master", commit.id)]
        version = await pipelines.register(store, PIPELINE)
        say("ready")
        for _ in range(jobs):
            await run_job(store, version, inputs, objects)


def serve() -> None:
    """Fork a writer for each line of input: what is imported once serves them all."""
    for line in sys.stdin:
        folder, jobs, objects = line.split("\t")
        child = os.fork()
        if child == 0:
            say("pid", os.getpid())
            trio.run(main, folder, int(jobs), int(objects))
            os._exit(0)
        os.waitpid(child, 0)
        say("dead")


if __name__ == "__main__":
    serve()
