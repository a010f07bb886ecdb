"""Reading and removing what a bucket has beside its objects: a document a kind, kept as it goes out.

Sources:
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketCors.html, and the like for each kind
    https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from __future__ import annotations

from runner.gateway.errors import S3Error
from runner.gateway.request import Operation, Request, Response
from runner.gateway.responses import xml_response
from runner.gateway.target import bucket_of


def reading(name: str, code: str) -> Operation:
    """Return the operation that answers with a document, and refuses with *code* where there is none."""

    async def run(request: Request) -> Response:
        body = await (await bucket_of(request)).get_document(name)
        if body is None:
            raise S3Error(code)
        return xml_response(body)

    return run


def removing(name: str) -> Operation:
    """Return the operation that removes a document; that there was none is no error."""

    async def run(request: Request) -> Response:
        await (await bucket_of(request)).put_document(name, None)
        return Response(204)

    return run
