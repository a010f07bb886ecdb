"""A spec's bytes as text."""

from __future__ import annotations

import re

from runner.spec.problems import InvalidSpec, Place, Problem, Source

SIZE_LIMIT_BYTES = 512 * 1024


def read_source(name: str, data: bytes) -> tuple[Source, str]:
    """Return the file as a source and its text.

    Raises:
        InvalidSpec: It is too large, empty, or not UTF-8.
    """
    if len(data) > SIZE_LIMIT_BYTES:
        raise _whole(Source(name), f"the file is larger than {SIZE_LIMIT_BYTES:,} bytes; no spec is")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        column = exc.start - data.rfind(b"\n", 0, exc.start)
        problem = Problem(Place(line, column), "", "the file is not UTF-8", alternative="save it as UTF-8")
        raise InvalidSpec(Source(name), [problem]) from exc
    source = Source(name, tuple(re.split(r"\r\n|\n|\r", text)), is_json=text.lstrip()[:1] in ("{", "["))
    if not text.strip():
        raise _whole(source, "the file is empty; a spec is a mapping with pipeline, input and transform")
    return source, text


def _whole(source: Source, message: str) -> InvalidSpec:
    return InvalidSpec(source, [Problem(Place(), "", message)])
