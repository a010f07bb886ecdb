"""What runs in the pod of each topology, as whom, and what it finds there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runner.cluster.containers import ImageMissing
from runner.cluster.names import NotAName
from runner.cluster.pods import NotBuckets
from runner.cluster.request import Request, Topology
from runner.cluster.secrets import PathRefused
from runner.cluster.security import UserNotANumber
from runner.cluster.volumes import PathTaken
from tests.cluster.pipelines import POSTGRESQL, REQUESTS, container, containers, pod_of, rendered, template_of

JOB, SIDECAR, WORKER = (REQUESTS[topology] for topology in (Topology.JOB, Topology.SIDECAR, Topology.WORKER))


def _mounts(one):
    return {mount["mountPath"]: mount["name"] for mount in one["volumeMounts"]}


def _variables(one):
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in one.get("env", ())}


def _volume(pod, name):
    (only,) = (each for each in pod["volumes"] if each["name"] == name)
    return {key: value for key, value in only.items() if key != "name"}


def test_a_job_is_the_command_s_image_with_the_runner_as_entrypoint():
    pod = pod_of(rendered(request=Request()))
    (only,) = pod["containers"]
    assert only["image"] == "example.com/edges:1"
    assert only["command"] == ["/opt/runner/bin/runner", "run", "/etc/runner/spec.yaml"]
    assert "initContainers" not in pod
    assert "args" not in only


def test_an_image_without_the_runner_gets_it_copied_in():
    pod = pod_of(rendered(request=JOB))
    (install,) = pod["initContainers"]
    assert install["image"] == "example.com/runner:1"
    assert "restartPolicy" not in install
    source, target = install["command"][-2:]
    assert source == "/opt/runner/."
    assert _mounts(install)[target] == _mounts(container(pod, "user"))["/opt/runner"]


def test_the_image_that_pachyderm_falls_back_to_has_no_runner():
    said = {"transform": {"image": None}}
    for topology in (Topology.JOB, Topology.WORKER):
        with pytest.raises(ImageMissing, match="no runner"):
            rendered(said, Request(topology=topology))
    assert container(pod_of(rendered(said, SIDECAR)), "user")["image"] == "ubuntu:20.04"
    assert container(pod_of(rendered(said, JOB)), "user")["image"] == "ubuntu:20.04"
    assert container(pod_of(rendered(said, Request(image="a:1"))), "user")["image"] == "a:1"


def test_a_sidecar_is_up_before_the_command_and_has_the_runner_s_image():
    pod = pod_of(rendered(request=SIDECAR))
    sidecar, user = container(pod, "runner"), container(pod, "user")
    assert pod["initContainers"] == [sidecar]
    assert sidecar["restartPolicy"] == "Always"
    assert sidecar["image"] == "example.com/runner:1"
    assert sidecar["command"][:2] == ["/opt/runner/bin/runner", "sidecar"]
    assert sidecar["command"][2:] == ["/etc/runner/spec.yaml", "--share", "/runner-share", "--hold"]
    assert user["command"] == ["/runner-share/run", "sh"]
    assert _mounts(sidecar)["/runner-share"] == _mounts(user)["/runner-share"]
    assert _volume(pod, "share")["emptyDir"]["medium"] == "Memory"  # a token is in it


def test_the_command_starts_when_its_variables_are_there_or_the_job_has_its_result():
    probe = container(pod_of(rendered(request=SIDECAR)), "runner")["startupProbe"]
    script = probe["exec"]["command"][-1]
    assert script == "test -e /runner-share/env || test -e /runner-share/result"
    assert probe["periodSeconds"] == 1


def test_the_two_sides_share_nothing_but_the_folder():
    pod = pod_of(rendered({"transform": {"secrets": SECRETS}}, SIDECAR))
    both = {mount["name"] for mount in container(pod, "runner")["volumeMounts"]}
    both &= {mount["name"] for mount in container(pod, "user")["volumeMounts"]}
    assert both == {"share"}


def test_the_sidecar_is_itself_whoever_the_command_is():
    """So commands of any user may share a store."""
    for user in ("185", "0", "1000:100"):
        pod = pod_of(rendered({"transform": {"user": user}}, SIDECAR))
        context = container(pod, "runner")["securityContext"]
        assert (context["runAsUser"], context["runAsGroup"], context["runAsNonRoot"]) == (10001, 10001, True)
        assert pod["securityContext"]["fsGroup"] == 10001
        assert str(pod["securityContext"]["runAsUser"]) == user.partition(":")[0]


@pytest.mark.parametrize(
    "said",
    [
        {"s3Out": None},
        {"input": {"pfs": {"s3": None}}},
        {
            "input": {
                "pfs": None,
                "cross": [{"pfs": {"repo": "a", "glob": "/", "s3": True}}, {"cron": {"name": "t", "spec": "@daily"}}],
            }
        },
    ],
)
def test_a_pod_whose_sidecar_would_never_start_is_refused(said):
    with pytest.raises(NotBuckets, match="a sidecar hands over buckets alone"):
        rendered(said, SIDECAR)
    assert rendered(said, JOB).manifests


def test_a_sidecar_without_an_image_is_refused():
    with pytest.raises(ImageMissing, match="sidecar") as error:
        rendered(request=Request(topology=Topology.SIDECAR))
    assert "--runner-image" in error.value.hint


@pytest.mark.parametrize("request_", [Request(image=" a"), Request(image="a:1", runner_image=" ")])
def test_an_image_that_cannot_be_one_is_refused(request_):
    with pytest.raises(ImageMissing, match="image of container"):
        rendered(request=request_)


def test_standard_input_reaches_a_command_that_no_runner_starts():
    made = rendered({"transform": {"stdin": ["echo $HOME", "exit 3"]}}, SIDECAR)
    assert made.manifests[0]["data"]["stdin"] == "echo $HOME\nexit 3\n"
    user = container(pod_of(made), "user")
    assert user["command"] == ["/runner-share/run", "/bin/sh", "-c", 'exec "$$@" </etc/runner/stdin', "sh", "sh"]
    assert _mounts(user)["/etc/runner/stdin"] == "spec"
    assert "stdin" not in rendered({"transform": {"stdin": ["x"]}}, JOB).manifests[0]["data"]


def test_kubernetes_expands_nothing_of_the_command():
    """It replaces ``$(NAME)`` and makes ``$$`` one: each is written twice."""
    user = container(pod_of(rendered({"transform": {"cmd": ["sh", "-c", "echo $(POD_IP) $$ $x"]}}, SIDECAR)), "user")
    assert user["command"][-1] == "echo $$(POD_IP) $$$$ $$x"


def test_the_command_starts_in_its_folder():
    said = {"transform": {"workingDir": "/work"}}
    assert container(pod_of(rendered(said, SIDECAR)), "user")["workingDir"] == "/work"
    assert "workingDir" not in container(pod_of(rendered(said, JOB)), "user")  # the runner sees to it


def test_a_worker_is_probed_on_its_admin_port():
    worker = container(pod_of(rendered(request=WORKER)), "user")
    assert worker["command"][1:] == ["worker", "/etc/runner/spec.yaml", "--admin-listen", "0.0.0.0:1680"]
    assert worker["ports"] == [{"name": "admin", "containerPort": 1680}]
    asked = {name: worker[name]["httpGet"]["path"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert asked == {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"}
    assert "lifecycle" not in worker


def test_nothing_listens_beyond_the_pod_unless_it_is_asked_for():
    for request in (JOB, SIDECAR):
        pod = pod_of(rendered(request=request))
        assert all("ports" not in each for each in containers(pod))
        assert all("0.0.0.0" not in word for each in containers(pod) for word in each["command"])


def test_other_pods_reach_a_gateway_by_an_address_and_with_a_token():
    """By a name SDKs would look for a name below it for each bucket."""
    for request, name, ports in ((JOB, "user", {"s3"}), (SIDECAR, "runner", {"s3", "admin"})):
        one = container(pod_of(rendered(request=replace(request, has_service=True))), name)
        assert {port["name"] for port in one["ports"]} == ports
        command = one["command"]
        assert command[command.index("--listen") + 1] == "0.0.0.0:1600"
        assert command[command.index("--advertise") + 1] == "http://$(POD_IP):1600"
        assert ("--admin-listen" in command) == ("admin" in ports)
        variables = _variables(one)
        assert next(iter(variables)) == "POD_IP"  # before whatever refers to it
        assert variables["RUNNER_AUTH_ENABLED"] == "true"


@pytest.mark.parametrize("topology", Topology)
def test_pods_run_as_nobody_in_particular_with_nothing_that_they_may(topology):
    pod = pod_of(rendered(request=REQUESTS[topology]))
    context = pod["securityContext"]
    assert (context["runAsNonRoot"], context["runAsUser"], context["runAsGroup"]) == (True, 10001, 10001)
    assert context["fsGroup"] == 10001
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    user = container(pod, "user")
    assert {"/tmp", "/pfs"} <= set(_mounts(user))
    assert _variables(user)["HOME"] == "/tmp"


def test_the_specs_user_is_the_pods():
    for text, uid, gid in (("185", 185, 185), ("1000:100", 1000, 100), ("0", 0, 0)):
        pod = pod_of(rendered({"transform": {"user": text}}))
        context = pod["securityContext"]
        assert (context["runAsUser"], context["runAsGroup"], context["fsGroup"]) == (uid, gid, gid)
        assert context["runAsNonRoot"] is (uid != 0)
        assert "HOME" not in _variables(container(pod, "user"))  # the image knows it


@pytest.mark.parametrize("user", ["alice", "1000:staff", "4294967296", "²"])
def test_a_user_that_is_no_number_is_refused(user):
    with pytest.raises(UserNotANumber, match=r"^transform\.user is "):
        rendered({"transform": {"user": user}})


def test_the_specs_own_home_wins():
    user = container(pod_of(rendered({"transform": {"env": {"HOME": "/work"}}}, JOB)), "user")
    assert "HOME" not in _variables(user)
    secret = {"name": "a", "key": "home", "envVar": "HOME"}
    user = container(pod_of(rendered({"transform": {"secrets": [secret]}}, SIDECAR)), "user")
    assert [each["name"] for each in user["env"]] == ["HOME"]
    assert "valueFrom" in user["env"][0]


def test_of_two_secrets_in_one_variable_the_later_is_there():
    both = [{"name": name, "key": "k", "envVar": "K"} for name in ("a", "b")]
    user = container(pod_of(rendered({"transform": {"secrets": both}}, SIDECAR)), "user")
    assert [each for each in user["env"] if each["name"] == "K"] == [
        {"name": "K", "valueFrom": {"secretKeyRef": {"name": "b", "key": "k"}}}
    ]


def test_the_embedded_store_is_a_claim_whose_pods_share_a_node():
    pod = pod_of(rendered(request=replace(JOB, store_claim="data")))
    assert _volume(pod, "store") == {"persistentVolumeClaim": {"claimName": "data"}}
    user = container(pod, "user")
    assert _variables(user)["RUNNER_STORE"] == "/var/lib/runner"
    assert _mounts(user)["/var/lib/runner"] == "store"
    (term,) = pod["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert term["topologyKey"] == "kubernetes.io/hostname"
    for topology in Topology:
        labels = template_of(rendered(request=replace(REQUESTS[topology], store_claim="data")))["metadata"]["labels"]
        assert term["labelSelector"]["matchLabels"].items() <= labels.items()


def test_the_url_of_a_postgresql_store_stays_in_its_secret():
    for topology, name in ((Topology.JOB, "user"), (Topology.SIDECAR, "runner"), (Topology.WORKER, "user")):
        pod = pod_of(rendered(request=replace(REQUESTS[topology], **POSTGRESQL)))
        variables = _variables(container(pod, name))
        assert variables["RUNNER_STORE"] == {"secretKeyRef": {"name": "store", "key": "url"}}
        assert variables["RUNNER_BLOBS"] == "s3://blobs/runner"
        assert _volume(pod, "store") == {"emptyDir": {}}
        assert "affinity" not in pod


def test_the_command_beside_a_sidecar_sees_nothing_of_the_store():
    for store in ({}, POSTGRESQL):
        user = container(pod_of(rendered(request=replace(SIDECAR, **store))), "user")
        assert not any(name.startswith("RUNNER_") for name in _variables(user))
        assert "store" not in _mounts(user).values()


SECRETS = [
    {"name": "db", "key": "password", "envVar": "PGPASSWORD"},
    {"name": "db", "key": "ca.pem", "mountPath": "/certs"},
    {"name": "tls", "mountPath": "/certs/"},
    {"name": "model", "mountPath": "/model"},
]


def test_a_wrapped_command_gets_its_secrets_from_the_runner():
    pod = pod_of(rendered({"transform": {"secrets": SECRETS}}, JOB))
    user = container(pod, "user")
    folder = _variables(user)["RUNNER_SECRETS_FOLDER"]
    assert {path for path in _mounts(user) if path.startswith(folder)} == {
        f"{folder}/{name}" for name in ("db", "tls", "model")
    }
    assert _volume(pod, _mounts(user)[f"{folder}/db"]) == {"secret": {"secretName": "db", "defaultMode": 0o440}}
    assert "PGPASSWORD" not in _variables(user)  # set by the runner, which hides the value in logs


def test_a_command_beside_gets_its_secrets_from_the_cluster():
    user = container(pod_of(rendered({"transform": {"secrets": SECRETS}}, SIDECAR)), "user")
    assert _variables(user)["PGPASSWORD"] == {"secretKeyRef": {"name": "db", "key": "password"}}
    assert {"/certs", "/model"} <= set(_mounts(user))
    assert not any(path.startswith("/var/run/secrets/runner") for path in _mounts(user))


@pytest.mark.parametrize("topology", Topology)
def test_secrets_that_share_a_folder_are_one_volume(topology):
    pod = pod_of(rendered({"transform": {"secrets": SECRETS}}, REQUESTS[topology]))
    certs = _volume(pod, _mounts(container(pod, "user"))["/certs"])
    assert certs["projected"]["sources"] == [
        {"secret": {"name": "db", "items": [{"key": "ca.pem", "path": "ca.pem"}]}},
        {"secret": {"name": "tls"}},
    ]


@pytest.mark.parametrize(
    ("secret", "error"),
    [
        ({"name": "My_Secret", "mountPath": "/a"}, NotAName),
        ({"name": "a", "key": "b c", "mountPath": "/a"}, NotAName),
        ({"name": "a", "key": "b", "envVar": "é"}, NotAName),
        ({"name": "a", "mountPath": "/a:b"}, PathRefused),
        ({"name": "a", "mountPath": "/a/../b"}, PathRefused),
        ({"name": "a", "mountPath": "/tmp"}, PathTaken),
        ({"name": "a", "mountPath": "/pfs/"}, PathTaken),
        ({"name": "a", "mountPath": "/var/lib/runner"}, PathTaken),
    ],
)
def test_secrets_that_no_pod_can_show_are_refused(secret, error):
    with pytest.raises(error):
        rendered({"transform": {"secrets": [secret]}}, JOB)


def test_pfs_may_be_memory():
    pod = pod_of(rendered({"transform": {"memoryVolume": True}}))
    assert _volume(pod, "pfs") == {"emptyDir": {"medium": "Memory"}}
    assert _volume(pod_of(rendered()), "pfs") == {"emptyDir": {}}


def test_scheduling_is_the_spec_s():
    said = {
        "schedulingSpec": {"nodeSelector": {"example.com/disk": "ssd"}, "priorityClassName": "low"},
        "tolerations": [
            {"operator": "EXISTS"},
            {"key": "gpu", "operator": "EQUAL", "value": "yes", "effect": "NO_SCHEDULE"},
            {"key": "spot", "effect": "NO_EXECUTE", "tolerationSeconds": 0},
            {"key": "any", "operator": "EMPTY", "effect": "ALL_EFFECTS"},
        ],
        "transform": {"imagePullSecrets": ["registry", "registry"]},
    }
    pod = pod_of(rendered(said, replace(WORKER, service_account="writer")))
    assert pod["nodeSelector"] == {"example.com/disk": "ssd"}
    assert pod["priorityClassName"] == "low"
    assert pod["tolerations"] == [
        {"operator": "Exists"},
        {"key": "gpu", "operator": "Equal", "value": "yes", "effect": "NoSchedule"},
        {"key": "spot", "effect": "NoExecute", "tolerationSeconds": 0},
        {"key": "any"},
    ]
    assert pod["imagePullSecrets"] == [{"name": "registry"}]
    assert pod["serviceAccountName"] == "writer"


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ({"schedulingSpec": {"nodeSelector": {"a b": "c"}}}, "schedulingSpec.nodeSelector"),
        ({"schedulingSpec": {"priorityClassName": "Low"}}, "schedulingSpec.priorityClassName"),
        ({"tolerations": [{"key": "a"}, {"key": "a b"}]}, "tolerations[1]"),
        ({"transform": {"imagePullSecrets": ["a", "B"]}}, "transform.imagePullSecrets[1]"),
    ],
)
def test_names_that_no_cluster_takes_are_refused_with_their_place(said, place):
    with pytest.raises(NotAName) as error:
        rendered(said)
    assert error.value.message.startswith(place)
