"""What was really read, and the record that is committed with the output.

The record is the JSON document of the same transaction as the output commit. Its canonical form
(sorted keys, no spaces, UTF-8) is what is hashed and signed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

SCHEMA = "runner.provenance/1"

Record = Mapping[str, Any]


class ReadKind(StrEnum):
    """What a program asked of an input: misses and listings are dependencies too."""

    GET = "get"
    HEAD = "head"
    LIST = "list"
    MISS = "miss"


@dataclass(frozen=True, slots=True)
class Observed:
    """One thing that was read of an input, all requests for it together.

    Attributes:
        input: The bucket's name.
        key: The key; of a listing its prefix.
        op: What was asked.
        etag: Of the object, without quotes; empty for listings and misses.
        ranges: Half-open byte ranges that were sent, merged and sorted; of a GET only.
        delimiter: Of a listing.
        reached: Of a listing, the position up to which it was seen; None: to its end.
        count: Requests.
    """

    input: str
    key: bytes
    op: ReadKind
    first: datetime
    last: datetime
    count: int
    etag: str = ""
    ranges: tuple[tuple[int, int], ...] = ()
    delimiter: bytes = b""
    reached: bytes | None = None


def canonical(document: Mapping[str, Any]) -> bytes:
    """Return the form of *document* that is hashed."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
