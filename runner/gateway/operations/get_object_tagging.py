"""GetObjectTagging: no object has tags, and clients that copy ask.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectTagging.html
"""

from __future__ import annotations

from runner.gateway.request import Request, Response
from runner.gateway.responses import document
from runner.gateway.target import bucket_of, key_of
from runner.gateway.versions import check_version


async def run(request: Request) -> Response:
    """Answer with an empty set."""
    bucket = await bucket_of(request)
    check_version(request.query.get("versionId"))
    await bucket.head(key_of(request))
    return document("Tagging", ["<TagSet></TagSet>"])
