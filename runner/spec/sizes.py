"""Sizes as Pachyderm reads them: ``100MB`` is decimal; ours beside it: ``100MiB`` is binary.

Source: https://pkg.go.dev/github.com/docker/go-units#FromHumanSize
"""

from __future__ import annotations

import re
from decimal import Decimal

from runner.model.errors import Invalid

_SIZE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(?:([kmgtp])(i)?)?b?\s*", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}


class InvalidSize(Invalid):
    """The text is no size."""


def parse_size(text: str) -> int:
    """Return the bytes of *text*, rounded down.

    Raises:
        InvalidSize: It has another form.
    """
    found = _SIZE.fullmatch(text)
    if found is None:
        raise InvalidSize(f"{text!r} is no size", hint='write "100MB"')
    number, unit, binary = found.groups()
    return int(Decimal(number) * (1024 if binary else 1000) ** _POWERS[(unit or "").lower()])
