"""Scalars as protobuf's JSON form has them, as types of the schema.

Numbers may be decimal strings, enums may be numbers, booleans must be literal.

Source: https://protobuf.dev/programming-guides/json/
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, GetCoreSchemaHandler, GetJsonSchemaHandler, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from runner.spec.durations import InvalidDuration, format_duration, parse_duration

_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)")
_LONGEST_NUMBER = 40


def _wrong(wanted: str, write: str) -> PydanticCustomError:
    """Return the error that the reader of the spec sees: what is wanted, and an example."""
    return PydanticCustomError("spec", "{wanted}", {"wanted": wanted, "write": write})


def _integer(low: int, high: int) -> Callable[[Any], Any]:
    def check(value: Any) -> int:
        number = value
        if isinstance(value, str) and len(value) <= _LONGEST_NUMBER and _DECIMAL.fullmatch(value):
            number = int(value)
        if isinstance(value, float) and value.is_integer():
            number = int(value)
        if isinstance(number, bool) or not isinstance(number, int):
            raise _wrong("a whole number", "3")
        if not low <= number <= high:
            raise _wrong(f"a whole number from {low} to {high}", str(max(low, min(high, 3))))
        return number

    return check


def _number(value: Any) -> float:
    if isinstance(value, str) and len(value) <= _LONGEST_NUMBER:
        try:
            value = float(value)
        except ValueError:
            raise _wrong("a number", "0.5") from None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise _wrong("a number", "0.5")
    return float(value)


def _duration(value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong("a duration in quotes", '"300s" or "5m"')
    try:
        return format_duration(parse_duration(value))
    except InvalidDuration:
        raise _wrong("a duration", '"300s" or "5m"') from None


def _timestamp(value: Any) -> str:
    example = '"2026-11-21T08:00:00Z"'
    if not isinstance(value, str):
        raise _wrong("a time in RFC 3339", example)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise _wrong("a time in RFC 3339", example) from None
    if moment.tzinfo is None:
        raise _wrong("a time in RFC 3339 with its zone", example)
    return value


def _json_text(value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong("JSON in a string", r'"{\"hostNetwork\": true}"')
    try:
        # Python reads more than JSON: NaN, and halves of surrogate pairs, which cannot be written again.
        json.dumps(json.loads(value), allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise _wrong("JSON in a string", r'"{\"hostNetwork\": true}"') from None
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong("a string", json.dumps(str(value).lower() if isinstance(value, bool) else f"{value}"))
    if "\0" in value:
        raise _wrong("a string without NUL characters", '"text"')
    return value


@dataclass(frozen=True, slots=True)
class OneOf:
    """An enum's names, numbered from 0 in their order; as part of an annotation."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"one of {', '.join(self.names)}"

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.read, handler(source))

    def __get_pydantic_json_schema__(self, _: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"enum": [*self.names, *range(len(self.names))]}

    def read(self, value: Any) -> str:
        """Return the name of *value*, which is a name or a number."""
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(self.names):
            return self.names[value]
        if value not in self.names:
            raise _wrong(str(self), json.dumps(self.names[-1]))
        return str(value)


def _integer_schema(low: int, high: int) -> dict[str, Any]:
    return {"anyOf": [{"type": "integer", "minimum": low, "maximum": high}, {"type": "string", "pattern": r"^-?\d+$"}]}


_DURATION_SCHEMA = {"type": "string", "pattern": r"^([0-9]*\.?[0-9]*(h|ms|m|us|µs|ns|s))+$", "examples": ["300s", "5m"]}
_NUMBER_SCHEMA = {"anyOf": [{"type": "number"}, {"type": "string"}]}

_INT64 = (-(2**63), 2**63 - 1)
_INT32 = (-(2**31), 2**31 - 1)
_UINT64 = (0, 2**64 - 1)

Text = Annotated[str, BeforeValidator(_text)]
Int64 = Annotated[int, BeforeValidator(_integer(*_INT64)), WithJsonSchema(_integer_schema(*_INT64))]
Int32 = Annotated[int, BeforeValidator(_integer(*_INT32)), WithJsonSchema(_integer_schema(*_INT32))]
Uint64 = Annotated[int, BeforeValidator(_integer(*_UINT64)), WithJsonSchema(_integer_schema(*_UINT64))]
Number = Annotated[float, BeforeValidator(_number), WithJsonSchema(_NUMBER_SCHEMA)]
Duration = Annotated[str, BeforeValidator(_duration), WithJsonSchema(_DURATION_SCHEMA), "duration"]
Timestamp = Annotated[
    str, BeforeValidator(_timestamp), WithJsonSchema({"type": "string", "format": "date-time"}), "time"
]
JsonText = Annotated[
    str,
    BeforeValidator(_json_text),
    WithJsonSchema({"type": "string", "contentMediaType": "application/json"}),
    "JSON in a string",
]
