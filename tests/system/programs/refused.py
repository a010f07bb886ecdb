"""Tries to get into its own job's buckets in every wrong way, and leaves what it was answered in ``out``."""

import hashlib
import http.client
import json
import os
import time
import urllib.error
import urllib.request
import xml.etree.ElementTree as ET
from pathlib import Path
from urllib.parse import urlsplit

import boto3
from botocore import UNSIGNED
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

ENDPOINT = urlsplit(os.environ["S3_ENDPOINT"])
TOKEN = os.environ["AWS_ACCESS_KEY_ID"]
STREAMING = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"


class Seed(S3SigV4Auth):
    """Signs the head of a request whose body is signed chunk by chunk."""

    def payload(self, request):
        return STREAMING


def put(**client):
    """Put an object as a client with other credentials does."""
    try:
        boto3.client("s3", **client).put_object(Bucket="out", Key="forbidden", Body=b"forbidden")
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]
    return "accepted"


def answer(status, body):
    return status, ET.fromstring(body).findtext("Code")


def put_by_url(seconds):
    url = boto3.client("s3").generate_presigned_url(
        "put_object", Params={"Bucket": "out", "Key": "forbidden"}, ExpiresIn=1
    )
    time.sleep(seconds)
    try:
        urllib.request.urlopen(urllib.request.Request(url, data=b"forbidden", method="PUT"))
    except urllib.error.HTTPError as error:
        return answer(error.code, error.read())
    return "accepted"


def put_chunk(signed, sent):
    """Put an object of one chunk whose signature is of *signed*."""
    request = AWSRequest("PUT", f"{ENDPOINT.geturl()}/out/forbidden")
    request.headers["x-amz-decoded-content-length"] = str(len(sent))
    auth = Seed(Credentials(TOKEN, TOKEN), "s3", os.environ["AWS_REGION"])
    auth.add_auth(request)
    previous = request.headers["Authorization"].rpartition("Signature=")[2]
    body = b""
    for chunk, claimed in ((sent, signed), (b"", b"")):
        digests = [hashlib.sha256(part).hexdigest() for part in (b"", claimed)]
        scope = auth.credential_scope(request)
        text = "\n".join(["AWS4-HMAC-SHA256-PAYLOAD", request.context["timestamp"], scope, previous, *digests])
        previous = auth.signature(text, request)
        body += f"{len(chunk):x};chunk-signature={previous}\r\n".encode() + chunk + b"\r\n"
    connection = http.client.HTTPConnection(ENDPOINT.netloc)
    connection.request("PUT", "/out/forbidden", body, dict(request.headers))
    reply = connection.getresponse()
    content = reply.read()
    return "accepted" if reply.status == http.client.OK else answer(reply.status, content)


other = Path(os.environ["OTHER_TOKEN"]).read_text()
answers = {
    "right chunk": put_chunk(b"allowed", b"allowed"),
    "no credentials": put(config=Config(signature_version=UNSIGNED)),
    "wrong secret": put(aws_access_key_id=TOKEN, aws_secret_access_key="x" * len(TOKEN)),
    "made-up token": put(aws_access_key_id="rnr_" + "A" * 43, aws_secret_access_key="rnr_" + "A" * 43),
    "another job's token": put(aws_access_key_id=other, aws_secret_access_key=other),
    "expired URL": put_by_url(seconds=3),
    "tampered chunk": put_chunk(b"allowed", b"altered"),
}
s3 = boto3.client("s3")
assert s3.get_object(Bucket="out", Key="forbidden")["Body"].read() == b"allowed"
s3.delete_object(Bucket="out", Key="forbidden")
s3.put_object(Bucket="out", Key="answers.json", Body=json.dumps(answers).encode())
