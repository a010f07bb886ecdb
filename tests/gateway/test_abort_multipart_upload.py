from __future__ import annotations

import pytest

from tests.gateway.caller import Caller
from tests.gateway.uploads import begin, complete, send


async def test_an_aborted_upload_is_gone(call: Caller) -> None:
    upload = await begin(call)
    etag = await send(call, upload, 1, b"x")
    answer = await call("DELETE", f"/out/m?uploadId={upload}")
    assert (answer.status, answer.body) == (204, b"")
    assert (await complete(call, upload, [(1, etag)])).code == "NoSuchUpload"
    assert (await call("GET", "/out?uploads")).texts("Upload") == []
    assert (await call("HEAD", "/out/m")).status == 404


@pytest.mark.parametrize("upload", ["x", "..%2F..%2Fout", ""])
async def test_an_unknown_upload_is_not_found_and_no_object_is_deleted(call: Caller, upload: str) -> None:
    await call("PUT", "/out/m", b"x")
    answer = await call("DELETE", f"/out/m?uploadId={upload}")
    assert (answer.status, answer.code) == (404, "NoSuchUpload")
    assert (await call("GET", "/out/m")).body == b"x"
