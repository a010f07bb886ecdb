"""Ids of commits and jobs: 32 lower hex digits of a uuid4.

A job's id is the id of its output commit. Commits are keyed by (repo, id), jobs by (pipeline, id).
"""

from __future__ import annotations

import re
import uuid
from typing import NewType

CommitId = NewType("CommitId", str)

_ID = re.compile(r"[0-9a-f]{12}4[0-9a-f]{19}")
_PREFIX = re.compile(r"[0-9a-f]{8,32}")


def new_commit_id() -> CommitId:
    """Draw a fresh random id."""
    return CommitId(uuid.uuid4().hex)


def is_commit_id(text: str) -> bool:
    """Tell whether *text* is a whole id."""
    return _ID.fullmatch(text) is not None


def is_id_prefix(text: str) -> bool:
    """Tell whether *text* may stand for an id: 8 to 32 lower hex digits."""
    return _PREFIX.fullmatch(text) is not None
