"""The manifests that are written by hand fit those that are rendered."""

from pathlib import Path

import yaml

from runner.cluster.request import CLAIM, Topology
from tests.cluster import schemas, semantics
from tests.cluster.pipelines import REQUESTS, pod_of, rendered, template_of

FOLDER = Path(__file__).parents[2] / "conf" / "kubernetes"
RENDERED = rendered(request=REQUESTS[Topology.WORKER])


def _documents(name):
    return list(yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8")))


def test_every_version_takes_them():
    for file in FOLDER.glob("*.yaml"):
        schemas.check(_documents(file.name))
    semantics.check(_documents("serve.yaml"))


def test_the_claim_is_the_one_that_is_rendered():
    (claim,) = _documents("store.yaml")
    assert claim["metadata"]["name"] == CLAIM
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]


def test_pods_that_serve_the_store_join_those_that_work_on_it():
    _, deployment = _documents("serve.yaml")
    pod, other = deployment["spec"]["template"]["spec"], pod_of(RENDERED)
    assert pod["affinity"] == other["affinity"]
    for key in ("app.kubernetes.io/name", "app.kubernetes.io/part-of"):
        assert (
            deployment["spec"]["template"]["metadata"]["labels"][key]
            == template_of(RENDERED)["metadata"]["labels"][key]
        )
    assert pod["securityContext"] == other["securityContext"]
    assert pod["volumes"][0] == next(each for each in other["volumes"] if each["name"] == "store")
    assert pod["containers"][0]["securityContext"] == other["containers"][0]["securityContext"]
    assert {"name": "store", "mountPath": "/var/lib/runner"} in pod["containers"][0]["volumeMounts"]
    assert deployment["spec"]["replicas"] == 1


def test_its_service_leads_to_it():
    service, deployment = _documents("serve.yaml")
    assert service["spec"]["selector"].items() <= deployment["spec"]["template"]["metadata"]["labels"].items()
    listening = {port["containerPort"] for port in deployment["spec"]["template"]["spec"]["containers"][0]["ports"]}
    assert {port["targetPort"] for port in service["spec"]["ports"]} == listening
