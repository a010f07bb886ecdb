from decimal import Decimal

import pytest

from runner.cluster.quantities import ResourcesConflict
from runner.cluster.request import Topology
from runner.spec.quantities import NotAQuantity, parse_quantity
from tests.cluster.pipelines import REQUESTS, container, pod_of, rendered


def _resources(changes, topology=Topology.JOB, name="user"):
    return container(pod_of(rendered(changes, REQUESTS[topology])), name).get("resources")


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1", 1),
        ("1.5Gi", 1.5 * 2**30),
        ("100m", Decimal("0.1")),
        ("2G", 2 * 10**9),
        ("1e3", 1000),
        ("1E3", 1000),
        ("1E", 10**18),
        (".5k", 500),
        ("1e-2", Decimal("0.01")),
    ],
)
def test_quantities_mean_what_they_mean_in_kubernetes(text, amount):
    assert parse_quantity(text, "memory") == amount


@pytest.mark.parametrize("text", ["512MB", "1 Gi", "0", "-1Gi", "1KI", "lots", "1e", "Gi", ".", "1.5.2", "1_000", ""])
def test_what_is_no_amount_is_refused_with_its_place(text):
    with pytest.raises(NotAQuantity, match=r"^resourceLimits\.memory is "):
        parse_quantity(text, "resourceLimits.memory")


def test_requests_and_limits_are_those_of_the_spec():
    said = {
        "resourceRequests": {"cpu": 0.25, "memory": "1Gi", "disk": "5G"},
        "resourceLimits": {"cpu": 2, "memory": "2Gi"},
    }
    assert _resources(said) == {
        "requests": {"cpu": "250m", "ephemeral-storage": "5G", "memory": "1Gi"},
        "limits": {"cpu": "2000m", "memory": "2Gi"},
    }
    assert _resources({}) is None


def test_accelerators_are_asked_for_and_allowed_in_one_number():
    both = {"limits": {"nvidia.com/gpu": "2"}, "requests": {"nvidia.com/gpu": "2"}}
    assert _resources({"resourceRequests": {"gpu": {"number": 2}}}) == both
    assert _resources({"resourceLimits": {"gpu": {"type": "nvidia.com/gpu", "number": 2}}}) == both
    with pytest.raises(ResourcesConflict, match=r"asks for 1 of nvidia\.com/gpu"):
        _resources({"resourceRequests": {"gpu": {"number": 1}}, "resourceLimits": {"gpu": {"number": 2}}})


def test_more_is_not_asked_for_than_is_allowed():
    with pytest.raises(ResourcesConflict, match="asks for 2Gi of memory"):
        _resources({"resourceRequests": {"memory": "2Gi"}, "resourceLimits": {"memory": "2000M"}})


@pytest.mark.parametrize(
    "said", [{"cpu": -1}, {"cpu": 1e9}, {"gpu": {"number": -1}}, {"gpu": {"type": "gpu", "number": 1}}, {"disk": "5GB"}]
)
def test_amounts_that_cannot_be_are_refused(said):
    with pytest.raises(NotAQuantity, match=r"^resourceLimits\."):
        _resources({"resourceLimits": said})


def test_the_smallest_part_of_a_processor_is_not_nothing():
    assert _resources({"resourceRequests": {"cpu": 0.0001}})["requests"]["cpu"] == "1m"
    assert _resources({"resourceRequests": {"cpu": 0.29}})["requests"]["cpu"] == "290m"


def test_the_sidecar_has_resources_of_its_own():
    said = {"sidecarResourceRequests": {"memory": "1Gi"}, "resourceRequests": {"memory": "8Gi"}}
    assert _resources(said, Topology.SIDECAR, "runner") == {"requests": {"memory": "1Gi"}}
    assert _resources(said, Topology.SIDECAR, "user") == {"requests": {"memory": "8Gi"}}
    assert _resources(said, Topology.JOB, "user") == {"requests": {"memory": "8Gi"}}
