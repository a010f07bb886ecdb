"""What one job runs its command for: its datums.

A bucket is a whole commit and gives one member; files and folders that a glob matches give one member each. Members
become datums as the inputs are combined. Nothing is made of an empty commit, and then the command is not run.

Source: https://github.com/pachyderm/pachyderm/blob/master/src/server/worker/datum/worker.go
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from runner.model.errors import Invalid
from runner.model.job import JobInput
from runner.model.pipeline import CompositeInput, CompositeKind, CronInput, Input, PfsInput, Pipeline
from runner.spec.globs import Glob, compile_glob
from runner.store.files.paths import Match


class InputNotSupported(Invalid):
    """The spec has an input that jobs cannot be run for."""


@dataclass(frozen=True, slots=True)
class Member:
    """What one input gives to a datum.

    Attributes:
        path: Of the match in the input's repo, with a leading ``/``, a folder's with a trailing one; a bucket's is
            ``/``.
        join_on: The input's template with the match filled in; empty: none.
        group_by: The same.
        outer_join: Whether it stays in a join where it has no partner.
        digest: Of the content; empty: its changes do not make the datum another.
        objects: How many files it is.
        size_bytes: Of them all.
    """

    input: JobInput
    path: str = "/"
    join_on: str = ""
    group_by: str = ""
    outer_join: bool = False
    digest: bytes = b""
    objects: int = 0
    size_bytes: int = 0


Members = tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Datum:
    """One unit of work: the command runs once for it, or more often until it succeeds."""

    members: Members
    id: str = field(init=False)

    def __post_init__(self) -> None:
        """Name it: BLAKE2b-256 hex of names, repos, branches and paths, each followed by its length, as Pachyderm."""
        digest = hashlib.blake2b(digest_size=32)
        for member in self.members:
            pinned = member.input
            for text in (pinned.name, pinned.repo, pinned.branch, member.path):
                data = text.encode(errors="surrogateescape")
                digest.update(data)
                digest.update(len(data).to_bytes(8, "big"))
        object.__setattr__(self, "id", digest.hexdigest())

    def hash(self, code: bytes) -> bytes:
        """Return what stays the same for as long as the datum need not be processed again.

        Args:
            code: Digest of what processes it.
        """
        digest = hashlib.blake2b(bytes.fromhex(self.id) + code, digest_size=32)
        for member in self.members:
            for text in (
                member.digest,
                member.join_on.encode(errors="surrogateescape"),
                member.group_by.encode(errors="surrogateescape"),
            ):
                digest.update(len(text).to_bytes(8, "big") + text)
        return digest.digest()


Find = Callable[[JobInput, Glob], Awaitable[Sequence[Match]]]
"""Finds what a glob matches of an input that is no bucket."""

Weigh = Callable[[JobInput], Match]
"""Tells what a bucket holds, as if its root were matched."""


class Datums:
    """The datums of a job, made anew each time they are gone through: a cross is large, its inputs are not."""

    def __init__(self, combined: _Combined) -> None:
        self._combined = combined

    def __len__(self) -> int:
        """How many there are."""
        return len(self._combined)

    def __iter__(self) -> Iterator[Datum]:
        """Make them in their order."""
        return map(Datum, self._combined)


async def plan_datums(pipeline: Pipeline, inputs: Sequence[JobInput], find: Find, weigh: Weigh) -> Datums:
    """Return the datums of a job, in their order.

    Args:
        pipeline: Whose inputs they are.
        inputs: The same inputs, pinned; of those that share a name in the order of the leaves.
        find: Asked once for each input that is no bucket.
        weigh: Asked for each bucket.

    Raises:
        InputNotSupported: There is no input.
        What *find* and *weigh* raise.
    """
    if pipeline.input is None:
        raise InputNotSupported(f"pipeline {pipeline.name!r} has no input")
    pinned: dict[str, list[JobInput]] = {}
    for each in inputs:
        pinned.setdefault(each.name, []).append(each)
    members = {}
    for at, leaf in enumerate(pipeline.leaves()):
        same = pinned[leaf.name]
        given = same.pop(0) if len(same) > 1 else same[0]
        members[at] = await _members(leaf, given, find, weigh)
    numbers = itertools.count()
    return Datums(_combine(pipeline.input, lambda: members[next(numbers)]))


async def _members(leaf: PfsInput | CronInput, given: JobInput, find: Find, weigh: Weigh) -> list[Member]:
    """Return what one input gives, in the order of its paths."""
    if isinstance(leaf, PfsInput) and leaf.s3:
        found = weigh(given)
        return [_member(leaf, given, found)] if found.objects else []
    glob = compile_glob(leaf.glob)
    matches = await find(given, glob)
    if isinstance(leaf, CronInput):
        return [_member(leaf, given, match) for match in matches]
    return [
        _member(
            leaf,
            given,
            match,
            join_on=glob.expand(match.path, leaf.join_on),
            group_by=glob.expand(match.path, leaf.group_by),
        )
        for match in matches
    ]


def _member(
    leaf: PfsInput | CronInput, given: JobInput, match: Match, *, join_on: str = "", group_by: str = ""
) -> Member:
    return Member(
        given,
        match.path,
        join_on,
        group_by,
        outer_join=isinstance(leaf, PfsInput) and leaf.outer_join,
        digest=b"" if isinstance(leaf, PfsInput) and leaf.reference else match.digest,
        objects=match.objects,
        size_bytes=match.size_bytes,
    )


class _Combined:
    """Lists of members: those of a cross are combined only as they are gone through."""

    def __init__(self, pools: Sequence[Iterable[Members]], sizes: Sequence[int]) -> None:
        self._pools = pools
        self._sizes = sizes

    def __len__(self) -> int:
        return math.prod(self._sizes)

    def __iter__(self) -> Iterator[Members]:
        return (tuple(itertools.chain.from_iterable(chosen)) for chosen in itertools.product(*self._pools))


def _combine(node: Input, leaf: Callable[[], list[Member]]) -> _Combined:
    """Combine what the leaves of *node* give; *leaf* gives it for one after the other."""
    if not isinstance(node, CompositeInput):
        return _listed([(member,) for member in leaf()])
    children = [_combine(child, leaf) for child in node.children]
    match node.kind:
        case CompositeKind.CROSS:  # the first outermost
            return _Combined(children, [len(child) for child in children])
        case CompositeKind.UNION:
            return _listed(_without_twins(itertools.chain.from_iterable(children)))
        case CompositeKind.JOIN:
            return _listed(list(_join(children)))
        case CompositeKind.GROUP:
            return _listed(list(_group(children)))


def _listed(lists: list[Members]) -> _Combined:
    return _Combined([lists], [len(lists)])


def _without_twins(lists: Iterable[Members]) -> list[Members]:
    """Keep the first of those that are one datum: two branches of a union may match the same."""
    kept: dict[str, Members] = {}
    for members in lists:
        kept.setdefault(Datum(members).id, members)
    return list(kept.values())


def _join(children: Sequence[_Combined]) -> Iterator[Members]:
    """For each key, in order, cross what has it; where a child lacks it only what is kept without a partner."""
    by_key: dict[str, list[list[Member]]] = {}
    for at, child in enumerate(children):
        for member in _distinct(child):
            by_key.setdefault(member.join_on, [[] for _ in children])[at].append(member)
    for key in sorted(by_key):
        pools = by_key[key]
        if not all(pools):
            kept = [[member for member in pool if member.outer_join] for pool in pools]
            pools = [pool for pool in kept if pool]
            if not pools:
                continue
        yield from itertools.product(*pools)


def _group(children: Sequence[_Combined]) -> Iterator[Members]:
    """For each key, in order, one datum of all members that have it."""
    by_key: dict[str, list[Member]] = {}
    for member in itertools.chain.from_iterable(_distinct(child) for child in children):
        by_key.setdefault(member.group_by, []).append(member)
    for key in sorted(by_key):
        yield tuple(by_key[key])


def _distinct(child: _Combined) -> Iterable[Member]:
    """Return the members of a child one by one, each once."""
    return dict.fromkeys(itertools.chain.from_iterable(child))
