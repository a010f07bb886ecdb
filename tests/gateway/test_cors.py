"""PutBucketCors, GetBucketCors, DeleteBucketCors, OPTIONS."""

from __future__ import annotations

import pytest

from runner.gateway import cors
from tests.gateway.bucket import Bucket
from tests.gateway.caller import Caller

RULES = b"""<CORSConfiguration>
  <CORSRule><ID>one</ID><AllowedMethod>GET</AllowedMethod><AllowedMethod>PUT</AllowedMethod>
    <AllowedOrigin>https://*.example.org</AllowedOrigin><AllowedOrigin>http://exact.test</AllowedOrigin>
    <AllowedHeader>x-amz-*</AllowedHeader><AllowedHeader>Content-Type</AllowedHeader>
    <ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>60</MaxAgeSeconds></CORSRule>
  <CORSRule><AllowedMethod>HEAD</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule>
</CORSConfiguration>"""


def asking(origin: str, method: str, headers: str = "") -> dict[str, str]:
    asked = {"origin": origin, "access-control-request-method": method}
    return {**asked, "access-control-request-headers": headers} if headers else asked


async def test_rules_are_put_read_and_removed(bucket: Bucket) -> None:
    assert (await bucket.call("GET", "/data?cors")).code == "NoSuchCORSConfiguration"
    assert (await bucket.call("PUT", "/data?cors", RULES)).status == 200
    read = await bucket.call("GET", "/data?cors")
    assert read.texts("CORSRule/AllowedOrigin") == ["https://*.example.org", "http://exact.test", "*"]
    assert (read.texts("CORSRule/ID"), read.texts("CORSRule/MaxAgeSeconds")) == (["one"], ["60"])
    assert cors.document(cors.parse(read.body)) == read.body
    for _ in range(2):
        assert (await bucket.call("DELETE", "/data?cors")).status == 204
    assert (await bucket.call("GET", "/data?cors")).code == "NoSuchCORSConfiguration"


ALLOWED = [
    ("https://a.example.org", "GET", ""),
    ("http://exact.test", "PUT", "X-Amz-Date, content-type"),
    ("http://anywhere", "HEAD", ""),
]


@pytest.mark.parametrize(("origin", "method", "names"), ALLOWED)
@pytest.mark.parametrize("target", ["/data", "/data/none"])
async def test_a_page_that_a_rule_lets_may_ask(
    bucket: Bucket, target: str, origin: str, method: str, names: str
) -> None:
    await bucket.call("PUT", "/data?cors", RULES)
    answer = await bucket.call("OPTIONS", target, None, asking(origin, method, names))
    assert (answer.status, answer.headers["access-control-allow-methods"]) == (200, method)
    assert answer.headers["access-control-allow-origin"] == ("*" if method == "HEAD" else origin)
    if names:
        assert answer.headers["access-control-allow-headers"] == names.lower()
        assert (answer.headers["access-control-expose-headers"], answer.headers["access-control-max-age"]) == (
            "ETag",
            "60",
        )


REFUSED = [
    ("https://example.org", "GET", ""),
    ("https://a.example.org.evil", "GET", ""),
    ("http://exact.test", "DELETE", ""),
    ("http://exact.test", "get", ""),
    ("http://exact.test", "PUT", "x-other"),
]


@pytest.mark.parametrize(("origin", "method", "names"), REFUSED)
async def test_any_other_page_may_not(bucket: Bucket, origin: str, method: str, names: str) -> None:
    await bucket.call("PUT", "/data?cors", RULES)
    answer = await bucket.call("OPTIONS", "/data/k", None, asking(origin, method, names))
    assert (answer.status, "access-control-allow-origin" in answer.headers) == (403, False)


async def test_where_there_are_no_rules_nobody_may(bucket: Bucket, call: Caller) -> None:
    for target in ("/data/k", "/none/k"):
        assert (await bucket.call("OPTIONS", target, None, asking("http://x", "GET"))).status == 403
    assert (await call("OPTIONS", "/out/k", None, asking("http://x", "GET"))).status == 403


@pytest.mark.parametrize("headers", [{}, {"origin": "http://x"}, {"access-control-request-method": "GET"}])
async def test_half_a_question_is_a_bad_request(bucket: Bucket, headers: dict[str, str]) -> None:
    assert (await bucket.call("OPTIONS", "/data/k", None, headers)).status == 400


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "MalformedXML"),
        (b"<CORSConfiguration/>", "MalformedXML"),
        (RULES.replace(b"<AllowedMethod>HEAD</AllowedMethod>", b""), "MalformedXML"),
        (RULES.replace(b"HEAD", b"PATCH"), "InvalidRequest"),
        (RULES.replace(b"x-amz-*", b"x-*-*"), "InvalidRequest"),
        (RULES.replace(b">60<", b">soon<"), "MalformedXML"),
        (b"<CORSConfiguration>" + RULES[19:-20] * 51 + b"</CORSConfiguration>", "MalformedXML"),
    ],
)
async def test_wrong_rules_are_refused_and_nothing_is_kept(bucket: Bucket, body: bytes, code: str) -> None:
    assert (await bucket.call("PUT", "/data?cors", body)).code == code
    assert (await bucket.call("GET", "/data?cors")).code == "NoSuchCORSConfiguration"
