"""Where in the store's history a layer, some content or a blob is used."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

from runner.store.catalog.codes import EntryKind
from runner.store.catalog.query import Snapshot
from runner.store.check.report import TOUCHED_MAX
from runner.store.files.names import shown

_ENTRY = "SELECT kind, content FROM entry WHERE layer = ? AND key = ?"
_ENTRIES = "SELECT layer, key, kind, content FROM entry WHERE layer NOT IN (SELECT layer FROM run)"
_VERSIONS = """
    SELECT r.name || '@' || v.branch, v.key, v.id, v.kind, v.content FROM version v LEFT JOIN repo r ON r.id = v.repo
"""
_COMMITS = "SELECT r.name, c.uuid, c.layers FROM commits c LEFT JOIN repo r ON r.id = c.repo"
_HEADS = """
    SELECT r.name, b.name, c.id, c.read_set
    FROM branch b JOIN commits c ON c.id = b.head LEFT JOIN repo r ON r.id = b.repo
    ORDER BY r.name, b.name
"""
_STAGED = "SELECT s.layer, r.name, s.branch FROM burst s LEFT JOIN repo r ON r.id = s.repo"
_ATTEMPTED = """
    SELECT a.layer, p.name, j.uuid FROM attempt a
    LEFT JOIN job j ON j.id = a.job LEFT JOIN pipeline p ON p.id = j.pipeline
"""


class _Head(NamedTuple):
    """What a branch holds: its name, and the layers that it is read from, newest first."""

    branch: str
    commit: int
    read_set: Sequence[int]
    layers: Collection[int]


class Places:
    """Finds what is touched by damage; costs nothing while there is none."""

    def __init__(self, db: Snapshot) -> None:
        self._db = db

    def of_entry(self, layer: int, key: bytes) -> list[str]:
        """Return ``repo@commit:/key`` of the commit that wrote it, and ``repo@branch:/key`` where it is seen now."""
        found = self._db.execute(_ENTRY, (layer, key)).fetchone()
        heads = self._heads_with(layer, key, found or (None, None))
        return [f"{place}:/{shown(bytes(key))}" for place in (self._wrote(layer), *heads)]

    def of_layer(self, layer: int) -> list[str]:
        """Return ``repo@commit`` of the commit that wrote it, and the branches that are read from it now."""
        return [self._wrote(layer), *(head.branch for head in self._heads if layer in head.layers)]

    def of_commit(self, number: int) -> list[str]:
        """Return the branches that point at a commit."""
        return [head.branch for head in self._heads if head.commit == number]

    def using_blobs(self, blobs: Collection[int]) -> dict[int, list[str]]:
        """Return by blob the objects whose bytes are in it, the first few."""
        manifests: dict[int, set[int]] = {}
        for manifest, blob in self._db.scan("SELECT manifest, blob FROM extent"):
            if blob in blobs:
                manifests.setdefault(manifest, set()).add(blob)
        found: dict[int, list[str]] = {blob: [] for blob in blobs}
        for layer, key, kind, content in self._db.scan(_ENTRIES):
            for blob in {content} & found.keys() if kind == EntryKind.BLOB else manifests.get(content, ()):
                if len(found[blob]) < TOUCHED_MAX:
                    found[blob] += self.of_entry(layer, key)
        for place, kind, content in self._versions():
            for blob in {content} & found.keys() if kind == EntryKind.BLOB else manifests.get(content, ()):
                if len(found[blob]) < TOUCHED_MAX:
                    found[blob].append(place)
        return found

    def using_manifest(self, manifest: int) -> list[str]:
        """Return the objects that are the manifest's."""
        entries = self._db.execute(
            f"{_ENTRIES} AND kind = ? AND content = ?", (EntryKind.MANIFEST, manifest)
        ).fetchall()
        places = [place for layer, key, *_ in entries for place in self.of_entry(layer, key)]
        versions = [found[0] for found in self._versions() if found[1:] == (EntryKind.MANIFEST, manifest)]
        return [*places, *versions]

    def using_parts(self, part_list: int) -> list[str]:
        """Return the objects that have this list of parts."""
        entries = self._db.execute(f"{_ENTRIES} AND parts = ?", (part_list,)).fetchall()
        return [place for layer, key, *_ in entries for place in self.of_entry(layer, key)]

    def _versions(self) -> Iterator[tuple[str, int, int]]:
        for branch, key, version, kind, content in self._db.scan(_VERSIONS):
            yield f"{branch}:/{shown(bytes(key))} version {version}", kind, content

    def _wrote(self, layer: int) -> str:
        return self._writers.get(layer, f"layer {layer}")

    def _heads_with(self, layer: int, key: bytes, content: tuple[object, object]) -> Iterator[str]:
        """Yield the branches under whose key this very row is seen."""
        for head in self._heads:
            if layer in head.layers and self._seen(head, key) == content:
                yield head.branch

    def _seen(self, head: _Head, key: bytes) -> object:
        for layer in head.read_set:
            row = self._db.execute(
                "SELECT kind, content FROM entry WHERE layer = ? AND key = ?", (layer, key)
            ).fetchone()
            if row is not None:
                return row
        return None

    @cached_property
    def _heads(self) -> list[_Head]:
        covers = {layer: _numbers(text) for layer, text in self._db.execute("SELECT layer, covers FROM run")}
        heads = []
        for repo, branch, commit, text in self._db.execute(_HEADS):
            read_set = _numbers(text)
            below = {delta for layer in read_set for delta in covers.get(layer, ())}
            heads.append(_Head(f"{repo}@{branch}", commit, read_set, below.union(read_set)))
        return heads

    @cached_property
    def _writers(self) -> dict[int, str]:
        """What each layer is: written by a commit, staged, an attempt's, or merged from others."""
        found = {layer: f"run {layer}" for (layer,) in self._db.execute("SELECT layer FROM run")}
        found |= {layer: f"job {name}@{uuid}" for layer, name, uuid in self._db.execute(_ATTEMPTED)}
        found |= {layer: f"staged on {repo}@{branch}" for layer, repo, branch in self._db.execute(_STAGED)}
        for repo, uuid, layers in self._db.scan(_COMMITS):
            found.update((number, f"{repo}@{uuid}") for number in _numbers(layers))
        return found


def _numbers(text: str) -> list[int]:
    """Return the numbers of layers in a column; of a damaged one none, it is told of its own row."""
    try:
        found = json.loads(text)
    except ValueError:
        return []
    return [number for number in found if isinstance(number, int)] if isinstance(found, list) else []
