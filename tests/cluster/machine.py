"""Runs the containers of a rendered pod as processes of this machine, as Kubernetes would start them.

What a volume mounts is a folder below one of the test's; the runner is the one under test.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runner.cluster.render import Rendered
from tests.cluster.pipelines import containers, pod_of

_REFERENCE = re.compile(r"\$\$|\$\((\w+)\)")


class Machine:
    """A node that has one pod.

    Attributes:
        store: The folder of the store's volume.
    """

    def __init__(self, folder: Path, rendered: Rendered) -> None:
        pod = pod_of(rendered)
        self._containers = {each["name"]: each for each in containers(pod)}
        self._folder = folder
        (config,) = (each for each in rendered.manifests if each["kind"] == "ConfigMap")
        for name, text in config["data"].items():
            file = folder / "spec" / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
        for volume in pod["volumes"]:
            (folder / volume["name"]).mkdir(exist_ok=True)
            (folder / volume["name"]).chmod(0o2777)  # an emptyDir's
        self.store = folder / "store"
        with socket.create_server(("127.0.0.1", 0)) as free:  # for what is told by its number
            self._port = free.getsockname()[1]

    def start(self, name: str, **options: Any) -> subprocess.Popen[bytes]:
        """Start a container; its output is the caller's, its standard input is empty."""
        container = self._containers[name]
        environment = self._environment(container)
        argv = [self._here(container, _expanded(word, environment)) for word in container["command"]]
        if container["command"][0] == "/opt/runner/bin/runner":
            argv[:1] = [sys.executable, "-m", "runner"]
        inherited = {
            name: os.environ[name] for name in ("PATH", "PYTHONPATH", "COVERAGE_PROCESS_START") if name in os.environ
        }
        return subprocess.Popen(
            argv, env=inherited | environment, cwd=self._folder, stdin=subprocess.DEVNULL, **options
        )

    def put(self, container: str, path: str, text: str) -> None:
        """Let a volume hold a file; *path* is the container's."""
        Path(self._here(self._containers[container], path)).write_text(text)

    def run(self, name: str) -> subprocess.CompletedProcess[str]:
        """Run a container to its end."""
        process = self.start(name, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with process:
            out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(process.args, process.returncode, out.decode(), err.decode())

    def probe(self, name: str, which: str) -> bool:
        """Tell whether a probe that runs a command succeeds."""
        container = self._containers[name]
        argv = [self._here(container, word) for word in container[which]["exec"]["command"]]
        return subprocess.run(argv, check=False).returncode == 0

    def _environment(self, container: Mapping[str, Any]) -> dict[str, str]:
        known: dict[str, str] = {}
        for variable in container.get("env", ()):
            text = variable.get("value", "127.0.0.1")  # the one that is not said is the pod's address
            known[variable["name"]] = self._here(container, _expanded(text, known))
        if "RUNNER_SECRETS_FOLDER" in known:
            known["RUNNER_SECRETS_FOLDER"] = self._folder_of_mounts(container, known["RUNNER_SECRETS_FOLDER"])
        return known

    def _folder_of_mounts(self, container: Mapping[str, Any], path: str) -> str:
        """Return a folder that has what is mounted below *path*."""
        folder = self._folder / "root" / path.strip("/")
        folder.mkdir(parents=True, exist_ok=True)
        for mount in container["volumeMounts"]:
            name = mount["mountPath"].removeprefix(f"{path}/")
            if name != mount["mountPath"] and not (folder / name).exists():
                (folder / name).symlink_to(self._folder / mount["name"])
        return str(folder)

    def _here(self, container: Mapping[str, Any], text: str) -> str:
        """Return *text* with the paths of mounts, and the ports of a machine with many pods."""
        places = {
            mount["mountPath"]: str(self._folder / mount["name"] / mount.get("subPath", ""))
            for mount in container["volumeMounts"]
        }
        # This machine's own programs may lie below its /tmp.
        longer = "|".join(re.escape(path) for path in sorted(places, key=len, reverse=True) if path != "/tmp")
        text = re.sub(rf"(?<![\w/])({longer})(?!\w)|^/tmp$", lambda found: places[found[0]], text)
        text = text.replace("0.0.0.0:1680", "127.0.0.1:0")
        return re.sub(r"(0\.0\.0\.0|127\.0\.0\.1):1600", f"127.0.0.1:{self._port}", text)


def _expanded(text: str, variables: Mapping[str, str]) -> str:
    """Expand ``$(NAME)`` as Kubernetes does; what is not known stays, and ``$$`` is one."""
    return _REFERENCE.sub(lambda found: "$" if found[1] is None else variables.get(found[1], found[0]), text)
