"""What a spec's ``resourceLimits`` mean on this machine: held by whom, for whom, and what is not held.

Memory and processors are limits of all processes together, which only a control group can hold. Where none can be
made memory is held for each process, as the size of its private data: not of its address space, of which many
runtimes reserve far more than they use. Disk is held for each file: no kernel counts what a process has written.
"""

from __future__ import annotations

import resource
from collections.abc import Mapping
from dataclasses import dataclass, field

from runner.host.cgroups import CPU, MEMORY, Cgroups
from runner.host.sections import JobSettings
from runner.model.pipeline import Pipeline
from runner.spec.quantities import NotAQuantity, parse_quantity


@dataclass(frozen=True, slots=True)
class Limits:
    """What holds the command.

    Attributes:
        each: Of each process: soft and hard limit by number of the `resource` module.
        shared: Of all processes together, by kind of control group.
        notice: One sentence about what is not held as the spec says; else empty.
        memory: What all processes share of it, as the spec writes it; empty: there is no such limit.
    """

    each: Mapping[int, tuple[int, int]]
    shared: Mapping[str, float] = field(default_factory=dict)
    notice: str = ""
    memory: str = ""


def find_limits(pipeline: Pipeline, settings: JobSettings, cgroups: Cgroups) -> Limits:
    """Decide how the limits of *pipeline* are held.

    Raises:
        NotAQuantity: (Invalid) one of them is no amount.
    """
    each = {resource.RLIMIT_CORE: settings.core_bytes}
    if settings.open_files:
        each[resource.RLIMIT_NOFILE] = settings.open_files
    said = pipeline.spec.get("resourceLimits") or {}
    shared: dict[str, float] = {}
    weak: list[str] = []
    if (memory := _bytes(said, "memory")) and _is_ours(settings, cgroups, MEMORY, memory):
        if cgroups.can_limit(MEMORY):
            shared[MEMORY] = memory
        else:
            each[resource.RLIMIT_DATA] = memory
            weak.append(f"memory {said['memory']} is held for each process, not for all together")
    if (cpus := _cpus(said)) and _is_ours(settings, cgroups, CPU, cpus):
        if cgroups.can_limit(CPU):
            shared[CPU] = cpus
        else:
            weak.append(f"cpu {cpus:g} is not held")
    if (disk := _bytes(said, "disk")) and settings.limits == "auto":
        each[resource.RLIMIT_FSIZE] = disk
        weak.append(f"disk {said['disk']} is held for each file, not for all together")
    return Limits(
        each={number: _within(number, limit) for number, limit in each.items()},
        shared=shared,
        notice=f"of resourceLimits, {'; '.join(weak)}" if weak else "",
        memory=said["memory"] if MEMORY in shared else "",
    )


def _is_ours(settings: JobSettings, cgroups: Cgroups, kind: str, limit: float) -> bool:
    """Tell whether nobody holds us to as little already, as the container of a pod does."""
    return settings.limits == "auto" and cgroups.own_limit(kind) > limit


def _bytes(said: Mapping[str, object], name: str) -> int:
    text = said.get(name)
    return int(parse_quantity(str(text), f"resourceLimits.{name}")) if text else 0


def _cpus(said: Mapping[str, object]) -> float:
    cpus = said.get("cpu") or 0.0
    if not isinstance(cpus, int | float) or cpus < 0:
        raise NotAQuantity(f"resourceLimits.cpu is {cpus}; it must be a number of processors", hint="such as 0.5")
    return float(cpus)


def _within(number: int, limit: int) -> tuple[int, int]:
    """Return soft and hard limit; what we may not have ourselves nobody below us can be given."""
    hard = resource.getrlimit(number)[1]
    limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    return limit, limit
