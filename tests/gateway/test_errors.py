from __future__ import annotations

import pytest

from runner.gateway.errors import CODES, S3Error, translate
from runner.model.errors import Conflict, Corrupt, Invalid, NotFound, Unavailable
from runner.store import refusals


class Other(refusals.AccessDenied):
    pass


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (refusals.NoSuchBucket("x"), "NoSuchBucket", 404),
        (refusals.NoSuchKey("x"), "NoSuchKey", 404),
        (refusals.NoSuchUpload("x"), "NoSuchUpload", 404),
        (refusals.AccessDenied("x"), "AccessDenied", 403),
        (Other("x"), "AccessDenied", 403),
        (refusals.BucketAlreadyOwned("x"), "BucketAlreadyOwnedByYou", 409),
        (refusals.PreconditionFailed("x"), "PreconditionFailed", 412),
        (refusals.ViewClosed("x"), "OperationAborted", 409),
        (refusals.InvalidPart("x"), "InvalidPart", 400),
        (refusals.PartTooSmall("x"), "EntityTooSmall", 400),
        (refusals.BadChecksum("x"), "BadDigest", 400),
        (refusals.NoSuchVersion("x"), "NoSuchVersion", 404),
        (refusals.NotOffered("x"), "NotImplemented", 501),
        (refusals.BucketTaken("x"), "BucketAlreadyExists", 409),
        (refusals.InvalidPosition("x"), "InvalidArgument", 400),
        (Invalid("x"), "InvalidArgument", 400),
        (NotFound("x"), "NoSuchKey", 404),
        (Conflict("x"), "OperationAborted", 409),
        (Unavailable("x"), "ServiceUnavailable", 503),
        (Corrupt("x"), "InternalError", 500),
        (RuntimeError("x"), "InternalError", 500),
        (S3Error("SlowDown"), "SlowDown", 503),
    ],
)
def test_an_error_answers_as_the_nearest_class_that_has_a_row(error: Exception, code: str, status: int) -> None:
    found = translate(error)
    assert (found.code, found.status) == (code, status)


def test_a_message_for_users_goes_out_and_one_about_damage_does_not() -> None:
    assert translate(refusals.AccessDenied("The input in is read-only.")).message == "The input in is read-only."
    assert translate(Corrupt("/srv/blobs/ab is damaged")).message == CODES["InternalError"][1]
    assert translate(RuntimeError("token=x")).message == CODES["InternalError"][1]
