"""The door: one way in for each kind of credentials, or for everybody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from runner.gateway.auth import sigv2, sigv4
from runner.gateway.auth.credentials import Token
from runner.gateway.auth.head import SignedHead
from runner.gateway.errors import S3Error
from runner.gateway.request import Principal


@dataclass(frozen=True, slots=True)
class Caller:
    """Who was let in.

    Attributes:
        signer: Of the chunks of the body, if they may be signed and signatures are looked at.
    """

    principal: Principal
    signer: sigv4.ChunkSigner | None = None


NOBODY = Caller(Principal("", is_anonymous=True))
"""Who brings no credentials."""


class Guard:
    """Lets requests in, or refuses them.

    Args:
        token: Access key and secret at once. None: everybody is let in, and no signature is looked at.
        owner: Name of the principal.
    """

    def __init__(self, token: str | None, owner: str) -> None:
        self._credentials = None if token is None else Token(token, owner)
        self._everybody = Caller(Principal(owner, is_anonymous=True))
        self._keys = sigv4.SigningKeys()

    def admit(self, head: SignedHead, now: datetime) -> Caller:
        """Return who asks.

        Args:
            head: Of the request.
            now: Aware; dates are judged by it.

        Raises:
            S3Error: 403 AccessDenied, InvalidAccessKeyId, SignatureDoesNotMatch, RequestTimeTooSkewed;
                400 for credentials that are no credentials.
        """
        if self._credentials is None:
            return self._everybody
        authorization = head.header(b"authorization")
        is_presigned = sigv4.is_presigned(head.query) or sigv2.is_presigned(head.query)
        if authorization and is_presigned:
            raise S3Error("InvalidArgument", "Only one auth mechanism is allowed.")
        if not authorization and not is_presigned:
            raise S3Error("AccessDenied")
        if authorization.startswith("AWS ") if authorization else sigv2.is_presigned(head.query):
            return Caller(sigv2.verify(head, authorization, self._credentials, now))
        principal, signer = sigv4.verify(head, authorization, self._credentials, self._keys, now)
        return Caller(principal, signer)
