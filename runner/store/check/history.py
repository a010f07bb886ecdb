"""Commits: each holds what its digest says, stands on older ones, and refs and records belong to them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import NamedTuple

from blake3 import blake3

from runner.model.commit import CommitOrigin, CommitState
from runner.model.ids import is_commit_id
from runner.model.job import JobState
from runner.store.catalog.codes import COMMIT_ORIGIN, COMMIT_STATE, JOB_STATE, EntryKind, LayerState
from runner.store.catalog.query import Snapshot
from runner.store.check.report import Report
from runner.store.layers import tree
from runner.store.layers.contentsum import ContentSum
from runner.store.layers.entries import Row

_COMMITS = """
    SELECT c.id, r.name, c.uuid, c.repo, c.parent, c.base, c.layers, c.read_set, c.state, c.digest, c.content_sum,
           c.objects, c.bytes
    FROM commits c LEFT JOIN repo r ON r.id = c.repo ORDER BY c.id
"""
_BRANCHES = """
    SELECT r.name, b.name, b.head, b.repo, c.repo, c.state
    FROM branch b LEFT JOIN repo r ON r.id = b.repo LEFT JOIN commits c ON c.id = b.head
"""
_RECORDS = """
    SELECT c.id, p.record, p.digest, c.uuid, c.digest FROM provenance p LEFT JOIN commits c ON c.id = p.commit_id
"""
_UNRECORDED = """
    SELECT id FROM commits WHERE origin = ? AND state = ? AND id NOT IN (SELECT commit_id FROM provenance)
"""
_SUCCEEDED = """
    SELECT j.uuid FROM job j LEFT JOIN commits c ON c.id = j.commit_id AND c.uuid = j.uuid AND c.state = ?
    WHERE j.state = ? AND j.commit_id IS NOT NULL AND c.id IS NULL
"""  # NULL: deleted since
_OPEN = COMMIT_STATE.code(CommitState.OPEN)
_FINISHED = COMMIT_STATE.code(CommitState.FINISHED)
_QUARANTINED = COMMIT_STATE.code(CommitState.QUARANTINED)


class _Commit(NamedTuple):
    id: int
    repo_name: str | None
    uuid: str
    repo: int
    parent: int | None
    base: int | None
    layers: str
    read_set: str
    state: int
    digest: bytes
    content_sum: bytes
    objects: int
    bytes: int

    def __str__(self) -> str:
        return f"{self.repo_name}@{self.uuid}"


class _Known(NamedTuple):
    """What later commits need of one that was looked at."""

    repo: int
    state: int
    read_set: Sequence[int]
    name: str


class History:
    """Checks commits in the order in which they were made: what is below one was checked before it."""

    def __init__(self, db: Snapshot, report: Report, breathe: Callable[[], None]) -> None:
        self._db = db
        self._report = report
        self._breathe = breathe
        self._known: dict[int, _Known] = {}
        self._layer_states: dict[int, int] = {}
        self._covers: dict[int, list[int]] = {}
        self._bottom_only: set[int] = set()

    def check(self) -> None:
        """Look at runs, commits, branches, records and what jobs say of commits."""
        with self._report.section("runs"):
            self._layer_states = dict(self._db.execute("SELECT id, state FROM layer").fetchall())
            named: set[int] = set()
            for (read_set,) in self._db.scan("SELECT read_set FROM commits"):
                named.update(json.loads(read_set))
            for layer, covers in self._db.scan("SELECT layer, covers FROM run"):
                with self._report.section(f"run {layer}"):
                    self._covers[layer] = json.loads(covers)
                    if layer in named:  # else it is garbage, and what it was merged from may be gone before it
                        self._check_run(layer)
        with self._report.section("commits"):
            for commit in map(_Commit._make, self._db.scan(_COMMITS)):
                with self._report.section(f"commit {commit}"):
                    self._check_commit(commit)
        with self._report.section("branches"):
            self._check_branches()
        with self._report.section("records"):
            self._check_records()

    def _check_run(self, run: int) -> None:
        """A run holds what the layers hold that it was merged from; at the bottom it may leave out tombstones."""
        merge = tree.Merge(self._db, self._covers[run], b"", None)
        held = tree.Merge(self._db, [run], b"", None)
        row = held.step()
        while (wanted := merge.step()) is not None:
            self._breathe()
            if row is not None and row == wanted:
                row = held.step()
            elif wanted.kind == EntryKind.TOMBSTONE:
                self._bottom_only.add(run)
            else:
                break
        if wanted is not None or row is not None:
            self._report.tell(f"run {run} does not hold what the layers hold that it was merged from")

    def _check_commit(self, commit: _Commit) -> None:
        self._report.commits += 1
        wrong = list(self._wrong_links(commit))
        layers, read_set = json.loads(commit.layers), json.loads(commit.read_set)
        base = self._known.get(commit.base or 0)
        below = base.read_set if base else ()
        content = self._content(layers, commit.base, below)
        told = ContentSum(commit.content_sum, commit.objects, commit.bytes)
        if told.digest() != commit.digest:
            wrong.append("its digest is not that of its content")
        if (content.state(), content.objects, content.size_bytes) != (told.state(), told.objects, told.size_bytes):
            wrong.append("it does not hold the objects that it held when it was made")
        if self._deltas(read_set) != [*layers, *self._deltas(below)]:
            wrong.append("it is read from other layers than it was made of")
        if any(layer in self._bottom_only for layer in read_set[:-1]):
            wrong.append("it is read from a run that lacks deletions")
        for why in wrong:
            self._report.tell(f"commit {commit}: {why}", [str(commit)])
        self._known[commit.id] = _Known(commit.repo, commit.state, read_set, str(commit))

    def _wrong_links(self, commit: _Commit) -> list[str]:
        wrong = []
        if commit.repo_name is None:
            wrong.append("its repo is not there")
        if not is_commit_id(commit.uuid):
            wrong.append("its id is none")
        if commit.state not in {_OPEN, _FINISHED, _QUARANTINED}:
            wrong.append("its state is none")
        parent = self._known.get(commit.parent or 0)
        if commit.parent is not None and (parent is None or parent.repo != commit.repo or parent.state != _FINISHED):
            wrong.append("its parent is no older commit of the repo")
        if commit.base is not None and commit.base not in self._known:
            wrong.append("what it stands on is no older commit")
        expected = LayerState.SEALED if commit.state == _FINISHED else LayerState.QUARANTINED
        if any(self._layer_states.get(layer) != expected for layer in json.loads(commit.layers)):
            wrong.append("a layer of it is not there or not sealed")
        return wrong

    def _deltas(self, read_set: Sequence[int]) -> list[int]:
        return [delta for layer in read_set for delta in self._covers.get(layer, [layer])]

    def _content(self, layers: Sequence[int], base: int | None, below: Sequence[int]) -> ContentSum:
        """Return what a commit holds: what *base* says that it holds, and what its own layers change in it."""
        row = self._db.execute("SELECT content_sum, objects, bytes FROM commits WHERE id = ?", (base,)).fetchone()
        content = ContentSum(*row) if row else ContentSum()
        merge = tree.Merge(self._db, layers, b"", None)
        while (row := merge.step()) is not None:
            self._breathe()
            before: Row | None = tree.find(self._db, below, row.key)
            if before is not None:
                content.remove(before)
            if row.kind != EntryKind.TOMBSTONE:
                content.add(row)
        return content

    def _check_branches(self) -> None:
        for repo_name, name, head, repo, head_repo, state in self._db.scan(_BRANCHES):
            branch = f"{repo_name}@{name}"
            if repo_name is None:
                self._report.tell(f"branch {name} belongs to a repo that is not there")
            if head is not None and (head_repo != repo or state != _FINISHED):
                self._report.tell(f"branch {branch} points at no finished commit of its repo", [branch])

    def _check_records(self) -> None:
        for number, text, digest, uuid, commit_digest in self._db.scan(_RECORDS):
            known = self._known.get(number)
            if known is None:
                self._report.tell("a provenance record belongs to a commit that is not there")
            elif blake3(text).digest() != digest:
                self._report.tell(f"the provenance record of {known.name} does not match its digest", [known.name])
            elif not _tells_of(text, uuid, commit_digest):
                self._report.tell(f"the provenance record of {known.name} tells of another commit", [known.name])
        auto = COMMIT_ORIGIN.code(CommitOrigin.AUTO)
        for (number,) in self._db.scan(_UNRECORDED, (auto, _FINISHED)):
            name = self._known[number].name
            self._report.tell(f"the provenance record of {name} is not there", [name])
        for (uuid,) in self._db.scan(_SUCCEEDED, (_FINISHED, JOB_STATE.code(JobState.SUCCESS))):
            self._report.tell(f"the commit of the job {uuid} is not there")


def _tells_of(text: bytes, uuid: str, digest: bytes) -> bool:
    output = json.loads(text).get("output", {})
    return bool(output.get("commit") == uuid and output.get("digest") == digest.hex())
