"""Who may ask: tokens, known by their hash alone."""

from __future__ import annotations

import hashlib
import hmac

from runner.gateway.request import Principal


class Credentials:
    """The one token that opens a gateway; access key and secret key at once.

    It is not kept: a request brings it as its access key, and proves by its signature that it was meant so.

    Args:
        token: The token.
        owner: Name of the principal that it stands for.
    """

    def __init__(self, token: str, owner: str) -> None:
        self._digest = hashlib.sha256(token.encode()).digest()
        self._principal = Principal(owner)

    def find(self, access_key: str) -> Principal | None:
        """Return whom an access key stands for, in a time that does not tell how close it came."""
        digest = hashlib.sha256(access_key.encode("utf-8", "surrogateescape")).digest()
        return self._principal if hmac.compare_digest(digest, self._digest) else None
