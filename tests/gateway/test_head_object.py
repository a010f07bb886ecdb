from __future__ import annotations

from tests.gateway.caller import Caller
from tests.gateway.conftest import BODY


async def test_head_says_what_get_says_without_the_bytes(call: Caller) -> None:
    for headers in ({}, {"range": "bytes=1-2"}, {"x-amz-checksum-mode": "ENABLED"}):
        head, get = await call("HEAD", "/in/b", headers=headers), await call("GET", "/in/b", headers=headers)
        assert (head.status, head.headers, head.length) == (get.status, get.headers, get.length)
        assert head.body == b""


REFUSED = (
    ("/in/missing", {}, 404),
    ("/other/b", {}, 404),
    ("/in/b", {"if-match": '"x"'}, 412),
    ("/in/b", {"if-none-match": "*"}, 304),
    ("/in/b", {"range": f"bytes={len(BODY)}-"}, 416),
    ("/in/b?partNumber=0", {}, 400),
)


async def test_a_refused_head_has_no_body(call: Caller) -> None:
    for target, headers, status in REFUSED:
        answer = await call("HEAD", target, headers=headers)
        assert (answer.status, answer.body) == (status, b"")
