"""The containers of a pod: what each runs, sees and may do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from runner.cluster import secrets, volumes
from runner.cluster.quantities import resources_of
from runner.cluster.request import S3_PORT, Request, Topology, ports_of
from runner.cluster.security import RUNNER_ID, Identity, identity_of, of_container
from runner.cluster.volumes import Place
from runner.model.errors import Invalid
from runner.model.pipeline import Pipeline
from runner.spec.effective import DEFAULTS
from runner.spec.schema import PipelineSpec

COMMAND = "user"
"""The container of the command, first of the pod's: Pachyderm's name and place, which patches count on."""

SIDECAR = "runner"
_RUNNER = f"{volumes.RUNTIME}/bin/runner"
_INSTALL = "/runner-install"
_TMP_OF_SIDECAR = "tmp-of-runner"
_FEED = ("/bin/sh", "-c", f'exec "$$@" <{volumes.STDIN}', "sh")
_POD_ADDRESS = f"http://$(POD_IP):{S3_PORT}"
_OPENING_SECONDS = 600
"""In which a store must be open: an older one is copied and migrated at that time."""


class ImageMissing(Invalid):
    """A container would have no image."""


class Containers:
    """Those of one pod, which share what the constructor settles; raises `Invalid` for what no cluster takes."""

    def __init__(self, pipeline: Pipeline, spec: PipelineSpec, request: Request, config_map: str) -> None:
        self._pipeline, self._spec, self._request = pipeline, spec, request
        self._secrets = pipeline.transform.secrets
        self.identity = identity_of(pipeline.transform.user)
        claim = None if request.store_secret else request.store_claim
        self._is_sidecar = request.topology is Topology.SIDECAR
        # Beside a sidecar they reach the command past the runner.
        self._secrets_of_runner = [] if self._is_sidecar else secrets.for_runner(self._secrets)
        self._of_runner = [volumes.spec_file(config_map), volumes.store_folder(claim), *self._secrets_of_runner]
        self._of_command = [volumes.pfs(in_memory=bool(spec.transform and spec.transform.memory_volume))]
        self._of_command += secrets.for_command(self._secrets)
        self._stdin = [volumes.stdin_file(config_map)] if pipeline.transform.stdin is not None else []

    def places(self) -> list[Place]:
        """Return every place of the pod's volumes."""
        if self._is_sidecar:
            own = [volumes.share(), volumes.tmp(_TMP_OF_SIDECAR)]
        else:
            own = [volumes.runtime()] if self._request.runner_image else []
        return [*self._of_runner, volumes.tmp(), *self._of_command, *own]

    def command_within(self) -> dict[str, Any]:
        """Return the container whose entrypoint is the runner, which runs the command as its child."""
        is_worker = self._request.topology is Topology.WORKER
        argv = [_RUNNER, "worker" if is_worker else "run", volumes.SPEC, *self._listening()]
        places = [*self._of_runner, volumes.tmp(), *self._of_command]
        places += [volumes.runtime()] if self._request.runner_image else []
        container = {
            **self._container(COMMAND, self._image(), argv, places),
            "env": [*self._settings(), *self._home()],
            "ports": self._ports(),
            "resources": resources_of(
                self._spec.resource_requests, self._spec.resource_limits, ("resourceRequests", "resourceLimits")
            ),
            **(_probes() if is_worker else {}),
        }
        return _without_empty(container)

    def command_beside(self) -> dict[str, Any]:
        """Return the container of a command that finds the gateway of the sidecar by the script that this wrote."""
        transform = self._pipeline.transform
        container = {
            **self._container(
                COMMAND,
                self._image(),
                [f"{volumes.SHARE}/run", *(_FEED if self._stdin else ()), *map(_literal, transform.cmd)],
                [volumes.share(), volumes.tmp(), *self._stdin, *self._of_command],
            ),
            "workingDir": transform.working_dir,
            "env": [*secrets.variables(self._secrets), *self._home()],
            "resources": resources_of(
                self._spec.resource_requests, self._spec.resource_limits, ("resourceRequests", "resourceLimits")
            ),
        }
        return _without_empty(container)

    def sidecar(self) -> dict[str, Any]:
        """Return the runner as a native sidecar: it is up before the command, and ends after it."""
        if not self._request.runner_image:
            raise ImageMissing("a sidecar has the runner's image, and none was named", hint="add --runner-image IMAGE")
        argv = [_RUNNER, "sidecar", volumes.SPEC, "--share", volumes.SHARE, "--hold", *self._listening()]
        container = {
            **self._container(
                SIDECAR,
                self._request.runner_image,
                argv,
                [*self._of_runner, volumes.share(), volumes.tmp(_TMP_OF_SIDECAR)],
            ),
            "restartPolicy": "Always",
            "securityContext": of_container(Identity()),
            "env": self._settings(),
            "ports": self._ports(),
            "resources": self._resources_of_sidecar(),
            "startupProbe": _ready_to_run(),
        }
        return _without_empty(container)

    def installer(self) -> dict[str, Any]:
        """Return what copies the runner, with the Python that it brings, to where it is beside the command's image."""
        argv = ["cp", "-a", f"{volumes.RUNTIME}/.", _INSTALL]
        container = {
            **self._container("install", self._request.runner_image, argv, [volumes.runtime(_INSTALL)]),
            "resources": self._resources_of_sidecar(),
        }
        return _without_empty(container)

    def _container(self, name: str, image: str, argv: list[str], places: Sequence[Place]) -> dict[str, Any]:
        return {
            "name": name,
            "image": _checked(image, name),
            "command": argv,
            "securityContext": of_container(),
            "volumeMounts": volumes.mounts_of(places),
            "terminationMessagePolicy": "FallbackToLogsOnError",
        }

    def _image(self) -> str:
        image = self._request.image or self._pipeline.transform.image
        is_wrapped = not self._is_sidecar and not self._request.runner_image
        if is_wrapped and not self._request.image and image == DEFAULTS["transform"]["image"]:
            hint = "give --runner-image IMAGE, from which it is copied, or an --image that holds it"
            raise ImageMissing(f"the command's image is {image}, in which there is no runner", hint=hint)
        return image

    def _resources_of_sidecar(self) -> dict[str, Any]:
        places = ("sidecarResourceRequests", "sidecarResourceLimits")
        return resources_of(self._spec.sidecar_resource_requests, self._spec.sidecar_resource_limits, places)

    def _settings(self) -> list[dict[str, Any]]:
        """Return the variables of the runner's settings, all that differ from those of a laptop."""
        request, where = self._request, self._request.store_secret
        values = {
            "RUNNER_BLOBS": request.blobs,
            "RUNNER_LOG_FORMAT": "json",
            "RUNNER_LOG_STREAM": "stdout",
            "RUNNER_JOB_GRACE_SECONDS": f"{request.grace_seconds:.12g}",
            "RUNNER_JOB_PRIVATE_TMP": "true",
            "RUNNER_SECRETS_FOLDER": secrets.FOLDER if self._secrets_of_runner else "",
            "RUNNER_AUTH_ENABLED": "true" if "s3" in ports_of(request) else "",
        }
        store = {"name": "RUNNER_STORE", "value": volumes.STORE}
        if where is not None:
            store = secrets.variable("RUNNER_STORE", where.name, where.key)
        address = {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
        return [
            *([address] if "s3" in ports_of(request) else []),
            store,
            *({"name": name, "value": _literal(value)} for name, value in values.items() if value),
        ]

    def _home(self) -> list[dict[str, Any]]:
        """Return a home for a user whom no image knows, in place of ``/``, where nothing can be written."""
        said = {*self._pipeline.transform.env, *(secret.env_var for secret in self._secrets)}
        if self.identity.uid != RUNNER_ID or "HOME" in said:
            return []
        return [{"name": "HOME", "value": "/tmp"}]  # noqa: S108  # a pod's own

    def _listening(self) -> list[str]:
        ports = ports_of(self._request)
        options = {"--admin-listen": f"0.0.0.0:{ports['admin']}"} if "admin" in ports else {}
        if "s3" in ports:  # an address, which makes SDKs use path style: no name resolves for each bucket
            options |= {"--listen": f"0.0.0.0:{ports['s3']}", "--advertise": _POD_ADDRESS}
        return [word for option in options.items() for word in option]

    def _ports(self) -> list[dict[str, Any]]:
        return [{"name": name, "containerPort": port} for name, port in ports_of(self._request).items()]


def _checked(image: str, container: str) -> str:
    """Return an image that can be one; raises `ImageMissing`."""
    if not image or image != image.strip():
        raise ImageMissing(
            f"the image of container {container!r} is {image!r}", hint="give one such as example.com/a:1"
        )
    return image


def _probes() -> dict[str, Any]:
    """Return the probes of a worker, which the admin port answers."""

    def ask(path: str, period_seconds: int, failures: int) -> dict[str, Any]:
        get = {"path": path, "port": "admin"}
        return {
            "httpGet": get,
            "periodSeconds": period_seconds,
            "timeoutSeconds": 5,
            "failureThreshold": failures,
        }

    return {
        "startupProbe": ask("/livez", 2, _OPENING_SECONDS // 2),
        "livenessProbe": ask("/livez", 10, 6),
        "readinessProbe": ask("/readyz", 5, 3),
    }


def _ready_to_run() -> dict[str, Any]:
    """Return the probe that lets the command start: there are its variables, or the job has its result already."""
    script = f"test -e {volumes.SHARE}/env || test -e {volumes.SHARE}/result"
    return {
        "exec": {"command": ["/bin/sh", "-c", script]},
        "periodSeconds": 1,
        "timeoutSeconds": 5,
        "failureThreshold": _OPENING_SECONDS,
    }


def _literal(text: str) -> str:
    """Return *text* so that Kubernetes, which expands ``$(NAME)`` in commands and variables, leaves it as it is."""
    return text.replace("$", "$$")


def _without_empty(container: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in container.items() if value not in ("", [], {})}
