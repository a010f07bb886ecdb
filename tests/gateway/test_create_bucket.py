from __future__ import annotations

from tests.gateway.caller import Caller, unchanged


async def test_a_bucket_of_the_job_is_there_already(call: Caller) -> None:
    for name in ("in", "out"):
        answer = await call("PUT", f"/{name}")
        assert (answer.status, answer.code) == (409, "BucketAlreadyOwnedByYou")


async def test_a_job_makes_no_other_bucket(call: Caller) -> None:
    async with unchanged(call.view):
        answer = await call("PUT", "/other")
    assert (answer.status, answer.code) == (403, "AccessDenied")


WRONG = (
    (
        b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><CreateBucketConfiguration/>',
        "MalformedXML",
    ),
    (b"<CreateBucketConfiguration", "MalformedXML"),
    (b"<Other/>", "MalformedXML"),
    (b"x" * 65537, "MaxMessageLengthExceeded"),
    (
        b"<CreateBucketConfiguration><LocationConstraint>mars 1</LocationConstraint></CreateBucketConfiguration>",
        "InvalidLocationConstraint",
    ),
)


async def test_a_wrong_body_is_refused(call: Caller) -> None:
    for body, code in WRONG:
        async with unchanged(call.view):
            answer = await call("PUT", "/out", body)
        assert (answer.status, answer.code) == (400, code)
