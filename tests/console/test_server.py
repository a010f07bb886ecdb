import socket

import structlog.testing
import trio
from quart import Blueprint, request

from runner.console import server
from runner.console.app import create_app
from runner.console.server import serve
from runner.host.listen import listen

LARGE = 64 * 1024 * 1024


def sample(entered=None, leave=None):
    part = Blueprint("sample", __name__)

    @part.get("/slow")
    async def slow():
        entered.set()
        await leave.wait()
        return "done"

    @part.post("/echo")
    async def echo():
        return await request.get_data()

    @part.get("/large")
    async def large():
        return b"x" * LARGE

    @part.get("/quick")
    async def quick():
        return "quick"

    return part


async def test_a_connection_serves_many_requests_and_ends_when_asked_to(port):
    await port.start(sample())
    async with port.connect() as raw:
        for number in range(3):
            assert (await raw.ask("GET /quick HTTP/1.1\n")).body == b"quick"
            body = b"%d" % number
            assert (await raw.ask("POST /echo HTTP/1.1\nContent-Length: 1\n", body)).body == body
            assert (await raw.ask("HEAD /quick HTTP/1.1\n", has_body=False)).headers["content-length"] == "5"
        assert (await raw.ask("GET /quick HTTP/1.1\nConnection: close\n")).is_last
        assert await raw.is_at_end()


async def test_a_cancelled_server_lets_a_request_end_and_takes_no_other(port):
    entered, leave = trio.Event(), trio.Event()
    await port.start(sample(entered, leave))
    async with port.connect() as idle, port.connect() as raw:
        await idle.ask("GET /quick HTTP/1.1\n")
        await raw.send("GET /slow HTTP/1.1\nHost: localhost\n\n")
        await entered.wait()
        port.scope.cancel()
        assert await idle.is_at_end()
        leave.set()
        assert (await raw.reply()).body == b"done"
        assert await raw.is_at_end()


async def test_a_request_that_does_not_end_is_cancelled_after_the_limit(port, monkeypatch):
    monkeypatch.setattr(server, "DRAIN_SECONDS", 0.1)
    entered = trio.Event()
    await port.start(sample(entered, trio.Event()))
    async with port.connect() as raw:
        await raw.send("GET /slow HTTP/1.1\nHost: localhost\n\n")
        await entered.wait()
        port.scope.cancel()
        assert await raw.is_at_end()


async def test_what_is_no_http_ends_its_connection_and_not_the_server(port):
    await port.start(sample())
    for sent in (
        b"\0\xff" * 40,
        b"GET",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: x\r\n\r\n",
        b"\r\n" * 99,
    ):
        async with port.connect() as raw:
            await raw.send(sent)
            await raw.stream.send_eof()
            with trio.fail_after(5):
                while await raw.stream.receive_some():
                    pass
    assert (await port.get("/quick")).status == 200


async def test_what_would_be_another_protocol_is_refused(port):
    await port.start(sample())
    upgrade = "Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\n"
    upgrade += "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\n"
    async with port.connect() as raw:
        assert (await raw.ask(f"GET /quick HTTP/1.1\n{upgrade}")).status == 403
    assert (await port.get("/quick")).status == 200


async def test_a_client_that_breaks_off_leaves_the_server_as_it_was(port):
    await port.start(sample())
    for head in (
        "POST /echo HTTP/1.1\nHost: localhost\nContent-Length: 9\n\nab",
        "GET /large HTTP/1.1\nHost: localhost\n\n",
    ):
        async with port.connect() as raw:
            await raw.send(head)
    assert (await port.get("/quick")).status == 200


async def test_a_client_that_takes_nothing_does_not_hold_up_the_end(port, monkeypatch):
    monkeypatch.setattr(server, "STALLED_SECONDS", 0.2)
    monkeypatch.setattr(server, "DRAIN_SECONDS", 0.2)
    async with trio.open_nursery() as nursery:
        listener = listen("127.0.0.1:0")
        url = await nursery.start(serve, create_app(sample()), listener)
        stream = await trio.open_tcp_stream("127.0.0.1", int(url.rpartition(":")[2]))
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await stream.send_all(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await stream.receive_some(1)
        nursery.cancel_scope.cancel()
    await stream.aclose()


async def test_a_body_that_is_too_large_is_refused(port):
    await port.start(sample())
    async with port.connect() as raw:
        reply = await raw.ask("POST /echo HTTP/1.1\nContent-Length: 9999999\n")
        assert reply.status == 413


async def test_an_admin_port_that_others_reach_is_told(nursery):
    with structlog.testing.capture_logs() as logs:
        await nursery.start(serve, create_app(), listen("0.0.0.0:0"))
    assert [log["event"] for log in logs] == ["server.exposed"]
    nursery.cancel_scope.cancel()
