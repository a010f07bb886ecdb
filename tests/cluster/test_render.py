"""Manifests of any valid spec are taken by every version that is promised, and are of the shape that was asked for."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings

from runner.cluster.names import NotAName
from runner.cluster.render import SpecTooLarge, TooManyWorkers
from runner.cluster.request import Request, Topology
from runner.spec.pipelines import load_pipelines
from tests.cluster import schemas, semantics
from tests.cluster.pipelines import (
    REQUESTS,
    container,
    pipeline_with,
    pod_of,
    render,
    rendered,
    template_of,
    workload,
)
from tests.cluster.specs import any_changes, any_request

PIPELINES = Path(__file__).parents[2] / "conf" / "pipelines"


@given(changes=any_changes, request=any_request)
@settings(deadline=None, max_examples=60)
def test_manifests_of_any_valid_spec_are_taken_by_each_version(changes, request):
    manifests = rendered(changes, request).manifests
    schemas.check(manifests)
    semantics.check(manifests)
    assert manifests == rendered(changes, request).manifests


def test_the_schemas_refuse_what_is_wrong():
    manifest = json.loads(json.dumps(workload(rendered())))
    manifest["spec"]["template"]["spec"]["containers"][0]["comand"] = ["sh"]
    manifest["spec"]["backoffLimit"] = "six"
    for minor in schemas.MINORS:
        assert len(schemas.errors(manifest, minor)) == 2


@pytest.mark.parametrize("topology", Topology)
@pytest.mark.parametrize("file", ["labresults.json", "ward_summary.yaml"])
def test_the_examples_can_be_rendered(file, topology):
    (loaded,) = load_pipelines(PIPELINES / file)
    manifests = render(loaded.pipeline, REQUESTS[topology]).manifests
    schemas.check(manifests)
    semantics.check(manifests)


@pytest.mark.parametrize(
    ("topology", "kinds"),
    [
        (Topology.JOB, ["ConfigMap", "Service", "Job"]),
        (Topology.SIDECAR, ["ConfigMap", "Service", "Job"]),
        (Topology.WORKER, ["ConfigMap", "Service", "Deployment"]),
    ],
)
def test_what_others_refer_to_comes_first(topology, kinds):
    manifests = rendered(request=replace(REQUESTS[topology], has_service=True)).manifests
    assert [each["kind"] for each in manifests] == kinds


def test_a_service_is_made_when_it_is_asked_for_alone():
    assert all(each["kind"] != "Service" for top in Topology for each in rendered(request=REQUESTS[top]).manifests)


def test_a_service_leads_to_the_pods_of_its_own_workload():
    for topology in Topology:
        made = rendered(request=replace(REQUESTS[topology], has_service=True))
        (service,) = (each for each in made.manifests if each["kind"] == "Service")
        assert service["spec"]["selector"].items() <= template_of(made)["metadata"]["labels"].items()
        listening = {
            port["containerPort"] for each in pod_of(made).get("initContainers", []) for port in each.get("ports", [])
        }
        listening |= {port["containerPort"] for each in pod_of(made)["containers"] for port in each.get("ports", [])}
        assert {port["targetPort"] for port in service["spec"]["ports"]} == listening != set()


def test_another_spec_is_another_job_and_another_config_map():
    first, second = rendered({"salt": "a"}), rendered({"salt": "b"})
    names = [[each["metadata"]["name"] for each in one.manifests] for one in (first, second)]
    assert not set(names[0]) & set(names[1])


def test_another_request_is_another_job():
    """A Job's pods cannot be changed, so that the same name would be refused."""
    requests = [
        REQUESTS[Topology.JOB],
        replace(REQUESTS[Topology.JOB], image="example.com/other:1"),
        replace(REQUESTS[Topology.JOB], store_claim="other"),
        replace(REQUESTS[Topology.JOB], grace_seconds=5.0),
    ]
    assert len({workload(rendered(request=each))["metadata"]["name"] for each in requests}) == len(requests)


def test_a_deployment_keeps_its_name_and_selector_when_the_spec_changes():
    first, second = (workload(rendered({"salt": salt}, REQUESTS[Topology.WORKER])) for salt in "ab")
    assert first["metadata"]["name"] == second["metadata"]["name"] == "default-edges"
    assert first["spec"]["selector"] == second["spec"]["selector"]
    assert first["spec"]["template"] != second["spec"]["template"]  # it rolls on


def test_labels_are_the_recommended_ones_and_those_of_pachyderm():
    made = rendered({"pipeline": {"name": "my_edges", "project": {"name": "Vision"}}})
    labels = template_of(made)["metadata"]["labels"]
    assert labels["app.kubernetes.io/name"] == "runner"
    assert labels["app.kubernetes.io/instance"] == workload(made)["metadata"]["name"]
    assert labels["app.kubernetes.io/component"] == "job"
    assert labels["app.kubernetes.io/part-of"] == "runner-store"
    assert labels["app.kubernetes.io/managed-by"] == "runner"
    assert len(labels["app.kubernetes.io/version"]) == 12
    assert (labels["pipelineProject"], labels["pipelineName"]) == ("Vision", "my_edges")


def test_the_specs_labels_never_win_over_ours():
    said = {"app.kubernetes.io/instance": "x", "pipelineName": "y", "team": "imaging"}
    labels = template_of(rendered({"metadata": {"labels": said}}))["metadata"]["labels"]
    assert labels["team"] == "imaging"
    assert labels["pipelineName"] == "edges"
    assert labels["app.kubernetes.io/instance"] != "x"


def test_workload_and_pods_have_the_specs_labels_and_annotations():
    said = {"labels": {"kueue.x-k8s.io/queue-name": "night"}, "annotations": {"example.com/note": "on"}}
    made = rendered({"metadata": said})
    for metadata in (workload(made)["metadata"], template_of(made)["metadata"]):
        assert said["labels"].items() <= metadata["labels"].items()
        assert metadata["annotations"] == said["annotations"]


@pytest.mark.parametrize(
    "metadata",
    [
        {"labels": {"-x": "y"}},
        {"labels": {"x": "two words"}},
        {"labels": {"x": "y" * 64}},
        {"labels": {"Example.com/x": "y"}},
        {"annotations": {"a/b/c": "y"}},
        {"annotations": {"": "y"}},
    ],
)
def test_labels_that_no_cluster_takes_are_refused(metadata):
    with pytest.raises(NotAName, match=r"^metadata\."):
        rendered({"metadata": metadata})


def test_the_namespace_is_said_everywhere_or_nowhere():
    made = rendered(request=replace(REQUESTS[Topology.SIDECAR], namespace="research", has_service=True))
    assert {each["metadata"]["namespace"] for each in made.manifests} == {"research"}
    assert all("namespace" not in each["metadata"] for each in rendered().manifests)


def test_a_name_is_the_base_of_all_names():
    made = rendered(request=replace(REQUESTS[Topology.WORKER], name="vision", has_service=True))
    assert all(each["metadata"]["name"].startswith("vision") for each in made.manifests)


@pytest.mark.parametrize("said", [{"name": "9lives"}, {"name": "x" * 55}, {"namespace": "A"}, {"store_claim": "a_b"}])
def test_options_that_no_cluster_takes_are_refused(said):
    with pytest.raises(NotAName, match=r"^--"):
        rendered(request=replace(REQUESTS[Topology.JOB], **said))


def test_workers_are_as_many_as_the_spec_wants():
    for constant, replicas in ((None, 1), (0, 1), (4, 4)):
        made = rendered({"parallelismSpec": {"constant": constant}}, REQUESTS[Topology.WORKER])
        assert workload(made)["spec"]["replicas"] == replicas
    with pytest.raises(TooManyWorkers):
        rendered({"parallelismSpec": {"constant": 2**31}}, REQUESTS[Topology.WORKER])


def test_what_has_no_effect_is_said():
    said = {"parallelismSpec": {"constant": 4}, "transform": {"user": "0"}, "sidecarResourceLimits": {"cpu": 1}}
    wrapped = Request(topology=Topology.JOB)
    remarks = rendered(said, wrapped).remarks
    assert [text.split()[0] for text in remarks] == [
        "parallelismSpec.constant",
        "sidecarResourceRequests",
        "transform.user",
    ]
    assert rendered(request=wrapped).remarks == ()


def test_the_spec_in_the_config_map_is_the_effective_one_to_the_byte(tmp_path):
    """Its digest is the pipeline's, so that a pod does not make another version of it."""
    pipeline = pipeline_with({"transform": {"stdin": ["on", "\tx ", "", "é\u2028"], "env": {"A": "no"}}})
    config = render(pipeline, REQUESTS[Topology.JOB]).manifests[0]
    assert config["immutable"] is True
    file = tmp_path / "spec.yaml"
    file.write_text(config["data"]["spec.yaml"], encoding="utf-8")
    (loaded,) = load_pipelines(file, project="another")
    assert loaded.pipeline == pipeline
    assert container(pod_of(render(pipeline, REQUESTS[Topology.JOB])), "user")["command"][2] == "/etc/runner/spec.yaml"


def test_a_spec_that_no_pod_would_read_is_refused():
    long = {"transform": {"stdin": ["x" * 400_000]}}
    assert rendered(long).manifests
    with pytest.raises(SpecTooLarge):
        rendered({"transform": {"stdin": ["x\n" * 120_000]}})
