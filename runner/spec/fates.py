"""What becomes of each field of a spec: the four fates, and how the schema says them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer
from pydantic.fields import FieldInfo

from runner.spec.scalars import OneOf

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class Fate(StrEnum):
    """What we do with a field."""

    DONE = "done"
    KUBERNETES = "kubernetes"
    NOTED = "noted"
    REFUSED = "refused"


MEANINGS = {
    Fate.DONE: "does what it says",
    Fate.KUBERNETES: "used in manifests for Kubernetes, without effect on this machine",
    Fate.NOTED: "kept; one warning says what differs",
    Fate.REFUSED: "an error that names the way out",
}


def json_name(snake: str) -> str:
    """Return protobuf's JSON name of a field: ``s3_out`` is ``s3Out``."""
    head, *rest = snake.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)


def snake_name(name: str) -> str:
    """Return a field's name as it stands in the ``.proto`` file: ``s3Out`` is ``s3_out``."""
    return _HUMP.sub("_", name).lower() if _HUMP.search(name) else name


class Message(BaseModel):
    """A protobuf message in JSON form: every field may be absent or null, none is unknown."""

    model_config = ConfigDict(alias_generator=json_name, extra="forbid", frozen=True, strict=True, defer_build=True)

    keeps_zero: ClassVar[frozenset[str]] = frozenset()  # fields whose 0 is not the same as absent

    @model_serializer(mode="wrap")
    def _without_zeros(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what protobuf cannot tell from absent, so that equal specs have equal digests."""
        return {
            name: value
            for name, value in handler(self).items()
            if value not in (None, "", False, 0, [], {}) or (value == 0 and name in self.keeps_zero)
        }


def done(doc: str, *, alias: str | None = None) -> Any:
    """Declare a field that does what it says."""
    return _field(Fate.DONE, doc, "", alias)


def kubernetes(doc: str) -> Any:
    """Declare a field that only manifests use."""
    return _field(Fate.KUBERNETES, doc, "", None)


def noted(doc: str, note: str, *, alias: str | None = None) -> Any:
    """Declare a field that is kept; *note* is the warning."""
    return _field(Fate.NOTED, doc, note, alias)


def refused(doc: str, way_out: str) -> Any:
    """Declare a field that makes a spec invalid; *way_out* says what to do instead."""
    return _field(Fate.REFUSED, doc, way_out, None)


def _field(fate: Fate, doc: str, note: str, alias: str | None) -> Any:
    extra: dict[str, Any] = {"x-fate": fate.value, **({"x-note": note} if note else {})}
    return Field(default=None, description=doc, json_schema_extra=extra, alias=alias)


@dataclass(frozen=True, slots=True)
class FieldFate:
    """One field of the schema.

    Attributes:
        name: Its JSON name.
        kind: For people: ``string``, ``list of integer``, ``mapping``.
        doc: What it means, one line.
        note: The warning of a noted field, the way out of a refused one.
        message: The model of its value, or of its members; None for scalars.
        is_list: Whether the value is a list.
        is_map: Whether the value maps free names to strings.
    """

    name: str
    kind: str
    fate: Fate
    doc: str
    note: str
    message: type[Message] | None
    is_list: bool
    is_map: bool


def fields_of(message: type[Message]) -> Iterator[FieldFate]:
    """Yield the fields of *message* in their order."""
    for name, info in message.model_fields.items():
        yield _describe(info.alias or json_name(name), info)


def walk(message: type[Message], path: str = "") -> Iterator[tuple[str, FieldFate]]:
    """Yield every field below *message* with its path, ``input.pfs.glob``; a message within itself once."""
    yield from _walk(message, path, (message,))


def _walk(message: type[Message], path: str, above: tuple[type[Message], ...]) -> Iterator[tuple[str, FieldFate]]:
    for field in fields_of(message):
        here = f"{path}.{field.name}" if path else field.name
        yield (f"{here}[]" if field.is_list and field.message else here), field
        if field.message and field.message not in above:
            deeper = f"{here}[]" if field.is_list else here
            yield from _walk(field.message, deeper, (*above, field.message))


_WORDS = {str: "string", bool: "boolean", int: "integer", float: "number"}


def _describe(name: str, info: FieldInfo) -> FieldFate:
    kind = next(part for part in get_args(info.annotation) if part is not type(None))
    is_list, is_map = get_origin(kind) is list, get_origin(kind) is dict
    inner = get_args(kind)[-1] if is_list or is_map else kind
    message = inner if isinstance(inner, type) and issubclass(inner, Message) else None
    word = "object" if message else _word(inner)
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    return FieldFate(
        name=name,
        kind=f"list of {word}" if is_list else f"mapping to {word}" if is_map else word,
        fate=Fate(str(extra["x-fate"])),
        doc=info.description or "",
        note=str(extra.get("x-note", "")),
        message=message,
        is_list=is_list,
        is_map=is_map,
    )


def _word(kind: Any) -> str:
    """Return a scalar's type for people: what its annotation says in words, else its Python type's name."""
    base, *rest = get_args(kind) or (kind,)
    said = (str(part) for part in rest if isinstance(part, (str, OneOf)))
    return next(said, _WORDS.get(base, "string"))
