"""Each operation that only the whole store has, as boto3 asks and understands it, over a socket and with accounts."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any
from urllib.parse import urlsplit

import pytest
import trio
import urllib3
from botocore.exceptions import ClientError

from tests.gateway.wire.conftest import AccountsGateway


async def code_of(asked: Awaitable[Any]) -> str:
    with pytest.raises(ClientError) as caught:
        await asked
    return caught.value.response["Error"]["Code"]


@pytest.fixture
async def ask(store_gateway: AccountsGateway) -> Any:
    """The account *ada*, and her bucket ``data``."""
    ask = await store_gateway.account("ada")
    await ask("create_bucket", Bucket="data")
    return ask


async def send(method: str, url: str, **options: Any) -> urllib3.BaseHTTPResponse:
    """Send a request as no SDK does."""

    def run() -> urllib3.BaseHTTPResponse:
        with urllib3.PoolManager() as http:
            return http.request(method, url, redirect=False, retries=False, **options)

    return await trio.to_thread.run_sync(run)


async def test_put_bucket_versioning_and_list_object_versions(ask: Any) -> None:
    await ask("put_bucket_versioning", Bucket="data", VersioningConfiguration={"Status": "Enabled"})
    assert (await ask("get_bucket_versioning", Bucket="data"))["Status"] == "Enabled"
    one = (await ask("put_object", Bucket="data", Key="k", Body=b"1"))["VersionId"]
    marker = await ask("delete_object", Bucket="data", Key="k")
    assert marker["DeleteMarker"]
    listed = await ask("list_object_versions", Bucket="data")
    assert [(each["VersionId"], each["IsLatest"]) for each in listed["Versions"]] == [(one, False)]
    assert [each["VersionId"] for each in listed["DeleteMarkers"]] == [marker["VersionId"]]
    assert listed["Versions"][0]["Owner"] == {"ID": "ada", "DisplayName": "ada"}
    await ask("delete_object", Bucket="data", Key="k", VersionId=marker["VersionId"])
    assert (await ask("head_object", Bucket="data", Key="k"))["VersionId"] == one


async def test_put_get_and_delete_object_tagging(ask: Any) -> None:
    of = {"Bucket": "data", "Key": "k"}
    await ask("put_object", **of, Body=b"x", Tagging="a=1")
    tags = [{"Key": "b", "Value": "2"}, {"Key": "c", "Value": ""}]
    await ask("put_object_tagging", **of, Tagging={"TagSet": tags})
    assert (await ask("get_object_tagging", **of))["TagSet"] == tags
    assert (await ask("head_object", **of))["TagCount"] == 2
    await ask("delete_object_tagging", **of)
    assert (await ask("get_object_tagging", **of))["TagSet"] == []


async def test_put_get_and_delete_bucket_tagging(ask: Any) -> None:
    tags = [{"Key": "a", "Value": "1"}]
    await ask("put_bucket_tagging", Bucket="data", Tagging={"TagSet": tags})
    assert (await ask("get_bucket_tagging", Bucket="data"))["TagSet"] == tags
    await ask("delete_bucket_tagging", Bucket="data")
    assert await code_of(ask("get_bucket_tagging", Bucket="data")) == "NoSuchTagSet"


RULE = {"AllowedMethods": ["GET", "PUT"], "AllowedOrigins": ["http://page.test"], "ExposeHeaders": ["ETag"]}


async def test_put_get_and_delete_bucket_cors(ask: Any) -> None:
    await ask("put_bucket_cors", Bucket="data", CORSConfiguration={"CORSRules": [RULE]})
    assert (await ask("get_bucket_cors", Bucket="data"))["CORSRules"] == [RULE]
    await ask("delete_bucket_cors", Bucket="data")
    assert await code_of(ask("get_bucket_cors", Bucket="data")) == "NoSuchCORSConfiguration"


async def test_options_object_and_what_a_page_reads_of_a_reply(ask: Any, store_gateway: AccountsGateway) -> None:
    await ask("put_bucket_cors", Bucket="data", CORSConfiguration={"CORSRules": [RULE]})
    await ask("put_object", Bucket="data", Key="k", Body=b"x")
    url = await ask("generate_presigned_url", ClientMethod="get_object", Params={"Bucket": "data", "Key": "k"})
    origin = {"Origin": "http://page.test"}
    asked = await send("OPTIONS", url, headers={**origin, "Access-Control-Request-Method": "GET"})
    assert (asked.status, asked.headers["Access-Control-Allow-Origin"]) == (200, "http://page.test")
    for target, status in (
        (url, 200),
        (f"{store_gateway.url}/data/k", 403),
        (url.replace("Signature=", "Signature=0"), 403),
    ):
        reply = await send("GET", target, headers=origin)
        assert reply.status == status
        if "Signature=0" not in target:
            assert reply.headers["Access-Control-Allow-Origin"] == "http://page.test"
            assert reply.headers["Access-Control-Expose-Headers"] == "ETag"
    other = await send("GET", url, headers={"Origin": "http://other.test"})
    assert (other.status, "Access-Control-Allow-Origin" in other.headers) == (200, False)


async def test_put_get_and_delete_bucket_ownership_controls(ask: Any) -> None:
    controls = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    await ask("put_bucket_ownership_controls", Bucket="data", OwnershipControls=controls)
    assert (await ask("get_bucket_ownership_controls", Bucket="data"))["OwnershipControls"] == controls
    await ask("delete_bucket_ownership_controls", Bucket="data")
    assert await code_of(ask("get_bucket_ownership_controls", Bucket="data")) == "OwnershipControlsNotFoundError"


async def test_put_get_and_delete_public_access_block(ask: Any) -> None:
    switches = dict.fromkeys(
        ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
    )
    await ask("put_public_access_block", Bucket="data", PublicAccessBlockConfiguration=switches)
    assert (await ask("get_public_access_block", Bucket="data"))["PublicAccessBlockConfiguration"] == switches
    await ask("delete_public_access_block", Bucket="data")
    assert await code_of(ask("get_public_access_block", Bucket="data")) == "NoSuchPublicAccessBlockConfiguration"


async def test_put_bucket_acl_and_put_object_acl(ask: Any) -> None:
    await ask("put_object", Bucket="data", Key="k", Body=b"x")
    served = await ask("get_bucket_acl", Bucket="data")
    policy = {"Owner": served["Owner"], "Grants": served["Grants"]}
    await ask("put_bucket_acl", Bucket="data", AccessControlPolicy=policy)
    await ask("put_object_acl", Bucket="data", Key="k", AccessControlPolicy=policy)
    await ask("put_object_acl", Bucket="data", Key="k", ACL="public-read")
    assert (await ask("get_object_acl", Bucket="data", Key="k"))["Grants"] == served["Grants"]


async def test_get_bucket_request_payment(ask: Any) -> None:
    assert (await ask("get_bucket_request_payment", Bucket="data"))["Payer"] == "BucketOwner"


async def test_get_bucket_logging(ask: Any) -> None:
    assert "LoggingEnabled" not in await ask("get_bucket_logging", Bucket="data")


async def test_get_bucket_notification_configuration(ask: Any) -> None:
    assert "TopicConfigurations" not in await ask("get_bucket_notification_configuration", Bucket="data")


async def test_get_bucket_accelerate_configuration(ask: Any) -> None:
    assert "Status" not in await ask("get_bucket_accelerate_configuration", Bucket="data")


async def test_get_and_delete_bucket_encryption(ask: Any) -> None:
    await ask("delete_bucket_encryption", Bucket="data")
    code = "ServerSideEncryptionConfigurationNotFoundError"
    assert await code_of(ask("get_bucket_encryption", Bucket="data")) == code


async def test_get_bucket_lifecycle_configuration_and_delete_bucket_lifecycle(ask: Any) -> None:
    await ask("delete_bucket_lifecycle", Bucket="data")
    found = await code_of(ask("get_bucket_lifecycle_configuration", Bucket="data"))
    assert found == "NoSuchLifecycleConfiguration"


async def test_get_and_delete_bucket_policy(ask: Any) -> None:
    await ask("delete_bucket_policy", Bucket="data")
    assert await code_of(ask("get_bucket_policy", Bucket="data")) == "NoSuchBucketPolicy"


async def test_get_bucket_policy_status(ask: Any) -> None:
    assert await code_of(ask("get_bucket_policy_status", Bucket="data")) == "NoSuchBucketPolicy"


async def test_get_and_delete_bucket_replication(ask: Any) -> None:
    await ask("delete_bucket_replication", Bucket="data")
    found = await code_of(ask("get_bucket_replication", Bucket="data"))
    assert found == "ReplicationConfigurationNotFoundError"


async def test_get_and_delete_bucket_website(ask: Any) -> None:
    await ask("delete_bucket_website", Bucket="data")
    assert await code_of(ask("get_bucket_website", Bucket="data")) == "NoSuchWebsiteConfiguration"


async def test_get_object_lock_configuration(ask: Any) -> None:
    found = await code_of(ask("get_object_lock_configuration", Bucket="data"))
    assert found == "ObjectLockConfigurationNotFoundError"


async def test_get_object_torrent(ask: Any) -> None:
    await ask("put_object", Bucket="data", Key="k", Body=b"x")
    assert await code_of(ask("get_object_torrent", Bucket="data", Key="k")) == "NoSuchKey"


async def test_post_object(ask: Any) -> None:
    conditions = [["starts-with", "$x-amz-meta-n", ""], ["content-length-range", 1, 3]]
    post = await ask("generate_presigned_post", Bucket="data", Key="in/${filename}", Conditions=conditions)
    fields = {**post["fields"], "x-amz-meta-n": "1"}

    async def upload(body: bytes) -> int:
        form = {**fields, "file": ("a.txt", body)}
        return (await send("POST", post["url"], fields=form)).status

    assert [await upload(body) for body in (b"four", b"", b"abc")] == [400, 400, 204]
    assert (await ask("head_object", Bucket="data", Key="in/a.txt"))["Metadata"] == {"n": "1"}
    fields["x-amz-meta-other"] = "1"
    assert await upload(b"abc") == 403
    assert urlsplit(post["url"]).path == "/data"


async def test_accounts_do_not_see_each_others_buckets(ask: Any, store_gateway: AccountsGateway) -> None:
    for version in ("v4", "s3"):
        bob = await store_gateway.account(f"bob-{version}", signature_version=version)
        assert (await bob("list_buckets"))["Buckets"] == []
        assert await code_of(bob("list_objects_v2", Bucket="data")) == "AccessDenied"
        assert await code_of(bob("create_bucket", Bucket="data")) == "BucketAlreadyExists"
        await bob("create_bucket", Bucket=f"bobs-{version}")
        assert (await bob("list_buckets"))["Owner"]["ID"] == f"bob-{version}"
    assert [each["Name"] for each in (await ask("list_buckets"))["Buckets"]] == ["data"]
