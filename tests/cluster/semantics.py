"""What an API server checks beyond its schema, as far as manifests of ours could break it.

Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/, .../workloads/controllers/job/ and
.../security/pod-security-standards/
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.cluster.pipelines import containers

LABEL = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")  # a Service's, the narrowest
SUBDOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
KEY = re.compile(r"([a-z0-9.-]+/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
PORT = re.compile(r"(?=.*[a-z])[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?")
RESTRICTED_VOLUMES = {"configMap", "emptyDir", "persistentVolumeClaim", "projected", "secret"}


def check(manifests: Sequence[Mapping[str, Any]]) -> None:
    """Fail on the first thing that an API server, or a namespace with the restricted profile, would refuse."""
    for manifest in manifests:
        _check_metadata(manifest["metadata"])
        assert LABEL.fullmatch(manifest["metadata"]["name"])
        if manifest["kind"] == "Service":
            _check_ports(manifest["spec"]["ports"])
        if manifest["kind"] in {"Job", "Deployment"}:
            _check_workload(manifest)
    names = [(manifest["kind"], manifest["metadata"]["name"]) for manifest in manifests]
    assert len(names) == len(set(names))


def _check_metadata(metadata: Mapping[str, Any]) -> None:
    for key, value in metadata["labels"].items():
        assert KEY.fullmatch(key), key
        assert VALUE.fullmatch(value), value
    assert all(KEY.fullmatch(key) for key in metadata.get("annotations", {}))


def _check_workload(manifest: Mapping[str, Any]) -> None:
    spec = manifest["spec"]
    template = spec["template"]
    pod = template["spec"]
    _check_metadata(template["metadata"])
    if manifest["kind"] == "Job":
        assert pod["restartPolicy"] == "Never"
        names = {each["name"] for each in containers(pod)}
        for rule in spec["podFailurePolicy"]["rules"]:
            if "onExitCodes" in rule:
                values = rule["onExitCodes"]["values"]
                assert rule["onExitCodes"]["containerName"] in names
                assert values == sorted(set(values))
                assert 0 not in values
        assert spec["podReplacementPolicy"] == "Failed"
    else:
        assert pod.get("restartPolicy", "Always") == "Always"
        assert spec["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    _check_pod(pod)


def _check_pod(pod: Mapping[str, Any]) -> None:
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert len(volumes) == len(pod["volumes"])
    assert all(LABEL.fullmatch(name) for name in volumes)
    used = set()
    for container in containers(pod):
        assert LABEL.fullmatch(container["name"])
        assert container["image"].strip() == container["image"] != ""
        mounts = container["volumeMounts"]
        paths = [mount["mountPath"] for mount in mounts]
        assert len(paths) == len(set(paths))
        assert all(path.startswith("/") and ":" not in path for path in paths)
        used |= {mount["name"] for mount in mounts}
        _check_ports(container.get("ports", ()))
        _check_probes(container)
        _check_environment(container.get("env", ()))
        _check_restricted(container)
    assert used == set(volumes)
    assert {key for volume in volumes.values() for key in volume if key != "name"} <= RESTRICTED_VOLUMES
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["securityContext"]["runAsNonRoot"] is (pod["securityContext"]["runAsUser"] != 0)
    assert pod["automountServiceAccountToken"] is False
    for reference in _object_names(pod):
        assert SUBDOMAIN.fullmatch(reference), reference


def _object_names(pod: Mapping[str, Any]) -> Iterator[str]:
    for volume in pod["volumes"]:
        if "secret" in volume:
            yield volume["secret"]["secretName"]
        if "configMap" in volume:
            yield volume["configMap"]["name"]
        for source in volume.get("projected", {}).get("sources", ()):
            yield source["secret"]["name"]
    for one in pod.get("imagePullSecrets", ()):
        yield one["name"]


def _check_ports(ports: Sequence[Mapping[str, Any]]) -> None:
    names = [port["name"] for port in ports]
    assert len(names) == len(set(names))
    assert all(PORT.fullmatch(name) for name in names)


def _check_probes(container: Mapping[str, Any]) -> None:
    ports = {port["name"] for port in container.get("ports", ())}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        asked = container.get(probe, {}).get("httpGet")
        assert asked is None or asked["port"] in ports


def _check_environment(variables: Sequence[Mapping[str, Any]]) -> None:
    known: set[str] = set()
    for variable in variables:
        assert ("value" in variable) != ("valueFrom" in variable)
        assert "=" not in variable["name"]
        known.add(variable["name"])


def _check_restricted(container: Mapping[str, Any]) -> None:
    context = container["securityContext"]
    assert context["allowPrivilegeEscalation"] is False
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert context["readOnlyRootFilesystem"] is True
