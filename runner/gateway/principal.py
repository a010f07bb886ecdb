"""Who asks, how it is known, and what he gets to see."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from runner.store.refusals import AccessDenied
from runner.store.view import View


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks.

    Attributes:
        name: Shown as Owner and in the access log; never a token. Empty: whoever brings no credentials where some are
            asked for.
        is_anonymous: No credentials came, or none were looked at.
        rights: What whoever chooses the view knows him by; opaque here.
    """

    name: str
    is_anonymous: bool = False
    rights: object = None


@dataclass(frozen=True, slots=True)
class Grant:
    """What an access key opens, to whoever also knows the secret."""

    principal: Principal
    secret: str


class Credentials(Protocol):
    """The access keys that a gateway knows."""

    def find(self, access_key: str) -> Grant | None:
        """Return what an access key opens, in a time that does not tell how close it came."""


Views = Callable[[Principal], View]
"""Chooses what a principal sees; raises `AccessDenied` for one who is to see nothing at all."""


class Token:
    """The one token that opens a gateway; access key and secret key at once.

    It is not kept: a request brings it as its access key, and its signature proves that it is the secret too.

    Args:
        token: The token.
        owner: Name of the principal that it stands for.
    """

    def __init__(self, token: str, owner: str) -> None:
        self._digest = hashlib.sha256(token.encode()).digest()
        self._principal = Principal(owner)

    def find(self, access_key: str) -> Grant | None:
        """See `Credentials.find`."""
        digest = hashlib.sha256(access_key.encode()).digest()
        return Grant(self._principal, access_key) if hmac.compare_digest(digest, self._digest) else None


def only(view: View) -> Views:
    """Show the same to everybody who may see anything."""

    def choose(principal: Principal) -> View:
        if not principal.name:
            raise AccessDenied("this gateway asks for credentials")
        return view

    return choose
