"""Writes 4 GiB that are different for every seed and never repeat, fast; or puts them in one request."""

import http.client
import os
import random
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

BLOCK = 2**20
BLOCKS = 4 * 2**10


def blocks(seed: int) -> Iterator[bytes]:
    noise = random.Random(seed).randbytes(BLOCK)
    for number in range(BLOCKS):
        yield number.to_bytes(8, "big") + noise[8:]


def put(seed: int, path: str) -> None:
    """One PUT of the whole."""
    connection = http.client.HTTPConnection(urlsplit(os.environ["S3_ENDPOINT"]).netloc)
    connection.putrequest("PUT", path)
    connection.putheader("Content-Length", str(BLOCK * BLOCKS))
    connection.endheaders()
    for block in blocks(seed):
        connection.send(block)
    assert connection.getresponse().status == http.client.OK


if len(sys.argv) > 2:
    put(int(sys.argv[1]), sys.argv[2])
else:
    for piece in blocks(int(sys.argv[1])):
        sys.stdout.buffer.write(piece)
