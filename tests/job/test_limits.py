import resource
from types import SimpleNamespace

import pytest

from runner.host.cgroups import CPU, MEMORY
from runner.job.limits import find_limits
from runner.model.pipeline import Pipeline, Transform
from runner.spec.quantities import NotAQuantity

MIB = 2**20


class Machine:
    """What a machine permits and holds already."""

    def __init__(self, *permitted: str, **own: float) -> None:
        self._permitted, self._own = permitted, own

    def can_limit(self, kind: str) -> bool:
        return kind in self._permitted

    def own_limit(self, kind: str) -> float:
        return self._own.get(kind, float("inf"))


def find(machine, limits="auto", **said):
    pipeline = Pipeline("default", "one", Transform(("true",)), None, spec={"resourceLimits": said} if said else {})
    return find_limits(pipeline, SimpleNamespace(core_bytes=0, open_files=0, limits=limits), machine)


def test_a_spec_without_limits_has_none():
    found = find(Machine(MEMORY, CPU))
    assert (found.each, found.shared, found.notice) == ({resource.RLIMIT_CORE: (0, 0)}, {}, "")


def test_groups_hold_memory_and_processors():
    found = find(Machine(MEMORY, CPU), memory="512Mi", cpu=1.5)
    assert (found.shared, found.notice, found.memory) == ({MEMORY: 512 * MIB, CPU: 1.5}, "", "512Mi")


def test_without_groups_each_process_is_held_and_one_sentence_says_so():
    found = find(Machine(), memory="512Mi", cpu=2, disk="1Gi")
    assert found.shared == {}
    assert found.each[resource.RLIMIT_DATA] == (512 * MIB, 512 * MIB)
    assert found.each[resource.RLIMIT_FSIZE] == (1024 * MIB, 1024 * MIB)
    assert found.notice == (
        "of resourceLimits, memory 512Mi is held for each process, not for all together; cpu 2 is not held; "
        "disk 1Gi is held for each file, not for all together"
    )


def test_what_the_container_holds_already_is_not_held_twice():
    found = find(Machine(memory=512 * MIB, cpu=2), memory="512Mi", cpu=2)
    assert (found.shared, found.notice) == ({}, "")
    assert resource.RLIMIT_DATA not in found.each


def test_they_can_be_turned_off():
    found = find(Machine(MEMORY, CPU), limits="off", memory="1Mi", cpu=1, disk="1Mi")
    assert (found.each, found.shared, found.notice) == ({resource.RLIMIT_CORE: (0, 0)}, {}, "")


@pytest.mark.parametrize("said", [{"memory": "much"}, {"disk": "-1"}, {"cpu": -1}])
def test_what_is_no_amount_is_refused(said):
    with pytest.raises(NotAQuantity, match=r"^resourceLimits\."):
        find(Machine(), **said)
