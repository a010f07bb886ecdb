"""What a holder of credentials may do with which repos."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from runner.model.account import AccessLevel
from runner.store.catalog.query import Connection

_LEVEL = "SELECT max(level) FROM access WHERE account = ? AND repo IN (?, 0)"
_LEVELS = "SELECT repo, level FROM access WHERE account = ?"


@dataclass(frozen=True, slots=True)
class Rights:
    """Those of one token.

    Attributes:
        account: Its number; 0: nobody's.
        name: Of the account.
        reads: Numbers of the repos that the token may read, and nothing else; None: all that the account may do.
    """

    account: int
    name: str
    reads: frozenset[int] | None = None

    @property
    def may_make_repos(self) -> bool:
        """Whether a repo may be made, which is then the account's own."""
        return self.account != 0 and self.reads is None

    def level(self, db: Connection, repo: int) -> int:
        """Return the `AccessLevel` on a repo; 0: none."""
        (found,) = db.execute(_LEVEL, (self.account, repo)).fetchone()
        return self._cut(repo, found or 0)

    def visible(self, db: Connection) -> Callable[[int], bool]:
        """Return what tells whether a repo is shown, by one read for all of them."""
        found = dict(db.execute(_LEVELS, (self.account,)).fetchall())
        everywhere = found.get(0, 0)
        return lambda repo: self._cut(repo, max(found.get(repo, 0), everywhere)) > 0

    def _cut(self, repo: int, level: int) -> int:
        if self.reads is None:
            return level
        return min(level, AccessLevel.READ) if repo in self.reads else 0


NOBODY = Rights(0, "")
