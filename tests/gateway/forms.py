"""Forms as browsers and libraries write them."""

from __future__ import annotations

import hmac
import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

from runner.gateway.auth.sigv4 import SigningKeys

BOUNDARY = "0123456789"
CONTENT_TYPE = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
TOKEN = "rnr_token_token"


def form(
    fields: dict[str, str], file: bytes | None = b"bar", filename: str = "foo.txt", *, named: bool = False
) -> bytes:
    """Write a form; *named*: every field gets a file name, as python-requests does."""
    parts = []
    for name, value in fields.items():
        name_of_file = f'; filename="{name}"' if named else ""
        parts.append(f'Content-Disposition: form-data; name="{name}"{name_of_file}\r\n\r\n{value}'.encode())
    if file is not None:
        head = f'Content-Disposition: form-data; name="file"; filename="{filename}"\r\nContent-Type: text/plain\r\n\r\n'
        parts.append(head.encode() + file)
    return b"".join(b"--%s\r\n%s\r\n" % (BOUNDARY.encode(), part) for part in parts) + f"--{BOUNDARY}--\r\n".encode()


def policy(conditions: Any, **more: Any) -> str:
    expires = datetime.now(UTC) + timedelta(seconds=600)
    document = {"expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ"), "conditions": conditions, **more}
    return b64encode(
        json.dumps({name: value for name, value in document.items() if value is not None}).encode()
    ).decode()


def signed_v2(text: str, token: str = TOKEN) -> dict[str, str]:
    signature = b64encode(hmac.digest(token.encode(), text.encode(), "sha1")).decode()
    return {"AWSAccessKeyId": token, "policy": text, "signature": signature}


def signed_v4(text: str, token: str = TOKEN) -> dict[str, str]:
    now = datetime.now(UTC)
    scope = (now.strftime("%Y%m%d"), "us-east-1", "s3", "aws4_request")
    signature = hmac.digest(SigningKeys().derive(token, scope), text.encode(), "sha256").hex()
    return {
        "x-amz-algorithm": "AWS4-HMAC-SHA256",
        "x-amz-credential": f"{token}/{'/'.join(scope)}",
        "x-amz-date": now.strftime("%Y%m%dT%H%M%SZ"),
        "policy": text,
        "x-amz-signature": signature,
    }
