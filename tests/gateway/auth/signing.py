"""Requests as clients sign them: botocore's signers, and the head that a gateway makes of the outcome."""

from datetime import UTC, datetime
from urllib.parse import urlsplit

from botocore.auth import HmacV1Auth, HmacV1QueryAuth, S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from runner.gateway.address import Hosts, resolve
from runner.gateway.auth import Guard, SignedHead
from runner.gateway.principal import Token
from runner.gateway.request import Query

TOKEN = "rnr_0123456789abcdefghijABCDEFGHIJ0123456789abc"
HOSTS = Hosts("http://s3.example", is_open=True)
GUARD = Guard(Token(TOKEN, "ada"), "ada")


def head(method, url, headers):
    """Return the head of a request for *url*."""
    parts = urlsplit(url)
    raw = [(name.lower().encode(), str(value).encode("latin-1")) for name, value in headers]
    if not any(name == b"host" for name, _ in raw):
        raw.append((b"host", parts.netloc.encode()))
    address = resolve(parts.path.encode() or b"/", parts.netloc, HOSTS)
    return SignedHead(method, address, Query(parts.query.encode()), raw)


def signed(signer, method, url, headers=(), *, access_key=TOKEN, secret=TOKEN, data=b"", **options):
    """Return a request signed by one of botocore's *signer* classes."""
    request = AWSRequest(method, url, dict(headers), data=data)
    request.context["client_config"] = None
    credentials = Credentials(access_key, secret)
    if issubclass(signer, (S3SigV4Auth, S3SigV4QueryAuth)):
        signer(credentials, "s3", "us-east-1", **options).add_auth(request)
    else:
        address = head(method, url, []).address
        # What botocore's endpoint rules say: the bucket as if it stood in the path, and a bucket's slash.
        path = address.path.decode()
        path = f"/{address.bucket}{path}" if address.is_virtual_host else path
        is_bucket = address.bucket is not None and address.key is None
        request.auth_path = f"{path.rstrip('/')}/" if is_bucket else path
        signer(credentials, **options).add_auth(request)
    prepared = request.prepare()
    return head(method, prepared.url, [(name, _text(value)) for name, value in prepared.headers.items()])


def _text(value):
    return value.decode() if isinstance(value, bytes) else value


def now():
    return datetime.now(UTC)


HEADER_SIGNERS = [S3SigV4Auth, HmacV1Auth]
URL_SIGNERS = [S3SigV4QueryAuth, HmacV1QueryAuth]
