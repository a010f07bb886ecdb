"""Addresses as people write them: ``repo@branch^2:/path``, ``repo@branch.1``, ``pipeline@id``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from runner.model.errors import Invalid

DEFAULT_PROJECT = "default"
DEFAULT_BRANCH = "master"

_NAME = re.compile(r"[a-zA-Z0-9_-]+")
_LOOKS_LIKE_COMMIT = re.compile(r"[0-9a-f]{12,32}")
_REVISION = re.compile(r"(?P<name>[a-zA-Z0-9_-]+)(?:(?P<back>(?:[\^~]\d{0,9})+)|\.(?P<nth>[1-9]\d{0,8}))?")
_STEP = re.compile(r"[\^~](\d*)")


class InvalidName(Invalid):
    """A project, repo, branch or pipeline name has characters or a length that is not allowed."""


class InvalidAddress(Invalid):
    """The text does not have the form of an address."""


@dataclass(frozen=True, slots=True)
class Address:
    """A place in the store.

    Attributes:
        project: Project name.
        repo: Repo name.
        revision: Branch name, commit id or unique id prefix; empty: the branch ``master``.
        back: How many parents to walk back from it.
        path: Key or prefix without the leading ``/``; None when the address has no path part.
        nth: Which commit of its history, counted from 1, the oldest; 0: the one that `back` says.
    """

    project: str
    repo: str
    revision: str = ""
    back: int = 0
    path: str | None = None
    nth: int = 0

    @property
    def is_branch(self) -> bool:
        """Whether it names a branch or a commit itself, and nothing before it or in it."""
        return bool(self.revision) and not (self.back or self.nth or self.path)

    def __str__(self) -> str:
        back = f"^{self.back}" if self.back > 1 else f".{self.nth}" if self.nth else "^" * self.back
        path = "" if self.path is None else f":/{self.path}"
        revision = f"@{self.revision}" if self.revision else ""
        return f"{self.repo}{revision}{back}{path}"


def parse(text: str, *, project: str = DEFAULT_PROJECT) -> Address:
    """Read ``repo[@revision[^n]][:/path]``, or with ``.n`` for the n-th commit.

    Raises:
        InvalidAddress: The text has another form, or was no text in the first place.
    """
    if not _is_text(text):
        raise InvalidAddress(f"{text!r} is not an address", hint="write it in UTF-8")
    place, colon, path = text.partition(":")
    repo, at, revision = place.partition("@")
    match = _REVISION.fullmatch(revision)
    if _NAME.fullmatch(repo) is None or (at and match is None):
        raise InvalidAddress(
            f"{text!r} is not an address",
            hint="write repo, repo@branch, repo@commit or repo@branch^, with :/path for a file",
        )
    back = sum(int(step or "1") for step in _STEP.findall(match["back"] or "")) if match else 0
    return Address(
        project=project,
        repo=repo,
        revision=match["name"] if match else "",
        back=back,
        nth=int(match["nth"] or "0") if match else 0,
        path=path.removeprefix("/") if colon else None,
    )


def _is_text(text: str) -> bool:
    """Tell whether it was UTF-8: bytes of an argument that were none are surrogates here (PEP 383)."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def check_name(kind: str, name: str) -> str:
    """Return *name* if a new project, repo or branch may have it.

    Raises:
        InvalidName: Other characters than letters, digits, ``_`` and ``-``, or it reads like a commit id.
    """
    if _NAME.fullmatch(name) is None:
        raise InvalidName(
            f"{kind} name {name!r} is not allowed", hint="use letters, digits, underscores and dashes only"
        )
    if _LOOKS_LIKE_COMMIT.fullmatch(name):
        raise InvalidName(
            f"{kind} name {name!r} reads like a commit id", hint="use a name that is not 12 to 32 hex digits"
        )
    return name
