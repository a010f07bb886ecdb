"""minio-py: a folder put into a bucket object by object, each asked for after; or a bucket got into a folder."""

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from minio import Minio
from minio.credentials import EnvAWSProvider


def put(client: Minio, folder: Path, bucket: str) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            name = str(path.relative_to(folder))
            written = client.fput_object(bucket, name, str(path))
            found = client.stat_object(bucket, name)
            assert (found.object_name, found.size, found.etag) == (name, path.stat().st_size, written.etag)


def get(client: Minio, bucket: str, folder: Path) -> None:
    for item in client.list_objects(bucket, recursive=True):
        client.fget_object(bucket, item.object_name, str(folder / item.object_name))
        sys.stdout.write(f"{item.object_name}\n")


def main() -> None:
    endpoint = urlsplit(os.environ["S3_ENDPOINT"])
    client = Minio(endpoint.netloc, secure=endpoint.scheme == "https", credentials=EnvAWSProvider())
    match sys.argv[1:]:
        case ["put", folder, bucket]:
            put(client, Path(folder), bucket)
        case ["get", bucket, folder]:
            get(client, bucket, Path(folder))


main()
