from __future__ import annotations

from tests.gateway.caller import Caller

ABSENT = (
    ("cors", "NoSuchCORSConfiguration"),
    ("encryption", "ServerSideEncryptionConfigurationNotFoundError"),
    ("lifecycle", "NoSuchLifecycleConfiguration"),
    ("object-lock", "ObjectLockConfigurationNotFoundError"),
    ("ownershipControls", "OwnershipControlsNotFoundError"),
    ("policy", "NoSuchBucketPolicy"),
    ("policyStatus", "NoSuchBucketPolicy"),
    ("publicAccessBlock", "NoSuchPublicAccessBlockConfiguration"),
    ("replication", "ReplicationConfigurationNotFoundError"),
    ("tagging", "NoSuchTagSet"),
    ("website", "NoSuchWebsiteConfiguration"),
)


async def test_what_no_bucket_has_is_not_found(call: Caller) -> None:
    for subresource, code in ABSENT:
        answer = await call("GET", f"/out?{subresource}")
        assert (answer.status, answer.code) == (404, code)
        assert (await call("GET", f"/other?{subresource}")).code == "NoSuchBucket"


async def test_no_object_has_a_torrent(call: Caller) -> None:
    assert (await call("GET", "/in/b?torrent")).code == "NoSuchKey"
