"""Signature Version 4: in the Authorization header, in a presigned URL, and of the chunks of a body.

Sources:
    https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote, unquote_to_bytes

from runner.gateway.auth import clock
from runner.gateway.auth.head import SignedHead
from runner.gateway.errors import S3Error
from runner.gateway.principal import Credentials, Principal
from runner.gateway.request import Query

ALGORITHM = "AWS4-HMAC-SHA256"
EXPIRES_MAX_SECONDS = 604_800

_EMPTY_SHA256 = hashlib.sha256().hexdigest()
_PRESIGNED = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders")
_SIGNATURE = "X-Amz-Signature"
_FIELD = re.compile(r"\s*(Credential|SignedHeaders|Signature)=([^,\s]+)\s*")
_INTEGER = re.compile(r"-?[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class _Claim:
    """What credentials of version 4 say, wherever they stand."""

    access_key: str
    scope: tuple[str, ...]  # date, region, service, terminator
    signed_headers: tuple[str, ...]
    signature: str


class SigningKeys:
    """Derived keys, which are the same for all requests of a day; the last few are kept."""

    _MAX = 64

    def __init__(self) -> None:
        self._keys: dict[tuple[str, ...], bytes] = {}

    def derive(self, secret: str, scope: tuple[str, ...]) -> bytes:
        """Return the key for *scope*; of secrets that were found to be good only."""
        cached = self._keys.get((secret, *scope))
        if cached is None:
            if len(self._keys) >= self._MAX:
                self._keys.clear()
            cached = f"AWS4{secret}".encode()
            for step in scope:
                cached = hmac.digest(cached, step.encode(), "sha256")
            self._keys[(secret, *scope)] = cached
        return cached


class ChunkSigner:
    """Computes the signatures of a body's chunks, each from the one before.

    Args:
        key: That signed the request.
        date: Of the request, in ISO 8601's basic format.
        scope: Of the credential.
        seed: Signature of the request.
    """

    def __init__(self, key: bytes, date: str, scope: str, seed: str) -> None:
        self._key = key
        self._prefix = f"{date}\n{scope}\n"
        self._previous = seed

    def sign_chunk(self, sha256: str) -> str:
        """Return the signature of the next chunk, whose data have that hex digest."""
        return self._sign(f"{ALGORITHM}-PAYLOAD", f"{_EMPTY_SHA256}\n{sha256}")

    def sign_trailer(self, sha256: str) -> str:
        """Return the signature of the trailer, whose lines have that hex digest."""
        return self._sign(f"{ALGORITHM}-TRAILER", sha256)

    def _sign(self, algorithm: str, what: str) -> str:
        text = f"{algorithm}\n{self._prefix}{self._previous}\n{what}"
        self._previous = hmac.digest(self._key, text.encode(), "sha256").hex()
        return self._previous


def is_presigned(query: Query) -> bool:
    """Tell whether a URL brings credentials of version 4, be they whole or not."""
    return _SIGNATURE in query or "X-Amz-Credential" in query or "X-Amz-Algorithm" in query


def verify(
    head: SignedHead, authorization: str | None, credentials: Credentials, keys: SigningKeys, now: datetime
) -> tuple[Principal, ChunkSigner]:
    """Verify one request.

    Args:
        head: Of the request.
        authorization: Its Authorization header; None: it is presigned.
        credentials: Who may ask.
        keys: A cache.
        now: Aware.

    Returns:
        Who asks, and what signs the chunks of the body.

    Raises:
        S3Error: See `runner.gateway.auth.guard.Guard.admit`.
    """
    if authorization is None:
        claim, date = _presigned(head, now)
        payload_hash = _presigned_payload_hash(head, claim)
    else:
        claim, date = _from_header(head, authorization, now)
        payload_hash = head.header(b"x-amz-content-sha256") or ""
    _check_scope(claim, date)
    _check_signed_headers(head, claim)
    grant = credentials.find(claim.access_key)
    if grant is None:
        raise S3Error("InvalidAccessKeyId")
    scope = "/".join(claim.scope)
    key = keys.derive(grant.secret, claim.scope)
    for path in _paths(head.address.path):
        canonical = _canonical_request(head, claim, path, payload_hash, is_presigned=authorization is None)
        text = f"{ALGORITHM}\n{date}\n{scope}\n{hashlib.sha256(canonical).hexdigest()}"
        expected = hmac.digest(key, text.encode(), "sha256").hex()
        if hmac.compare_digest(expected.encode(), claim.signature.encode()):
            return grant.principal, ChunkSigner(key, date, scope, claim.signature)
    raise S3Error("SignatureDoesNotMatch")


def _from_header(head: SignedHead, authorization: str, now: datetime) -> tuple[_Claim, str]:
    algorithm, _, rest = authorization.partition(" ")
    if algorithm != ALGORITHM:
        raise S3Error("InvalidArgument", "Unsupported Authorization Type")
    matches = [_FIELD.fullmatch(part) for part in rest.split(",")]
    fields = {match[1]: match[2] for match in matches if match}
    if len(fields) != len(matches) or len(fields) != 3:  # noqa: PLR2004  # Credential, SignedHeaders, Signature
        raise S3Error("AuthorizationHeaderMalformed")
    claim = _claim(fields["Credential"], fields["SignedHeaders"], fields["Signature"], "AuthorizationHeaderMalformed")
    # Only a request that has no x-amz-date is dated by Date; one that is empty is no date.
    date = head.header(b"x-amz-date")
    moment = clock.parse(head.header(b"date") if date is None else date)
    clock.check_skew(moment, now)
    if head.header(b"x-amz-content-sha256") is None:
        raise S3Error("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
    return claim, clock.basic(moment)


def _presigned(head: SignedHead, now: datetime) -> tuple[_Claim, str]:
    query = head.query
    if any(name not in query for name in (*_PRESIGNED, _SIGNATURE)) or query["X-Amz-Algorithm"] != ALGORITHM:
        raise S3Error("AuthorizationQueryParametersError", status=403)
    if any([name for name, _ in query.pairs].count(name) > 1 for name in (*_PRESIGNED, _SIGNATURE)):
        raise S3Error("AuthorizationQueryParametersError", "A parameter came more than once.", status=403)
    claim = _claim(
        query["X-Amz-Credential"],
        query["X-Amz-SignedHeaders"],
        query[_SIGNATURE],
        "AuthorizationQueryParametersError",
    )
    moment = clock.parse(query["X-Amz-Date"])
    if moment - now > clock.MAX_SKEW:
        raise S3Error("AccessDenied", "Request is not valid yet")
    expires = query["X-Amz-Expires"]
    if not _INTEGER.fullmatch(expires) or not 0 < int(expires) <= EXPIRES_MAX_SECONDS:
        raise S3Error(
            "AuthorizationQueryParametersError", "X-Amz-Expires must be from 1 to 604800 seconds.", status=403
        )
    if now > moment + timedelta(seconds=int(expires)):
        raise S3Error("AccessDenied", "Request has expired")
    return claim, clock.basic(moment)


def _claim(credential: str, signed_headers: str, signature: str, code: str) -> _Claim:
    access_key, *scope = credential.rsplit("/", 4)
    if len(scope) != 4:  # noqa: PLR2004  # date, region, service, terminator
        raise S3Error(code, "The credential is malformed.")
    return _Claim(access_key, tuple(scope), tuple(signed_headers.split(";")), signature)


def _presigned_payload_hash(head: SignedHead, claim: _Claim) -> str:
    name = "x-amz-content-sha256"
    signed = head.header(name.encode()) if name in claim.signed_headers else None
    return signed or head.query.get("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")


def _check_scope(claim: _Claim, date: str) -> None:
    day, _region, service, terminator = claim.scope
    if day != date[:8]:
        raise S3Error("SignatureDoesNotMatch", "The date in the credential is not that of the request.")
    if service != "s3" or terminator != "aws4_request":
        raise S3Error("SignatureDoesNotMatch", "The credential is not one for S3.")


def _check_signed_headers(head: SignedHead, claim: _Claim) -> None:
    """Refuse headers that S3 acts on but nobody vouches for."""
    unsigned = {name for name, _ in head.headers if name == b"host" or name.startswith(b"x-amz-")}
    if any(name.decode("latin-1") not in claim.signed_headers for name in unsigned):
        raise S3Error("AccessDenied", "There were headers present in the request which were not signed")


def _paths(sent: bytes) -> tuple[str, str]:
    """Return the path encoded as S3 asks for, and as it came: some clients sign ``%2F`` as they send it."""
    return quote(unquote_to_bytes(sent), safe="/-_.~"), sent.decode("latin-1")


def _canonical_request(head: SignedHead, claim: _Claim, path: str, payload_hash: str, *, is_presigned: bool) -> bytes:
    pairs = sorted(
        (quote(name, safe="-_.~"), quote(value or "", safe="-_.~"))
        for name, value in head.query.pairs
        if not (is_presigned and name == _SIGNATURE)
    )
    query = "&".join(f"{name}={value}" for name, value in pairs)
    sent: dict[bytes, list[bytes]] = {}
    for name, value in head.headers:
        sent.setdefault(name, []).append(b" ".join(value.split()))
    headers = b"".join(
        encoded + b":" + b",".join(sent.get(encoded, [])) + b"\n"
        for encoded in (name.encode("latin-1", "replace") for name in claim.signed_headers)
    )
    start = f"{head.method}\n{path}\n{query}\n".encode()
    return start + headers + f"\n{';'.join(claim.signed_headers)}\n{payload_hash}".encode()
