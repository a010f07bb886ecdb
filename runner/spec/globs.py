r"""Globs as Pachyderm's ohmyglob reads them, and the keys that joins and groups make from their captures.

A glob is matched against a whole path, whose separator is ``/``: ``*`` stays within a segment, ``**`` does not,
``(a|b)`` captures, ``{a,b}`` does not. Captures number from 1 in the order of their opening parentheses.

Source: https://github.com/pachyderm/ohmyglob
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from runner.model.errors import Invalid, Unavailable

if TYPE_CHECKING:
    import regex

MATCH_LIMIT_SECONDS = 5.0
_LENGTH_LIMIT = 4096
_DEPTH_LIMIT = 32
_SPECIAL = frozenset("*?\\[]{}()@+^!")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_LITERAL = re.compile(r"(?:[^*?\\\[\]{}()@+^!]|\\.)*+", re.DOTALL)
_TEMPLATE = re.compile(r"\$(?:\$|(\d+)|\{(\d+)\})")


class InvalidGlob(Invalid):
    """The text is no glob; *offset* is the 0-based character where reading it ended."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


class GlobTooSlow(Unavailable):
    """A glob took longer than its limit on one path."""


def clean_glob(text: str) -> str:
    """Return *text* with one leading ``/`` and no trailing one; an empty glob stays empty."""
    return "/" + posixpath.normpath(f"/{text}").lstrip("/") if text else ""


def quote(text: str) -> str:
    """Return the glob that matches *text* and nothing else."""
    return "".join(f"\\{char}" if char in _SPECIAL else char for char in text)


@dataclass(frozen=True, slots=True)
class Glob:
    """A compiled glob.

    Attributes:
        text: As cleaned.
        captures: How many there are, the whole match not counted.
    """

    text: str
    captures: int
    _pattern: regex.Pattern[str] | None  # None: the root alone

    @property
    def prefix(self) -> str:
        """The characters with which every path begins that it matches, without the leading ``/``."""
        literal = _LITERAL.match(self.text)
        return _ESCAPE.sub(r"\1", literal[0])[1:] if literal else ""

    def match(self, path: str) -> tuple[str, ...] | None:
        """Return the whole match and its captures, or None.

        The root matches the glob ``/`` alone; elsewhere a trailing ``/`` of a folder does not count.

        Raises:
            GlobTooSlow: (Unavailable) matching took longer than 5 s.
        """
        bare = path.rstrip("/")
        if not bare or self._pattern is None:
            return (path,) if not bare and self._pattern is None else None
        try:
            found = self._pattern.fullmatch(bare, timeout=MATCH_LIMIT_SECONDS)
        except TimeoutError as exc:
            raise GlobTooSlow(f"the glob {self.text} took longer than {MATCH_LIMIT_SECONDS:g}s on {bare}") from exc
        return None if found is None else (found[0], *(capture or "" for capture in found.groups()))

    def expand(self, path: str, template: str) -> str:
        """Return *template* with ``$1`` or ``${1}`` replaced by the captures of *path*; ``$$`` is a dollar sign.

        A number out of range, or of a path that does not match, expands to nothing; another ``$`` stays.
        """
        captures = self.match(path) or ()

        def replacement(found: re.Match[str]) -> str:
            digits = found[1] or found[2]
            if digits is None:
                return "$"
            if len(digits) > 1 and digits.startswith("0"):
                return found[0]
            return captures[int(digits)] if int(digits) < len(captures) else ""

        return _TEMPLATE.sub(replacement, template)


def compile_glob(text: str) -> Glob:
    """Clean and compile *text*.

    Raises:
        InvalidGlob: It is no glob.
    """
    if len(text) > _LENGTH_LIMIT:
        raise InvalidGlob(f"it has more than {_LENGTH_LIMIT} characters", _LENGTH_LIMIT)
    _Translator(text).translate()  # first as it was written, so that an error's offset is the writer's
    cleaned = clean_glob(text)
    if cleaned == "/":
        return Glob(cleaned, 0, None)
    import regex

    translator = _Translator(cleaned)
    pattern = regex.compile(translator.translate(), regex.DOTALL)
    return Glob(cleaned, translator.captures, pattern)


class _Mark(Enum):
    """What is decided only when the whole glob is known."""

    BOUNDARY = "text, * or ** ended here"
    NEGATION = "a negation ends here; it is anchored when no boundary follows"


_GROUPS = {
    "": ("(", (")",)),
    "@": ("(", (")",)),
    "*": ("((?:", (")*)",)),
    "+": ("((?:", (")+)",)),
    "?": ("((?:", (")?)",)),
    "!": ("((?:(?!(?:", (")", _Mark.NEGATION, ")[^/]*))")),
}

_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7f",
    "blank": r"\t\x20",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": r"\x21-\x7e",
    "lower": "a-z",
    "print": r"\x20-\x7e",
    "punct": r"\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e",
    "space": r"\t\n\v\f\r\x20",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
_CLASS_NAME = re.compile(r"\[:([a-z]+):\]")


class _Translator:
    """Reads a glob once, left to right, and writes the regular expression."""

    def __init__(self, text: str) -> None:
        self.captures = 0
        self._text = text
        self._at = 0
        self._depth = 0
        self._pieces: list[str | _Mark] = []

    def translate(self) -> str:
        while self._at < len(self._text):
            self._term()
        last_boundary = max((i for i, piece in enumerate(self._pieces) if piece is _Mark.BOUNDARY), default=-1)
        return "".join(
            piece if isinstance(piece, str) else r"\Z" if piece is _Mark.NEGATION and i > last_boundary else ""
            for i, piece in enumerate(self._pieces)
        )

    def _term(self) -> None:
        char = self._text[self._at]
        after = self._text[self._at + 1 : self._at + 2]
        if char == "(":
            self._capture("")
        elif char in "@*+?!" and after == "(":
            self._capture(char)
        elif char == "^" and after == "(":
            raise InvalidGlob("^( is not a group; a negation is written !(", self._at)
        elif char == "*":
            self._star()
        elif char == "?":
            self._emit("[^/]", 1)
        elif char == "[":
            self._class()
        elif char == "{":
            self._group("(?:", ",", "}", (")",))
        else:
            self._literal()

    def _emit(self, piece: str, consumed: int, *, boundary: bool = False) -> None:
        self._pieces.append(piece)
        if boundary:
            self._pieces.append(_Mark.BOUNDARY)
        self._at += consumed

    def _star(self) -> None:
        rest = self._text[self._at : self._at + 3]
        if rest.startswith("**") and rest != "**(":  # **( is * and then the group *(
            self._emit(".*", 2, boundary=True)
        else:
            self._emit("[^/]*", 1, boundary=True)

    def _literal(self) -> None:
        escaped = self._text[self._at] == "\\"
        if escaped and self._at + 1 == len(self._text):
            raise InvalidGlob("it ends with a backslash, which escapes nothing", self._at)
        self._emit(_escape(self._text[self._at + escaped]), 1 + escaped, boundary=True)

    def _capture(self, quantifier: str) -> None:
        self.captures += 1
        self._at += len(quantifier)
        opening, closing = _GROUPS[quantifier]
        self._group(opening, "|", ")", closing)

    def _group(self, opening: str, separator: str, end: str, closing: tuple[str | _Mark, ...]) -> None:
        start = self._at
        self._depth += 1
        if self._depth > _DEPTH_LIMIT:
            raise InvalidGlob(f"its groups are nested deeper than {_DEPTH_LIMIT}", start)
        self._emit(opening, 1)
        while self._at < len(self._text):
            char = self._text[self._at]
            if char == end:
                self._depth -= 1
                self._pieces.extend(closing)
                self._at += 1
                return
            if char == separator:
                self._emit("|", 1)
            else:
                self._term()
        raise InvalidGlob(f"{self._text[start]} has no closing {end}", start)

    def _class(self) -> None:
        start = self._at
        self._at += 1
        negated = False
        members: list[str] = []
        while self._at < len(self._text):
            char = self._text[self._at]
            if char == "]":
                self._at += 1
                if not members:
                    raise InvalidGlob("[ ] holds no character", start)
                self._pieces.append(f"[{'^' * negated}{''.join(members)}]")
                return
            if char in "!^" and not negated:  # wherever it stands, as ohmyglob has it
                negated = True
                self._at += 1
            elif name := _CLASS_NAME.match(self._text, self._at):
                if name[1] not in _CLASSES:
                    raise InvalidGlob(f"[:{name[1]}:] is no class of characters", self._at)
                members.append(_CLASSES[name[1]])
                self._at = name.end()
            else:
                members.append(self._range(start))
        raise InvalidGlob("[ has no closing ]", start)

    def _range(self, start: int) -> str:
        low = self._member(start)
        following = self._text[self._at : self._at + 2]
        if len(following) < 2 or following[0] != "-" or following[1] == "]":  # noqa: PLR2004 - the dash and its end
            return _escape(low)
        self._at += 1
        high = self._member(start)
        if high < low:
            raise InvalidGlob(f"the range {low}-{high} runs backwards", start)
        return f"{_escape(low)}-{_escape(high)}"

    def _member(self, start: int) -> str:
        if self._text[self._at] == "\\":
            self._at += 1
        if self._at == len(self._text):
            raise InvalidGlob("[ has no closing ]", start)
        self._at += 1
        return self._text[self._at - 1]


def _escape(char: str) -> str:
    return char if char.isalnum() or not char.isascii() else f"\\x{ord(char):02x}"
