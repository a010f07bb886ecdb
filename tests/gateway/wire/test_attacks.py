"""Requests of an enemy, over a socket, to a gateway that asks for accounts: refused, and nothing has changed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
import trio
import urllib3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from runner.store import accounts
from runner.store.buckets.storeview import StoreView
from tests.gateway.caller import snapshot
from tests.gateway.wire.conftest import AccountsGateway

TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
BODY = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"


@pytest.fixture
async def ask(store_gateway: AccountsGateway) -> Any:
    """The account *ada*, her buckets ``data`` and ``data-evil``, and an object in each."""
    ask = await store_gateway.account("ada")
    for bucket in ("data", "data-evil"):
        await ask("create_bucket", Bucket=bucket)
        await ask("put_object", Bucket=bucket, Key="k", Body=b"x")
    return ask


@asynccontextmanager
async def unchanged(gateway: AccountsGateway, ask: Any) -> AsyncIterator[None]:
    """Prove that the block changes nothing that *ada* sees, and no account."""

    async def everything() -> list[Any]:
        rights = accounts.find_rights(gateway.store.catalog.db, gateway.tokens["ada"])
        view = StoreView(gateway.store, None, project="default", rights=rights)  # type: ignore[arg-type]  # reads only
        tables = ("account", "token", "access", "document", "version")
        rows = [gateway.store.catalog.db.execute(f"SELECT * FROM {table}").fetchall() for table in tables]
        return [await snapshot(view), rows]

    before = await everything()
    yield
    assert await everything() == before


async def send(method: str, url: str, body: bytes | None = None, **headers: str) -> urllib3.BaseHTTPResponse:
    def run() -> urllib3.BaseHTTPResponse:
        with urllib3.PoolManager() as http:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return http.request(method, url, body=body, headers=named, retries=False)

    return await trio.to_thread.run_sync(run)


def sign(method: str, url: str, token: str, **headers: str) -> dict[str, str]:
    """Return the headers of a request that *token* signs, with an unsigned trailer."""
    said = {
        "x-amz-content-sha256": TRAILER,
        "x-amz-decoded-content-length": "5",
        "x-amz-trailer": "x-amz-checksum-crc32",
        **headers,
    }
    request = AWSRequest(method, url, said)
    request.context["client_config"] = None

    class Signer(S3SigV4Auth):
        def payload(self, _request: Any) -> str:
            return TRAILER

    Signer(Credentials(token, token), "s3", "us-east-1").add_auth(request)
    return dict(request.headers.items())


VERBS = [
    ("PUT", "/data/new"),
    ("PUT", "/data/k?tagging"),
    ("DELETE", "/data/k"),
    ("POST", "/data/k?uploads"),
    ("DELETE", "/data"),
]


@pytest.mark.parametrize(("method", "path"), VERBS)
async def test_an_unsigned_trailer_excuses_no_verb_from_its_signature(ask: Any, store_gateway, method, path) -> None:
    url = f"{store_gateway.url}{path}"
    good = sign(method, url, store_gateway.tokens["ada"])
    forged = {**good, "Authorization": good["Authorization"][:-1] + ("0" if good["Authorization"][-1] != "0" else "1")}
    credential = good["Authorization"].partition("Credential=")[2].partition(",")[0]
    without = {name: value for name, value in good.items() if name != "Authorization"}
    async with unchanged(store_gateway, ask):
        assert (await send(method, url, BODY, **forged)).status == 403
        assert (await send(method, url, BODY, **without)).status == 403
        joined = f"{url}{'&' if '?' in url else '?'}X-Amz-Credential={credential}"
        assert (await send(method, joined, BODY, **without)).status in (400, 403)


async def test_an_archive_is_an_object_like_any_other(ask: Any, store_gateway: AccountsGateway) -> None:
    """Whatever it asks for: nothing is taken out of it, so its names lead nowhere."""
    metadata = {"snowball-auto-extract": "true"}
    await ask("put_object", Bucket="data", Key="a.tar", Body=b"../evil", Metadata=metadata)
    assert [each["Key"] for each in (await ask("list_objects_v2", Bucket="data"))["Contents"]] == ["a.tar", "k"]


async def test_well_known_credentials_open_nothing(ask: Any, store_gateway: AccountsGateway) -> None:
    async with unchanged(store_gateway, ask):
        for token in ("default", "minioadmin", "admin", "ada", "x" * 47):
            stranger = store_gateway.asking(token)
            with pytest.raises(Exception, match="InvalidAccessKeyId"):
                await stranger("list_buckets")
            with pytest.raises(Exception, match="InvalidAccessKeyId"):
                await stranger("put_object", Bucket="data", Key="k", Body=b"y")


async def test_a_token_that_reads_writes_by_no_way_and_makes_no_broader_one(ask: Any, store_gateway) -> None:
    token = await accounts.issue(store_gateway.store, "ada", reads=[("default", "data")])
    reader = store_gateway.asking(token)
    url = await reader("generate_presigned_url", ClientMethod="put_object", Params={"Bucket": "data", "Key": "k"})
    post = await reader("generate_presigned_post", Bucket="data", Key="k")
    async with unchanged(store_gateway, ask):
        assert (await send("PUT", url, b"y")).status == 403

        def upload() -> int:
            with urllib3.PoolManager() as http:
                form = {**post["fields"], "file": ("k", b"y")}
                return http.request("POST", post["url"], fields=form, retries=False).status

        assert await trio.to_thread.run_sync(upload) == 403
        deletions = {"Objects": [{"Key": "k"}]}
        assert (await reader("delete_objects", Bucket="data", Delete=deletions))["Errors"][0]["Code"] == "AccessDenied"
        for bucket in ("data-evil", "evil"):
            with pytest.raises(Exception, match=r"AccessDenied|BucketAlreadyExists"):
                await reader("create_bucket", Bucket=bucket)


async def test_a_grant_on_one_name_is_none_on_a_longer_one(ask: Any, store_gateway: AccountsGateway) -> None:
    reader = store_gateway.asking(await accounts.issue(store_gateway.store, "ada", reads=[("default", "data")]))
    assert (await reader("list_buckets"))["Buckets"][0]["Name"] == "data"
    for bucket in ("data-evil", "master.data-evil", "data/../data-evil"):
        with pytest.raises(Exception, match=r"AccessDenied|NoSuchBucket|ParamValidation|Invalid bucket name"):
            await reader("get_object", Bucket=bucket, Key="k")
    for path in (
        "/data/../data-evil/k",
        "/data/%2e%2e/data-evil/k",
        "/data/..%2fdata-evil/k",
        "/data\\..\\data-evil/k",
    ):
        async with await trio.open_tcp_stream("127.0.0.1", store_gateway.port) as stream:
            await stream.send_all(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
            reply = b"".join([piece async for piece in stream])
            assert reply.split(b" ")[1] in (b"403", b"404"), (path, reply)


async def test_a_presigned_url_is_good_for_what_was_signed_alone(ask: Any, store_gateway: AccountsGateway) -> None:
    of = {"Bucket": "data", "Key": "k"}
    ask = store_gateway.asking(store_gateway.tokens["ada"], signature_version="s3v4")
    url = await ask("generate_presigned_url", ClientMethod="get_object", Params=of)
    async with unchanged(store_gateway, ask):
        assert (await send("GET", url)).data == b"x"
        for method, changed in (
            ("PUT", url),
            ("DELETE", url),
            ("GET", url + "&versionId=null"),
            ("GET", url + "&response-content-type=text/html"),
            ("GET", url.replace("/data/k", "/data-evil/k")),
            ("GET", url.replace("X-Amz-Expires=3600", "X-Amz-Expires=604800")),
        ):
            assert (await send(method, changed, b"y" if method == "PUT" else None)).status == 403, changed
    late = await ask("generate_presigned_url", ClientMethod="get_object", Params=of, ExpiresIn=604_801)
    assert (await send("GET", late)).status == 403
    assert urlsplit(url).netloc == f"127.0.0.1:{store_gateway.port}"
