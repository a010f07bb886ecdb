"""A real PostgreSQL server on loopback, in a folder of its own, with as many databases as tests want."""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg

USER = "runner"
SECONDS = 60
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",  # what is tested are our promises, not its disk's
    "shared_buffers": "64MB",
    "max_connections": "200",
}


class Postgres:
    """A server that runs; `running` starts it and ends it for good.

    Attributes:
        password: Of `USER`; it should be found in no log and no message.
        port: On loopback.
    """

    def __init__(self, folder: Path) -> None:
        self.password = secrets.token_hex(8)
        self._folder = folder
        self._user = _unprivileged()
        self.port = _free_port()
        self._names = count(1)
        self._make()

    def url(self, database: str) -> str:
        """Return the URL of a database."""
        return f"postgresql://{USER}:{self.password}@127.0.0.1:{self.port}/{database}"

    def create(self) -> str:
        """Make an empty database and return its URL."""
        name = f"store_{os.getpid()}_{next(self._names)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as db:
            db.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def renew(self, name: str, template: str) -> str:
        """Make a database like *template*, which nobody uses, in place of the one of that name; return its URL."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as db:
            db.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            db.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def start(self) -> None:
        """Start it again after `stop`; returns when it answers."""
        options = " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items())
        options += f" -p {self.port} -k {self._folder}"
        self._run("pg_ctl", "start", "-D", self._folder / "data", "-l", self._folder / "log", "-w", "-o", options)

    def stop(self, mode: str = "fast") -> None:
        """End it, as its own *mode* says: `fast` breaks off what is under way, `immediate` is a crash."""
        self._run("pg_ctl", "stop", "-D", self._folder / "data", "-w", "-m", mode)

    def restart(self, mode: str = "fast") -> None:
        """End it and start it again: all connections are lost."""
        self.stop(mode)
        self.start()

    def log(self) -> str:
        """Return what it said."""
        return (self._folder / "log").read_text()

    def _make(self) -> None:
        password = self._folder / "password"
        password.write_text(self.password)
        for path in (self._folder, password):
            if self._user is not None:
                os.chown(path, self._user.pw_uid, self._user.pw_gid)
        # A locale that does not sort as bytes do, so that whatever relies on it shows.
        locale = ["--encoding=UTF8", "--locale-provider=icu", "--icu-locale=en-US", "--locale=C.UTF-8"]
        rights = ["--auth=scram-sha-256", f"--username={USER}", f"--pwfile={password}"]
        self._run("initdb", "--no-sync", "-D", self._folder / "data", *locale, *rights)

    def _run(self, program: str, *words: str | Path) -> None:
        with (self._folder / "said").open("w") as said:  # no pipe: the server would hold it
            done = subprocess.run(
                [_programs() / program, *words],
                cwd=self._folder,
                user=None if self._user is None else self._user.pw_uid,
                group=None if self._user is None else self._user.pw_gid,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                timeout=SECONDS,
                check=False,
            )
        assert done.returncode == 0, f"{program} ended with {done.returncode}:\n{(self._folder / 'said').read_text()}"


@contextmanager
def running() -> Iterator[Postgres]:
    """Run a server for as long as the block."""
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:  # its path is short: a socket lies in it
        server = Postgres(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop("immediate")


def _programs() -> Path:
    """Return where the newest server's programs are."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[4]))
    on_path = shutil.which("postgres")
    assert found or on_path, "no PostgreSQL server is installed: Debian's package is postgresql"
    return (found[-1] if found else Path(str(on_path))).parent


def _unprivileged() -> pwd.struct_passwd | None:
    """Return who runs the server, which refuses to be root; None: whoever runs the tests."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
