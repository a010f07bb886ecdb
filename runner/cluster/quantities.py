"""What a container needs and may use, from a spec's numbers and quantities to Kubernetes'.

Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

from __future__ import annotations

import math
from typing import Any

from runner.cluster.names import check_key
from runner.model.errors import Invalid
from runner.spec.quantities import NotAQuantity, parse_quantity
from runner.spec.schema import Limits, Resources

_MOST_CPUS = 1_000_000
_DEFAULT_GPU = "nvidia.com/gpu"


class ResourcesConflict(Invalid):
    """More is asked for than is allowed."""


def resources_of(
    requests: Resources | None, limits: Limits | Resources | None, places: tuple[str, str]
) -> dict[str, dict[str, str]]:
    """Return the ``resources`` of a container; empty when the spec asks for none.

    Accelerators are both asked for and allowed in the same number, as Kubernetes wants it.

    Args:
        requests: What it needs.
        limits: What it may use.
        places: What the spec calls them.

    Raises:
        NotAQuantity, ResourcesConflict, NotAName: (Invalid)
    """
    wanted, allowed = _amounts(requests, places[0]), _amounts(limits, places[1])
    for name in (wanted.keys() | allowed.keys()) - {"cpu", "memory", "ephemeral-storage"}:
        one = allowed.setdefault(name, wanted.get(name, ""))
        if wanted.setdefault(name, one) != one:
            raise ResourcesConflict(
                f"{places[0]} asks for {wanted[name]} of {name} and {places[1]} allows {one}",
                hint="accelerators are not shared: give one number",
            )
    for name in wanted.keys() & allowed.keys():
        if parse_quantity(wanted[name], places[0]) > parse_quantity(allowed[name], places[1]):
            raise ResourcesConflict(
                f"{places[0]} asks for {wanted[name]} of {name}, {places[1]} allows {allowed[name]}"
            )
    both = {"requests": dict(sorted(wanted.items())), "limits": dict(sorted(allowed.items()))}
    return {name: amounts for name, amounts in both.items() if amounts}


def _amounts(resources: Limits | Resources | None, place: str) -> dict[str, str]:
    """Return amounts by the names that Kubernetes gives resources."""
    if resources is None:
        return {}
    amounts: dict[str, str] = {}
    if resources.cpu:
        if not 0 < resources.cpu <= _MOST_CPUS:
            raise NotAQuantity(f"{place}.cpu is {resources.cpu}; it must be a number of processors", hint="such as 0.5")
        amounts["cpu"] = f"{math.ceil(round(resources.cpu * 1000, 6))}m"
    for name, text in (("memory", resources.memory), ("disk", resources.disk)):
        if text:
            parse_quantity(text, f"{place}.{name}")
            amounts["ephemeral-storage" if name == "disk" else name] = text
    amounts |= _accelerators(resources.gpu, f"{place}.gpu")
    return amounts


def _accelerators(gpu: Any, place: str) -> dict[str, str]:
    if gpu is None or not gpu.number:
        return {}
    name = gpu.type or _DEFAULT_GPU
    check_key(name, f"{place}.type")
    if gpu.number < 0:
        raise NotAQuantity(f"{place}.number is {gpu.number}; it must be above zero")
    if "/" not in name:
        raise NotAQuantity(f"{place}.type is {name!r}; it must be a resource such as {_DEFAULT_GPU}")
    return {name: str(gpu.number)}
