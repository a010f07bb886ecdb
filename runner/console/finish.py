"""``POST /api/v1/jobs/PIPELINE@ID/finish``: a process that runs elsewhere says that it has ended, and how."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

from quart import Response, request

from runner.console.app import Part, problem
from runner.model.errors import Invalid

STATUS_MAX = 255

Finish = Callable[[str, str, int], Awaitable[Mapping[str, Any] | None]]
"""Takes the job's address, a token and the exit status; returns the result document once the job is settled, None when
the token is not the job's. Raises `NotFound` for a job that is not here."""


class MalformedStatus(Invalid):
    """The body says no exit status."""


def finish(settle: Finish) -> Part:
    """Return the route; it answers with the job's result, also when it is asked again.

    The body is a JSON document, ``{"status": N}``. It must say that it is JSON: no page of another place can do that.
    """
    part = Part("finish", __name__)

    @part.post("/api/v1/jobs/<job>/finish")
    async def finish_job(job: str) -> Response:
        """End a job."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        result = await settle(job, token.strip() if scheme.lower() == "bearer" else "", await _status())
        if result is None:
            refusal = problem(
                HTTPStatus.UNAUTHORIZED, "this is not the job's token", "send it as Authorization: Bearer TOKEN"
            )
            refusal.headers["WWW-Authenticate"] = "Bearer"
            return refusal
        return Response(f"{json.dumps(result, ensure_ascii=False)}\n", content_type="application/json")

    return part


async def _status() -> int:
    if not request.is_json:
        raise MalformedStatus("the body is not said to be JSON", hint="send Content-Type: application/json")
    try:
        document = json.loads(await request.get_data())
    except ValueError as exc:
        raise MalformedStatus(f"the body is no JSON document: {exc}") from exc
    status = document.get("status") if isinstance(document, dict) else None
    if not isinstance(status, int) or isinstance(status, bool) or not 0 <= status <= STATUS_MAX:
        raise MalformedStatus("the body says no exit status", hint='send {"status": N} with N from 0 to 255')
    return status
