from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from runner.gateway.xml import escape
from tests.gateway.caller import Caller, unchanged
from tests.gateway.conftest import Worlds


def document(*keys: str, quiet: bool = False, extra: str = "") -> bytes:
    objects = "".join(f"<Object><Key>{escape(key)}</Key>{extra}</Object>" for key in keys)
    flag = "<Quiet>true</Quiet>" if quiet else ""
    return f'<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{flag}{objects}</Delete>'.encode()


async def test_every_object_has_an_answer_in_the_order_of_the_request(call: Caller) -> None:
    for key in "abc":
        await call("PUT", f"/out/{key}", b"x")
    answer = await call("POST", "/out?delete", document("c", "missing", "a"))
    assert (answer.status, answer.texts("Deleted/Key"), answer.texts("Error")) == (200, ["c", "missing", "a"], [])
    assert (await call("GET", "/out?list-type=2")).texts("Contents/Key") == ["b"]


async def test_a_quiet_request_hears_of_failures_alone(call: Caller) -> None:
    await call("PUT", "/out/a", b"x")
    assert len((await call("POST", "/out?delete", document("a", quiet=True))).xml) == 0
    answer = await call("POST", "/in?delete", document("b", quiet=True))
    assert answer.texts("Error/Code") == ["AccessDenied"]


async def test_objects_of_an_input_are_denied_one_by_one(call: Caller) -> None:
    async with unchanged(call.view):
        answer = await call("POST", "/in?delete", document("b", "missing", "a/1"))
    assert (answer.status, answer.texts("Deleted")) == (200, [])
    assert answer.texts("Error/Key") == ["b", "missing", "a/1"]
    assert set(answer.texts("Error/Code")) == {"AccessDenied"}


async def test_1000_objects_go_in_one_request(call: Caller) -> None:
    keys = [f"k{number:04}" for number in range(1000)]
    for key in keys[::50]:
        await call("PUT", f"/out/{key}", b"x")
    answer = await call("POST", "/out?delete", document(*keys))
    assert answer.texts("Deleted/Key") == keys
    assert (await call("GET", "/out?list-type=2")).texts("Contents/Key") == []


MALFORMED = (
    b"",
    document(),
    document(*map(str, range(1001))),
    b"<Delete><Object></Object></Delete>",
    b"<Delete><Object><Key><b/></Key></Object></Delete>",
    b'<!DOCTYPE D [<!ENTITY x "a">]><Delete><Object><Key>&x;</Key></Object></Delete>',
    b"<Delete>" + b"<x/>" * 20001 + b"</Delete>",
    document("a", extra="<Size>one</Size>"),
    document("a", extra="<ETag></ETag>"),
    document("a", extra="<LastModifiedTime>now</LastModifiedTime>"),
)


async def test_a_malformed_request_deletes_nothing(call: Caller) -> None:
    await call("PUT", "/out/a", b"x")
    for body in MALFORMED:
        async with unchanged(call.view):
            answer = await call("POST", "/out?delete", body)
        assert (answer.status, answer.code) == (400, "MalformedXML")


async def test_a_request_above_8_mib_is_not_read(call: Caller) -> None:
    answer = await call("POST", "/out?delete", b" " * (8 * 1024 * 1024 + 1))
    assert (answer.status, answer.code) == (400, "MaxMessageLengthExceeded")


UNDONE = (
    ("a", "<ETag>x</ETag>", "PreconditionFailed"),
    ("a", "<Size>2</Size>", "PreconditionFailed"),
    ("a", "<LastModifiedTime>Thu, 01 Jan 1970 00:00:00 GMT</LastModifiedTime>", "PreconditionFailed"),
    ("a", "<LastModifiedTime>1970-01-01T00:00:00.000Z</LastModifiedTime>", "PreconditionFailed"),
    ("k" * 1025, "", "KeyTooLongError"),
)


async def test_each_object_is_judged_by_its_own_conditions(call: Caller) -> None:
    for key in "abcd":
        await call("PUT", f"/out/{key}", b"x")
    head = (await call("HEAD", "/out/a")).headers
    (modified,) = (await call("GET", "/out?list-type=2&prefix=b")).texts("Contents/LastModified")
    conditions = {
        "a": f"<ETag>{escape(head['etag'])}</ETag><Size>1</Size>",
        "b": f"<LastModifiedTime>{modified}</LastModifiedTime>",
        "c": "<ETag>*</ETag><Size>7</Size>",
        "missing": "<ETag>x</ETag>",
    }
    objects = "".join(f"<Object><Key>{key}</Key>{extra}</Object>" for key, extra in conditions.items())
    answer = await call("POST", "/out?delete", f"<Delete>{objects}</Delete>".encode())
    assert answer.texts("Deleted/Key") == ["a", "b", "missing"]
    assert (answer.texts("Error/Key"), answer.texts("Error/Code")) == (["c"], ["PreconditionFailed"])
    assert (await call("GET", "/out?list-type=2")).texts("Contents/Key") == ["c", "d"]


async def test_what_cannot_be_done_for_one_object_is_its_error(call: Caller) -> None:
    await call("PUT", "/out/a", b"x")
    for key, extra, code in UNDONE:
        async with unchanged(call.view):
            answer = await call("POST", "/out?delete", document(key, extra=extra))
        assert (answer.status, answer.texts("Error/Code")) == (200, [code])


@settings(max_examples=5, deadline=None)
@given(
    keys=st.lists(
        st.text(
            st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), min_size=1, max_size=30
        ),
        min_size=1,
        max_size=30,
    )
)
async def test_any_keys_come_back_as_they_were_sent(worlds: Worlds, keys: list[str]) -> None:
    async with worlds.open() as attempt:
        answer = await Caller(attempt.view)("POST", "/out?delete", document(*keys))
        assert answer.texts("Deleted/Key") == keys
