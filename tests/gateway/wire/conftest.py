from contextlib import ExitStack, asynccontextmanager
from functools import partial

import boto3
import pytest
import trio
from botocore.config import Config

from runner.gateway.options import GatewayOptions
from runner.gateway.principal import Grant, Principal, Token, only
from runner.gateway.server import serve
from runner.store import accounts, open_store
from runner.store.buckets.storeview import StoreView
from runner.store.rights import NOBODY
from runner.store.writing.bursts import open_bursts
from tests.gateway.wire.raw import Raw


class Served:
    """A gateway on a socket.

    Attributes:
        accesses: What it told of each request.
    """

    def __init__(self, nursery, views):
        self._nursery = nursery
        self._views = views
        self.accesses = []
        self._answered = trio.Event()

    async def start(self, token=None, **options):
        """Serve; return the endpoint's URL."""
        self.scope = trio.CancelScope()
        if token is not None:
            options["credentials"] = Token(token, "runner")
        chosen = GatewayOptions(on_request=self._note, **options)
        self.url = await self._nursery.start(self._serve, chosen)
        self.port = int(self.url.rpartition(":")[2])
        return self.url

    async def _serve(self, options, task_status):
        with self.scope:
            await serve(self._views, options, task_status=task_status)

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
    return Served(nursery, only(view))


class AccountsGateway(Served):
    """A gateway over a whole store that asks for accounts, and boto3 for each of them.

    Attributes:
        tokens: By name of the account.
    """

    def __init__(self, nursery, store, bursts):
        self.store = store
        self.tokens = {}
        self._clients = ExitStack()

        def views(principal):
            return StoreView(store, bursts, project="default", rights=principal.rights or NOBODY)

        super().__init__(nursery, views)

    def find(self, access_key):
        """As `runner.gateway.principal.Credentials.find`."""
        rights = accounts.find_rights(self.store.catalog.db, access_key)
        return None if rights is None else Grant(Principal(rights.name, rights=rights), access_key)

    async def account(self, name, **options):
        """Make an account and return what asks in its name."""
        self.tokens[name] = await accounts.create(self.store, name)
        return self.asking(self.tokens[name], **options)

    def asking(self, token, **options):
        """Return what calls a method of a client by name."""
        config = Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}, **options)
        s3 = boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=token,
            aws_secret_access_key=token,
            region_name="us-east-1",
            config=config,
        )
        self._clients.callback(s3.close)

        async def ask(method, **parameters):
            return await trio.to_thread.run_sync(partial(getattr(s3, method), **parameters))

        return ask

    def close(self):
        self._clients.close()


@pytest.fixture
async def store_gateway(tmp_path, nursery):
    """A gateway over a store of its own, with accounts."""
    async with open_store(tmp_path / "store") as store, open_bursts(store) as bursts:
        gateway = AccountsGateway(nursery, store, bursts)
        await gateway.start(credentials=gateway)
        yield gateway
        gateway.close()
        gateway.scope.cancel()
