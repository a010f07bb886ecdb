"""The application of the admin port: what every route there has in common, whoever made it.

A part is a blueprint that a function of its own file makes of what it shows; `create_app` puts parts together. It
knows no S3 and starts nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from http import HTTPStatus

import structlog
from quart import Blueprint as Part
from quart import Response, request
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException

from runner.console.hosts import is_foreign
from runner.model.errors import Conflict, Corrupt, Invalid, NotFound, RunnerError, Unavailable

__all__ = ["Part", "create_app"]

BODY_MAX_BYTES = 1024 * 1024
"""More than any document that is sent here; what is large goes over S3."""

_STATUSES: Mapping[type[BaseException], HTTPStatus] = {
    Invalid: HTTPStatus.BAD_REQUEST,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    Corrupt: HTTPStatus.INTERNAL_SERVER_ERROR,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}

_log = structlog.get_logger()


def create_app(*parts: Part, names: Collection[str] | None = ()) -> QuartTrio:
    """Return the application.

    Whatever a route raises becomes a problem document: the errors of `runner.model.errors` by their kind, others as
    500, which are logged. Requests under a foreign name, or of a page from elsewhere, get 403 before any route runs.

    Args:
        parts: The routes.
        names: Under which the port is reached, beside addresses and ``localhost``. None: under any, because what must
            be kept from pages in a browser asks for credentials.

    Source: https://www.rfc-editor.org/rfc/rfc9457
    """
    app = QuartTrio(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = BODY_MAX_BYTES
    if names is not None:
        app.before_request(_guard(names))
    app.after_request(_harden)
    app.register_error_handler(Exception, _explain)
    for part in parts:
        app.register_blueprint(part)
    return app


def problem(status: HTTPStatus, title: str, detail: str = "") -> Response:
    """Return a problem document: what is wrong in a sentence, and what to do about it."""
    document = {"title": title, "status": int(status)} | ({"detail": detail} if detail else {})
    response = Response(
        f"{json.dumps(document, ensure_ascii=False)}\n", status=status, content_type="application/problem+json"
    )
    if request.method == "HEAD":
        response.set_data(b"")
    return response


def _guard(names: Collection[str]) -> Callable[[], Response | None]:
    def guard() -> Response | None:
        if is_foreign(request.headers.get("Host", ""), request.headers.get("Origin"), names):
            return problem(
                HTTPStatus.FORBIDDEN,
                "the admin port is not known by this name, or the request comes from a page of another place",
                "ask an address, localhost, or the name that --advertise gives",
            )
        return None

    return guard


def _harden(response: Response) -> Response:
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def _explain(error: Exception) -> Response:
    """Turn what a route raised into its answer: the border of this room."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, HTTPException):
        status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
        return problem(status, f"{request.method} {request.path}: {status.phrase.lower()}")
    if isinstance(error, RunnerError):
        status = next(_STATUSES[kind] for kind in type(error).__mro__ if kind in _STATUSES)
        return problem(status, error.message, error.hint)
    _log.error("admin.failed", path=request.path, exc_info=error)
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "the runner met a bug of its own; its log says more")
