"""What the listings share: parameters, keys in documents, page tokens.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from urllib.parse import quote

from runner.gateway import xml
from runner.gateway.errors import S3Error
from runner.model.entry import ChecksumAlgorithm, ChecksumType, Entry
from runner.store.view import Bucket, Page

PAGE_MAX = 1000
_INTEGER_MAX = 2**31 - 1
_TOKEN_VERSION = b"1"


@dataclass(frozen=True, slots=True)
class KeyWriter:
    """Writes keys into a reply, percent-encoded where the client asked for it.

    Encoded text is safe character data as it is; the rest is escaped.
    """

    is_encoded: bool

    def element(self, name: str, key: bytes) -> str:
        """Return an element that holds *key*."""
        return f"<{name}>{quote(key, safe='/*') if self.is_encoded else xml.escape(key.decode())}</{name}>"

    def encoding_type(self) -> str:
        """Return the element that tells the client, or nothing."""
        return "<EncodingType>url</EncodingType>" if self.is_encoded else ""


def key_writer(query: Mapping[str, str]) -> KeyWriter:
    """Return how ``encoding-type`` has keys written.

    Raises:
        S3Error: InvalidArgument: another encoding than ``url``.
    """
    encoding = query.get("encoding-type")
    if encoding not in (None, "url"):
        raise invalid("encoding-type", encoding or "", "Invalid Encoding Method specified in Request")
    return KeyWriter(encoding is not None)


def limit_of(query: Mapping[str, str], name: str = "max-keys", most: int = PAGE_MAX) -> int:
    """Return how many items the client wants at most; more than *most* count as *most*.

    Raises:
        S3Error: InvalidArgument, as `number_of` has it.
    """
    return min(number_of(query, name, most), most)


def number_of(parameters: Mapping[str, str], name: str, default: int) -> int:
    """Return the number that a parameter gives; *default* where it is absent or empty.

    Raises:
        S3Error: InvalidArgument: no integer, negative, or above 2,147,483,647.
    """
    text = parameters.get(name, "")
    if not text:
        return default
    value = int(text) if re.fullmatch("[0-9]{1,10}", text) else _INTEGER_MAX + 1
    if value > _INTEGER_MAX:
        raise invalid(name, text, f"Provided {name} not an integer or within integer range")
    return value


def token_for(position: bytes) -> str:
    """Return an opaque token for the page after *position*.

    It holds a position and no right: a forged one reads nothing that the listing itself would not show.
    """
    return base64.urlsafe_b64encode(_TOKEN_VERSION + position).decode()


def position_of(token: str) -> bytes:
    """Return the position that a token stands for.

    Raises:
        S3Error: InvalidArgument: it is none of ours.
    """
    try:
        raw = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raw = b""
    if not raw.startswith(_TOKEN_VERSION):
        raise invalid("continuation-token", token, "The continuation token provided is incorrect")
    return raw.removeprefix(_TOKEN_VERSION)


async def list_page(bucket: Bucket, prefix: bytes, delimiter: bytes, after: bytes, limit: int) -> Page:
    """Return the next page that holds anything; of the empty ones that the store may give, only the last."""
    if limit == 0:
        return Page((), None)
    page = await bucket.list(prefix, delimiter, after, limit)
    while not page.items and page.next_after is not None:
        page = await bucket.list(prefix, delimiter, page.next_after, limit)
    return page


def contents(items: Iterable[Entry | bytes], keys: KeyWriter, owner: str | None) -> list[str]:
    """Return the objects of a page as elements, with an Owner where *owner* is given."""
    tail = f"<StorageClass>STANDARD</StorageClass>{owner_element(owner) if owner is not None else ''}</Contents>"
    return [
        f"<Contents>{keys.element('Key', item.key)}<LastModified>{xml.timestamp(item.modified)}</LastModified>"
        f"<ETag>&quot;{item.etag}&quot;</ETag>"
        f"{_checksum(item.checksum.algorithm, item.checksum.type) if item.checksum else ''}"
        f"<Size>{item.size}</Size>{tail}"
        for item in items
        if isinstance(item, Entry)
    ]


def common_prefixes(items: Iterable[Entry | bytes], keys: KeyWriter) -> list[str]:
    """Return the rolled-up prefixes of a page as elements."""
    return [
        f"<CommonPrefixes>{keys.element('Prefix', item)}</CommonPrefixes>" for item in items if isinstance(item, bytes)
    ]


def owner_element(owner: str, name: str = "Owner") -> str:
    """Return who owns everything that this gateway shows."""
    return xml.group(name, [xml.element("ID", owner), xml.element("DisplayName", owner)])


def invalid(name: str, value: str, message: str) -> S3Error:
    """Return the refusal of one parameter."""
    return S3Error("InvalidArgument", message, details={"ArgumentName": name, "ArgumentValue": value})


@cache
def _checksum(algorithm: ChecksumAlgorithm, checksum_type: ChecksumType) -> str:
    return xml.element("ChecksumAlgorithm", algorithm) + xml.element("ChecksumType", checksum_type)
