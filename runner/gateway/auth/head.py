"""What a signature covers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runner.gateway.address import Address
from runner.gateway.request import Query


@dataclass(frozen=True, slots=True)
class SignedHead:
    """The head of a request as it came.

    Attributes:
        method: As sent.
        address: Path as sent, and the bucket that stands in the Host.
        query: Every parameter in the order sent.
        headers: Raw values by lower-case name, in the order sent, repeated ones apart.
    """

    method: str
    address: Address
    query: Query
    headers: Sequence[tuple[bytes, bytes]]

    def header(self, name: bytes) -> str | None:
        """Return the value of a header, repeated ones joined; None: it did not come."""
        values = [value for other, value in self.headers if other == name]
        return b",".join(values).decode("latin-1") if values else None
