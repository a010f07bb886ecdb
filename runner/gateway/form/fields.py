"""A form as it arrives: its fields, which are small, and then its file, which need not be.

Fields are told apart by their names alone: some clients give a file name to every field.

Sources:
    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTForms.html
    https://www.rfc-editor.org/rfc/rfc7578
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Self

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData

from runner.gateway.errors import S3Error
from runner.store.view import Content

MEDIA_TYPE = "multipart/form-data"
FIELDS_MAX_BYTES = 20 * 1024
"""Of all that comes before the file, as S3 has it."""

_FILE = "file"
_PARTS_MAX = 1_000
_BEFORE_FILE_MAX_BYTES = 1024 * 1024  # with the headers of parts, and what does not belong there


@dataclass(frozen=True, slots=True)
class Form:
    """A form.

    Attributes:
        fields: By lower-case name; of a repeated one the last.
        filename: As the file's part names it; empty: it does not.
        pieces: Of the file; iterated once, to the end of the form.
    """

    fields: Mapping[str, str]
    filename: str
    pieces: AsyncIterator[bytes]


def is_form(headers: Mapping[str, str]) -> bool:
    """Tell whether a request brings a form."""
    return parse_options_header(headers.get("content-type"))[0].lower() == MEDIA_TYPE


async def read(body: Content, headers: Mapping[str, str]) -> Form:
    """Read a form up to its file.

    Raises:
        S3Error: MalformedPOSTRequest, MaxPostPreDataLengthExceeded; IncorrectNumberOfFilesInPostRequest: it ends
            without one; what *body* raises.
    """
    boundary = parse_options_header(headers.get("content-type"))[1].get("boundary", "")
    if not boundary or not boundary.isascii():
        raise S3Error("MalformedPOSTRequest")
    events = _Events(body, boundary.encode())
    fields: dict[str, str] = {}
    size = 0
    while (event := await events.next()) is not None:
        if not isinstance(event, (Field, File)):
            continue
        name = (event.name or "").lower()
        if name == _FILE:
            events.is_limited = False
            return Form(fields, event.filename if isinstance(event, File) else "", _Pieces(events))
        value = await _value(events, FIELDS_MAX_BYTES - size)
        size += len(name) + len(value)
        try:
            fields[name] = value.decode()
        except UnicodeDecodeError as exc:
            raise S3Error("MalformedPOSTRequest") from exc
    raise S3Error("IncorrectNumberOfFilesInPostRequest")


class _Events:
    """What a form is made of, one after the other.

    Attributes:
        is_limited: The file has not been reached, and what comes before it is kept in memory.
    """

    def __init__(self, body: Content, boundary: bytes) -> None:
        self.is_limited = True
        self._pieces = aiter(body)
        self._decoder = MultipartDecoder(boundary, max_parts=_PARTS_MAX)
        self._received = 0
        self._is_over = False

    async def next(self) -> Event | None:
        """Return the next; None: the end of the body."""
        while not self._is_over:
            event = self._decode()
            if isinstance(event, Epilogue):
                self._is_over = True
            elif not isinstance(event, NeedData):
                return event
            elif self.is_limited and self._received > _BEFORE_FILE_MAX_BYTES:
                raise S3Error("MaxPostPreDataLengthExceeded")
            else:
                piece = await anext(self._pieces, None)
                self._received += len(piece or b"")
                self._decoder.receive_data(piece)
        return None

    def _decode(self) -> Event:
        try:
            return self._decoder.next_event()
        except (ValueError, RequestEntityTooLarge) as exc:
            raise S3Error("MalformedPOSTRequest") from exc


class _Pieces:
    """The bytes of the file; what follows it is read and dropped, so that the whole body is verified."""

    def __init__(self, events: _Events) -> None:
        self._events = events
        self._has_ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        while (event := await self._events.next()) is not None:
            if isinstance(event, Data) and not self._has_ended:
                self._has_ended = not event.more_data
                if event.data:
                    return event.data
        raise StopAsyncIteration


async def _value(events: _Events, most: int) -> bytes:
    """Return the bytes of the field that has begun."""
    value = bytearray()
    while isinstance(event := await events.next(), Data):
        value += event.data
        if len(value) > most:
            raise S3Error("MaxPostPreDataLengthExceeded")
        if not event.more_data:
            break
    return bytes(value)
