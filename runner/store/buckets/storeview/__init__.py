"""The whole store as buckets: each branch one that is read and written, each commit one that is read.

A bucket that is made is a branch, and its repo when that is missing; the repo goes with its last branch.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from runner.model.account import AccessLevel
from runner.model.address import DEFAULT_BRANCH, InvalidName
from runner.model.commit import CommitState
from runner.store import accounts
from runner.store.buckets.buckets import CommitBucket, commit_bucket
from runner.store.buckets.gate import Door, Gate
from runner.store.buckets.storeview.branch import BranchBucket
from runner.store.buckets.storeview.names import BucketName, name_of, parse, parse_new
from runner.store.catalog.codes import COMMIT_STATE, EntryKind
from runner.store.catalog.engine import Transaction
from runner.store.catalog.query import Connection
from runner.store.history import documents, refs, removal, repos, staged, versions
from runner.store.history.projects import NoSuchProject
from runner.store.history.staged import BranchKey
from runner.store.jobs.reads import Traffic
from runner.store.layers import tree
from runner.store.refusals import AccessDenied, BucketNotEmpty, BucketTaken, InvalidBucketName, NoSuchBucket
from runner.store.rights import NOBODY, Rights
from runner.store.store import Store
from runner.store.times import from_us
from runner.store.writing import branches
from runner.store.writing.bursts import Bursts

__all__ = ["StoreView"]

_OWNER = f"""
    SELECT a.name FROM access x JOIN account a ON a.id = x.account
    WHERE x.repo = r.id AND x.level = {int(AccessLevel.OWNER)}
"""  # noqa: S608  # constants
_BRANCHES = f"""
    SELECT r.project, r.name, b.name, b.repo, b.created_us, ({_OWNER}), (
        SELECT v.spec FROM pipeline p JOIN pipeline_version v ON v.pipeline = p.id
        WHERE p.project = r.project AND p.name = r.name ORDER BY v.version DESC LIMIT 1
    ) FROM branch b JOIN repo r ON r.id = b.repo
"""  # noqa: S608  # constants
_BRANCH = f"{_BRANCHES} WHERE r.project = ? AND r.name = ? AND b.name = ?"
_COMMITS = f"""
    SELECT c.id, c.branch, r.id, ({_OWNER}) FROM commits c JOIN repo r ON r.id = c.repo
    WHERE r.project = ? AND r.name = ? AND c.uuid >= ? AND c.uuid < ?
      AND c.state != {COMMIT_STATE.code(CommitState.OPEN)} LIMIT 2
"""  # noqa: S608  # constants; an open commit is its branch


class _Branch(NamedTuple):
    """A branch as the catalog tells of it.

    Attributes:
        owner: Name of the account that made the repo; None: none did.
        spec: Of the pipeline that the repo is called after.
    """

    project: str
    repo: str
    name: str
    number: int
    created_us: int
    owner: str | None
    spec: bytes | None

    @property
    def key(self) -> BranchKey:
        return BranchKey(self.number, self.name)

    @property
    def names(self) -> BucketName:
        return BucketName(self.project, self.repo, self.name)

    @property
    def pipeline(self) -> str:
        """Return the name of the pipeline whose output branch it is; else nothing."""
        if self.spec is None or json.loads(self.spec).get("outputBranch", DEFAULT_BRANCH) != self.name:
            return ""
        return self.repo


class _Commit(NamedTuple):
    """A commit as the catalog tells of it."""

    number: int
    branch: str
    repo: int
    owner: str | None


class StoreView:
    """What one holder of credentials sees of a store, or everybody.

    Args:
        store: Which.
        bursts: Take the writes.
        project: Of buckets whose name says none.
        rights: Of the holder; None: nobody is asked who he is, and everybody may do everything.
    """

    def __init__(self, store: Store, bursts: Bursts, *, project: str, rights: Rights | None = None) -> None:
        self._rights = rights
        self._store = store
        self._bursts = bursts
        self._project = project
        self._door = Door(Gate(), Traffic())

    async def list_buckets(self) -> Sequence[BranchBucket]:
        """As `runner.store.view.View.list_buckets`: every branch that the holder may read."""
        if self._rights == NOBODY:
            raise AccessDenied("Access Denied")
        db = self._store.catalog.db
        is_visible = self._rights.visible(db) if self._rights is not None else lambda _repo: True
        rows = map(_Branch._make, db.execute(_BRANCHES).fetchall())
        found = {name_of(branch.names, self._project): branch for branch in rows if is_visible(branch.number)}
        return [self._bucket(name, found[name]) for name in sorted(found)]

    async def get_bucket(self, name: str) -> BranchBucket | CommitBucket:
        """As `runner.store.view.View.get_bucket`: a branch, or a commit, which is not listed."""
        parsed = parse(name, self._project)
        if parsed is None:
            raise NoSuchBucket("there is no such bucket")
        found = _find(self._store.catalog.db, parsed)
        if parsed.commit:
            commit = self._find_commit(parsed, found)
            self._require(commit.repo, AccessLevel.READ)
            return commit_bucket(self._store, name, commit.number, door=self._door, owner=commit.owner or "")
        if found is None:
            raise NoSuchBucket("there is no such bucket")
        self._require(found.number, AccessLevel.READ)
        return self._bucket(name, found)

    def find_document(self, bucket: str, name: str) -> bytes | None:
        """As `runner.store.view.View.find_document`."""
        parsed = parse(bucket, self._project)
        found = None if parsed is None or parsed.commit else _find(self._store.catalog.db, parsed)
        return None if found is None else documents.find(self._store.catalog.db, found.key, name)

    async def create_bucket(self, name: str) -> BranchBucket:
        """As `runner.store.view.View.create_bucket`; one that is there stays as it is.

        A repo that is made with it belongs to the holder's account.
        """
        if self._rights == NOBODY:
            raise AccessDenied("Access Denied")
        wanted = parse_new(name, self._project)
        if wanted.commit:
            raise AccessDenied("A commit is made by writing to its branch.")
        found = _find(self._store.catalog.db, wanted)
        if found is None:
            await self._store.writer.write(partial(self._make, wanted=wanted))
            found = _find(self._store.catalog.db, wanted)
        if found is None:
            raise NoSuchBucket("somebody has removed the bucket meanwhile")
        if not self._level(self._store.catalog.db, found.number):
            raise BucketTaken("The requested bucket name is not available.")
        return self._bucket(name, found)

    def _make(self, tx: Transaction, wanted: BucketName) -> None:
        """Make a branch, and its repo when that is missing."""
        try:
            repo = repos.find(tx.db, wanted.project, wanted.repo)
            if repo is None:
                if self._rights is not None and not self._rights.may_make_repos:
                    raise AccessDenied("Access Denied")
                repo = repos.ensure(tx, wanted.project, wanted.repo)
                if self._rights is not None:
                    accounts.own(tx, self._rights.account, repo)
            elif self._level(tx.db, repo) < AccessLevel.WRITE:
                raise AccessDenied("Access Denied")
            refs.ensure(tx, repo, wanted.branch)
        except (InvalidName, NoSuchProject) as exc:
            raise InvalidBucketName(exc.message) from exc

    async def delete_bucket(self, name: str) -> None:
        """As `runner.store.view.View.delete_bucket`."""
        if isinstance(await self.get_bucket(name), CommitBucket):
            raise AccessDenied("A commit cannot be removed.")
        parsed = parse(name, self._project)

        def remove(tx: Transaction) -> None:
            found = None if parsed is None else _find(tx.db, parsed)
            if found is None:
                raise NoSuchBucket("there is no such bucket")
            if self._level(tx.db, found.number) < AccessLevel.ADMIN:  # it may be another's by now
                raise AccessDenied("Access Denied")
            if found.pipeline:
                raise AccessDenied("The output branch of a pipeline cannot be removed.")
            if _holds_something(tx.db, staged.read_set(tx.db, found.key)) or versions.has_some(tx.db, found.key):
                raise BucketNotEmpty("The bucket that you tried to delete is not empty.")
            branches.remove(tx, refs.require(tx.db, *found.key))
            if found.spec is None and not _has_branches(tx.db, found.number):
                removal.remove_repo(tx, found.number)

        await self._store.writer.write(remove)

    def _bucket(self, name: str, found: _Branch) -> BranchBucket:
        return BranchBucket(
            self._store,
            name,
            from_us(found.created_us),
            branch=found.key,
            bursts=self._bursts,
            pipeline=found.pipeline,
            level=self._level(self._store.catalog.db, found.number),
            owner=found.owner or "",
            door=self._door,
        )

    def _level(self, db: Connection, repo: int) -> int:
        """Return what the holder may do with a repo; 0: nothing."""
        return AccessLevel.OWNER if self._rights is None else self._rights.level(db, repo)

    def _require(self, repo: int, level: AccessLevel) -> None:
        if self._level(self._store.catalog.db, repo) < level:
            raise AccessDenied("Access Denied")

    def _find_commit(self, wanted: BucketName, branch: _Branch | None) -> _Commit:
        """Return the one commit that begins with the digits: made on the branch, or on another of those there."""
        digits = (wanted.commit, wanted.commit + "g")
        rows = self._store.catalog.db.execute(_COMMITS, (wanted.project, wanted.repo, *digits)).fetchall()
        if len(rows) != 1 or (branch is None and rows[0][1] != wanted.branch):
            raise NoSuchBucket("there is no such commit, or several begin with these digits")
        return _Commit._make(rows[0])


def _find(db: Connection, name: BucketName) -> _Branch | None:
    row = db.execute(_BRANCH, (name.project, name.repo, name.branch)).fetchone()
    return None if row is None else _Branch._make(row)


def _has_branches(db: Connection, repo: int) -> bool:
    return db.execute("SELECT 1 FROM branch WHERE repo = ? LIMIT 1", (repo,)).fetchone() is not None


def _holds_something(db: Connection, layers: tree.ReadSet) -> bool:
    merge = tree.Merge(db, layers, b"", None)
    while (row := merge.step()) is not None:
        if row.kind != EntryKind.TOMBSTONE:
            return True
    return False
