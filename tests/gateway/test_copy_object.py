from __future__ import annotations

from tests.gateway.caller import Caller, unchanged
from tests.gateway.conftest import BODY, ETAG


def source(path: str, **headers: str) -> dict[str, str]:
    return {"x-amz-copy-source": path, **{name.replace("_", "-"): value for name, value in headers.items()}}


async def test_a_copy_has_the_bytes_and_the_attributes_of_its_source(call: Caller) -> None:
    answer = await call("PUT", "/out/c", headers=source("in/b", x_amz_meta_colour="blue"))
    assert (answer.status, answer.texts("ETag"), len(answer.texts("LastModified"))) == (200, [f'"{ETAG}"'], 1)
    found = await call("GET", "/out/c")
    assert (found.body, found.headers["x-amz-meta-colour"], found.headers["content-type"]) == (
        BODY,
        "red",
        "text/plain",
    )


async def test_replace_takes_the_attributes_of_the_request(call: Caller) -> None:
    await call("PUT", "/out/c", headers=source("/in/b", x_amz_metadata_directive="REPLACE", x_amz_meta_size="1"))
    found = await call("GET", "/out/c")
    assert (found.body, found.headers["content-type"]) == (BODY, "binary/octet-stream")
    assert [name for name in found.headers if name.startswith("x-amz-meta-")] == ["x-amz-meta-size"]


async def test_a_copy_within_out_is_how_a_program_renames(call: Caller) -> None:
    await call("PUT", "/out/old name?", b"x")
    await call("PUT", "/out/old%20name%3F", b"x")
    assert (await call("PUT", "/out/new", headers=source("out/old%20name%3F"))).status == 200
    await call("DELETE", "/out/old%20name%3F")
    assert (await call("GET", "/out/new")).body == b"x"


async def test_a_copy_onto_itself_must_replace_something(call: Caller) -> None:
    await call("PUT", "/out/k", b"x", {"x-amz-meta-a": "1"})
    async with unchanged(call.view):
        answer = await call("PUT", "/out/k", headers=source("out/k"))
    assert (answer.status, answer.code) == (400, "InvalidRequest")
    replaced = await call(
        "PUT", "/out/k", headers=source("out/k", x_amz_metadata_directive="REPLACE", x_amz_meta_a="2")
    )
    assert replaced.status == 200
    found = await call("GET", "/out/k")
    assert (found.body, found.headers["x-amz-meta-a"]) == (b"x", "2")


NO_SOURCES = (
    ("in/missing", "NoSuchKey"),
    ("other/b", "NoSuchBucket"),
    ("in/../out/b", "NoSuchKey"),
    ("in/%2e%2e/out/b", "NoSuchKey"),
    ("in/%252e%252e/b", "NoSuchKey"),
    ("../in/b", "NoSuchBucket"),
    ("..%2Fin%2Fb", "NoSuchBucket"),
    ("in", "InvalidArgument"),
    ("", "InvalidArgument"),
    ("in/b?versionId=../../x", "NoSuchVersion"),
    ("in/b?versionId=", "InvalidArgument"),
    ("in/%ff", "InvalidArgument"),
)


async def test_a_source_that_is_not_there_copies_nothing(call: Caller) -> None:
    for path, code in NO_SOURCES:
        async with unchanged(call.view):
            assert (await call("PUT", "/out/c", headers=source(path))).code == code


UNMET = (
    source("in/b", x_amz_copy_source_if_match='"x"'),
    source("in/b", x_amz_copy_source_if_none_match=f'"{ETAG}"'),
    source("in/b", x_amz_copy_source_if_modified_since="Thu, 01 Jan 2099 00:00:00 GMT"),
    source("in/b", x_amz_copy_source_if_unmodified_since="Thu, 01 Jan 2015 00:00:00 GMT"),
    source("in/b", if_none_match="*"),
    source("in/b", if_match='"x"'),
)


async def test_an_unmet_condition_copies_nothing(call: Caller) -> None:
    await call("PUT", "/out/c", b"there")
    for headers in UNMET:
        async with unchanged(call.view):
            answer = await call("PUT", "/out/c", headers=headers)
        assert (answer.status, answer.code) == (412, "PreconditionFailed")


async def test_met_conditions_copy(call: Caller) -> None:
    met = source("in/b?versionId=null", x_amz_copy_source_if_match=f'"{ETAG}"', if_none_match="*")
    assert (await call("PUT", "/out/c", headers=met)).status == 200


DIRECTIVES = ("x_amz_metadata_directive", "x_amz_tagging_directive")


async def test_an_unknown_directive_is_an_invalid_argument(call: Caller) -> None:
    for name in DIRECTIVES:
        assert (await call("PUT", "/out/c", headers=source("in/b", **{name: "MERGE"}))).code == "InvalidArgument"


async def test_nothing_is_copied_into_an_input(call: Caller) -> None:
    async with unchanged(call.view):
        assert (await call("PUT", "/in/c", headers=source("in/b"))).code == "AccessDenied"
