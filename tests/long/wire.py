"""Asks a gateway over plain HTTP, and remembers what it has acknowledged."""

from __future__ import annotations

import http.client
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import urlsplit

from tests.long.seen import LARGE, PART

BUCKET = "data"
SMALL = b"small on the wire"
TAIL = b"the last part"
COMPLETION = "POST wire/parts"
"""The request that makes an object of its parts."""
SECONDS = 30
AGAIN = 3
"""So often a request is sent that was answered with 503."""


@dataclass
class Known:
    """What one client has asked for.

    Attributes:
        asked: What each key was to hold, in the order of asking; None: it was to be deleted.
        held: What the keys hold that had an answer.
        upload: The id of the upload whose completion was not acknowledged.
        parts: The parts of it that were acknowledged: ETags by number.
        asking: The request that was sent last, or what else the gateway is at.
        refused: How often the answer was 503.
        wrong: Answers that should not be.
    """

    asked: dict[str, list[bytes | None]] = field(default_factory=dict)
    held: dict[str, bytes | None] = field(default_factory=dict)
    upload: str = ""
    parts: dict[int, str] = field(default_factory=dict)
    asking: str = "its start"
    refused: int = 0
    wrong: list[str] = field(default_factory=list)


class Gone(Exception):
    """The gateway answers no more."""


class Client:
    """Speaks to the gateway at *endpoint*; what it learns goes to *known*."""

    def __init__(self, endpoint: str, known: Known) -> None:
        self.known = known
        self._netloc = urlsplit(endpoint).netloc

    def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, Mapping[str, str], bytes]:
        """Return status, headers and body; raises `Gone`."""
        self.known.asking = f"{method} {path.partition('uploadId')[0].rstrip('?&')}"
        connection = http.client.HTTPConnection(self._netloc, timeout=SECONDS)
        try:
            connection.request(method, f"/{BUCKET}/{path}", body)
            reply = connection.getresponse()
            return reply.status, dict(reply.getheaders()), reply.read()
        except (OSError, http.client.HTTPException) as exc:
            raise Gone(str(exc)) from exc
        finally:
            connection.close()

    def insist(self, method: str, path: str, body: bytes = b"") -> tuple[Mapping[str, str], bytes] | None:
        """Ask again after a 503; None: it stays one. Nothing else but success is right."""
        for _ in range(AGAIN):
            status, headers, answer = self.ask(method, path, body)
            if status in (HTTPStatus.OK, HTTPStatus.NO_CONTENT) and b"<Error>" not in answer:
                return headers, answer
            if status != HTTPStatus.SERVICE_UNAVAILABLE and b"<Code>ServiceUnavailable" not in answer:
                self.known.wrong.append(f"{method} {path}: {status} {answer[:300]!r}")
                return None
            self.known.refused += 1
        return None

    def change(self, method: str, key: str, data: bytes | None) -> None:
        """Put or delete an object."""
        self.known.asked.setdefault(key, []).append(data)
        if self.insist(method, key, data or b"") is not None:
            self.known.held[key] = data

    def upload(self, key: str, parts: Mapping[int, bytes]) -> None:
        """Put an object in parts."""
        self.known.asked.setdefault(key, []).append(b"".join(parts.values()))
        begun = self.insist("POST", f"{key}?uploads")
        if begun is None:
            return
        self.known.upload = found(b"UploadId", begun[1])
        for number, data in parts.items():
            put = self.insist("PUT", f"{key}?partNumber={number}&uploadId={self.known.upload}", data)
            if put is None:
                return
            self.known.parts[number] = {name.lower(): value for name, value in put[0].items()}["etag"]
        self.complete(key, b"".join(parts.values()))

    def complete(self, key: str, data: bytes) -> None:
        """Make an object of the parts."""
        listed = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
            for number, etag in self.known.parts.items()
        )
        body = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
        if self.insist("POST", f"{key}?uploadId={self.known.upload}", body) is not None:
            self.known.held[key] = data
            self.known.upload = ""

    def get(self, key: str) -> bytes | None:
        """Return what a key holds; None: nothing."""
        status, _, body = self.ask("GET", key)
        if status not in (HTTPStatus.OK, HTTPStatus.NOT_FOUND):
            self.known.wrong.append(f"GET {key}: {status} {body[:300]!r}")
        return body if status == HTTPStatus.OK else None


def write_some(client: Client) -> None:
    """Put a small object, a large one and one in parts, put the small one anew, and delete one that was there."""
    client.change("PUT", "wire/small", SMALL)
    client.change("PUT", "wire/large", LARGE[1:])
    client.upload("wire/parts", {1: PART, 2: TAIL})
    client.change("PUT", "wire/small", SMALL * 2)
    client.change("DELETE", "small/4", None)
    client.known.asking = "its stop"


def look_after(client: Client) -> None:
    """See that all that was acknowledged is there, and the rest whole or not at all; complete what was begun."""
    known = client.known
    for key, asked in known.asked.items():
        held = client.get(key)
        later = asked[asked.index(known.held[key]) :] if key in known.held else [*asked, before(key)]
        if held not in later:
            size = None if held is None else len(held)
            known.wrong.append(f"{key} holds {size} bytes, and was to hold {[each and len(each) for each in later]}")
    if known.upload and client.get("wire/parts") is not None:
        known.upload = ""  # it was completed without an answer
    if known.upload:
        status, _, answer = client.ask("GET", f"wire/parts?uploadId={known.upload}")
        there = re.findall(rb"<PartNumber>(\d+)</PartNumber>", answer)
        if status != HTTPStatus.OK or not {*known.parts} <= {int(number) for number in there}:
            known.wrong.append(f"parts {[*known.parts]} were acknowledged, and there are {there}: {status}")
        if len(known.parts) > 1:
            client.complete("wire/parts", PART + TAIL)
            if not known.upload and client.get("wire/parts") != PART + TAIL:
                known.wrong.append("the parts make another object")


def before(key: str) -> bytes | None:
    """Return what a key held at first."""
    return b"value 4" if key == "small/4" else None


def found(name: bytes, answer: bytes) -> str:
    """Return the text of an XML element."""
    return answer.partition(b"<" + name + b">")[2].partition(b"</" + name + b">")[0].decode()
