"""Bodies as clients frame them: written from AWS's pages, apart from the code under test."""

import hashlib
import hmac

from hypothesis import strategies as st

KEY = b"a signing key"
DATE = "20261122T120000Z"
SCOPE = "20261122/us-east-1/s3/aws4_request"
SEED = hashlib.sha256(b"the request").hexdigest()


def frame(chunks, *, trailers=(), is_signed=False, has_trailer=False):
    """Return the aws-chunked body of *chunks*, which hold no empty one."""
    previous = SEED
    text = b""
    for chunk in [*chunks, b""]:
        extension = b""
        if is_signed:
            digest = hashlib.sha256(b"").hexdigest() + "\n" + hashlib.sha256(chunk).hexdigest()
            previous = _sign("AWS4-HMAC-SHA256-PAYLOAD", previous, digest)
            extension = b";chunk-signature=" + previous.encode()
        text += b"%x%s\r\n%s" % (len(chunk), extension, chunk + b"\r\n" if chunk else b"")
    for name, value in trailers:
        text += f"{name}:{value}\r\n".encode()
    if is_signed and has_trailer:
        lines = "".join(f"{name}:{value}\n" for name, value in trailers)
        signature = _sign("AWS4-HMAC-SHA256-TRAILER", previous, hashlib.sha256(lines.encode()).hexdigest())
        text += f"x-amz-trailer-signature:{signature}\r\n".encode()
    return text + b"\r\n"


def _sign(algorithm, previous, what):
    text = f"{algorithm}\n{DATE}\n{SCOPE}\n{previous}\n{what}"
    return hmac.new(KEY, text.encode(), hashlib.sha256).hexdigest()


@st.composite
def cut(draw, body):
    """Cut *body* at any places."""
    places = sorted(draw(st.lists(st.integers(0, len(body)), max_size=20)))
    return [body[first:end] for first, end in zip([0, *places], [*places, len(body)], strict=True)]
