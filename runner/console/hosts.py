"""Who may ask: nobody through a name that is not ours, and no page of another place. Pure.

A page in a browser can make a name of its own mean this machine (DNS rebinding), but it cannot ask for an address
and read the answer, nor hide where it comes from when it sends something.

Source: https://fetch.spec.whatwg.org/#origin-header
"""

from __future__ import annotations

from collections.abc import Collection

from runner.host.authority import is_address, name_of

_LOCAL = "localhost"


def is_foreign(host: str, origin: str | None, names: Collection[str]) -> bool:
    """Tell whether a request must be refused.

    Args:
        host: The Host header.
        origin: The Origin header, which browsers alone send.
        names: Under which we are known, lower case.
    """
    name = name_of(host)
    is_ours = name is not None and (is_address(name) or name == _LOCAL or name.endswith(f".{_LOCAL}") or name in names)
    return not is_ours or (origin is not None and origin.partition("://")[2].lower() != host.lower())
