"""AbortMultipartUpload: forget an upload.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html
"""

from __future__ import annotations

from runner.gateway.request import Request, Response
from runner.gateway.uploads import upload_of


async def run(request: Request) -> Response:
    """Forget the upload and its parts."""
    bucket, upload = await upload_of(request)
    await bucket.abort_upload(upload)
    return Response(204)
