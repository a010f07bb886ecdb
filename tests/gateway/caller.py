"""Requests to operations without a socket: real addresses, routes, bodies and replies."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from lxml import etree

from runner.gateway.address import Hosts, resolve
from runner.gateway.app import answer, refuse
from runner.gateway.body import announced
from runner.gateway.body.source import Source
from runner.gateway.body.verified import VerifiedBody
from runner.gateway.errors import S3Error
from runner.gateway.options import GatewayOptions
from runner.gateway.principal import Principal, Views, only
from runner.gateway.request import Query, Request
from runner.gateway.route import Route, find_route
from runner.model.entry import Entry
from runner.store.view import View

REQUEST_ID = "0123456789ABCDEF"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    length: int | None

    @property
    def xml(self) -> etree._Element:
        """The document, without its namespace."""
        return etree.fromstring(re.sub(rb' xmlns="[^"]*"', b"", self.body))

    @property
    def code(self) -> str:
        """The error code of a refusal; else empty."""
        return "" if self.status < 400 else self.xml.findtext("Code") or ""

    def texts(self, path: str) -> list[str]:
        """The text of every element at *path*."""
        return [node.text or "" for node in self.xml.iterfind(path)]


class Caller:
    """Calls the operations of one view."""

    def __init__(
        self,
        view: View,
        options: GatewayOptions | None = None,
        principal: Principal | None = None,
        views: Views | None = None,
    ) -> None:
        self.view = view
        self.options = options or GatewayOptions()
        self._principal = principal or Principal(self.options.owner)
        self._views = views or only(view)

    async def __call__(
        self, method: str, target: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        try:
            route, request = self._read(method, target, body, dict(headers or {}))
        except S3Error as error:
            response = refuse(error, method=method, resource=target.partition("?")[0], request_id=REQUEST_ID)
        else:
            response = await answer(route, request)
        content = response.body if isinstance(response.body, bytes) else b"".join([x async for x in response.body])
        names = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status, names, content, response.length)

    def _read(self, method: str, target: str, body: bytes | None, headers: dict[str, str]) -> tuple[Route, Request]:
        if body is not None:
            headers.setdefault("content-length", str(len(body)))
        path, _, query_text = target.partition("?")
        address = resolve(path.encode(), "127.0.0.1", Hosts(None, is_open=False))
        query = Query(query_text.encode())
        route = find_route(method, address.bucket, address.key, query, headers)
        source = Source(_receive(body or b""), has_body=body is not None, idle_seconds=5)
        says = announced.read(headers, has_checksum=route.name != "CompleteMultipartUpload")
        return route, Request(
            id=REQUEST_ID,
            method=method,
            bucket=address.bucket,
            key=address.key,
            query=query,
            headers=headers,
            principal=self._principal,
            views=self._views,
            options=self.options,
            body=VerifiedBody(source, says, None),
            authority="127.0.0.1",
        )


async def snapshot(view: View) -> list[Any]:
    """Return everything that can be seen through a view, to prove that a request changed nothing."""
    seen: list[Any] = []
    for bucket in await view.list_buckets():
        page = await bucket.list(b"", b"", b"", 1000)
        assert page.next_after is None
        seen.append(
            (bucket.name, [(x.key, x.etag, x.modified, x.attributes) for x in page.items if isinstance(x, Entry)])
        )
        uploads, _ = await bucket.list_uploads(b"", b"", "", 1000)
        seen.extend([(upload, (await bucket.list_parts(upload, 0, 1000))[0]) for upload in uploads])
    return seen


@asynccontextmanager
async def unchanged(view: View) -> AsyncIterator[None]:
    """Prove that the block changes nothing."""
    before = await snapshot(view)
    yield
    assert await snapshot(view) == before


def _receive(body: bytes) -> Any:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
