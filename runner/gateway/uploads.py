"""The upload that a request is about."""

from __future__ import annotations

from runner.gateway.request import Request
from runner.gateway.target import bucket_of, key_of
from runner.store.view import Bucket, Upload


async def upload_of(request: Request) -> tuple[Bucket, Upload]:
    """Look up the bucket and the upload that the request names.

    Raises:
        NoSuchBucket, NoSuchUpload: It is not there.
    """
    bucket = await bucket_of(request)
    return bucket, await bucket.get_upload(key_of(request), request.query["uploadId"])
