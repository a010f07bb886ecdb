"""What a command takes an address for: a branch to write to, a commit as a whole."""

from __future__ import annotations

from dataclasses import replace

from runner.model.address import DEFAULT_BRANCH, Address
from runner.model.errors import Invalid


class NotABranch(Invalid):
    """The address names a commit, or a file, where a branch is wanted."""


class NotACommit(Invalid):
    """The address names a file where a commit is wanted."""


def written(place: Address) -> str:
    """Return the branch that is written to at *place*; raises `NotABranch`."""
    if place.back or place.nth:
        branch = replace(place, back=0, nth=0)
        raise NotABranch(f"{place} is a commit, which never changes", hint=f"write {branch}, or make a branch of it")
    return place.revision or DEFAULT_BRANCH


def branch(place: Address) -> str:
    """Return the branch that *place* names, and nothing in it; raises `NotABranch`."""
    if place.path:
        raise NotABranch(f"{place} names a file, not a branch", hint=f"write {replace(place, path=None)}")
    return written(place)


def whole(place: Address) -> Address:
    """Return *place* as that of a commit, of which no file was named; raises `NotACommit`."""
    if place.path:
        raise NotACommit(f"{place} names a file, not a commit", hint=f"write {replace(place, path=None)}")
    return place
