"""Real object stores on loopback, each in a folder of its own: they can be killed, and come back where they were."""

import base64
import hashlib
import hmac
import http.client
import secrets
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from email.utils import formatdate
from itertools import count
from pathlib import Path

import boto3

SECONDS = 60
BUCKET = "blobs"


class ObjectStore(ABC):
    """A server with one bucket; `running` starts it and ends it for good.

    Attributes:
        scheme: Of its URLs.
        end: The signal that ends it and leaves what it has acknowledged.
        secret: It should be found in no log, no message and no environment of a command.
    """

    scheme: str
    end = signal.SIGKILL

    def __init__(self, program: Path, folder: Path) -> None:
        self.secret = secrets.token_hex(16)
        self.folder = folder
        self.port = _free_port()
        self._program = program
        self._prefixes = count(1)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    @abstractmethod
    def environment(self) -> Mapping[str, str]:
        """What its clients are told."""

    @abstractmethod
    def command(self) -> Sequence[str | Path]:
        """The server's command line."""

    @abstractmethod
    def make_bucket(self) -> None:
        """Make the bucket, over the wire."""

    def place(self) -> str:
        """Return the URL of an empty prefix."""
        return f"{self.scheme}://{BUCKET}/some/{next(self._prefixes)}"

    def start(self) -> None:
        """Start it; returns when it listens."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder
            )
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                assert self._process.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < deadline, "it does not listen"
                time.sleep(0.05)
            else:
                return

    def kill(self) -> None:
        """End it as a crash does, at once."""
        if self._process is not None:
            self._process.send_signal(self.end)
            self._process.wait()
            self._process = None

    def _ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> int:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)) as connection:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            return connection.getresponse().status


class Versitygw(ObjectStore):
    """S3: checks signatures, keeps objects as files."""

    scheme = "s3"
    access = "blobs-key"

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            "AWS_ENDPOINT_URL": f"http://{self.address}",
            "AWS_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": self.access,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_ALLOW_HTTP": "true",
        }

    def command(self) -> Sequence[str | Path]:
        for name in ("files", "attributes"):
            (self.folder / name).mkdir(exist_ok=True)
        account = ["--access", self.access, "--secret", self.secret, "--port", self.address, "--region", "eu-west-1"]
        posix = ["posix", "--sidecar", self.folder / "attributes", self.folder / "files"]
        return [self._program, *account, "--quiet", *posix]

    def client(self):
        return boto3.client(
            "s3",
            endpoint_url=f"http://{self.address}",
            aws_access_key_id=self.access,
            aws_secret_access_key=self.secret,
            region_name="eu-west-1",
        )

    def make_bucket(self, name: str = BUCKET) -> None:
        with closing(self.client()) as s3:
            s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})


class Azurite(ObjectStore):
    """Azure: the emulator that Microsoft keeps."""

    scheme = "az"
    account = "laboratory"
    end = signal.SIGTERM  # it keeps its index in memory, for some seconds at a time

    def __init__(self, program: Path, folder: Path) -> None:
        super().__init__(program, folder)
        self.secret = base64.b64encode(secrets.token_bytes(64)).decode()

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            "AZURE_STORAGE_ACCOUNT_NAME": self.account,
            "AZURE_STORAGE_ACCOUNT_KEY": self.secret,
            "AZURE_STORAGE_ENDPOINT": f"http://{self.address}/{self.account}",
            "AZURE_ALLOW_HTTP": "true",
        }

    def command(self) -> Sequence[str | Path]:
        options = ["--silent", "--skipApiVersionCheck", "--disableTelemetry", "--location", self.folder]
        accounts = f"AZURITE_ACCOUNTS={self.account}:{self.secret}"
        return ["env", accounts, self._program, "--blobHost", "127.0.0.1", "--blobPort", str(self.port), *options]

    def make_bucket(self) -> None:
        """Sign by hand: https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key."""
        date, version = formatdate(usegmt=True), "2021-08-06"
        resource = f"/{self.account}/{self.account}/{BUCKET}\nrestype:container"
        text = "PUT" + "\n" * 12 + f"x-ms-date:{date}\nx-ms-version:{version}\n{resource}"
        mac = hmac.digest(base64.b64decode(self.secret), text.encode(), hashlib.sha256)
        signature = f"SharedKey {self.account}:{base64.b64encode(mac).decode()}"
        path = f"/{self.account}/{BUCKET}?restype=container"
        assert self._ask("PUT", path, x_ms_date=date, x_ms_version=version, Authorization=signature) == 201


class OurServer(ObjectStore):
    """Google Cloud Storage, as far as its client's requests go: they are those of S3, with a token.

    No emulator that can be installed takes them (https://github.com/fsouza/fake-gcs-server/issues/331), so here they
    go to `runner serve`, which without authentication asks for no credentials.
    """

    scheme = "gs"

    @property
    def environment(self) -> Mapping[str, str]:
        key = f'"client_email": "", "private_key": "", "private_key_id": "{self.secret}"'
        return {
            "GOOGLE_SERVICE_ACCOUNT_KEY": f'{{"gcs_base_url": "http://{self.address}", "disable_oauth": true, {key}}}',
            "GOOGLE_ALLOW_HTTP": "true",
        }

    def command(self) -> Sequence[str | Path]:
        where = ["--store", self.folder / "store", "--listen", self.address, "--admin-listen", ""]
        return [self._program, "-m", "runner", "serve", *where]

    def make_bucket(self) -> None:
        assert self._ask("PUT", f"/{BUCKET}") == 200


@contextmanager
def running(server: ObjectStore) -> Iterator[ObjectStore]:
    """Run a server, with its bucket, until the block ends."""
    server.folder.mkdir(parents=True, exist_ok=True)
    server.start()
    try:
        server.make_bucket()
        yield server
    finally:
        server.kill()


def of_scheme(scheme: str, built, folder: Path) -> ObjectStore:
    """Return the server for a scheme; it does not run yet."""
    if scheme == "gs":
        return OurServer(Path(sys.executable), folder)
    kind, program = {"s3": (Versitygw, "versitygw"), "az": (Azurite, "azurite")}[scheme]
    return kind(built(program), folder)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
