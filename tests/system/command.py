"""The command `runner` as a real process, with a store, a home and a working folder of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SECONDS = 600


class Runner:
    """Runs `runner` in *folder*, which holds its store and its home; *environment* is added to what little it gets."""

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir(parents=True, exist_ok=True)
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "RUNNER_STORE": str(folder / "store"),
            **(environment or {}),
        }

    def start(self, *words: str | Path, **variables: str) -> subprocess.Popen[str]:
        """Start a command and return at once."""
        return subprocess.Popen(
            [sys.executable, "-m", "runner", *map(str, words)],
            cwd=self.folder,
            env=self.environment | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *words: str | Path, status: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, which must be *status*."""
        process = self.start(*words, **variables)
        with process:
            try:
                out, err = process.communicate(timeout=SECONDS)
            except BaseException:
                process.kill()
                raise
        assert process.returncode == status, f"runner {words} ended with {process.returncode}:\n{out}\n{err}"
        return subprocess.CompletedProcess(words, status, out, err)

    def ask(self, *words: str | Path) -> Any:
        """Return the JSON document that a command prints."""
        return json.loads(self(*words, "-o", "json").stdout)

    def job(self, spec: Path, *words: str | Path, status: int = 0, **variables: str) -> dict[str, Any]:
        """Run one job and return its document."""
        done = self("run", spec, *words, "-o", "json", status=status, **variables)
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def keys(self, address: str) -> list[str]:
        """List the keys of a commit."""
        return [item["file"]["path"].removeprefix("/") for item in self.ask("file", "list", "-r", address)]

    def spec(
        self,
        name: str,
        cmd: Sequence[str],
        *,
        stdin: Sequence[str] | None = None,
        inputs: Sequence[str] = ("labresults",),
        **fields: Any,
    ) -> Path:
        """Write an S3 pipeline spec; *fields* go to its top level."""
        leaves = [{"pfs": {"name": each, "repo": each, "glob": "/", "s3": True}} for each in inputs]
        document = {
            "pipeline": {"name": name},
            "input": leaves[0] if len(leaves) == 1 else {"cross": leaves},
            "transform": {"cmd": list(cmd)} | ({} if stdin is None else {"stdin": list(stdin)}),
            "s3_out": True,
            **fields,
        }
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(document))
        return path
