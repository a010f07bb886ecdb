"""Where in the store's history a layer, some content or a blob is used."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from functools import cached_property

from runner.store.catalog.codes import EntryKind
from runner.store.catalog.query import Connection
from runner.store.files.names import shown

_ENTRIES = "SELECT layer, key, kind, content FROM entry WHERE layer NOT IN (SELECT layer FROM run)"
_VERSIONS = """
    SELECT r.name || '@' || v.branch, v.key, v.id, v.kind, v.content FROM version v LEFT JOIN repo r ON r.id = v.repo
"""


class Places:
    """Finds what is touched by damage; costs nothing while there is none."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def of_entry(self, layer: int, key: bytes) -> str:
        """Return ``repo@commit:/key`` of the commit that wrote it."""
        return f"{self.of_layer(layer)}:/{shown(bytes(key))}"

    def of_layer(self, layer: int) -> str:
        """Return ``repo@commit`` of the commit that wrote it, or what else it is."""
        return self._commits.get(layer, f"layer {layer}")

    def using_blobs(self, blobs: Collection[int]) -> dict[int, list[str]]:
        """Return by blob the objects whose bytes are in it."""
        manifests: dict[int, set[int]] = {}
        for manifest, blob in self._db.execute("SELECT manifest, blob FROM extent"):
            if blob in blobs:
                manifests.setdefault(manifest, set()).add(blob)
        found: dict[int, list[str]] = {blob: [] for blob in blobs}
        for place, kind, content in self._referring():
            hit = {content} & found.keys() if kind == EntryKind.BLOB else manifests.get(content, set())
            for blob in hit:
                found[blob].append(place)
        return found

    def using_manifest(self, manifest: int) -> list[str]:
        """Return the objects that are the manifest's."""
        return [
            place for place, kind, content in self._referring() if kind == EntryKind.MANIFEST and content == manifest
        ]

    def _referring(self) -> Iterator[tuple[str, int, int]]:
        """Yield every reference: of the deltas, not of the runs that were merged from them, and of S3's versions."""
        for layer, key, kind, content in self._db.execute(_ENTRIES):
            yield self.of_entry(layer, key), kind, content
        for branch, key, version, kind, content in self._db.execute(_VERSIONS):
            yield f"{branch}:/{shown(bytes(key))} version {version}", kind, content

    @cached_property
    def _commits(self) -> dict[int, str]:
        rows = self._db.execute("SELECT r.name, c.uuid, c.layers FROM commits c LEFT JOIN repo r ON r.id = c.repo")
        found: dict[int, str] = {}
        for repo, uuid, layers in rows:
            try:
                numbers = json.loads(layers)
            except ValueError:
                continue  # told of the commit itself
            found.update((number, f"{repo}@{uuid}") for number in numbers)
        runs = self._db.execute("SELECT layer FROM run")
        return {layer: f"run {layer}" for (layer,) in runs} | found
