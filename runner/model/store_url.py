"""Where a store lies whose catalog is a PostgreSQL database."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import unquote, urlsplit

from runner.model.errors import Invalid

SCHEMES = ("postgresql", "postgres")

_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+:")


class StoreUrlInvalid(Invalid):
    """The URL of a store is none."""


@dataclass(frozen=True, slots=True)
class StoreUrl:
    """``postgresql://USER:PASSWORD@HOST:PORT/DATABASE``, as libpq reads it; its text form has no password.

    Attributes:
        secret: All of it, for libpq alone.
        text: Without what may be a secret.
    """

    secret: str = field(repr=False)
    text: str

    def __str__(self) -> str:
        return self.text

    @property
    def label(self) -> str:
        """A name for a folder: of the same server and database the same, whoever asks."""
        return sha256(self.text.rpartition("@")[2].removeprefix("postgresql://").encode()).hexdigest()[:16]


def looks_like_url(text: str) -> bool:
    """Tell whether *text* was meant for a URL, also when a slash of it is missing; a folder ``x:`` is ``./x:``."""
    return _SCHEME.match(text) is not None


def is_store_url(text: str) -> bool:
    """Tell whether *text* names a store by a URL."""
    return text.partition("://")[0] in SCHEMES and "://" in text


def parse(text: str) -> StoreUrl:
    """Read a URL of a store.

    Raises:
        StoreUrlInvalid: It is none; the message repeats nothing of it.

    Source: https://www.postgresql.org/docs/current/libpq-connect.html
    """
    try:
        parts = urlsplit(text)
        host, database = parts.netloc.rpartition("@")[2], unquote(parts.path).strip("/")
        user = unquote(parts.username or "")
    except ValueError:
        host = database = user = ""
    if not database or not is_store_url(text):
        raise StoreUrlInvalid(
            "the URL of the store cannot be read",
            hint="write postgresql://USER:PASSWORD@HOST:PORT/DATABASE, or a folder; object stores are for --blobs",
        ) from None
    return StoreUrl(text, f"postgresql://{user + '@' if user else ''}{host}/{database}")
