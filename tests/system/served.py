"""What a user of `runner serve` sets once, so that every client finds the server."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.supervisor.server import Server

KEY = "anybody"  # without auth any key opens
SECONDS = 300


class Desk:
    """Runs clients against *server* from *folder*, their home; *variables* are those of what is installed."""

    def __init__(self, server: Server, folder: Path, variables: Mapping[str, str]) -> None:
        self.folder = folder
        self._environment = {
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "AWS_ENDPOINT_URL": server.endpoint,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": KEY,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ALLOW_HTTP": "true",
            "AWS_EC2_METADATA_DISABLED": "true",
            "S3_ENDPOINT": server.endpoint,
            "S3_ENDPOINT_URL": server.endpoint,
            "S3CMD_CONFIG": str(folder / "s3cfg"),
            "RCLONE_CONFIG_S3_TYPE": "s3",
            "RCLONE_CONFIG_S3_PROVIDER": "Other",
            "RCLONE_CONFIG_S3_ENDPOINT": server.endpoint,
            "RCLONE_CONFIG_S3_ENV_AUTH": "true",
            **variables,
        }
        folder.mkdir(exist_ok=True)
        scheme, _, host = server.endpoint.partition("://")
        (folder / "s3cfg").write_text(
            f"[default]\naccess_key = {KEY}\nsecret_key = {KEY}\nuse_https = {scheme == 'https'}\n"
            f"host_base = {host}\nhost_bucket = {host}\n"
        )

    def __call__(self, *words: str | Path) -> str:
        """Run a client to its end, which must be a good one, and return all that it said."""
        done = subprocess.run(
            words,
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{words} ended with {done.returncode}:\n{done.stdout[-5000:]}"
        return done.stdout


def compare(one: Path, other: Path) -> str:
    """Say in which way two folders differ; nothing: in none."""
    return subprocess.run(["diff", "-r", one, other], capture_output=True, text=True, check=False).stdout
