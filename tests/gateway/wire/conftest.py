from contextlib import asynccontextmanager

import pytest
import trio

from runner.gateway.options import GatewayOptions
from runner.gateway.principal import Token, only
from runner.gateway.server import serve
from tests.gateway.wire.raw import Raw


class Served:
    """A gateway on a socket.

    Attributes:
        accesses: What it told of each request.
    """

    def __init__(self, nursery, view):
        self._nursery = nursery
        self._view = view
        self.accesses = []
        self._answered = trio.Event()

    async def start(self, token=None, **options):
        """Serve; return the endpoint's URL."""
        self.scope = trio.CancelScope()
        credentials = None if token is None else Token(token, "runner")
        chosen = GatewayOptions(on_request=self._note, credentials=credentials, **options)
        self.url = await self._nursery.start(self._serve, chosen)
        self.port = int(self.url.rpartition(":")[2])
        return self.url

    async def _serve(self, options, task_status):
        with self.scope:
            await serve(only(self._view), options, task_status=task_status)

    def _note(self, access):
        self.accesses.append(access)
        self._answered.set()
        self._answered = trio.Event()

    async def access(self, operation):
        """Return what was told of the first request for *operation*, as soon as it is."""
        while True:
            for access in self.accesses:
                if access.operation == operation:
                    return access
            await self._answered.wait()

    @asynccontextmanager
    async def connect(self):
        """Open a raw connection."""
        async with await trio.open_tcp_stream("127.0.0.1", self.port) as stream:
            yield Raw(stream)


@pytest.fixture
async def gateway(view, nursery):
    """A gateway over the view of a job; `Served.start` starts it."""
    return Served(nursery, view)
