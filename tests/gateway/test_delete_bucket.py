from __future__ import annotations

import pytest

from tests.gateway.caller import Caller, unchanged


@pytest.mark.parametrize(("name", "status", "code"), [("in", 403, "AccessDenied"), ("out", 403, "AccessDenied")])
async def test_a_job_removes_no_bucket(call: Caller, name: str, status: int, code: str) -> None:
    async with unchanged(call.view):
        answer = await call("DELETE", f"/{name}")
    assert (answer.status, answer.code) == (status, code)
