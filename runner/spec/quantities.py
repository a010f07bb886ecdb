"""Amounts as Kubernetes writes them: ``512Mi``, ``2G``.

Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

from __future__ import annotations

import re
from decimal import Decimal

from runner.model.errors import Invalid

_POWERS = {"n": -3, "u": -2, "m": -1, "": 0, "k": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
_BINARY = ("Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_QUANTITY = re.compile(
    r"(?P<number>[0-9]{1,18}(\.[0-9]{0,9})?|\.[0-9]{1,9})((?P<unit>[KMGTPE]i|[numkMGTPE]?)|[eE](?P<power>[+-]?[0-9]{1,2}))"
)


class NotAQuantity(Invalid):
    """Kubernetes does not take it as an amount."""


def parse_quantity(text: str, place: str) -> Decimal:
    """Return the amount that *text* means.

    Raises:
        NotAQuantity: (Invalid) it is none, or not above zero.
    """
    found = _QUANTITY.fullmatch(text)
    amount = Decimal(0)
    if found is not None:
        number, unit, power = Decimal(found["number"]), found["unit"], found["power"]
        if power is not None:
            amount = number.scaleb(int(power))
        elif unit in _BINARY:
            amount = number * 1024 ** (_BINARY.index(unit) + 1)
        else:
            amount = number.scaleb(3 * _POWERS[unit])
    if amount <= 0:
        raise NotAQuantity(f"{place} is {text!r}; it must be an amount above zero", hint="such as 512Mi or 2G")
    return amount
