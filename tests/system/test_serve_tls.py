"""`runner serve` with a certificate: trailers and signed chunks, which clients send over TLS alone."""

import os
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from tests.supervisor.server import Server
from tests.system.served import Desk, compare

MAKE = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"


@pytest.fixture
def certificate(tmp_path):
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run([*MAKE.split(), "-out", cert, "-keyout", key], check=True, capture_output=True)
    return str(cert), str(key)


def test_clients_that_know_the_certificate_work_over_tls(tmp_path, certificate):
    cert, key = certificate
    body = os.urandom(9 << 20)
    with Server(tmp_path / "store", "--tls-cert", cert, "--tls-key", key) as server:
        assert server.endpoint.startswith("https://127.0.0.1:")
        s3 = boto3.client(
            "s3",
            endpoint_url=server.endpoint,
            verify=cert,
            aws_access_key_id="any",
            aws_secret_access_key="body",
            region_name="us-east-1",
            config=Config(retries={"max_attempts": 0}),
        )
        s3.create_bucket(Bucket="data")
        for size in (0, 5, len(body)):
            put = s3.put_object(Bucket="data", Key="k", Body=body[:size], ChecksumAlgorithm="SHA256")
            assert put["ChecksumSHA256"]
            assert s3.get_object(Bucket="data", Key="k")["Body"].read() == body[:size]
        s3.close()
        environ = {**os.environ, "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "body", "AWS_CA_BUNDLE": cert}
        file = tmp_path / "file"
        file.write_bytes(body)
        aws = [sys.executable, Path(sys.executable).with_name("aws"), "--endpoint-url", server.endpoint, "s3", "cp"]
        subprocess.run([*aws, file, "s3://data/file"], env=environ, check=True, capture_output=True)
        back = subprocess.run([*aws, "s3://data/file", "-"], env=environ, check=True, capture_output=True)
        assert back.stdout == body
        assert server.stop() == 0


def test_a_folder_synced_over_tls_comes_back_whole(tmp_path, certificate, installed, labresults):
    cert, key = certificate
    variables = {**installed("awscli"), "AWS_CA_BUNDLE": cert}
    with Server(tmp_path / "store", "--tls-cert", cert, "--tls-key", key) as server:
        desk = Desk(server, tmp_path / "desk", variables)
        desk("aws", "s3", "mb", "s3://data")
        for source, target in ((labresults, "s3://data"), ("s3://data", tmp_path / "back")):
            assert desk("aws", "s3", "sync", "--no-progress", source, target).count(" to ") == 12
            assert desk("aws", "s3", "sync", source, target) == ""
        assert server.stop() == 0
    assert compare(labresults, tmp_path / "back") == ""
