from functools import partial

import pytest
import trio

from runner.console.health import Readiness, health
from runner.host.signals import Stop
from runner.store import open_store
from runner.store.aside import probe
from runner.store.catalog.sqlite import CATALOG_NAME


@pytest.fixture
async def store(tmp_path):
    async with open_store(tmp_path / "store") as store:
        yield store


async def test_who_lives_says_so_whatever_else_is_wrong(port, store):
    await port.start(health(Readiness(partial(probe, store), Stop())))
    reply = await port.get("/livez")
    assert (reply.status, reply.body) == (200, b"ok\n")


async def test_ready_is_who_has_begun_and_is_not_ending(port, store):
    stop = Stop()
    readiness = Readiness(partial(probe, store), stop)
    await port.start(health(readiness))

    async def asked():
        reply = await port.get("/readyz")
        return reply.status, reply.body

    assert await asked() == (503, b"not ready: it is starting\n")
    readiness.is_started = True
    assert await asked() == (200, b"ok\n")
    stop.ask("stopped by SIGTERM")
    assert await asked() == (503, b"not ready: it is ending, stopped by SIGTERM\n")


async def test_who_has_lost_the_store_is_not_ready_and_makes_no_other(port, store):
    await port.start(health(Readiness(partial(probe, store), Stop(), is_started=True)))
    catalog = store.folder / CATALOG_NAME
    aside = catalog.rename(catalog.with_name("aside"))
    reply = await port.get("/readyz")
    assert reply.status == 503
    assert b"is not there any more" in reply.body
    assert not catalog.exists()
    aside.rename(catalog)
    assert (await port.get("/readyz")).status == 200


async def test_who_waits_for_a_store_that_hangs_is_not_ready(autojump_clock):
    readiness = Readiness(trio.sleep_forever, Stop(), is_started=True)
    assert await readiness.find_reason() == "the store has not answered for 3 s"
