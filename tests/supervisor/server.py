"""`runner serve` as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self

import boto3
from botocore.config import Config

from tests import databases


class Server:
    """A server on a store, until the block ends.

    Attributes:
        ready: Its ready line.
        endpoint: Its URL.
    """

    def __init__(self, store: Path, *options: str, **settings: str) -> None:
        where = ("--store", databases.name_of(store))
        command = [sys.executable, "-m", "runner", "serve", *where, "--listen", "127.0.0.1:0", *options]
        settings = {"admin_listen": "127.0.0.1:0"} | settings
        variables = {f"RUNNER_{name.upper()}": value for name, value in settings.items()}
        self._log = store.with_name("server.log").open("ab")
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self._log, env={**os.environ, **variables}
        )
        self.pid = self._process.pid
        self.ready: dict[str, object] = {}

    @property
    def endpoint(self) -> str:
        return str(self.ready["endpoint"])

    def __enter__(self) -> Self:
        self.ready = json.loads(self._process.stdout.readline())
        return self

    def __exit__(self, *_error: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self.wait()

    def stop(self) -> int:
        """Ask for the end and return the exit status."""
        return self.end(signal.SIGTERM)

    def end(self, number: int) -> int:
        """Send a signal and return the exit status."""
        self._process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        with self._process:
            status = self._process.wait(30)
        self._log.close()
        return status

    def client(self, token: str = "anybody", **options: object):
        """Return a boto3 client."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=token,
            aws_secret_access_key=token,
            region_name="us-east-1",
            config=Config(**{"retries": {"max_attempts": 0}, **options}),
        )
