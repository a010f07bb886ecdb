"""Reading a configuration that is the same for every bucket.

Sources:
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketRequestPayment.html
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLogging.html
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketNotificationConfiguration.html
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketAccelerateConfiguration.html
"""

from __future__ import annotations

from runner.gateway.request import Operation, Request, Response
from runner.gateway.responses import document
from runner.gateway.target import bucket_of


def fixed(root: str, *children: str) -> Operation:
    """Return the operation that answers with this document where the bucket is there at all."""

    async def run(request: Request) -> Response:
        await bucket_of(request)
        return document(root, children)

    return run
