"""Hints and owners of several hosts: LISTEN and NOTIFY, and leases, on a real server."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager

import psycopg
import pytest
import trio

from runner.host.beside import beside
from runner.model.store_url import parse
from runner.store.catalog import postgres as engine
from runner.store.hints.notify import NotifyHints
from runner.store.line import LONGEST_PAUSE_SECONDS, Line
from runner.store.owners import owning
from runner.store.owners.leases import LeaseOwners
from tests.store.contract_hints import HintsContract, hears
from tests.store.contract_owners import OwnersContract
from tests.system.postgres import Postgres, running

TTL_SECONDS = 1.0


@asynccontextmanager
async def reached(url):
    """Give the line of a process."""
    line = Line(url)
    async with beside(line.run):
        try:
            yield line
        finally:
            line.close()


def prepared(server: Postgres) -> str:
    """Make an empty store and return its URL."""
    url = server.create()
    engine.Postgres(parse(url)).prepare()
    return url


@pytest.fixture
def url(postgres):
    return prepared(postgres)


@pytest.fixture
async def processes(url):
    """Open what two processes have."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(reached(url)) for _ in range(2)]


class TestNotifyHints(HintsContract):
    @pytest.fixture
    def hints(self, processes):
        return NotifyHints(processes[0])

    @pytest.fixture
    def others(self, processes):
        return NotifyHints(processes[1])


@asynccontextmanager
async def alive(line, ttl_seconds=TTL_SECONDS):
    """Renew the leases of a process, for as long as it lives."""
    owners = LeaseOwners(line, ttl_seconds)
    async with beside(owners.run):
        try:
            yield owners
        finally:
            owners.close()


class TestLeaseOwners(OwnersContract):
    @pytest.fixture
    async def owners(self, processes):
        async with alive(processes[0]) as owners:
            yield owners

    @pytest.fixture
    async def others(self, processes):
        async with alive(processes[1]) as owners:
            yield owners

    async def test_a_lease_lasts_for_as_long_as_its_holder_lives(self, owners, others):
        async with owning(owners, "a"):
            for _ in range(10):
                await trio.sleep(TTL_SECONDS / 4)
                assert await others.take("a") is None

    async def test_a_lease_of_a_dead_process_runs_out(self, processes, others):
        dead = LeaseOwners(processes[0], TTL_SECONDS)
        owner = await dead.take("a")
        assert await others.take("a") is None
        assert await others.is_held("a")
        await trio.sleep(TTL_SECONDS + 0.1)
        assert not await others.is_held("a")
        async with owning(others, "a") as other:
            assert other is not None
            await owner.release()
            assert await others.is_held("a")

    async def test_who_lost_a_lease_learns_of_it(self, processes, others):
        cut_off = LeaseOwners(processes[0], TTL_SECONDS)
        owner = await cut_off.take("a")
        await trio.sleep(TTL_SECONDS + 0.1)
        async with owning(others, "a") as other, beside(cut_off.run):
            assert other is not None
            with trio.fail_after(5):
                await owner.lost.wait()
            cut_off.close()

    async def test_a_lease_that_ran_out_and_that_nobody_took_goes_on(self, processes, others):
        cut_off = LeaseOwners(processes[0], TTL_SECONDS)
        owner = await cut_off.take("a")
        await trio.sleep(TTL_SECONDS + 0.1)
        async with beside(cut_off.run):
            await trio.sleep(TTL_SECONDS)
            assert await others.take("a") is None
            assert not owner.lost.is_set()
            await owner.release()
            cut_off.close()


async def test_a_lost_connection_is_a_hint_and_hints_go_on(url):
    async with reached(url) as one, reached(url) as other:
        hints, others = NotifyHints(one), NotifyHints(other)
        async with hints.listen() as news:
            await _break_all(url)
            assert await hears(news)
            others.tell()
            assert await hears(news)


async def test_what_is_told_while_the_server_restarts_is_heard_and_leases_survive():
    ttl_seconds = LONGEST_PAUSE_SECONDS + 2  # its holder tries again within it once the server is back
    with running() as server:
        url = prepared(server)
        async with (
            reached(url) as one,
            reached(url) as other,
            alive(one, ttl_seconds) as owners,
            alive(other, ttl_seconds) as others,
        ):
            hints, others_hints = NotifyHints(one), NotifyHints(other)
            async with owning(owners, "a") as owner, hints.listen() as news:
                await trio.to_thread.run_sync(server.stop)
                others_hints.tell()
                await trio.sleep(ttl_seconds * 1.5)  # longer than a lease: nobody could renew one
                await trio.to_thread.run_sync(server.start)
                assert await hears(news)
                assert await others.take("a") is None
                await trio.sleep(ttl_seconds * 1.5)
                assert await others.take("a") is None
                assert not owner.lost.is_set()


async def _break_all(url):
    def run():
        with psycopg.connect(url, autocommit=True) as db:
            db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid != pg_backend_pid()")

    await trio.to_thread.run_sync(run)
