"""The border of the gateway: runs an operation and turns whatever it raises into a reply.

Quart serves the operations that are not hot, all under one path. It gets a request that is read and routed
already: by then keys have been taken from the path as they came, which no URL map would do, and bodies come with
back-pressure, which Quart's do not.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import quart
import structlog
import trio
from quart_trio import QuartTrio

from runner.gateway import xml
from runner.gateway.body.source import ClientVanished
from runner.gateway.errors import translate
from runner.gateway.request import Request, Response
from runner.gateway.responses import XML_TYPE
from runner.gateway.route import Route

HOT = frozenset({"GetObject", "HeadObject", "PutObject", "UploadPart"})
"""What is answered in front of Quart: most requests of a job are one of these."""

Send = Callable[[Any], Awaitable[None]]

_PATH = "/"
_EXCHANGE = "runner.exchange"
_CLIENT_ERROR, _SERVER_ERROR = 400, 500

_log = structlog.get_logger()


@dataclass(slots=True)
class _Exchange:
    """What travels through Quart beside the request that it sees."""

    route: Route
    request: Request
    response: Response | None = None
    vanished: ClientVanished | trio.BrokenResourceError | None = None


async def answer(route: Route, request: Request) -> Response:
    """Run one operation.

    Returns:
        Its reply, or the one that refuses the request.

    Raises:
        ClientVanished: There is nobody to answer.
    """
    try:
        return await route.run(request)
    except ClientVanished:
        raise
    except Exception as error:  # noqa: BLE001  # the border: everything becomes a reply
        return refuse(error, method=request.method, resource=_resource(request), request_id=request.id)


def refuse(error: Exception, *, method: str, resource: str, request_id: str) -> Response:
    """Return the reply to a request that ended in *error*; damage and bugs are logged, with their trace.

    Args:
        error: What was raised; of a group the first.
        method: A HEAD is refused without a document.
        resource: The path, decoded.
        request_id: Of the request.
    """
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    refusal = translate(error)
    if refusal.status == _SERVER_ERROR:
        _log.error("request.failed", request_id=request_id, method=method, exc_info=error)
    if method == "HEAD":
        return Response(refusal.status, dict(refusal.headers), code=refusal.code)
    body = xml.error_document(refusal, resource, request_id)
    return Response(refusal.status, {"Content-Type": XML_TYPE, **refusal.headers}, body, code=refusal.code)


def create_app() -> QuartTrio:
    """Return the Quart application for the operations that are not hot."""
    app = QuartTrio(__name__, static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=None, BODY_TIMEOUT=None, RESPONSE_TIMEOUT=None)  # bodies never pass it
    app.add_url_rule(_PATH, "operation", _serve, methods=["POST"])
    return app


async def serve_by_quart(app: QuartTrio, route: Route, request: Request, send: Send) -> Response:
    """Have Quart answer a request and send the reply.

    Args:
        app: Of `create_app`.
        route: Of an operation that is not hot.
        request: Read and routed.
        send: Of the ASGI server, or around it.

    Returns:
        What was sent.

    Raises:
        ClientVanished, BrokenResourceError: There is nobody to answer.
    """
    exchange = _Exchange(route, request)

    async def send_to_whoever_is_there(message: Any) -> None:
        if exchange.vanished is None:
            try:
                await send(message)
            except trio.BrokenResourceError as error:  # Quart would make a reply of it
                exchange.vanished = error

    scope: Any = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": request.scheme,
        "path": _PATH,
        "raw_path": _PATH.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"localhost")],
        "extensions": {},
        _EXCHANGE: exchange,
    }
    receive: Any = _empty_body()
    await app(scope, receive, send_to_whoever_is_there)
    if exchange.vanished is not None:
        raise exchange.vanished
    assert exchange.response is not None  # noqa: S101  # an operation answers, or its client has gone
    return exchange.response


async def _serve() -> quart.Response:
    scope: Any = quart.request.scope
    exchange: _Exchange = scope[_EXCHANGE]
    try:
        response = exchange.response = await answer(exchange.route, exchange.request)
    except ClientVanished as error:
        exchange.vanished = error
        return quart.Response(b"", _CLIENT_ERROR)  # sent to nobody; no body at all would need asyncio
    assert isinstance(response.body, bytes)  # noqa: S101  # only hot operations stream
    reply = quart.Response(response.body, response.status)
    del reply.headers["Content-Type"]  # Quart's own guess
    reply.headers.update(response.headers)
    return reply


def _empty_body() -> Callable[[], Awaitable[dict[str, Any]]]:
    """Return the ``receive`` of a request without a body, whose client stays."""
    is_sent = False

    async def receive() -> dict[str, Any]:
        nonlocal is_sent
        if is_sent:
            await trio.sleep_forever()
        is_sent = True
        return {"type": "http.request", "body": b"", "more_body": False}

    return receive


def _resource(request: Request) -> str:
    key = b"" if request.key is None else b"/" + request.key
    return f"/{request.bucket or ''}{key.decode()}"
