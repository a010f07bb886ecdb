from contextlib import asynccontextmanager

import pytest
import trio

from runner.console.app import create_app
from runner.console.server import serve
from runner.host.listen import listen
from tests.gateway.wire.raw import Raw


class Port:
    """An admin port on a socket."""

    def __init__(self, nursery):
        self._nursery = nursery

    async def start(self, *parts, **options):
        """Serve the parts; return the URL."""
        self.scope = trio.CancelScope()
        self.url = await self._nursery.start(self._serve, create_app(*parts, **options))
        self.number = int(self.url.rpartition(":")[2])
        return self.url

    async def _serve(self, app, task_status):
        with self.scope:
            await serve(app, listen("127.0.0.1:0"), task_status=task_status)

    @asynccontextmanager
    async def connect(self):
        """Open a raw connection."""
        async with await trio.open_tcp_stream("127.0.0.1", self.number) as stream:
            yield Raw(stream, has_reasons=False)  # stock hypercorn says none

    async def get(self, path, *headers):
        """Ask once, on a connection of its own."""
        async with self.connect() as raw:
            return await raw.ask("\n".join([f"GET {path} HTTP/1.1", "Connection: close", *headers, ""]))


@pytest.fixture
async def port(nursery):
    return Port(nursery)
