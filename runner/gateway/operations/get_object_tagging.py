"""GetObjectTagging: the tags of an object, or of a version of it.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectTagging.html
"""

from __future__ import annotations

from runner.gateway import tags
from runner.gateway.request import Request, Response
from runner.gateway.responses import xml_response
from runner.gateway.target import bucket_of, key_of
from runner.gateway.versions import version_header, version_of


async def run(request: Request) -> Response:
    """Answer with the tags by key, none where there are none."""
    bucket = await bucket_of(request)
    entry = await bucket.head(key_of(request), version_of(request.query))
    return xml_response(tags.document(entry.attributes.tags), version_header(entry.version))
