"""The whole store over a socket: real processes, real clients."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import trio
from botocore.exceptions import BotoCoreError, ClientError

from runner.model.account import Access, AccessLevel
from runner.model.address import parse
from runner.store import accounts, open_store
from runner.store.check import check_store
from runner.store.history import commits, staged
from tests import databases
from tests.supervisor.server import Server


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "store"


def keys_of(s3, bucket):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return [item["Key"] for page in pages for item in page.get("Contents", [])]


def refusal(call, **parameters):
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response
    return error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]


async def test_a_clean_stop_commits_what_was_written_and_ends_with_0(folder, tmp_path):
    ready_file = tmp_path / "ready.json"
    with Server(folder, "--ready-file", str(ready_file), serve_commit_idle_seconds="1000") as server:
        assert json.loads(ready_file.read_text()) == server.ready
        assert server.ready.keys() == {"endpoint", "admin", "pid"}
        assert server.ready["pid"] == server.pid
        s3 = server.client()
        s3.create_bucket(Bucket="dev.data")
        for number in range(3):
            s3.put_object(Bucket="dev.data", Key=f"{number}", Body=b"x")
        assert keys_of(s3, "dev.data") == ["0", "1", "2"]
        assert refusal(s3.delete_bucket, Bucket="dev.data") == ("BucketNotEmpty", 409)
        assert refusal(s3.create_bucket, Bucket="a_b") == ("InvalidBucketName", 400)
        assert refusal(s3.list_objects_v2, Bucket="data") == ("NoSuchBucket", 404)
        s3.close()
        command = [sys.executable, "-m", "runner", "file", "list", "data@dev", "--store", databases.name_of(folder)]
        listed = await trio.run_process(command, capture_stdout=True, capture_stderr=True, check=False)
        assert (listed.returncode, listed.stdout) == (2, b"")
        assert b"3 changes on data@dev are in no commit yet" in listed.stderr
        assert server.stop() == 0
    async with open_store(folder) as store:
        commit = await commits.resolve(store, parse("data@dev"))
        assert (commit.objects, commit.parent) == (3, None)
        assert (await check_store(store)).problems == []
    with Server(folder) as server:
        s3 = server.client()
        old = f"{commit.id[:12]}.dev.data"
        assert keys_of(s3, old) == ["0", "1", "2"]
        assert refusal(s3.put_object, Bucket=old, Key="k", Body=b"x") == ("AccessDenied", 403)
        assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["dev.data"]
        s3.close()


async def test_a_kill_in_the_middle_loses_nothing_that_was_acknowledged(folder):
    acknowledged: set[str] = set()
    enough = threading.Event()

    def put(s3, writer):
        for number in range(10_000):
            key = f"{writer}/{number}"
            try:
                s3.put_object(Bucket="data", Key=key, Body=key.encode() * (40_000 if number % 7 == 0 else 1))
            except (BotoCoreError, ClientError):
                return
            acknowledged.add(key)
            if len(acknowledged) > 60:
                enough.set()

    with Server(folder, serve_commit_idle_seconds="0.05") as server, ThreadPoolExecutor(4) as pool:
        s3 = server.client()
        s3.create_bucket(Bucket="data")
        for writer in range(4):
            pool.submit(put, s3, writer)
        assert enough.wait(30)
        assert server.end(signal.SIGKILL) == -signal.SIGKILL
    s3.close()
    with Server(folder) as server:
        s3 = server.client()
        assert acknowledged <= set(keys_of(s3, "data"))
        for key in acknowledged:
            body = s3.get_object(Bucket="data", Key=key)["Body"].read()
            assert body == key.encode() * (len(body) // len(key))
        s3.close()
        assert server.stop() == 0
    await databases.dead_are_known()
    async with open_store(folder) as store:
        assert (await commits.resolve(store, parse("data"))).objects >= len(acknowledged)
        assert staged.everything(store.catalog.db) == []
        assert (await check_store(store)).problems == []


def test_of_writers_through_two_servers_one_creates_the_object(folder):
    retries = {"retries": {"max_attempts": 20, "mode": "standard"}}
    settings = {"serve_commit_idle_seconds": "0.05"}
    with Server(folder, **settings) as one, Server(folder, **settings) as other, ThreadPoolExecutor(6) as pool:
        clients = [server.client(**retries) for server in (one, other)]
        clients[0].create_bucket(Bucket="data")

        def create(number):
            try:
                clients[number % 2].put_object(Bucket="data", Key="k", Body=b"%d" % number, IfNoneMatch="*")
            except ClientError as error:
                return error.response["Error"]["Code"]
            return number

        answers = list(pool.map(create, range(6)))
        won = [answer for answer in answers if isinstance(answer, int)]
        assert len(won) == 1
        assert {answer for answer in answers if isinstance(answer, str)} == {"PreconditionFailed"}
        for client in clients:
            assert client.get_object(Bucket="data", Key="k")["Body"].read() == b"%d" % won[0]
            client.close()


async def test_a_folder_that_the_aws_cli_copies_is_one_commit_and_is_copied_once(folder, tmp_path):
    data = tmp_path / "data"
    for name in ("a b+c", "sub/ä", "sub/deep/x"):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text(name)
    with Server(folder) as server:
        environ = {
            **os.environ,
            "AWS_ENDPOINT_URL": server.endpoint,
            "AWS_ACCESS_KEY_ID": "any",
            "AWS_SECRET_ACCESS_KEY": "body",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        aws = Path(sys.executable).with_name("aws")

        def run(*words):
            done = subprocess.run([sys.executable, aws, "s3", *words], env=environ, capture_output=True, check=True)
            return done.stdout.decode()

        run("mb", "s3://data")
        assert run("sync", data, "s3://data").count("upload:") == 3
        assert run("sync", data, "s3://data") == ""
        assert server.stop() == 0
    async with open_store(folder) as store:
        assert [commit.objects for commit in await commits.list_commits(store, "default", "data")] == [3]


async def test_with_auth_each_account_sees_its_own_and_no_token_is_told(folder, tmp_path):
    async with open_store(folder) as store:
        ada, bob = [await accounts.create(store, name) for name in ("ada", "bob")]
        root = await accounts.create(store, "root", [Access("", "*", AccessLevel.ADMIN)])
    with Server(folder, "--auth") as server:
        one, two, three, stranger = [server.client(token) for token in (ada, bob, root, "rnr_nobodys_token")]
        one.create_bucket(Bucket="data")
        one.put_object(Bucket="data", Key="k", Body=b"x")
        assert refusal(stranger.list_buckets) == ("InvalidAccessKeyId", 403)
        assert refusal(two.put_object, Bucket="data", Key="k", Body=b"y") == ("AccessDenied", 403)
        assert refusal(two.create_bucket, Bucket="data") == ("BucketAlreadyExists", 409)
        assert [each.list_buckets()["Buckets"] != [] for each in (one, two, three)] == [True, False, True]
        assert three.get_object(Bucket="data", Key="k")["Body"].read() == b"x"
        for s3 in (one, two, three, stranger):
            s3.close()
        server.stop()
    said = (tmp_path / "server.log").read_text()
    assert not any(token in said for token in (ada, bob, root))


def test_with_auth_and_no_account_it_says_how_to_make_one(folder, tmp_path):
    with Server(folder, "--auth") as server:
        server.stop()
    assert "runner account create NAME makes one" in (tmp_path / "server.log").read_text()
