"""The outermost ASGI application: address, credentials, body, operation, reply.

Hot operations are answered here, the others behind Quart; both take the same `Request` and go out the same
way. Each request gets one reply and one `Access`, or its connection ends.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import unquote

import structlog
import trio

from runner.gateway import cors
from runner.gateway.address import Address, Hosts, resolve
from runner.gateway.app import HOT, answer, create_app, refuse, serve_by_quart
from runner.gateway.auth import NOBODY, Guard, SignedHead
from runner.gateway.body.announced import read
from runner.gateway.body.source import ClientVanished, Source
from runner.gateway.body.verified import VerifiedBody
from runner.gateway.errors import S3Error
from runner.gateway.messages import Receive, Scope, Send
from runner.gateway.options import Access, GatewayOptions
from runner.gateway.principal import Principal, Views
from runner.gateway.reply import Reply
from runner.gateway.request import Query, Request, Response
from runner.gateway.route import OPTIONS, Route, find_route

CLIENT_VANISHED = 499
"""Status in `Access` of a request whose client went before the reply was whole, as nginx has it."""

_OBJECT_CHECKSUM = frozenset({"CompleteMultipartUpload"})
"""Operations whose ``x-amz-checksum-*`` is of the object and not of the body."""

_EVENTS: Mapping[str, str] = {
    "PutObject": "object.put",
    "CopyObject": "object.copied",
    "CompleteMultipartUpload": "object.completed",
    "DeleteObject": "object.deleted",
    "DeleteObjects": "objects.deleted",
}
_ERRORS_FROM = 400

_log = structlog.get_logger()


class Gateway:
    """Serves buckets.

    Args:
        views: Those that each principal sees.
        options: See `GatewayOptions`.
    """

    def __init__(self, views: Views, options: GatewayOptions) -> None:
        self._views = views
        self._options = options
        self._hosts = Hosts(options.advertise, is_open=options.credentials is not None)
        self._guard = Guard(options.credentials, options.owner)
        self._quart = create_app()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        exchange = _Exchange(scope, receive, send, self._options.idle_seconds)
        began = trio.current_time()
        code = ""
        try:
            code = (await self._serve(exchange)).code
        except Exception as error:  # noqa: BLE001  # the border: what cannot be answered ends the connection
            code = exchange.note_failure(error)
        finally:
            self._report(exchange, code, trio.current_time() - began)

    async def _serve(self, exchange: _Exchange) -> Response:
        try:
            route, request = self._read(exchange)
        except Exception as error:  # noqa: BLE001  # the border: everything becomes a reply
            return await exchange.refuse(error)
        if route.name not in HOT:
            return await serve_by_quart(self._quart, route, request, exchange.reply.send)
        response = await answer(route, request)
        try:
            await exchange.reply.respond(response)
        except S3Error as error:
            if exchange.reply.status:
                raise
            return await exchange.refuse(error)
        return response

    def _read(self, exchange: _Exchange) -> tuple[Route, Request]:
        """Make a request of a head, or refuse it."""
        headers = exchange.headers
        if "content-length" in headers and "transfer-encoding" in headers:
            # Whatever stands before us may see another end of the body, and another request behind it.
            message = "Content-Length and Transfer-Encoding exclude each other."
            raise S3Error("InvalidRequest", message, headers={"Connection": "close"})
        host = headers.get("host")
        address = resolve(exchange.path, host, self._hosts)
        exchange.address = address
        query = Query(exchange.scope["query_string"])
        route = find_route(exchange.method, address.bucket, address.key, query, headers)
        if route is OPTIONS:
            caller = NOBODY
        else:
            head = SignedHead(exchange.method, address, query, exchange.scope["headers"])
            caller = self._guard.admit(head, datetime.now(UTC))
            self._judge_origin(exchange, caller.principal, host or "")
        exchange.principal = caller.principal.name
        exchange.operation = route.name
        announced = read(headers, has_checksum=route.name not in _OBJECT_CHECKSUM)
        if announced.payload.is_signed and caller.signer is None and not caller.principal.is_anonymous:
            raise S3Error("InvalidRequest", "Chunks can be signed by Signature Version 4 alone.")
        exchange.body = VerifiedBody(exchange.source, announced, caller.signer)
        return route, Request(
            exchange.request_id,
            exchange.method,
            address.bucket,
            address.key,
            query,
            headers,
            caller.principal,
            self._views,
            self._options,
            exchange.body,
            exchange.scope["scheme"],
            host or "",
        )

    def _judge_origin(self, exchange: _Exchange, principal: Principal, authority: str) -> None:
        """Let the reply tell the browser that its page may read it, or refuse what the page may not send."""
        origin = exchange.headers.get("origin")
        if origin is None:
            return
        bucket = exchange.address.bucket
        rules = None if bucket is None else self._views(principal).find_document(bucket, cors.NAME)
        rule = cors.find(rules, origin, exchange.method)
        if rule is None:
            self._hosts.check_origin(origin, authority)
        else:
            exchange.reply.also(cors.headers(rule, origin, exchange.method))

    def _report(self, exchange: _Exchange, code: str, seconds: float) -> None:
        access = exchange.access(code, seconds)
        self._options.on_request(access)
        is_write = access.operation in _EVENTS and access.status < _ERRORS_FROM
        _log.debug(
            _EVENTS[access.operation] if is_write else "request.answered",
            operation=access.operation,
            bucket=access.bucket,
            key=access.key.decode(errors="replace"),
            status=access.status,
            code=code,
            received_bytes=access.received,
            sent_bytes=access.sent,
            request_id=access.request_id,
        )


class _Exchange:
    """One request and what is known of it so far."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, idle_seconds: float) -> None:
        self.scope = scope
        self.request_id = secrets.token_hex(8).upper()
        self.method: str = scope["method"]
        self.path: bytes = scope["raw_path"]
        self.headers = _by_name(scope["headers"])
        expects_continue = self.headers.get("expect", "").lower() == "100-continue"
        is_empty = self.headers.get("content-length", "0") == "0" and "transfer-encoding" not in self.headers
        # Who waits before sending nothing is let go on as well, by the first look at the body.
        self.source = Source(receive, has_body=expects_continue or not is_empty, idle_seconds=idle_seconds)
        self.reply = Reply(send, self.source, self.request_id, expects_continue=expects_continue)
        self.address = Address(None, None, self.path)
        self.body: VerifiedBody | None = None
        self.operation = ""
        self.principal = ""

    async def refuse(self, error: Exception) -> Response:
        """Send the reply to a request that did not become one, or whose reply could not be sent."""
        resource = unquote(self.path.decode("latin-1"))
        response = refuse(error, method=self.method, resource=resource, request_id=self.request_id)
        await self.reply.respond(response)
        return response

    def note_failure(self, error: Exception) -> str:
        """Log why there is no whole reply, unless the client just went; return what the access log calls it."""
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        if isinstance(error, (ClientVanished, trio.BrokenResourceError)):
            self.reply.status = CLIENT_VANISHED
            return ClientVanished.__name__
        _log.error("reply.failed", request_id=self.request_id, operation=self.operation, exc_info=error)
        return "InternalError"

    def access(self, code: str, seconds: float) -> Access:
        """Say what became of the request."""
        return Access(
            request_id=self.request_id,
            principal=self.principal,
            method=self.method,
            operation=self.operation,
            bucket=self.address.bucket or "",
            key=self.address.key or b"",
            status=self.reply.status,
            code=code,
            received=self.body.received if self.body else 0,
            sent=self.reply.sent,
            seconds=seconds,
            traceparent=self.headers.get("traceparent", ""),
        )


def _by_name(raw: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers by lower-case name; bytes as Latin-1, repeated ones joined."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers
