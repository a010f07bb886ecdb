import ssl

import pytest
import structlog.testing
import trio

from runner.gateway.options import GatewayOptions
from runner.gateway.principal import Token, only
from runner.gateway.server import serve
from runner.host.listen import CannotListen
from tests.gateway.conftest import BODY

PUT = "PUT /out/key HTTP/1.1\nHost: localhost\nContent-Length: 4\n\n"


async def closed(gateway):
    """Return when nobody listens any more."""
    while True:
        try:
            async with gateway.connect():
                await trio.lowlevel.checkpoint()
        except OSError:
            return


async def test_a_cancelled_server_lets_a_request_end_and_takes_no_other(gateway):
    await gateway.start()
    async with gateway.connect() as raw:
        await raw.send(PUT, b"bo")
        async with gateway.connect() as other:
            assert (await other.ask("GET /in/b HTTP/1.1\n")).body == BODY  # so the first has been read
            gateway.scope.cancel()
            assert await other.is_at_end()
        await closed(gateway)
        await raw.send(b"dy")
        reply = await raw.reply()
        assert (reply.status, reply.is_last) == (200, True)
        assert await raw.is_at_end()


@pytest.mark.sqlite  # its clock waits for no database
async def test_idle_connections_do_not_hold_up_the_end(gateway, autojump_clock):
    await gateway.start(drain_seconds=3600)
    async with gateway.connect() as raw:
        assert (await raw.ask("GET /in/b HTTP/1.1\n")).status == 200
        began = trio.current_time()
        gateway.scope.cancel()
        assert await raw.is_at_end()
        assert trio.current_time() - began < 1


async def test_a_request_that_does_not_end_is_cancelled_after_the_limit(gateway, view):
    await gateway.start(drain_seconds=0.2)
    async with gateway.connect() as raw:
        await raw.send(PUT, b"bo")
        async with gateway.connect() as other:
            await other.ask("GET /in/b HTTP/1.1\n")
        gateway.scope.cancel()
        assert await raw.is_at_end()
    page = await (await view.get_bucket("out")).list(b"", b"", b"")
    assert page.items == []


async def test_an_address_that_cannot_be_bound_is_one_clear_sentence(gateway, view):
    await gateway.start()
    for bind in (f"127.0.0.1:{gateway.port}", "127.0.0.1:http", "nonsense", "127.0.0.1:99999"):
        with pytest.raises(CannotListen, match=f"cannot listen on {bind}"):
            await serve(only(view), GatewayOptions(bind=bind))


@pytest.mark.parametrize(
    ("options", "url"),
    [
        ({"bind": "127.0.0.1:0"}, "http://127.0.0.1:"),
        ({"bind": "[::1]:0"}, "http://[::1]:"),
        ({"bind": "0.0.0.0:0"}, "http://127.0.0.1:"),
        ({"advertise": "http://gateway.example:9000"}, "http://gateway.example:9000"),
    ],
)
async def test_the_endpoint_is_what_clients_can_use(view, nursery, options, url):
    assert (await nursery.start(serve, only(view), GatewayOptions(**options))).startswith(url)
    nursery.cancel_scope.cancel()


TLS = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
TOKEN = Token("rnr_token_token", "runner")
EXPOSED = [({}, 1), ({"credentials": TOKEN}, 1), ({"tls": TLS}, 1), ({"credentials": TOKEN, "tls": TLS}, 0)]


@pytest.mark.parametrize(("options", "warnings"), EXPOSED)
async def test_a_listener_that_others_reach_without_auth_or_tls_is_told(view, nursery, options, warnings):
    with structlog.testing.capture_logs() as logs:
        await nursery.start(serve, only(view), GatewayOptions(bind="0.0.0.0:0", **options))
    assert [log["event"] for log in logs] == ["server.exposed"] * warnings
    nursery.cancel_scope.cancel()
