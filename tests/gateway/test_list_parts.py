from __future__ import annotations

import hashlib

from tests.gateway.caller import Caller
from tests.gateway.uploads import begin, send


async def test_parts_are_listed_by_number_page_by_page(call: Caller) -> None:
    upload = await begin(call, "k&")
    for number in (3, 1, 20):
        await send(call, upload, number, b"%d" % number, key="k&")
    target = f"/out/k&?uploadId={upload}&max-parts=2"
    first = await call("GET", target)
    assert (first.texts("Key"), first.texts("UploadId"), first.texts("Bucket")) == (["k&"], [upload], ["out"])
    assert first.texts("Part/PartNumber") == ["1", "3"]
    assert first.texts("Part/Size") == ["1", "1"]
    assert first.texts("Part/ETag") == [f'"{hashlib.md5(body).hexdigest()}"' for body in (b"1", b"3")]
    assert (first.texts("IsTruncated"), first.texts("NextPartNumberMarker")) == (["true"], ["3"])
    second = await call("GET", f"{target}&part-number-marker=3")
    assert (second.texts("Part/PartNumber"), second.texts("IsTruncated")) == (["20"], ["false"])
    assert (await call("GET", f"{target}&part-number-marker=99999")).texts("Part") == []
    assert (await call("GET", f"/out/k&?uploadId={upload}&max-parts=0")).texts("Part") == []


async def test_wrong_parameters_are_refused(call: Caller) -> None:
    upload = await begin(call)
    assert (await call("GET", "/out/m?uploadId=x")).code == "NoSuchUpload"
    assert (await call("GET", f"/out/m?uploadId={upload}&max-parts=-1")).code == "InvalidArgument"
    assert (await call("GET", f"/out/m?uploadId={upload}&part-number-marker=x")).code == "InvalidArgument"
