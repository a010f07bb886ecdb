"""A branch of a store as the bucket ``data``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from runner.store import Store, open_store
from runner.store.buckets.storeview import StoreView
from runner.store.writing.bursts import open_bursts
from tests.gateway.caller import Answer, Caller

ENABLED = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
SUSPENDED = b"<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>"


class Bucket:
    """Requests about the bucket ``data``."""

    def __init__(self, call: Caller, store: Store) -> None:
        self.call = call
        self.store = store

    async def versioning(self, document: bytes) -> Answer:
        return await self.call("PUT", "/data?versioning", document)

    async def put(self, key: str, body: bytes = b"x", **headers: str) -> str:
        """Return the version that the reply shows; empty: none."""
        answer = await self.call("PUT", f"/data/{key}", body, headers)
        assert answer.status == 200, answer.body
        return answer.headers.get("x-amz-version-id", "")

    async def get(self, key: str, version: str = "") -> bytes | str:
        """Return the bytes, or the code of the refusal."""
        answer = await self.call("GET", f"/data/{key}{f'?versionId={version}' if version else ''}")
        return answer.code or answer.body

    async def delete(self, key: str, version: str = "", **headers: str) -> Answer:
        return await self.call("DELETE", f"/data/{key}{f'?versionId={version}' if version else ''}", None, headers)

    async def list(self, query: str = "") -> list[tuple[str, str, bool, bool]]:
        """Return key, version, whether it is the latest and whether it is a marker, in the order of the document."""
        answer = await self.call("GET", f"/data?versions{query}")
        assert answer.status == 200, answer.body
        return [
            (
                node.findtext("Key") or "",
                node.findtext("VersionId") or "",
                node.findtext("IsLatest") == "true",
                node.tag == "DeleteMarker",
            )
            for node in answer.xml
            if node.tag in ("Version", "DeleteMarker")
        ]


@asynccontextmanager
async def open_bucket(folder: Path) -> AsyncIterator[Bucket]:
    """Make it in a store of its own."""
    async with open_store(folder) as store, open_bursts(store) as bursts:
        call = Caller(StoreView(store, bursts, project="default"))
        await call("PUT", "/data")
        yield Bucket(call, store)
