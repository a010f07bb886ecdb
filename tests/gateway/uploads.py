"""Multipart uploads, step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.gateway.caller import Answer, Caller

PART = bytes(range(256)) * (5 * 1024 * 4)  # 5 MiB, the least that a part before the last may have
TAIL = b"tail"


async def begin(call: Caller, key: str = "m", headers: Mapping[str, str] | None = None) -> str:
    answer = await call("POST", f"/out/{key}?uploads", headers=headers)
    assert (answer.status, answer.texts("Bucket"), answer.texts("Key")) == (200, ["out"], [key])
    return answer.texts("UploadId")[0]


async def send(
    call: Caller, upload: str, number: int, body: bytes, *, key: str = "m", headers: Mapping[str, str] | None = None
) -> str:
    answer = await call("PUT", f"/out/{key}?partNumber={number}&uploadId={upload}", body, headers)
    assert answer.status == 200, answer.body
    return answer.headers["etag"].strip('"')


def parts_document(parts: Sequence[tuple[int, str]], extra: str = "") -> bytes:
    nodes = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{etag}</ETag>{extra}</Part>" for n, etag in parts)
    return f"<CompleteMultipartUpload>{nodes}</CompleteMultipartUpload>".encode()


async def complete(
    call: Caller,
    upload: str,
    parts: Sequence[tuple[int, str]],
    *,
    key: str = "m",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    return await call("POST", f"/out/{key}?uploadId={upload}", parts_document(parts), headers)


async def put_in_two_parts(call: Caller, key: str = "m", headers: Mapping[str, str] | None = None) -> Answer:
    """Make an object of `PART` and `TAIL`."""
    upload = await begin(call, key, headers)
    etags = [await send(call, upload, number, body, key=key) for number, body in ((1, PART), (2, TAIL))]
    answer = await complete(call, upload, list(enumerate(etags, 1)), key=key)
    assert answer.status == 200, answer.body
    return answer
