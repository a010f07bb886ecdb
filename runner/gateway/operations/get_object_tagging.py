"""GetObjectTagging: no object has tags, and clients that copy ask.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectTagging.html
"""

from __future__ import annotations

from runner.gateway.request import Request, Response
from runner.gateway.responses import document
from runner.gateway.target import bucket_of, key_of
from runner.gateway.versions import version_of


async def run(request: Request) -> Response:
    """Answer with an empty set."""
    bucket = await bucket_of(request)
    await bucket.head(key_of(request), version_of(request.query))
    return document("Tagging", ["<TagSet></TagSet>"])
