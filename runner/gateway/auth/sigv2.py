"""Signature Version 2: in the Authorization header and in a presigned URL.

It signs less than version 4 does (neither the query as a whole nor the body) and is here for clients that
know no other.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html
"""

from __future__ import annotations

import hmac
import re
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime

from runner.gateway.auth import clock
from runner.gateway.auth.head import SignedHead
from runner.gateway.errors import S3Error
from runner.gateway.principal import Credentials, Principal
from runner.gateway.request import Query

_PRESIGNED = ("AWSAccessKeyId", "Expires", "Signature")
_AUTHORIZATION = re.compile(r"AWS ([^:\s]+):(\S+)")
_EPOCH_SECONDS = re.compile(r"[0-9]{1,11}")

_SUBRESOURCES = frozenset(
    "accelerate acl analytics cors defaultObjectAcl delete encryption inventory"  # noqa: SIM905  # forty lines else
    " legal-hold lifecycle location logging metrics notification object-lock partNumber policy policyStatus"
    " publicAccessBlock replication requestPayment response-cache-control response-content-disposition"
    " response-content-encoding response-content-language response-content-type response-expires restore retention"
    " select select-type storageClass tagging torrent uploadId uploads versionId versioning versions website".split()
)
"""Parameters that are signed; the others are not."""


def is_presigned(query: Query) -> bool:
    """Tell whether a URL brings credentials of version 2, be they whole or not."""
    return "AWSAccessKeyId" in query or ("Signature" in query and "Expires" in query)


def verify(head: SignedHead, authorization: str | None, credentials: Credentials, now: datetime) -> Principal:
    """Verify one request.

    Args:
        head: Of the request.
        authorization: Its Authorization header; None: it is presigned.
        credentials: Who may ask.
        now: Aware.

    Returns:
        Who asks.

    Raises:
        S3Error: See `runner.gateway.auth.guard.Guard.admit`.
    """
    if authorization is None:
        access_key, signature, dates = _presigned(head, now)
    else:
        access_key, signature, dates = _from_header(head, authorization, now)
    grant = credentials.find(access_key)
    if grant is None:
        raise S3Error("InvalidAccessKeyId")
    for text in _strings_to_sign(head, dates):
        expected = b64encode(hmac.digest(grant.secret.encode(), text, "sha1"))
        if hmac.compare_digest(expected, signature.encode("latin-1", "replace")):
            return grant.principal
    raise S3Error("SignatureDoesNotMatch")


def _from_header(head: SignedHead, authorization: str, now: datetime) -> tuple[str, str, tuple[str, ...]]:
    """Return access key, signature, and what may stand as date in the string that was signed."""
    match = _AUTHORIZATION.fullmatch(authorization)
    if match is None:
        raise S3Error("InvalidArgument", "AWS authorization header is invalid.  Expected AwsAccessKeyId:signature")
    date = head.header(b"date")
    amz_date = head.header(b"x-amz-date")
    clock.check_skew(clock.parse(date if amz_date is None else amz_date), now)
    # With x-amz-date the line of Date is to be empty; botocore signs a Date that is there all the same.
    dates = (date or "",) if amz_date is None else ("", date or "")
    return match[1], match[2], dates


def _presigned(head: SignedHead, now: datetime) -> tuple[str, str, tuple[str, ...]]:
    query = head.query
    if any(name not in query for name in _PRESIGNED):
        raise S3Error("AccessDenied", "Query-string authentication requires the Signature, Expires and AWSAccessKeyId")
    expires = query["Expires"]
    if not _EPOCH_SECONDS.fullmatch(expires) or now > datetime.fromtimestamp(int(expires), UTC):
        raise S3Error("AccessDenied", "Request has expired")
    return query["AWSAccessKeyId"], query["Signature"], (expires,)


def _strings_to_sign(head: SignedHead, dates: tuple[str, ...]) -> Iterator[bytes]:
    """Yield every string that a client may have signed: clients differ in dates and in a bucket's slash."""
    content = f"{head.header(b'content-md5') or ''}\n{head.header(b'content-type') or ''}"
    amz_headers = "".join(f"{name}:{value}\n" for name, value in _amz_headers(head))
    subresources = _signed_parameters(head.query)
    for date in dict.fromkeys(dates):
        for path in _resources(head):
            text = f"{head.method}\n{content}\n{date}\n{amz_headers}{path}{subresources}"
            yield text.encode("latin-1", "replace")


def _amz_headers(head: SignedHead) -> list[tuple[str, str]]:
    names = sorted({name for name, _ in head.headers if name.startswith(b"x-amz-")})
    return [(name.decode("latin-1"), (head.header(name) or "").strip()) for name in names]


def _resources(head: SignedHead) -> tuple[str, ...]:
    address = head.address
    path = address.path.decode("latin-1")
    if address.is_virtual_host:
        path = f"/{address.bucket}{path}"
    if address.bucket is not None and address.key is None:
        # botocore sends "/bucket" and signs "/bucket/"
        return path.rstrip("/"), f"{path.rstrip('/')}/"
    return (path,)


def _signed_parameters(query: Query) -> str:
    signed = sorted((name, value) for name, value in query.pairs if name in _SUBRESOURCES)
    text = "&".join(name if value is None else f"{name}={value}" for name, value in signed)
    return f"?{text}" if text else ""
