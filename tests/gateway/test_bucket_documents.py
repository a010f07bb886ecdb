"""What a bucket has beside its objects: tags, ownership controls, a block of public access, a region."""

from __future__ import annotations

import pytest

from runner.store.writing import branches
from tests.gateway.bucket import Bucket
from tests.gateway.caller import Caller, unchanged

TAGS = b"<Tagging><TagSet><Tag><Key>b</Key><Value>2</Value></Tag><Tag><Key>a</Key><Value/></Tag></TagSet></Tagging>"
OWNERSHIP = b"<OwnershipControls><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule></OwnershipControls>"
BLOCK = b"<PublicAccessBlockConfiguration><BlockPublicAcls>TRUE</BlockPublicAcls></PublicAccessBlockConfiguration>"

DOCUMENTS = [
    ("tagging", TAGS, "NoSuchTagSet", ("TagSet/Tag/Key", ["a", "b"]), 204),
    ("ownershipControls", OWNERSHIP, "OwnershipControlsNotFoundError", ("Rule/ObjectOwnership", ["ObjectWriter"]), 200),
    ("publicAccessBlock", BLOCK, "NoSuchPublicAccessBlockConfiguration", ("BlockPublicAcls", ["true"]), 200),
]


@pytest.mark.parametrize("document", DOCUMENTS, ids=[each[0] for each in DOCUMENTS])
async def test_a_document_is_put_read_and_removed(bucket, document) -> None:
    name, body, code, shown, status = document
    target = f"/data?{name}"
    assert (await bucket.call("GET", target)).code == code
    assert (await bucket.call("PUT", target, body)).status == status
    path, texts = shown
    assert (await bucket.call("GET", target)).texts(path) == texts
    for _ in range(2):
        assert (await bucket.call("DELETE", target)).status == 204
    assert (await bucket.call("GET", target)).code == code


@pytest.mark.parametrize("document", DOCUMENTS, ids=[each[0] for each in DOCUMENTS])
async def test_the_buckets_of_a_job_have_none(call: Caller, document) -> None:
    name, body, code, *_ = document
    assert (await call("GET", f"/out?{name}")).code == (await call("GET", f"/in?{name}")).code == code
    async with unchanged(call.view):
        assert (await call("PUT", f"/out?{name}", body)).code == "NotImplemented"
        assert (await call("PUT", f"/in?{name}", body)).code == "AccessDenied"
        assert (await call("DELETE", f"/in?{name}")).code == "AccessDenied"
        assert (await call("PUT", f"/other?{name}", body)).code == "NoSuchBucket"


@pytest.mark.parametrize(
    ("name", "body", "code"),
    [
        ("tagging", b"", "MalformedXML"),
        ("tagging", TAGS.replace(b">b<", b">a<"), "InvalidTag"),
        ("ownershipControls", b"<OwnershipControls/>", "MalformedXML"),
        ("ownershipControls", OWNERSHIP.replace(b"ObjectWriter", b"Nobody"), "MalformedXML"),
        ("publicAccessBlock", BLOCK.replace(b"TRUE", b"maybe"), "MalformedXML"),
        ("lifecycle", b"<LifecycleConfiguration/>", "NotImplemented"),
        ("encryption", b"<ServerSideEncryptionConfiguration/>", "NotImplemented"),
        ("policy", b"{}", "NotImplemented"),
    ],
)
async def test_a_wrong_document_is_refused_and_nothing_is_kept(
    bucket: Bucket, name: str, body: bytes, code: str
) -> None:
    before = (await bucket.call("GET", f"/data?{name}")).body
    assert (await bucket.call("PUT", f"/data?{name}", body)).code == code
    assert (await bucket.call("GET", f"/data?{name}")).body == before


@pytest.mark.parametrize("name", ["lifecycle", "encryption", "policy", "replication", "website"])
async def test_removing_what_no_bucket_has_is_no_error(bucket: Bucket, name: str) -> None:
    assert (await bucket.call("DELETE", f"/data?{name}")).status == 204
    assert (await bucket.call("GET", f"/data?{name}")).status == 404


@pytest.mark.parametrize(
    ("name", "root", "children"),
    [
        ("accelerate", "AccelerateConfiguration", []),
        ("logging", "BucketLoggingStatus", []),
        ("notification", "NotificationConfiguration", []),
        ("requestPayment", "RequestPaymentConfiguration", ["Payer"]),
    ],
)
async def test_what_is_the_same_for_every_bucket(call: Caller, name: str, root: str, children: list[str]) -> None:
    answer = await call("GET", f"/in?{name}")
    assert (answer.status, answer.xml.tag, [child.tag for child in answer.xml]) == (200, root, children)
    assert (await call("GET", f"/other?{name}")).code == "NoSuchBucket"


async def test_what_is_said_when_a_bucket_is_made_is_shown(bucket: Bucket) -> None:
    body = b"<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>"
    made = await bucket.call(
        "PUT", "/more", body, {"x-amz-object-ownership": "BucketOwnerEnforced", "x-amz-acl": "private"}
    )
    assert made.status == 200
    assert (await bucket.call("GET", "/more?location")).xml.text == "eu-west-1"
    assert (await bucket.call("GET", "/more?ownershipControls")).texts("Rule/ObjectOwnership") == [
        "BucketOwnerEnforced"
    ]
    assert (await bucket.call("PUT", "/again", None, {"x-amz-acl": "public"})).code == "InvalidArgument"
    assert (await bucket.call("PUT", "/again", None, {"x-amz-object-ownership": "x"})).code == "MalformedXML"
    assert (await bucket.call("HEAD", "/again")).status == 404


async def test_documents_go_with_their_bucket(bucket: Bucket) -> None:
    await bucket.call("PUT", "/data?tagging", TAGS)
    assert (await bucket.call("DELETE", "/data")).status == 204
    await bucket.call("PUT", "/data")
    assert (await bucket.call("GET", "/data?tagging")).code == "NoSuchTagSet"
    await bucket.call("PUT", "/data?tagging", TAGS)
    await branches.delete(bucket.store, "default", "data", "master")
    assert bucket.store.catalog.db.execute("SELECT count(*) FROM document").fetchone() == (0,)
