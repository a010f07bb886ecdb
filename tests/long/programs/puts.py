"""Puts a small object, a large one and one in parts into a job's bucket; asks again when the answer is 503."""

import http.client
import os
import random
import sys
from urllib.parse import urlsplit

AGAIN = 3
REFUSED = 503


def ask(method: str, path: str, body: bytes = b"") -> tuple[http.client.HTTPMessage, bytes]:
    for _ in range(AGAIN):
        connection = http.client.HTTPConnection(urlsplit(os.environ["S3_ENDPOINT"]).netloc)
        connection.request(method, f"/out/{path}", body)
        reply = connection.getresponse()
        answer = reply.read()
        if reply.status == http.client.OK and b"<Error>" not in answer:
            return reply.headers, answer
        if reply.status != REFUSED and b"<Code>ServiceUnavailable" not in answer:
            sys.exit(f"{method} {path}: {reply.status} {answer!r}")
    sys.exit("refused for good")


chance = random.Random(3)
ask("PUT", "small", b"small")
ask("PUT", "large", chance.randbytes(200_000))
upload = ask("POST", "parts?uploads")[1].partition(b"<UploadId>")[2].partition(b"</UploadId>")[0].decode()
listed = ""
for number, data in ((1, chance.randbytes(5 << 20)), (2, b"end")):
    etag = ask("PUT", f"parts?partNumber={number}&uploadId={upload}", data)[0]["etag"]
    listed += f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
completed = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>"
ask("POST", f"parts?uploadId={upload}", completed.encode())
