import hashlib

import pytest
import structlog.testing
import trio

from runner.gateway.asgi import CLIENT_VANISHED, Gateway
from runner.gateway.options import GatewayOptions
from runner.gateway.principal import only
from runner.store.refusals import NoSuchKey
from tests.gateway.conftest import BODY

PUT = "PUT /out/key HTTP/1.1\n"


async def stored(view, key=b"key"):
    """Return the bytes of an object in `out`, None when there is none."""
    bucket = await view.get_bucket("out")
    try:
        reader = await bucket.get(key)
    except NoSuchKey:
        return None
    return b"".join([piece async for piece in reader.read(0, reader.entry.size)])


async def test_a_connection_serves_many_requests(gateway, view):
    await gateway.start()
    async with gateway.connect() as raw:
        for number in range(5):
            body = b"%d" % number
            assert (await raw.ask(PUT + "Content-Length: 1\n", body)).status == 200
            assert (await raw.ask("GET /out/key HTTP/1.1\n")).body == body
            assert (await raw.ask("HEAD /out/key HTTP/1.1\n", has_body=False)).headers["content-length"] == "1"
            assert (await raw.ask("GET /out?list-type=2 HTTP/1.1\n")).status == 200  # behind Quart
            assert (await raw.ask("DELETE /out/key HTTP/1.1\n")).status == 204


async def test_pipelined_requests_are_answered_in_their_order(gateway):
    await gateway.start()
    async with gateway.connect() as raw:
        await raw.send(*(f"GET /in/{key} HTTP/1.1\nHost: localhost\n\n" for key in ("a/1", "b", "none", "a/2")))
        assert [(await raw.reply()).body for _ in range(2)] == [b"one", BODY]
        assert (await raw.reply()).code == "NoSuchKey"
        assert (await raw.reply()).body == b"two"


async def test_the_end_comes_at_once_when_it_was_asked_for(gateway):
    await gateway.start()
    for path in ("/in/b", "/in?list-type=2", "/nowhere"):
        async with gateway.connect() as raw:
            assert (await raw.ask(f"GET {path} HTTP/1.1\nConnection: close\n")).is_last
            assert await raw.is_at_end()


async def test_an_idle_connection_is_closed(gateway):
    await gateway.start(idle_seconds=0.1)
    for path in ("/in/b", "/in?list-type=2"):
        async with gateway.connect() as raw:
            assert (await raw.ask(f"GET {path} HTTP/1.1\n")).status == 200
            assert await raw.is_at_end()


async def test_a_head_that_does_not_come_to_its_end_is_given_up(gateway):
    await gateway.start(idle_seconds=0.2)
    async with gateway.connect() as raw:
        with trio.move_on_after(5) as limit:
            while not await _closes(raw):
                await raw.send("X")
        assert not limit.cancelled_caught


async def _closes(raw):
    with trio.move_on_after(0.05):
        try:
            return not await raw.stream.receive_some()
        except trio.BrokenResourceError:
            return True
    return False


async def test_a_body_that_stalls_is_refused_and_leaves_nothing(gateway, view):
    await gateway.start(idle_seconds=0.1)
    async with gateway.connect() as raw:
        reply = await raw.ask(PUT + "Content-Length: 10\n", b"half")
        assert (reply.status, reply.code, reply.is_last) == (400, "RequestTimeout", True)
        assert await raw.is_at_end()
    assert await stored(view) is None


async def test_a_body_may_take_longer_than_the_idle_time(gateway, view):
    await gateway.start(idle_seconds=0.3)
    async with gateway.connect() as raw:
        await raw.send(PUT + "Host: localhost\nContent-Length: 8\n\n")
        for _ in range(8):
            await raw.send(b"x")
            await trio.sleep(0.08)  # the promise is about time
        assert (await raw.reply()).status == 200
    assert await stored(view) == b"xxxxxxxx"


@pytest.mark.parametrize("framing", ["Content-Length: 1000000", "Transfer-Encoding: chunked"])
async def test_a_client_that_vanishes_leaves_nothing(gateway, view, framing):
    await gateway.start()
    async with gateway.connect() as raw:
        await raw.send(PUT + f"Host: localhost\n{framing}\n\n", b"ffff\r\n" + b"x" * 5000)
    access = await gateway.access("PutObject")
    assert (access.status, access.code) == (CLIENT_VANISHED, "ClientVanished")
    assert await stored(view) is None


async def test_a_client_that_vanishes_within_a_document_is_no_error_of_ours(gateway):
    await gateway.start()
    with structlog.testing.capture_logs() as logs:
        async with gateway.connect() as raw:
            await raw.send("POST /out?delete HTTP/1.1\nHost: localhost\nContent-Length: 1000000\n\n", b"<Delete>")
        access = await gateway.access("DeleteObjects")
    assert (access.status, access.code) == (CLIENT_VANISHED, "ClientVanished")
    assert [log for log in logs if log["log_level"] == "error"] == []


@pytest.mark.parametrize("target", [b"/in/b", b"/in"])
async def test_a_client_that_vanishes_before_its_answer_is_no_error_of_ours(view, target):
    accesses = []
    scope = {"method": "GET", "raw_path": target, "query_string": b"", "headers": [], "scheme": "http"}

    async def send(_message):
        raise trio.BrokenResourceError

    with structlog.testing.capture_logs() as logs:
        await Gateway(only(view), GatewayOptions(on_request=accesses.append))(scope, trio.sleep_forever, send)
    assert [(access.status, access.code) for access in accesses] == [(CLIENT_VANISHED, "ClientVanished")]
    assert [log for log in logs if log["log_level"] == "error"] == []


async def test_100_continue_comes_when_the_body_is_wanted(gateway, view):
    await gateway.start()
    async with gateway.connect() as raw:
        interim = await raw.ask(PUT + "Content-Length: 4\nExpect: 100-continue\n")
        assert interim.status == 100
        await raw.send(b"body")
        assert (await raw.reply()).status == 200
        assert (await raw.ask("GET /out/key HTTP/1.1\n")).body == b"body"


async def test_100_continue_comes_for_an_empty_body_too(gateway, view):
    """As from S3. The AWS CLI kept the status of a reply that came instead for its next request on the connection."""
    await gateway.start()
    async with gateway.connect() as raw:
        for _ in range(2):
            assert (await raw.ask(PUT + "Content-Length: 0\nExpect: 100-continue\n")).status == 100
            reply = await raw.reply()
            assert (reply.status, reply.is_last) == (200, False)
    assert await stored(view) == b""


async def test_silence_after_100_continue_is_given_up(gateway, view):
    await gateway.start(idle_seconds=0.1)
    async with gateway.connect() as raw:
        assert (await raw.ask(PUT + "Content-Length: 4\nExpect: 100-continue\n")).status == 100
        assert (await raw.reply()).code == "RequestTimeout"
        assert await raw.is_at_end()
    assert await stored(view) is None


async def test_a_body_that_is_not_wanted_is_refused_before_it_is_sent(gateway):
    await gateway.start()
    for target, status in (("/in/key", 403), ("/nowhere/key", 404), ("/out/%zz", 400)):
        async with gateway.connect() as raw:
            reply = await raw.ask(f"PUT {target} HTTP/1.1\nContent-Length: 4\nExpect: 100-continue\n")
            assert (reply.status, reply.is_last) == (status, True)
            assert await raw.is_at_end()


async def test_other_expectations_are_ignored(gateway, view):
    await gateway.start()
    async with gateway.connect() as raw:
        for expect in ("200-ok", "200", ""):
            assert (await raw.ask(PUT + f"Content-Length: 4\nExpect: {expect}\n", b"body")).status == 200
    assert await stored(view) == b"body"


async def test_after_a_refusal_the_connection_goes_on_when_little_was_to_come(gateway):
    await gateway.start()
    async with gateway.connect() as raw:
        reply = await raw.ask("PUT /in/key HTTP/1.1\nContent-Length: 300000\n", b"x" * 300_000)
        assert (reply.code, reply.is_last) == ("AccessDenied", False)
        assert (await raw.ask("GET /in/b HTTP/1.1\n")).body == BODY


@pytest.mark.parametrize("framing", ["Content-Length: 40000000", "Transfer-Encoding: chunked"])
async def test_a_refusal_reaches_a_client_that_goes_on_sending(gateway, framing):
    await gateway.start()
    async with gateway.connect() as raw:
        await raw.send(f"PUT /in/key HTTP/1.1\nHost: localhost\n{framing}\n\n")
        data = b"x" * 1_000_000 if "Length" in framing else b"f4240\r\n" + b"x" * 1_000_000 + b"\r\n"
        for _ in range(40):
            await raw.send(data)
        reply = await raw.reply()
        assert (reply.code, reply.is_last) == ("AccessDenied", True)


async def test_a_refusal_stops_a_client_that_would_send_for_ever(gateway):
    await gateway.start()
    async with gateway.connect() as raw:
        await raw.send("PUT /in/key HTTP/1.1\nHost: localhost\nContent-Length: 99999999999\n\n")
        with pytest.raises(trio.BrokenResourceError), trio.fail_after(10):
            await raw.send(*([b"x" * 1_000_000] * 100_000))
    assert (await gateway.access("PutObject")).code == "AccessDenied"


AMBIGUOUS = [
    "Content-Length: 3\nTransfer-Encoding: chunked\n",
    "Content-Length: 3\nContent-Length: 4\n",
    "Content-Length:\n",
    "Content-Length: -1\n",
    "Content-Length: +3\n",
    "Content-Length: 3, 3x\n",
    "Transfer-Encoding: chunked, identity\n",
    "Transfer-Encoding: xchunked\n",
    "Bad Name: x\n",
]


async def test_framing_that_could_be_read_in_two_ways_is_refused(gateway, view):
    await gateway.start()
    for headers in AMBIGUOUS:
        async with gateway.connect() as raw:
            reply = await raw.ask(PUT + headers, b"3\r\nabc\r\n0\r\n\r\n")
            assert reply.status in {400, 501}
            assert reply.is_last
            assert await raw.is_at_end()
    assert await stored(view) is None


async def test_a_chunked_body_without_a_length_is_stored(gateway, view):
    await gateway.start()
    sha256 = hashlib.sha256(b"hello").hexdigest()
    async with gateway.connect() as raw:
        head = PUT + f"Transfer-Encoding: chunked\nx-amz-content-sha256: {sha256}\n"
        assert (await raw.ask(head, b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n")).status == 200
        assert (await raw.ask(head, b"2\r\nHE\r\n3\r\nLLO\r\n0\r\n\r\n")).code == "XAmzContentSHA256Mismatch"
        assert (await raw.ask(PUT)).code == "MissingContentLength"
    assert await stored(view) == b"hello"


UNUSUAL = [
    ("CONNECT example:80 HTTP/1.1\n", 400),
    ("OPTIONS * HTTP/1.1\n", 400),
    ("BREW /in/b HTTP/1.1\n", 405),
    ("GET /in/b HTTP/1.1\nUpgrade: h2c\nConnection: Upgrade, HTTP2-Settings\nHTTP2-Settings: AAMAAABk\n", 200),
    ("GET /in/b HTTP/1.1\nUpgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Key: x\n", 200),
    ("GET http://127.0.0.1/in/b HTTP/1.1\n", 200),
    ("GET http://evil.example/in/b HTTP/1.1\n", 400),
    ("GET /in/b HTTP/1.0\n", 200),
    ("GET /in/b HTTP/1.1\nX-Folded: a\n b\n", 200),
    ("GET /in/b?response-content-type=a%0d%0aX-Evil:1 HTTP/1.1\n", 400),
    ("GET /in/b?%ff=1 HTTP/1.1\n", 400),
    ("GET /in/" + "b" * 200_000 + " HTTP/1.1\n", 431),
]


async def test_unusual_requests_get_a_plain_answer(gateway):
    await gateway.start()
    for head, status in UNUSUAL:
        async with gateway.connect() as raw:
            reply = await raw.ask(head)
            assert (reply.status, "x-evil" in reply.headers) == (status, False)


async def test_http_2_is_not_spoken(gateway):
    await gateway.start()
    async with gateway.connect() as raw:
        await raw.send("PRI * HTTP/2.0\n\nSM\n\n")
        assert [(await raw.reply()).status for _ in range(2)] == [400, 400]
        assert await raw.is_at_end()


async def test_a_foreign_host_is_refused(gateway):
    await gateway.start()
    async with gateway.connect() as raw:
        await raw.send("GET /in/b HTTP/1.1\nHost: evil.example\n\n")
        assert (await raw.reply()).code == "AccessDenied"
        await raw.send("GET /b HTTP/1.1\nHost: in.localhost:1\n\n")
        assert (await raw.reply()).body == BODY


async def test_a_page_in_a_browser_deletes_nothing(gateway, view):
    """A POST of plain text needs no leave of ours: the browser sends it and keeps only the answer from the page."""
    await gateway.start()
    body = b"<Delete><Object><Key>key</Key></Object></Delete>"
    async with gateway.connect() as raw:
        assert (await raw.ask(PUT + "Content-Length: 4\n", b"body")).status == 200
        head = f"POST /out?delete HTTP/1.1\nContent-Length: {len(body)}\nContent-Type: text/plain\n"
        assert (await raw.ask(head + "Origin: http://evil.example\n", body)).code == "AccessDenied"
    assert await stored(view) == b"body"


async def test_odd_keys_are_keys(gateway):
    await gateway.start()
    async with gateway.connect() as raw:
        for key in ("a//b", "/", ".", "..", "../in/b", "a/", "+", "%25", "%2F%2e%00", "\\"):
            body = key.encode()
            assert (await raw.ask(f"PUT /out/{key} HTTP/1.1\nContent-Length: {len(body)}\n", body)).status == 200
            assert (await raw.ask(f"GET /out/{key} HTTP/1.1\n")).body == body


async def test_every_refusal_has_its_id_in_header_and_document(gateway):
    await gateway.start()
    async with gateway.connect() as raw:
        for path in ("/in/none", "/nowhere?list-type=2", "/%zz"):
            reply = await raw.ask(f"GET {path} HTTP/1.1\n")
            assert f"<RequestId>{reply.headers['x-amz-request-id']}</RequestId>".encode() in reply.body


async def test_a_client_that_takes_nothing_is_given_up(gateway, view):
    bucket = await view.get_bucket("out")
    await gateway.start(idle_seconds=0.2)
    async with gateway.connect() as raw:
        await raw.send(PUT + "Host: localhost\nContent-Length: 30000000\n\n", b"x" * 30_000_000)
        assert (await raw.reply()).status == 200
        await raw.send("GET /out/key HTTP/1.1\nHost: localhost\n\n")
        access = await gateway.access("GetObject")
        assert access.status == CLIENT_VANISHED
        assert access.sent < 30_000_000
    assert (await bucket.head(b"key")).size == 30_000_000


async def test_what_is_told_of_a_request_holds_no_query_and_no_secret(gateway):
    await gateway.start(token="rnr_secret_secret")
    with structlog.testing.capture_logs() as logs:
        async with gateway.connect() as raw:
            await raw.ask("GET /in/b?X-Amz-Credential=rnr_secret_secret&X-Amz-Signature=abc HTTP/1.1\n")
            await raw.ask("GET /in/b HTTP/1.1\nAuthorization: AWS rnr_secret_secret:abc\n")
    for text in (repr(gateway.accesses), repr(logs)):
        assert "secret" not in text
        assert "abc" not in text


async def test_a_write_is_logged_as_what_was_done(gateway):
    await gateway.start()
    with structlog.testing.capture_logs() as logs:
        async with gateway.connect() as raw:
            await raw.ask(PUT + "Content-Length: 4\n", b"body")
        await gateway.access("PutObject")
    (line,) = [log for log in logs if log["event"] == "object.put"]
    assert (line["log_level"], line["key"], line["received_bytes"]) == ("debug", "key", 4)
