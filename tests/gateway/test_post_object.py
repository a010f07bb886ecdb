from __future__ import annotations

import hashlib
from base64 import b64encode
from typing import Any

import pytest

from runner.gateway.options import GatewayOptions
from runner.gateway.principal import Principal, Token
from runner.store.view import View
from tests.gateway.caller import Answer, Caller, unchanged
from tests.gateway.forms import BOUNDARY, CONTENT_TYPE, TOKEN, form, policy, signed_v2, signed_v4

FIELDS = {"key": "foo.txt", "acl": "private", "Content-Type": "text/plain"}
CONDITIONS: list[Any] = [
    {"bucket": "out"},
    ["starts-with", "$key", "foo"],
    {"acl": "private"},
    ["starts-with", "$Content-Type", "text/plain"],
    ["content-length-range", 0, 1024],
]
V4 = [["starts-with", f"$x-amz-{name}", ""] for name in ("algorithm", "credential", "date")]


@pytest.fixture
def ask(view: View) -> Caller:
    """A gateway that asks for credentials; a form brings its own."""
    options = GatewayOptions(credentials=Token(TOKEN, "runner"))
    return Caller(view, options, Principal("", is_anonymous=True))


async def post(call: Caller, fields: dict[str, str], target: str = "/out", **written: Any) -> Answer:
    return await call("POST", target, form(fields, **written), CONTENT_TYPE)


async def read(view: View, key: str = "foo.txt") -> bytes:
    return (await Caller(view)("GET", f"/out/{key}")).body


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("sign", [signed_v2, signed_v4])
async def test_a_form_that_its_policy_allows_is_stored(ask: Caller, sign: Any, named: Any) -> None:
    text = policy(CONDITIONS + (V4 if sign is signed_v4 else []))
    answer = await post(ask, {**FIELDS, **sign(text)}, named=named)
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["etag"] == f'"{hashlib.md5(b"bar").hexdigest()}"'
    assert await read(ask.view) == b"bar"
    head = await Caller(ask.view)("HEAD", "/out/foo.txt")
    assert head.headers["content-type"] == "text/plain"


async def test_names_and_operators_are_taken_in_any_case(ask: Caller) -> None:
    conditions = [
        {"bUcKeT": "out"},
        ["StArTs-WiTh", "$KeY", "foo"],
        {"AcL": "private"},
        ["starts-with", "$cOnTeNt-TyPe", ""],
        ["content-length-range", 0, 9],
    ]
    fields = {"kEy": "foo.txt", "aCl": "private", "cOnTeNt-TyPe": "text/plain"}
    assert (await post(ask, {**fields, **signed_v2(policy(conditions))})).status == 204
    assert await read(ask.view) == b"bar"


async def test_the_name_of_the_file_may_be_part_of_the_key(ask: Caller) -> None:
    fields = {**FIELDS, "key": "foo/${filename}"}
    assert (await post(ask, {**fields, **signed_v2(policy(CONDITIONS))}, filename="a b.txt")).status == 204
    assert await read(ask.view, "foo/a%20b.txt") == b"bar"


async def test_a_backslash_is_a_character_like_any_other(ask: Caller) -> None:
    conditions = [{"bucket": "out"}, ["starts-with", "$key", "\\$foo"]]
    assert (await post(ask, {"key": "\\$foo.txt", **signed_v2(policy(conditions))})).status == 204
    assert await read(ask.view, "%5C$foo.txt") == b"bar"


async def test_metadata_tags_and_checksums_come_as_fields(ask: Caller) -> None:
    tagging = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
    sha256 = b64encode(hashlib.sha256(b"bar").digest()).decode()
    conditions = [*CONDITIONS, ["starts-with", "$x-amz-meta-foo", "b"], ["starts-with", "$tagging", ""]]
    fields = {
        **FIELDS,
        "x-amz-meta-foo": "bärz",
        "tagging": tagging,
        "x-amz-checksum-sha256": sha256,
        "x-ignore-this": "x",
        **signed_v2(policy(conditions)),
    }
    answer = await post(ask, fields)
    assert (answer.status, answer.headers["x-amz-checksum-sha256"]) == (204, sha256)
    head = await Caller(ask.view)("HEAD", "/out/foo.txt")
    assert head.headers["x-amz-meta-foo"].encode("latin-1").decode() == "bärz"
    assert head.headers["x-amz-tagging-count"] == "1"


@pytest.mark.parametrize(("said", "status"), [("200", 200), ("201", 201), ("204", 204), ("404", 204), ("", 204)])
async def test_a_form_chooses_the_status_of_its_success(call: Caller, said: str, status: int) -> None:
    answer = await post(call, {"key": "foo.txt", "success_action_status": said})
    assert answer.status == status
    if status == 201:
        assert [child.tag for child in answer.xml] == ["Location", "Bucket", "Key", "ETag"]
        assert answer.texts("Key") == ["foo.txt"]
    else:
        assert answer.body == b""


async def test_a_form_chooses_where_a_browser_goes_on(call: Caller) -> None:
    answer = await post(call, {"key": "foo.txt", "success_action_redirect": "http://page.test/done?x=1"})
    etag = hashlib.md5(b"bar").hexdigest()
    assert answer.status == 303
    assert answer.headers["location"] == f"http://page.test/done?x=1&bucket=out&key=foo.txt&etag=%22{etag}%22"
    assert (await post(call, {"key": "k", "success_action_redirect": "javascript:x"})).status == 204


async def test_without_auth_a_form_needs_no_policy_and_one_that_it_has_holds(call: Caller) -> None:
    assert (await post(call, {"key": "foo.txt"})).status == 204
    async with unchanged(call.view):
        answer = await post(call, {"key": "other", **signed_v2(policy(CONDITIONS))})
    assert (answer.status, answer.code) == (403, "AccessDenied")


@pytest.mark.parametrize("operator", ["eq", "starts-with", None])
async def test_a_refusal_names_the_field_and_never_the_token_in_its_condition(ask: Caller, operator: Any) -> None:
    credential = f"{TOKEN}/20200101/other"
    names_it = [operator, "$x-amz-credential", credential] if operator else {"x-amz-credential": credential}
    text = policy([names_it, *CONDITIONS, *V4])
    async with unchanged(ask.view):
        answer = await post(ask, {**FIELDS, **signed_v4(text)})
    assert (answer.status, answer.code) == (403, "AccessDenied")
    assert b"$x-amz-credential" in answer.body
    assert TOKEN.encode() not in answer.body


GOOD = policy(CONDITIONS)
WITHOUT = {name: FIELDS[name] for name in FIELDS if name != "key"}
REFUSED: list[tuple[str, dict[str, str], int, str]] = [
    ("anonymous", FIELDS, 403, "AccessDenied"),
    ("an unknown key", {**FIELDS, **signed_v2(GOOD, "rnr_other_token")}, 403, "InvalidAccessKeyId"),
    ("a wrong signature", {**FIELDS, **signed_v2(GOOD), "signature": "x"}, 403, "SignatureDoesNotMatch"),
    ("a wrong signature 4", {**FIELDS, **signed_v4(GOOD), "x-amz-signature": "0"}, 403, "SignatureDoesNotMatch"),
    ("no signature", {**FIELDS, **signed_v2(GOOD), "signature": ""}, 400, "InvalidArgument"),
    ("no key", {**WITHOUT, **signed_v2(GOOD)}, 400, "InvalidArgument"),
    ("no policy", {**FIELDS, **signed_v2(GOOD), "policy": ""}, 400, "InvalidArgument"),
    ("an unmet condition", {**FIELDS, "key": "bar", **signed_v2(GOOD)}, 403, "AccessDenied"),
    ("another value", {**FIELDS, "acl": "public-read", **signed_v2(GOOD)}, 403, "AccessDenied"),
    ("a condition without its field", {"key": "foo", **signed_v2(GOOD)}, 403, "AccessDenied"),
    ("a field without a condition", {**FIELDS, "x-amz-meta-a": "b", **signed_v2(GOOD)}, 403, "AccessDenied"),
    ("another bucket", {**FIELDS, **signed_v2(policy([{"bucket": "in"}, *CONDITIONS[1:]]))}, 403, "AccessDenied"),
    ("expired", {**FIELDS, **signed_v2(policy(CONDITIONS, expiration="2020-01-01T00:00:00Z"))}, 403, "AccessDenied"),
    ("a bad date", {**FIELDS, **signed_v2(policy(CONDITIONS, expiration="soon"))}, 400, "InvalidPolicyDocument"),
    (
        "a date of another form",
        {**FIELDS, **signed_v2(policy(CONDITIONS, expiration="2099-01-01 00:00:00"))},
        400,
        "InvalidPolicyDocument",
    ),
    ("no expiration", {**FIELDS, **signed_v2(policy(CONDITIONS, expiration=None))}, 400, "InvalidPolicyDocument"),
    (
        "EXPIRATION",
        {**FIELDS, **signed_v2(policy(CONDITIONS, expiration=None, EXPIRATION="2099-01-01T00:00:00Z"))},
        400,
        "InvalidPolicyDocument",
    ),
    ("no conditions", {**FIELDS, **signed_v2(policy(None))}, 400, "InvalidPolicyDocument"),
    ("CONDITIONS", {**FIELDS, **signed_v2(policy(None, CONDITIONS=CONDITIONS))}, 400, "InvalidPolicyDocument"),
    ("an empty condition", {**FIELDS, **signed_v2(policy([{}]))}, 400, "InvalidPolicyDocument"),
    ("no JSON", {**FIELDS, **signed_v2("bm9uZQ==")}, 400, "InvalidPolicyDocument"),
    ("no base64", {**FIELDS, **signed_v2("%%%")}, 400, "InvalidPolicyDocument"),
    ("half a range", {**FIELDS, **signed_v2(policy([["content-length-range", 0]]))}, 400, "InvalidPolicyDocument"),
    (
        "a negative range",
        {**FIELDS, **signed_v2(policy([*CONDITIONS[:4], ["content-length-range", -1, 0]]))},
        400,
        "InvalidPolicyDocument",
    ),
    (
        "too small a range",
        {**FIELDS, **signed_v2(policy([*CONDITIONS[:4], ["content-length-range", 0, 2]]))},
        400,
        "EntityTooLarge",
    ),
    (
        "too large a range",
        {**FIELDS, **signed_v2(policy([*CONDITIONS[:4], ["content-length-range", 4, 9]]))},
        400,
        "EntityTooSmall",
    ),
    (
        "another checksum",
        {**FIELDS, "x-amz-checksum-sha256": b64encode(bytes(32)).decode(), **signed_v2(GOOD)},
        400,
        "BadDigest",
    ),
]


@pytest.mark.parametrize(
    ("fields", "status", "code"), [each[1:] for each in REFUSED], ids=[each[0] for each in REFUSED]
)
async def test_any_other_form_is_refused_and_nothing_is_stored(ask: Caller, fields, status, code) -> None:
    async with unchanged(ask.view):
        answer = await post(ask, fields)
    assert (answer.status, answer.code) == (status, code)


WRONG = [
    (form(FIELDS, None), "IncorrectNumberOfFilesInPostRequest"),
    (form(FIELDS)[:-6], "MalformedPOSTRequest"),
    (form(FIELDS).replace(b"Content-Disposition", b"X-Other", 1), "MalformedPOSTRequest"),
    (b"", "MalformedPOSTRequest"),
    (b"no form at all", "MalformedPOSTRequest"),
    (form({**FIELDS, "x-amz-meta-a": "x" * 20_481}), "MaxPostPreDataLengthExceeded"),
    (b"x" * 1_300_000, "MaxPostPreDataLengthExceeded"),
    (form({f"x-ignore-{number}": "" for number in range(1_001)}), "MalformedPOSTRequest"),
    (form({"key": "\xff"}).replace("\xff".encode(), b"\xff"), "MalformedPOSTRequest"),
    (form({"key": "k" * 1025}), "KeyTooLongError"),
]


@pytest.mark.parametrize(("body", "code"), WRONG)
async def test_what_is_no_form_is_refused_and_nothing_is_stored(call: Caller, body: bytes, code: str) -> None:
    async with unchanged(call.view):
        answer = await call("POST", "/out", body, CONTENT_TYPE)
    assert (answer.status, answer.code) == (400, code)


async def test_a_large_file_streams_out_of_its_form(call: Caller) -> None:
    body = b"\r\n--0123\r\n" * 200_000
    assert (await post(call, {"key": "foo.txt"}, file=body)).status == 204
    assert await read(call.view) == body
    assert BOUNDARY.encode() not in body


async def test_inputs_and_other_buckets_take_no_form(call: Caller) -> None:
    async with unchanged(call.view):
        assert (await post(call, {"key": "k"}, "/in")).code == "AccessDenied"
        assert (await post(call, {"key": "k"}, "/other")).code == "NoSuchBucket"
        assert (await call("POST", "/out", b"x")).code == "PreconditionFailed"
