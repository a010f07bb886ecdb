"""Keys as names in a folder: what a file system can hold exactly, and a reversible spelling for the rest.

An *element* is what stands between two slashes. Elements that begin with ``%~`` are spelled: behind it bytes stand
for themselves or as ``%XX``. A ``%+`` at the end means that the next element goes on with it; a ``%=`` at the end
means nothing, but makes the name of a file differ from that of a folder. Whatever a folder cannot hold is spelled
so, also an element that would otherwise be read as spelled; reading a folder turns spelled names back, so that
what was exported is imported as it was.
"""

from __future__ import annotations

import re
import unicodedata

from runner.model.entry import KEY_MAX_BYTES

NAME_MAX_BYTES = 255

_MARK = b"%~"
_MORE = b"%+"
_FORCED = b"%="
_SPELLED = re.compile(rb"%~((?:[^%]|%[0-9A-F]{2})*)(%[+=])?", re.DOTALL)
_CODE = re.compile(rb"%([0-9A-F]{2})")


def odd_element(element: bytes) -> str:
    """Return why a folder cannot hold *element* exactly; empty: it can."""
    if element in {b"", b".", b".."}:
        return "has an empty, . or .. segment"
    if b"\0" in element:
        return "holds a NUL"
    if len(element) > NAME_MAX_BYTES:
        return f"has a segment over {NAME_MAX_BYTES} bytes"
    if _SPELLED.fullmatch(element):
        return "would be read back as another key"
    return ""


def odd_key(key: bytes) -> str:
    """Return why a folder cannot hold *key* exactly, for itself alone; empty: it can."""
    return next(filter(None, map(odd_element, key.split(b"/"))), "")


def spell(key: bytes, *, forced_from: int | None = None) -> bytes:
    """Return a path for *key* that any folder can hold and `read_back` understands.

    Elements from number *forced_from* on are spelled whatever they are, and in them all letters that have
    another case: no other key has that path or lies below it, also where case is folded.
    """
    path: list[bytes] = []
    for number, element in enumerate(key.split(b"/")):
        forced = forced_from is not None and number >= forced_from
        path += _spell(element, forced=forced) if forced or odd_element(element) else (element,)
    return b"/".join(path)


def read_back(path: bytes) -> bytes:
    """Return the key of a path below a folder: spelled elements as they were, all others as they are."""
    if _MARK not in path:
        return path
    elements: list[bytes] = []
    goes_on = False
    for element in path.split(b"/"):
        match = _SPELLED.fullmatch(element)
        plain = _CODE.sub(lambda code: bytes([int(code[1], 16)]), match[1]) if match else element
        if goes_on and match:
            elements[-1] += plain
        else:
            elements.append(plain)
        goes_on = bool(match and match[2] == _MORE)
    return b"/".join(elements)


def folded(name: bytes) -> str:
    """Return what a file system that folds case takes *name* for."""
    return unicodedata.normalize("NFD", name.decode(errors="surrogateescape")).casefold()


def bad_key(key: bytes) -> str:
    """Return why *key* cannot be one; empty: it can."""
    try:
        key.decode()
    except UnicodeDecodeError:
        return "its name is not UTF-8"
    return f"its name is longer than {KEY_MAX_BYTES:,} bytes" if len(key) > KEY_MAX_BYTES else ""


def shown(name: bytes) -> str:
    """Return *name* for a message; quoted when it is empty or not printable."""
    text = name.decode(errors="backslashreplace")
    return text if text and text.isprintable() else repr(text)


def _spell(element: bytes, *, forced: bool) -> list[bytes]:
    names = [_MARK]
    for character in element.decode():
        token = _token(character, forced=forced)
        if len(names[-1]) + len(token) + len(_MORE) > NAME_MAX_BYTES:
            names[-1] += _MORE
            names.append(_MARK)
        names[-1] += token
    if forced:
        names[-1] += _FORCED
    return names


def _token(character: str, *, forced: bool) -> bytes:
    data = character.encode()
    is_odd = character in {"%", "\0"} or (forced and folded(data) != character)
    return b"".join(b"%%%02X" % byte for byte in data) if is_odd else data
