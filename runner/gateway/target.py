"""What a request is about: its bucket and key, where the route promised that it has them."""

from __future__ import annotations

from runner.gateway.request import Request
from runner.store.view import Bucket


def bucket_name(request: Request) -> str:
    """Return the name of the bucket that the request is about."""
    assert request.bucket is not None  # noqa: S101  # the route is one of a bucket
    return request.bucket


def owner_of(request: Request, bucket: Bucket) -> str:
    """Return the name of whom everything in a bucket belongs to."""
    return bucket.owner or request.options.owner


async def bucket_of(request: Request) -> Bucket:
    """Look up the bucket that the request is about."""
    return await request.view.get_bucket(bucket_name(request))


def key_of(request: Request) -> bytes:
    """Return the key that the request is about."""
    assert request.key is not None  # noqa: S101  # the route is one of an object
    return request.key
