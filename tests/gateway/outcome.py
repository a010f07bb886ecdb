"""What a call comes to, for properties that hold of answers and refusals alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from runner.gateway.errors import S3Error


def outcome(function: Callable[..., Any], *args: Any) -> tuple[Any, str]:
    """Return what *function* returns and "", or None and the code of its refusal."""
    try:
        return function(*args), ""
    except S3Error as error:
        return None, error.code
