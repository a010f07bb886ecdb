import json

import pytest
import yaml

from tests.cluster import schemas

FIELDS = {"transform": {"cmd": ["python3", "/app/main.py"], "image": "example.com/labs:1"}}


@pytest.fixture
def labs(spec):
    """A spec of an image that holds the runner."""
    return spec("", **FIELDS)


def test_it_prints_yaml_documents_for_kubectl(runner, labs):
    said = runner("k8s", "render", labs)
    assert said.status == 0
    documents = list(yaml.safe_load_all(said.out))
    assert [each["kind"] for each in documents] == ["ConfigMap", "Job"]
    schemas.check(documents)
    assert said.err == ""


def test_it_prints_one_list_as_json(runner, labs):
    said = runner("k8s", "render", labs, "--topology", "worker", "--service", "-o", "json")
    assert (said.document["apiVersion"], said.document["kind"]) == ("v1", "List")
    assert [each["kind"] for each in said.document["items"]] == ["ConfigMap", "Service", "Deployment"]


def test_it_is_the_same_each_time(runner, labs):
    assert runner("k8s", "render", labs).out == runner("k8s", "render", labs).out


def test_it_needs_no_store(runner, labs, tmp_path):
    runner("k8s", "render", labs)
    assert not (tmp_path / "store").exists()


def test_nothing_of_this_machine_gets_in(runner, labs, tmp_path, monkeypatch):
    monkeypatch.setenv("RUNNER_AUTH_ENABLED", "true")
    out = runner("k8s", "render", labs).out
    assert str(tmp_path) not in out
    assert "RUNNER_AUTH_ENABLED" not in out


def test_all_pipelines_of_a_file_are_rendered(runner, tmp_path, labs):
    first = json.loads((tmp_path / "lab_summary.json").read_text())
    both = tmp_path / "both.json"
    both.write_text(json.dumps([first, {**first, "pipeline": {"name": "other"}}]))
    documents = list(yaml.safe_load_all(runner("k8s", "render", str(both)).out))
    assert [each["kind"] for each in documents] == ["ConfigMap", "Job"] * 2
    said = runner("k8s", "render", str(both), "--name", "labs")
    assert said.status == 2
    assert "declares 2 pipelines" in said.err


def test_options_are_all_used(runner, labs):
    options = {
        "--image": "a:1",
        "--runner-image": "b:2",
        "--namespace": "research",
        "--name": "labs",
        "--service-account": "writer",
        "--store-claim": "data",
    }
    words = [word for option in options.items() for word in option]
    out = runner("k8s", "render", labs, "--topology", "worker", *words).out
    assert all(f": {value}\n" in out for value in options.values())
    postgresql = runner("k8s", "render", labs, "--store-secret", "pg/url", "--blobs", "s3://blobs").out
    assert "secretKeyRef" in postgresql
    assert "persistentVolumeClaim" not in postgresql


def test_the_grace_is_that_of_the_settings(runner, labs, tmp_path):
    (tmp_path / "runner.toml").write_text("[job]\ngrace_seconds = 100\n")
    assert "terminationGracePeriodSeconds: 160\n" in runner("k8s", "render", labs).out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--topology", "sidecar"], "none was named"),
        (["--topology", "pod"], "--topology"),
        (["--store-secret", "pg", "--blobs", "s3://b"], "names no key"),
        (["--store-secret", "pg/url"], "belong together"),
        (["--blobs", "s3://b"], "belong together"),
        (["--store-secret", "pg/url", "--blobs", "s3://b", "--store-claim", "x"], "two stores"),
        (["--store", "/var/lib/runner"], "a store of this machine"),
        (["--name", "Labs"], "--name is 'Labs'"),
    ],
)
def test_wrong_options_are_one_sentence_and_status_2(runner, labs, words, sentence):
    said = runner("k8s", "render", labs, *words)
    assert (said.status, said.out) == (2, "")
    assert sentence in said.err
    assert "Traceback" not in said.err


def test_a_field_that_no_cluster_takes_is_one_sentence_with_its_place(runner, spec):
    said = runner("k8s", "render", spec("", **FIELDS, resource_limits={"memory": "512MB"}))
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith("✗ resourceLimits.memory is '512MB'")


def test_what_the_reader_should_know_is_on_stderr(runner, spec):
    noted = spec("", **FIELDS, parallelism_spec={"constant": 3}, autoscaling=True)
    said = runner("k8s", "render", noted)
    assert "parallelismSpec.constant counts workers" in said.err
    assert "autoscaling" in said.err
    assert "in an image" not in said.err  # here it does run in one
    assert runner("k8s", "render", noted, "-q").err == ""
