"""Repos, branches, commits, what is staged on them, uploads and collections, against dicts that say the same."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from runner.model.address import parse
from runner.store import files
from runner.store.blobs import packs
from runner.store.buckets.storeview import StoreView
from runner.store.catalog import postgres, sqlite
from runner.store.check import check_store
from runner.store.collect import Graces, collect
from runner.store.contents import objects
from runner.store.history import commits, refs, removal, repos, squash, uploads
from runner.store.history.squash import CommitInUse
from runner.store.history.staged import BranchKey
from runner.store.view import CompletedPart
from runner.store.writing import branches, closing, open_commits
from runner.store.writing.bursts import BurstSettings, open_bursts
from runner.store.writing.open_commits import CommitIsOpen, NoOpenCommit
from tests.store.machine import StoreMachine
from tests.store.world import NO_ATTRIBUTES, Body, commit_objects, list_all, read_all

REPOS = ("one", "two")
BRANCHES = ("master", "left", "right")
NEVER = BurstSettings(idle_seconds=1e9, max_seconds=1e9, max_keys=10**9)
GRACES = (0, 60, 3600)

repo_names = st.sampled_from(REPOS)
branch_names = st.sampled_from(BRANCHES)
places = st.tuples(repo_names, branch_names)
keys = st.sampled_from([b"a", b"a/b", b"b", "é".encode(), "\U0010ffff".encode()])
values = st.sampled_from([0, 1, 1000, 60_000, 140_000]).map(lambda size: b"%d" % (size % 7) * size)  # one is no pack's

Content = dict[bytes, bytes]


@dataclass
class ModelUpload:
    """An upload in progress, and its parts."""

    key: bytes
    upload: object
    parts: dict[int, tuple[bytes, str]] = field(default_factory=dict)


@dataclass
class ModelBranch:
    """A branch: its head, what is staged above it (None: deleted), its open commit and its uploads."""

    head: str | None = None
    staged: dict[bytes, bytes | None] = field(default_factory=dict)
    open: str | None = None
    uploads: list[ModelUpload] = field(default_factory=list)


@dataclass
class ModelCommit:
    """A commit: what is before it, and what it holds; nothing of an open one."""

    parent: str | None
    content: Content | None


@dataclass
class ModelRepo:
    """A repo: its branches and its commits."""

    branches: dict[str, ModelBranch] = field(default_factory=dict)
    commits: dict[str, ModelCommit] = field(default_factory=dict)

    def held(self, branch: ModelBranch) -> Content:
        """Return what the head of a branch holds."""
        return {} if branch.head is None else self.commits[branch.head].content or {}

    def seen(self, branch: ModelBranch) -> Content:
        """Return what a branch holds for whoever reads it over S3."""
        return laid_over(self.held(branch), branch.staged)

    def stands_on(self, commit: str) -> bool:
        """Tell whether a commit has others above it."""
        return any(each.parent == commit for each in self.commits.values())


def laid_over(below: Content, staged: Mapping[bytes, bytes | None]) -> Content:
    """Return what is there when *staged* was written above *below*."""
    both = below | dict(staged)
    return {key: value for key, value in both.items() if value is not None}


class Clock:
    """The time of the store: that of the machine, and what was put forward."""

    def __init__(self) -> None:
        self.ahead_ns = 0

    def time_ns(self) -> int:
        return time.time_ns() + self.ahead_ns

    def __getattr__(self, name: str) -> object:
        return getattr(time, name)


class HistoryMachine(StoreMachine):
    """What is seen of the store is what the dicts say, whatever is done in whatever order."""

    steps = 0
    """Of all machines."""
    looks_every = 1
    """After so many steps all is compared that can be read; what a step did is compared by itself."""

    def __init__(self) -> None:
        self.patches = pytest.MonkeyPatch()
        self.clock = Clock()
        for module in (sqlite, postgres, objects, packs):
            self.patches.setattr(module, "time", self.clock)
        self.patches.setattr(uploads, "PART_MIN_BYTES", 2)
        self.repos: dict[str, ModelRepo] = {}
        self.steps_taken = 0
        super().__init__()

    @asynccontextmanager
    async def around(self) -> AsyncIterator[None]:
        async with open_bursts(self.store, NEVER, lambda _commit: None) as self.bursts:
            yield

    def teardown(self) -> None:
        try:
            super().teardown()
        finally:
            self.patches.undo()

    def last_look(self) -> None:
        self.compare_branches()
        self.call(self._collect, 0)
        for repo in self.repos:
            self.compare_commits(repo)

    # What the rules draw from.

    def repo(self, name: str) -> ModelRepo | None:
        return self.repos.get(name)

    def branch(self, repo: str, name: str) -> ModelBranch | None:
        known = self.repos.get(repo)
        return None if known is None else known.branches.get(name)

    async def _bucket(self, repo: str, branch: str):
        return await StoreView(self.store, self.bursts, project="default").get_bucket(f"{branch}.{repo}")

    # Repos and branches.

    @initialize()
    def begin(self) -> None:
        self.create_repo("one")
        self.create_branch("one", "master", None)

    @rule(name=repo_names)
    def create_repo(self, name) -> None:
        try:
            self.call(repos.create, self.store, "default", name)
        except repos.RepoExists:
            assert name in self.repos
        else:
            assert name not in self.repos
            self.repos[name] = ModelRepo()

    @rule(name=st.just("two"))
    def delete_repo(self, name) -> None:
        try:
            self.call(removal.delete_repo, self.store, "default", name)
        except repos.NoSuchRepo:
            assert name not in self.repos
        else:
            del self.repos[name]

    def create_branch(self, repo, name, head) -> None:
        known = self.repos[repo]
        try:
            self.call(branches.create, self.store, "default", repo, name, head)
        except branches.BranchExists:
            assert name in known.branches
        except branches.CommitUnfinished:
            assert known.commits[head].content is None
        else:
            assert name not in known.branches
            assert head is None or known.commits[head].content is not None, "an open commit is no head"
            known.branches[name] = ModelBranch(head)

    @rule(data=st.data(), repo=repo_names, name=branch_names)
    def fork(self, data, repo, name) -> None:
        if (known := self.repo(repo)) is not None:
            self.create_branch(repo, name, data.draw(st.sampled_from([None, *known.commits])))

    @rule(repo=repo_names, name=st.sampled_from(BRANCHES[1:]))
    def delete_branch(self, repo, name) -> None:
        if (known := self.repo(repo)) is None:
            return
        try:
            self.call(branches.delete, self.store, "default", repo, name)
        except refs.NoSuchBranch:
            assert name not in known.branches
        else:
            gone = known.branches.pop(name)
            known.commits.pop(gone.open or "", None)

    # Writing.

    @rule(repo=repo_names, name=branch_names, key=keys, value=values)
    def put(self, repo, name, key, value) -> None:
        if (branch := self.branch(repo, name)) is not None:
            self.call(self._put, repo, name, key, value)
            branch.staged[key] = value

    async def _put(self, repo, name, key, value) -> None:
        await (await self._bucket(repo, name)).put(key, Body(value), NO_ATTRIBUTES)

    @rule(repo=repo_names, name=branch_names, key=keys)
    def delete(self, repo, name, key) -> None:
        if (branch := self.branch(repo, name)) is not None:
            self.call(self._delete, repo, name, key)
            if key in self.repos[repo].held(branch):
                branch.staged[key] = None
            else:
                branch.staged.pop(key, None)  # no mark: the head before it may hold the key

    async def _delete(self, repo, name, key) -> None:
        await (await self._bucket(repo, name)).delete(key)

    @rule(data=st.data(), source=places, to=places)
    def copy(self, data, source, to) -> None:
        from_branch, to_branch = self.branch(*source), self.branch(*to)
        if from_branch is None or to_branch is None:
            return
        seen = self.repos[source[0]].seen(from_branch)
        if seen:
            key, to_key = data.draw(st.sampled_from(sorted(seen))), data.draw(keys)
            self.call(self._copy, source, key, to, to_key)
            to_branch.staged[to_key] = seen[key]

    async def _copy(self, source, key, to, to_key) -> None:
        reader = await (await self._bucket(*source)).get(key)
        await (await self._bucket(*to)).copy(to_key, reader, NO_ATTRIBUTES)

    @rule(repo=repo_names, name=branch_names, objects=st.dictionaries(keys, values, max_size=3), gone=st.sets(keys))
    def change(self, repo, name, objects, gone) -> None:
        """Commit at once, as an import does; what others stage meanwhile stays staged, but for what this changed."""
        gone -= objects.keys()
        known = self.repos.setdefault(repo, ModelRepo())
        branch = known.branches.setdefault(name, ModelBranch())
        made = self.call(commit_objects, self.store, objects, repo, name, sorted(gone))
        changed = objects | dict.fromkeys(gone)
        if branch.open is not None:
            assert made.id == branch.open
            branch.staged |= changed
            return
        held = known.held(branch)
        changed = objects | {key: None for key in gone if key in held}  # to remove what the head lacks changes nothing
        content = laid_over(held, changed)
        if made.id == branch.head:
            assert content == held
            return
        known.commits[made.id] = ModelCommit(branch.head, content)
        branch.head = made.id
        below = known.held(branch)
        staged = {key: value for key, value in branch.staged.items() if key not in changed}
        branch.staged = {key: value for key, value in staged.items() if value is not None or key in below}

    # Uploads.

    @rule(repo=repo_names, name=branch_names, key=keys)
    def create_upload(self, repo, name, key) -> None:
        if (branch := self.branch(repo, name)) is not None and len(branch.uploads) < 2:
            branch.uploads.append(ModelUpload(key, self.call(self._create_upload, repo, name, key)))

    async def _create_upload(self, repo, name, key):
        return await (await self._bucket(repo, name)).create_upload(key, NO_ATTRIBUTES)

    @rule(data=st.data(), repo=repo_names, name=branch_names, number=st.integers(1, 3), value=values)
    def put_part(self, data, repo, name, number, value) -> None:
        branch = self.branch(repo, name)
        if branch is not None and branch.uploads:
            known = data.draw(st.sampled_from(branch.uploads))
            known.parts[number] = (value, self.call(self._put_part, repo, name, known.upload, number, value))

    async def _put_part(self, repo, name, upload, number, value) -> str:
        return (await (await self._bucket(repo, name)).put_part(upload, number, Body(value))).etag

    @rule(repo=repo_names, name=branch_names)
    def complete_upload(self, repo, name) -> None:
        branch = self.branch(repo, name)
        for known in branch.uploads if branch is not None else ():
            numbers = sorted(known.parts)
            if numbers and all(len(known.parts[number][0]) > 1 for number in numbers[:-1]):
                listed = [CompletedPart(number, known.parts[number][1]) for number in numbers]
                self.call(self._complete, repo, name, known.upload, listed)
                branch.staged[known.key] = b"".join(known.parts[number][0] for number in numbers)
                branch.uploads.remove(known)
                return

    async def _complete(self, repo, name, upload, listed) -> None:
        await (await self._bucket(repo, name)).complete_upload(upload, listed)

    @rule(repo=repo_names, name=branch_names)
    def abort_upload(self, repo, name) -> None:
        branch = self.branch(repo, name)
        if branch is not None and branch.uploads:
            self.call(self._abort, repo, name, branch.uploads.pop().upload)

    async def _abort(self, repo, name, upload) -> None:
        await (await self._bucket(repo, name)).abort_upload(upload)

    # Commits.

    @rule(repo=repo_names, name=branch_names)
    def close_burst(self, repo, name) -> None:
        if self.branch(repo, name) is not None:
            self.call(self._close, repo, name)
            self.learn_of_burst(repo, name)

    async def _close(self, repo, name) -> None:
        number = repos.require(self.store.catalog.db, "default", repo)
        await closing.close(self.store, BranchKey(number, name), self.bursts.owner)

    def learn_of_burst(self, repo, name) -> None:
        """Learn the id of the commit that what was staged has become, unless the branch has an open one."""
        known = self.repos[repo]
        branch = known.branches[name]
        if branch.open is not None:
            return
        head = self.call(branches.inspect, self.store, "default", repo, name).head
        if head == branch.head:
            assert known.seen(branch) == known.held(branch), "what was staged is lost"
        else:
            known.commits[head] = ModelCommit(branch.head, known.seen(branch))
            branch.head = head
        branch.staged = {}

    @rule(repo=repo_names, name=branch_names)
    def start_commit(self, repo, name) -> None:
        if (known := self.repo(repo)) is None:
            return
        branch = known.branches.get(name)
        try:
            made = self.call(open_commits.start, self.store, "default", repo, name)
        except CommitIsOpen:
            assert branch is not None
            assert branch.open is not None
        else:
            branch = known.branches.setdefault(name, ModelBranch())
            assert branch.open is None
            branch.open = made.id
            known.commits[made.id] = ModelCommit(branch.head, None)

    @rule(repo=repo_names, name=branch_names)
    def finish_commit(self, repo, name) -> None:
        branch = self.branch(repo, name)
        if branch is None:
            return
        try:
            made = self.call(open_commits.finish, self.store, "default", repo, name)
        except NoOpenCommit:
            assert branch.open is None
        else:
            known = self.repos[repo]
            assert made.id == branch.open
            known.commits[made.id] = ModelCommit(branch.head, known.seen(branch))
            branch.head, branch.open, branch.staged = made.id, None, {}

    @rule(data=st.data(), repo=repo_names)
    def squash_commit(self, data, repo) -> None:
        known = self.repo(repo)
        if known is None or not known.commits:
            return
        commit = data.draw(st.sampled_from(list(known.commits)))
        is_head = any(branch.head == commit for branch in known.branches.values())
        may = known.stands_on(commit) and not is_head
        self.take_out(repo, commit, squash.squash, may=may)

    @rule(data=st.data(), repo=repo_names)
    def delete_commit(self, data, repo) -> None:
        known = self.repo(repo)
        if known is None or not known.commits:
            return
        commit = data.draw(st.sampled_from(list(known.commits)))
        if self.take_out(repo, commit, squash.delete, may=not known.stands_on(commit)):
            for branch in known.branches.values():
                if branch.open == commit:
                    branch.open, branch.staged = None, {}

    def take_out(self, repo, commit, how, *, may: bool) -> bool:
        known = self.repos[repo]
        try:
            wanted = self.call(commits.resolve, self.store, parse(f"{repo}@{commit}"))
            self.call(how, self.store, [wanted])
        except CommitInUse:
            assert not may
            return False
        assert may
        gone = known.commits.pop(commit)
        for each in known.commits.values():
            if each.parent == commit:
                each.parent = gone.parent
        for branch in known.branches.values():
            if branch.head == commit:
                branch.head = gone.parent
        return True

    # Time, collections, and other processes' view.

    @rule(seconds=st.sampled_from(GRACES))
    def pass_time(self, seconds) -> None:
        self.clock.ahead_ns += seconds * 10**9

    @rule(grace=st.sampled_from(GRACES))
    def collect_garbage(self, grace) -> None:
        self.call(self._collect, grace)

    async def _collect(self, grace: float) -> None:
        await collect(self.store, Graces(grace, grace))
        assert (await check_store(self.store)).problems == []

    @precondition(lambda self: self.repos)
    @rule()
    def close_and_open(self) -> None:
        self.reopen()
        for repo, known in self.repos.items():
            for name in known.branches:
                self.learn_of_burst(repo, name)

    # What is seen.

    @invariant()
    def all_is_as_the_dicts_say(self) -> None:
        HistoryMachine.steps += 1
        self.steps_taken += 1
        if self.steps_taken % self.looks_every == 0:
            self.compare_branches()

    def compare_branches(self) -> None:
        for repo, known in self.repos.items():
            for name, branch in known.branches.items():
                assert self.call(self._listed, repo, name) == known.seen(branch)

    async def _listed(self, repo, name) -> Content:
        bucket = await self._bucket(repo, name)
        return {key: await read_all(await bucket.get(key)) for key in await list_all(bucket, limit=3)}

    @rule(repo=repo_names)
    def compare_commits(self, repo) -> None:
        """Look at the names, at every commit and at what it holds."""
        assert [each.name for each in self.call(repos.list_repos, self.store, "default")] == sorted(self.repos)
        if (known := self.repo(repo)) is None:
            return
        listed = self.call(branches.list_branches, self.store, "default", repo)
        assert {each.name: each.head for each in listed} == {name: b.head for name, b in known.branches.items()}
        found = {each.id: each for each in self.call(self._commits, repo)}
        assert found.keys() == known.commits.keys()
        for commit, model in known.commits.items():
            assert found[commit].parent == model.parent
            if model.content is not None:
                assert self.call(self._content, found[commit]) == model.content

    async def _commits(self, repo):
        return await commits.list_commits(self.store, "default", repo, limit=10_000)

    async def _content(self, commit) -> Content:
        bucket = files.bucket_of(self.store, commit)
        return {key: await read_all(await bucket.get(key)) for key in await list_all(bucket)}
