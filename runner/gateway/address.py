"""Where a request points: bucket and key from request target and Host. Pure.

Keys are opaque. The path is split as it came, then each side is percent-decoded exactly once; nothing is
normalised, so ``a//b``, ``/``, ``.`` and ``..`` are keys like any other and never leave their bucket.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes, urlsplit

from runner.gateway.errors import S3Error
from runner.host.authority import is_address, name_of
from runner.model.entry import KEY_MAX_BYTES

_ABSOLUTE = re.compile(rb"(?i:https?)://([^/?#]*)(.*)", re.DOTALL)
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_LOCAL = "localhost"


@dataclass(frozen=True, slots=True)
class Address:
    """What a request is about.

    Attributes:
        bucket: None for the service itself.
        key: None when the path ends with the bucket.
        path: As sent, still encoded, beginning with ``/``: signatures cover it.
        is_virtual_host: The bucket stood in the Host and not in the path.
    """

    bucket: str | None
    key: bytes | None
    path: bytes
    is_virtual_host: bool = False


class Hosts:
    """Names under which a gateway is reached.

    Args:
        advertised: URL that clients are told, if any; buckets may stand below its name.
        is_open: Any Host is taken, because requests prove by their signature who they come from. Else only an
            address, ``localhost``, the advertised name and buckets below names, so that a page in a browser cannot
            reach the gateway by a name of its own (DNS rebinding).
    """

    def __init__(self, advertised: str | None, *, is_open: bool) -> None:
        name = (urlsplit(advertised).hostname or "") if advertised else ""
        self._bases = (name, _LOCAL) if name and not is_address(name) else (_LOCAL,)
        self._is_open = is_open

    def bucket_of(self, authority: str) -> str | None:
        """Return the bucket that stands in a Host; None: it stands in the path.

        Raises:
            S3Error: The Host is malformed, or a foreign name.
        """
        name = name_of(authority)
        if name is None:
            raise S3Error("InvalidRequest", "The Host header is malformed.")
        for base in self._bases:
            if name == base:
                return None
            if name.endswith(f".{base}"):
                return name.removesuffix(f".{base}")
        if self._is_open or is_address(name):
            return None
        raise S3Error("AccessDenied", "This gateway is not known by the name in the Host header.")

    def check_origin(self, origin: str, authority: str) -> None:
        """Refuse what a page in a browser sends to another place than it came from.

        A page cannot read our answers, but it may send a POST, DeleteObjects for one, to any address that it guesses.
        No other client sends an Origin.

        Raises:
            S3Error: AccessDenied.

        Source: https://fetch.spec.whatwg.org/#origin-header
        """
        if not self._is_open and origin.partition("://")[2].lower() != authority.lower():
            raise S3Error("AccessDenied", "This gateway takes no requests from pages of other origins.")


def resolve(target: bytes, host: str | None, hosts: Hosts) -> Address:
    """Resolve a request.

    Args:
        target: The request target without its query, in origin or absolute form.
        host: The Host header; None when there was none, which only HTTP/1.0 allows.
        hosts: Names of the gateway.

    Raises:
        S3Error: InvalidURI, KeyTooLongError, or what `Hosts.bucket_of` raises.
    """
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is not None:
        if host is not None and absolute[1].decode("latin-1").lower() != host.lower():
            raise S3Error("InvalidRequest", "The request target and the Host header name different hosts.")
        target = absolute[2] or b"/"
    if not target.startswith(b"/") or b"#" in target or _BAD_ESCAPE.search(target):
        raise S3Error("InvalidURI")
    bucket = None if host is None else hosts.bucket_of(host)
    if bucket is not None:
        return Address(bucket, _key(target[1:]), target, is_virtual_host=True)
    if target == b"/":
        return Address(None, None, target)
    name, _, key = target[1:].partition(b"/")
    if not name:
        raise S3Error("InvalidBucketName", "The path names a key but no bucket.")
    return Address(_text(name), _key(key), target)


def _key(encoded: bytes) -> bytes | None:
    key = unquote_to_bytes(encoded)
    if not key:
        return None
    _decoded(key)
    if len(key) > KEY_MAX_BYTES:
        raise S3Error("KeyTooLongError")
    return key


def _text(encoded: bytes) -> str:
    return _decoded(unquote_to_bytes(encoded))


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as exc:
        raise S3Error("InvalidURI", "The path is not UTF-8.") from exc
