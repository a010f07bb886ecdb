"""Ends the job of a sidecar over its admin port."""

from __future__ import annotations

import http.client
import json
import os
import socket
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from runner.model.errors import Conflict, Invalid, NotFound, RunnerError, Unavailable

CONNECT_SECONDS = 30.0
_KEEPALIVE = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))
_ANSWER_MAX_BYTES = 1024 * 1024
_KINDS: Mapping[int, type[RunnerError]] = {
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.CONFLICT: Conflict,
    HTTPStatus.SERVICE_UNAVAILABLE: Unavailable,
}


class AdminUrlInvalid(Invalid):
    """What is to be the URL of an admin port is none."""


class TokenUnreadable(Invalid):
    """The file of the token cannot be read."""


class FinishRefused(Invalid):
    """The sidecar does not do it."""


class SidecarUnreachable(Unavailable):
    """There is no answer."""


def read_token(file: Path | None) -> str:
    """Return the token in *file*, else that of the job in whose environment we run; empty: there is none."""
    if file is None:
        return os.environ.get("PACH_TOKEN", "")
    try:
        return file.read_text().strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise TokenUnreadable(f"the token in {file} cannot be read: {exc}") from exc


def ask_to_finish(url: str, job: str, status: int, token: str) -> Mapping[str, Any]:
    """Say how the command of *job* ended, wait until the job is settled, and return its result.

    No proxy is asked. The wait has no limit but that the peer must be there.

    Raises:
        AdminUrlInvalid, FinishRefused: (Invalid)
        NotFound: The job is another sidecar's.
        SidecarUnreachable: (Unavailable) whether it was heard is not known; it may be said again.
    """
    place = urlsplit(url)
    if place.scheme not in {"http", "https"} or not place.hostname:
        raise AdminUrlInvalid(f"{url!r} is no URL of an admin port", hint="write --admin http://HOST:PORT")
    kind = http.client.HTTPSConnection if place.scheme == "https" else http.client.HTTPConnection
    connection = kind(place.netloc, timeout=CONNECT_SECONDS)
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    path = f"{place.path.rstrip('/')}/api/v1/jobs/{quote(job, safe='@')}/finish"
    try:
        connection.connect()
        _stay(connection.sock)
        connection.request("POST", path, json.dumps({"status": status}), headers)
        answer = connection.getresponse()
        document = json.loads(answer.read(_ANSWER_MAX_BYTES))
    except (OSError, http.client.HTTPException) as exc:
        hint = f"runner job inspect {job} says how the job ended; the same may be said again"
        raise SidecarUnreachable(f"the sidecar at {url} gives no answer: {exc}", hint=hint) from exc
    except ValueError as exc:
        raise FinishRefused(f"what answers at {url} is no sidecar") from exc
    finally:
        connection.close()
    if answer.status == HTTPStatus.OK and isinstance(document, dict) and isinstance(document.get("status"), int):
        return document
    told = document if isinstance(document, dict) else {}
    refusal = _KINDS.get(answer.status, FinishRefused)
    raise refusal(str(told.get("title") or f"{url} answers {answer.status}"), hint=str(told.get("detail", "")))


def _stay(connection: socket.socket) -> None:
    """Wait for as long as it takes, but not for a peer that has gone."""
    connection.settimeout(None)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE:
        if hasattr(socket, name):  # not on every system
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
