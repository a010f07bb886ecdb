"""The policy that a page was given for its form: who gave it, until when, and what the form may hold. Pure.

Sources:
    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/HTTPPOSTForms.html, version 2
"""

from __future__ import annotations

import binascii
import hmac
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from runner.gateway.auth.sigv4 import ALGORITHM, SigningKeys
from runner.gateway.errors import S3Error
from runner.gateway.principal import Credentials, Grant, Principal

_FREE = frozenset({"awsaccesskeyid", "signature", "x-amz-signature", "policy", "file", "x-amz-security-token"})
_FREE_PREFIXES = ("x-ignore-", "x-amz-checksum-", "x-amz-sdk-checksum-")
_SCOPE_PARTS = 5
_NUMBER = re.compile(r"[0-9]{1,18}")
_CONDITION_PARTS = 3


@dataclass(frozen=True, slots=True)
class SizeRange:
    """How large the file may be, both ends included."""

    least: int
    most: int


def authenticate(fields: Mapping[str, str], credentials: Credentials) -> Principal:
    """Return who signed the policy of a form.

    Args:
        fields: Of the form, by lower-case name.
        credentials: Who may.

    Raises:
        S3Error: AccessDenied: nobody did; InvalidArgument: half of what proves it is missing; InvalidAccessKeyId,
            SignatureDoesNotMatch.
    """
    if "policy" not in fields and "x-amz-signature" not in fields and "signature" not in fields:
        raise S3Error("AccessDenied")
    if "x-amz-algorithm" in fields:
        return _version_4(fields, credentials)
    key, signature = _require(fields, "awsaccesskeyid"), _require(fields, "signature")
    grant = _find(credentials, key)
    expected = b64encode(hmac.digest(grant.secret.encode(), _require(fields, "policy").encode(), "sha1")).decode()
    return _matching(grant, expected, signature)


def judge(fields: Mapping[str, str], bucket: str, now: datetime) -> SizeRange | None:
    """Return how large the file may be, if the policy says, after all else that it says was found to hold.

    Args:
        fields: Of the form, by lower-case name, the file's name put into the key already.
        bucket: Of the request.
        now: Aware.

    Raises:
        S3Error: InvalidPolicyDocument, 400: it is none; AccessDenied, 403: it has expired, or one of its conditions
            does not hold, or a field has no condition.
    """
    document = _decode(_require(fields, "policy"))
    if now > _expiration(document):
        raise S3Error("AccessDenied", "Invalid according to Policy: Policy expired.")
    conditions = document.get("conditions")
    if not isinstance(conditions, list):
        raise _invalid("Invalid Policy: 'conditions' is missing.")
    sent = {**fields, "bucket": bucket}
    size_range: SizeRange | None = None
    judged: set[str] = set()
    for condition in conditions:
        if isinstance(condition, dict):
            judged.update(_judge_exact(condition, sent))
        elif isinstance(condition, list) and len(condition) == _CONDITION_PARTS:
            if str(condition[0]).lower() == "content-length-range":
                size_range = _size_range(condition)
            else:
                judged.add(_judge_operator(condition, sent))
        else:
            raise _invalid("Invalid Policy: Invalid condition.")
    for name in fields:
        if name not in judged and name not in _FREE and not name.startswith(_FREE_PREFIXES):
            raise S3Error("AccessDenied", f"Invalid according to Policy: Extra input fields: {name}")
    return size_range


def _version_4(fields: Mapping[str, str], credentials: Credentials) -> Principal:
    if fields["x-amz-algorithm"] != ALGORITHM:
        raise S3Error("InvalidArgument", "Only AWS4-HMAC-SHA256 signs a policy of version 4.")
    key, *scope = _require(fields, "x-amz-credential").split("/")
    signature, date = _require(fields, "x-amz-signature"), _require(fields, "x-amz-date")
    if len(scope) != _SCOPE_PARTS - 1 or not date.startswith(scope[0]) or scope[2:] != ["s3", "aws4_request"]:
        raise S3Error("InvalidArgument", "The x-amz-credential field is malformed.")
    grant = _find(credentials, key)
    signing_key = SigningKeys().derive(grant.secret, tuple(scope))
    expected = hmac.digest(signing_key, _require(fields, "policy").encode(), "sha256").hex()
    return _matching(grant, expected, signature)


def _find(credentials: Credentials, key: str) -> Grant:
    grant = credentials.find(key)
    if grant is None:
        raise S3Error("InvalidAccessKeyId")
    return grant


def _matching(grant: Grant, expected: str, signature: str) -> Principal:
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        raise S3Error("SignatureDoesNotMatch")
    return grant.principal


def _require(fields: Mapping[str, str], name: str) -> str:
    value = fields.get(name)
    if not value:
        raise S3Error("InvalidArgument", f"Bucket POST must contain a field named '{name}'.")
    return value


def _decode(policy: str) -> dict[str, Any]:
    try:
        document = json.loads(b64decode(policy, validate=True))
    except (binascii.Error, ValueError, RecursionError) as exc:
        raise _invalid("Invalid Policy: Invalid JSON.") from exc
    if not isinstance(document, dict):
        raise _invalid("Invalid Policy: Invalid JSON.")
    return document


def _expiration(document: Mapping[str, Any]) -> datetime:
    text = document.get("expiration")
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) and "T" in text else None
    except ValueError:
        moment = None
    if moment is None:
        raise _invalid("Invalid Policy: Invalid 'expiration' value.")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _judge_exact(condition: Mapping[str, Any], sent: Mapping[str, str]) -> Sequence[str]:
    """Judge ``{"field": "value"}``; return the names."""
    if not condition:
        raise _invalid("Invalid Policy: Invalid Simple-Condition: there is no field in it.")
    for name, value in condition.items():
        if not isinstance(value, str):
            raise _invalid("Invalid Policy: Invalid Simple-Condition: value must be a string.")
        if sent.get(name.lower()) != value:
            raise _unmet("eq", name)
    return [name.lower() for name in condition]


def _judge_operator(condition: Sequence[Any], sent: Mapping[str, str]) -> str:
    """Judge ``["eq", "$field", "value"]`` or ``["starts-with", …]``; return the name."""
    operator, name, value = condition
    if not all(isinstance(part, str) for part in condition) or not name.startswith("$"):
        raise _invalid("Invalid Policy: Invalid condition.")
    found = sent.get(name[1:].lower())
    kind = operator.lower()
    if kind not in ("eq", "starts-with"):
        raise _invalid(f"Invalid Policy: Invalid condition operator {operator}.")
    if found is None or (found != value if kind == "eq" else not found.startswith(value)):
        raise _unmet(kind, name)
    lowered: str = name[1:].lower()
    return lowered


def _size_range(condition: Sequence[Any]) -> SizeRange:
    ends = [str(end) for end in condition[1:] if not isinstance(end, bool)]
    if len(ends) != _CONDITION_PARTS - 1 or not all(_NUMBER.fullmatch(end) for end in ends):
        raise _invalid("Invalid Policy: Invalid content-length-range.")
    return SizeRange(int(ends[0]), int(ends[1]))


def _unmet(operator: str, name: str) -> S3Error:
    """Name the field and not its value: that of x-amz-credential holds a token."""
    shown = f"${name.removeprefix('$')}"
    return S3Error("AccessDenied", f'Invalid according to Policy: Policy Condition failed: ["{operator}", "{shown}"]')


def _invalid(message: str) -> S3Error:
    return S3Error("InvalidPolicyDocument", message)
