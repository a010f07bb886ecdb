"""The folder that both sides of a job share when the user's process runs in another container.

Each side may see it elsewhere, and nothing but it need be shared: no clock, no process ids, no locks.

    run      script for the user's side, plain sh
    job      the job's address, PIPELINE@ID: the folder is of one job, whatever is started again
    env      what the command finds, to be read by sh; appears when the gateway takes requests
    clients/ configuration files of S3 clients
    pfs/     an empty folder for each input
    alive    counted up by the sidecar each second, until `result`
    started  the command, each word ended by NUL; made by whoever starts it, so by one alone
    pulse    counted up by `run` each second while the command runs
    exit     the command's status, and on a second line TERM or INT when `run` was told to stop before, or LATE when it
             did not wait for `env` any longer
    result   the job's status, and a sentence on the second line

What `run` writes may come from anybody who reaches the folder: it is read as data, of bounded size, without following
links or waiting for pipes. Files are as readable as the folder is.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from runner.job.environment import Places
from runner.model.errors import Invalid, Unavailable

_SCRIPT = Path(__file__).with_name("run.sh")
_START = secrets.token_hex(4)
"""Keeps the beats of two processes apart."""

_HERE = "\0"
"""Stands for the folder in values, where no variable can hold it."""

PLACES = Places(pfs=f"{_HERE}/pfs", generated=f"{_HERE}/clients")
"""Where the command finds its files."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_LIMITS = re.compile(r"^r_(env|lost|grace)_seconds=.*$", re.MULTILINE)
_WORD_BYTES, _COMMAND_BYTES = 256, 256 * 1024
_EXIT_LINES = 2
_STATUS_MAX = 255


class ShareRefused(Invalid):
    """The folder cannot be used, or is of another job."""


class ShareFailed(Unavailable):
    """What the other side waits for could not be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Of the other side's patience, in seconds.

    Attributes:
        env: For the environment.
        lost: For a sign of life.
        grace: From SIGTERM to SIGKILL.
    """

    env: float
    lost: float
    grace: float


@dataclass(frozen=True, slots=True)
class Exit:
    """What the other side says of the command's end; *word* is TERM, INT, LATE or empty."""

    status: int
    word: str = ""


class MalformedExit(Invalid):
    """What stands in ``exit`` is not what `run` writes."""


class Share:
    """The folder, from the sidecar's side; blocks for as long as its disk does.

    Args:
        folder: Made, for its owner alone, when it is missing.

    Raises:
        ShareRefused: It cannot be made or written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._mode = stat.S_IMODE(self.folder.stat().st_mode)
            self._alive = os.open(self.folder / "alive", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise ShareRefused(
                f"the shared folder {folder} cannot be used: {exc.strerror}", hint="give one that can be written"
            ) from exc
        os.fchmod(self._alive, self._of_file)
        self._beats = 0

    @property
    def _of_file(self) -> int:
        """Whoever may list the folder may read its files."""
        return 0o600 | (self._mode & 0o044)

    @property
    def _of_folder(self) -> int:
        return 0o700 | (self._mode & 0o055)

    def claim(self, job: str) -> str:
        """Make the folder that of *job*, ``PIPELINE@ID``, unless it is of one already; return whose it is.

        Raises:
            ShareRefused: It cannot be written.
        """
        try:
            file = os.open(self.folder / "job", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, self._of_file)
        except FileExistsError:
            said = (self._read("job", _WORD_BYTES) or b"").decode(errors="replace").strip()
            if not said:  # whoever made it died before he wrote it
                self._put("job", f"{job}\n".encode(), self._of_file)
            return said or job
        except OSError as exc:
            raise ShareRefused(f"the shared folder {self.folder} cannot be written: {exc.strerror}") from exc
        with os.fdopen(file, "w") as claimed:
            os.fchmod(file, self._of_file)
            claimed.write(f"{job}\n")
        return job

    def clear(self) -> None:
        """Forget what was said of a job that never was."""
        for name in ("result", "env", "started", "pulse", "exit"):
            (self.folder / name).unlink(missing_ok=True)

    def put_script(self, limits: Limits) -> None:
        """Put ``run`` there; raises `ShareFailed`."""
        script = _LIMITS.sub(
            lambda found: f"r_{found[1]}_seconds={max(1, round(getattr(limits, found[1])))}", _SCRIPT.read_text()
        )
        self._put("run", script.encode(), 0o700 | (self._mode & 0o055))

    def put_environment(
        self, environment: Mapping[str, str], files: Mapping[str, str], inputs: Collection[str], spec: Collection[str]
    ) -> Sequence[str]:
        """Put there what the command finds, ``env`` last.

        Args:
            environment: Variables; paths of files begin as in `PLACES`.
            files: Of clients, by name.
            inputs: Names that get an empty folder.
            spec: Names of variables that the spec sets, whatever the other side has.

        Returns:
            Names that sh cannot export; they are left out.

        Raises:
            ShareFailed.
        """
        for name in ("clients", "pfs", *(f"pfs/{name}" for name in inputs)):
            self._make_folder(name)
        for name, text in files.items():
            self._put(f"clients/{name}", text.encode(), self._of_file)
        unnameable = [name for name in environment if not _NAME.fullmatch(name)]
        text = shell_lines(environment, here=str(self.folder), spec=spec)
        self._put("env", text.encode(errors="surrogateescape"), self._of_file)
        return unnameable

    def put_result(self, status: int, sentence: str) -> None:
        """Tell the other side how the job ended; raises `ShareFailed`."""
        self._put("result", f"{status}\n{' '.join(sentence.split())}\n".encode(), self._of_file)

    def beat(self) -> None:
        """Give a sign of life; raises OSError."""
        self._beats += 1
        # In place, so that a full disk does not stop it.
        os.pwrite(self._alive, f"{_START} {self._beats:012}\n".encode(), 0)

    def pulse(self) -> bytes | None:
        """Return the other side's sign of life; None: no command was started."""
        if not os.path.lexists(self.folder / "started"):
            return None
        return self._read("pulse", _WORD_BYTES) or b""

    def command(self) -> tuple[str, ...]:
        """Return the words of the command that was started; none: it is not known."""
        words = (self._read("started", _COMMAND_BYTES) or b"").split(b"\0")[:-1]
        return tuple(word.decode(errors="surrogateescape") for word in words)

    def exit(self) -> Exit | None:
        """Return what is said of the command's end; None: nothing yet. Raises `MalformedExit`."""
        said = self._read("exit", _WORD_BYTES)
        if said is None:
            return None
        lines = said.decode(errors="replace").split("\n")[:_EXIT_LINES]
        if not re.fullmatch(r"[0-9]{1,3}", lines[0], re.ASCII) or int(lines[0]) > _STATUS_MAX:
            raise MalformedExit(f"{self.folder / 'exit'} holds no exit status")
        word = lines[1] if len(lines) > 1 else ""
        return Exit(int(lines[0]), word if word in {"TERM", "INT", "LATE"} else "")

    def close(self) -> None:
        """Give no more signs of life; safe to call twice."""
        if self._alive >= 0:
            os.close(self._alive)
            self._alive = -1

    def _make_folder(self, name: str) -> None:
        folder = self.folder / name
        try:
            folder.mkdir(exist_ok=True)
            folder.chmod(self._of_folder)
        except OSError as exc:
            raise ShareFailed(f"cannot make {folder}: {exc.strerror}") from exc

    def _put(self, name: str, content: bytes, mode: int) -> None:
        """Let a file appear whole."""
        file = self.folder / name
        draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as opened:
                os.fchmod(opened.fileno(), mode)
                opened.write(content)
            draft.replace(file)
        except OSError as exc:
            draft.unlink(missing_ok=True)
            raise ShareFailed(f"cannot write {file}: {exc.strerror}") from exc

    def _read(self, name: str, limit_bytes: int) -> bytes | None:
        """Return at most so much of a file of the other side; None: there is none, empty: it is no file to read."""
        try:
            file = os.open(self.folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError:
            return b""
        try:
            return os.read(file, limit_bytes) if stat.S_ISREG(os.fstat(file).st_mode) else b""
        finally:
            os.close(file)


def shell_lines(environment: Mapping[str, str], *, here: str, spec: Collection[str] = ()) -> str:
    """Return *environment* as sh reads it; the folder is RUNNER_SHARE, or *here* when that is not set.

    Where the other side lists hosts that no proxy stands before, ours joins them.
    """
    lines = [f"RUNNER_SHARE=${{RUNNER_SHARE:-{_quoted(here)}}}\n"]
    for name, value in environment.items():
        if name == "no_proxy" and name not in spec:
            lines.append(f'export no_proxy="${{no_proxy:+$no_proxy,}}${{NO_PROXY:+$NO_PROXY,}}"{_quoted(value)}\n')
        elif name == "NO_PROXY" and name not in spec:
            lines.append('export NO_PROXY="$no_proxy"\n')
        elif _NAME.fullmatch(name):
            lines.append(f"export {name}={_quoted(value)}\n")
    return "".join(lines)


def _quoted(value: str) -> str:
    quoted = "'" + value.replace("'", "'\\''") + "'"
    return quoted.replace(_HERE, "'\"$RUNNER_SHARE\"'").removeprefix("''") or "''"
