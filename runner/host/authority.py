"""The host that a client says it asks, as it stands in a Host header. Pure."""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address

_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]@/]*)(?::([0-9]{0,5}))?")


def name_of(authority: str) -> str | None:
    """Return the host of ``HOST[:PORT]``, lower case, without brackets and a last dot; None: it is malformed."""
    match = _AUTHORITY.fullmatch(authority)
    return None if match is None else match[1].strip("[]").lower().removesuffix(".")


def is_address(name: str) -> bool:
    """Tell whether a host is an address, which no page in a browser can make mean something else."""
    try:
        address = ip_address(name)
    except ValueError:
        return False
    return not isinstance(address, IPv6Address) or address.scope_id is None
