"""Warnings: noted fields, and images that name no exact version."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from runner.spec.fates import Fate, FieldFate, Message, fields_of
from runner.spec.nodes import Cursor, Node, shown
from runner.spec.problems import Notice
from runner.spec.schema import PipelineSpec


@dataclass(frozen=True, slots=True)
class Used:
    """A field that a spec gives a value."""

    at: Cursor
    field: FieldFate


def used_fields(node: Node) -> list[Used]:
    """Return the fields of one spec that have a value of their own, in file order: no objects, only what they hold."""
    return sorted(_used(Cursor.top(node), PipelineSpec), key=lambda used: used.at.key)


def _used(at: Cursor, message: type[Message]) -> Iterator[Used]:
    for field in fields_of(message):
        found = at.get(field.name)
        if found is None:
            continue
        if field.message is None or field.fate is Fate.REFUSED:
            yield Used(found, field)
            continue
        for child in found.items() if field.is_list else [found]:
            yield from _used(child, field.message)


def note_fates(node: Node) -> tuple[Notice, ...]:
    """Return one warning for each noted field that is in use, and those about the image."""
    notices: dict[str, Notice] = {}
    for used in used_fields(node):
        if used.field.fate is Fate.NOTED and used.at.node.value is not False:
            notice = Notice(used.at.key, used.at.path, f"{used.at.path}: {used.field.note}")
            notices.setdefault(f"{used.at.written}\0{used.field.note}", notice)
    transform = Cursor.top(node).get("transform")
    image = transform.get("image") if transform else None
    return (*notices.values(), *(_note_image(image) if image else ()))


def _note_image(image: Cursor) -> Iterator[Notice]:
    """Tell that an image's content may change below its name, as Pachyderm does."""
    text = image.node.value
    if not isinstance(text, str) or "@" in text:
        return
    tag = text.rpartition("/")[2].partition(":")[2]
    if not tag:
        yield Notice(image.key, image.path, f"{image.path} is {shown(text)}, which names no tag")
    elif tag == "latest":
        yield Notice(image.key, image.path, f"{image.path} is {shown(text)}, which changes without notice")
