"""Images and containers by podman, on bases that debootstrap makes: no registry of images is asked.

Debian's mirror and how PyPI is reached are the machine's own, as apt and pip know them.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.system.installed import ROOT, ToolMissing

SECONDS = 900
_TOOLS = ("podman", "runc", "debootstrap")
_PIP_OPTIONS = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout")
_CERTIFICATES = "/run/secrets/certificates.pem"


class Podman:
    """Images and containers in *folder*, apart from those of the machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._environment = {**os.environ, "TMPDIR": str(folder / "tmp")}
        (folder / "tmp").mkdir()
        self._command = (
            *("podman", "--root", str(folder / "images"), "--runroot", str(folder / "state")),
            *("--runtime", "runc", "--cgroup-manager", "cgroupfs", "--events-backend", "none"),
        )
        self._secrets = [f"--secret=id={name},src={file}" for name, file in _secrets(folder).items()]

    def __call__(self, *words: str | Path) -> str:
        """Run a command of podman, which must succeed, and return what it prints."""
        return _run(*self._command, *words, environment=self._environment)

    def make_base(self, suite: str) -> None:
        """Make the image *suite*: the least of that Debian, without a Python."""
        system, archive = self._folder / suite, self._folder / f"{suite}.tar"
        _run("debootstrap", "--variant=minbase", suite, system, _mirror())
        _run("tar", "--create", "--file", archive, "--directory", system, ".")
        shutil.rmtree(system)
        self("import", archive, f"localhost/{suite}")
        archive.unlink()

    def build(self, name: str, context: Path, *words: str) -> None:
        """Make the image *name* by the Dockerfile in *context*."""
        self("build", "--isolation=chroot", "--pull=never", *self._secrets, *words, f"--tag=localhost/{name}", context)

    def inspect(self, name: str) -> dict[str, Any]:
        """Return what an image says of itself."""
        (document,) = json.loads(self("image", "inspect", f"localhost/{name}"))
        return dict(document["Config"])

    def start(
        self, image: str, *words: str | Path, mounts: Mapping[Path, str] | None = None, options: tuple[str, ...] = ()
    ) -> subprocess.Popen[str]:
        """Start a container of *image*: a read-only root, a /tmp in memory, no network but loopback, no rights.

        Args:
            image: Its name.
            words: The command, after the entrypoint of the image.
            mounts: Folders of this machine and where the container finds them.
            options: More of `podman run`.
        """
        volumes = [f"--volume={source}:{target}" for source, target in (mounts or {}).items()]
        limits = ("--ulimit=nofile=4096:4096", "--ulimit=nproc=4096:4096")  # below our own, which we may not raise
        rights = ("--cap-drop=all", "--security-opt=no-new-privileges")
        root = ("--read-only", "--read-only-tmpfs=false", "--tmpfs=/tmp", "--passwd=false", "--network=none")
        return subprocess.Popen(
            [
                *(*self._command, "run", "--rm", "--pull=never", *limits, *rights, *root, *volumes, *options),
                *(f"localhost/{image}", *map(str, words)),
            ],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, image: str, *words: str | Path, status: int = 0, **how: Any) -> subprocess.CompletedProcess[str]:
        """Run a container as `start` does to its end, which must be *status*."""
        with self.start(image, *words, **how) as process:
            out, err = process.communicate(timeout=SECONDS)
        assert process.returncode == status, f"{image} {words} ended with {process.returncode}:\n{out}\n{err}"
        return subprocess.CompletedProcess(words, status, out, err)


@contextmanager
def podman_in_memory() -> Iterator[Podman]:
    """Give podman a folder in memory, of 2 GiB or so; nothing of it stays."""
    _install()
    folder = Path(tempfile.mkdtemp(prefix="podman-"))  # it takes no path longer than 50 characters for its state
    _run("mount", "-t", "tmpfs", "-o", "size=6g", "images", folder)  # packages are synced to disk file by file
    try:
        podman = Podman(folder)
        yield podman
        podman("rm", "--all", "--force")
    finally:
        _run("umount", "--recursive", "--lazy", folder)
        folder.rmdir()


def said(output: str) -> list[str]:
    """Return the lines of the user's code out of JSON log lines."""
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return [line["message"] for line in lines if line.get("user")]


def _install() -> None:
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise ToolMissing("images are built by root on Debian: debootstrap makes file systems")
    _run("apt-get", "update", "--quiet")
    if missing:
        _run("apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *missing)


def _mirror() -> str:
    """Return where this machine gets Debian from."""
    listed = _run("apt-get", "indextargets", "--format", "$(ORIGIN) $(LABEL) $(REPO_URI)", "Identifier: Packages")
    found = [line.split() for line in listed.splitlines() if line.startswith("Debian Debian ")]
    if not found:
        raise ToolMissing("apt knows no mirror of Debian here")
    return found[0][2]


def _secrets(folder: Path) -> dict[str, Path]:
    """Return the secrets of the build that lead pip to where it goes on this machine."""
    options: dict[str, str] = {}
    for line in _run(sys.executable, "-m", "pip", "config", "list").splitlines():
        name, _, value = line.partition("=")
        options[name.rpartition(".")[2]] = ast.literal_eval(value)
    said = [f"{name} = {options[name]}" for name in _PIP_OPTIONS if name in options]
    secrets = {"pip": folder / "pip.conf"}
    if certificates := options.get("cert"):
        said.append(f"cert = {_CERTIFICATES}")
        secrets["certificates"] = Path(certificates)
    secrets["pip"].write_text("\n".join(["[global]", *said, ""]))
    return secrets


def _run(*command: str | Path, environment: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    tail = f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    assert done.returncode == 0, f"{' '.join(map(str, command))} ended with {done.returncode}:\n{tail}"
    return done.stdout
