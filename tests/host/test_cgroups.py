"""Where groups are found and what is written there: a folder stands for the kernel's; with the kernel see system/."""

import os

import pytest

from runner.host.cgroups import CPU, MEMORY, CannotLimit, Cgroups

GIB = 2**30


@pytest.fixture
def proc(tmp_path):
    """Lay out /proc/self for a process in group *path* of hierarchies mounted below *tmp_path*."""

    def lay(groups: str, *mounts: tuple[str, str, str, str]):
        (tmp_path / "proc").mkdir()
        (tmp_path / "proc" / "cgroup").write_text(groups)
        lines = [
            f"31 23 0:28 {root} {tmp_path}/{point} rw shared:1 - {kind} cgroup {options}\n"
            for root, point, kind, options in mounts
        ]
        (tmp_path / "proc" / "mountinfo").write_text("".join(lines))
        return tmp_path / "proc"

    return lay


@pytest.fixture
def unified(tmp_path, proc):
    """A systemd unit to which its group was given."""
    folder = tmp_path / "fs" / "unit"
    folder.mkdir(parents=True)
    (folder / "cgroup.controllers").write_text("cpu memory pids\n")
    (folder / "cgroup.subtree_control").write_text("")
    (folder / "cgroup.procs").write_text(f"{os.getpid()}\n")
    return folder, Cgroups(proc("0::/unit\n", ("/", "fs", "cgroup2", "rw,nsdelegate")))


def test_in_a_group_of_version_2_that_is_ours_we_go_a_floor_down_and_make_groups(unified):
    folder, cgroups = unified
    assert cgroups.can_limit(MEMORY)
    assert (folder / "cgroup.subtree_control").read_text() == "+memory"
    assert (folder / "runner" / "cgroup.procs").read_text() == str(os.getpid())
    (folder / "cgroup.subtree_control").write_text("cpu memory\n")
    assert cgroups.can_limit(CPU)
    with cgroups.open({MEMORY: GIB, CPU: 0.5}) as group:
        (member,) = group.members
        made = folder / member.removeprefix(f"{folder}/").removesuffix("/cgroup.procs")
        assert (made / "memory.max").read_text() == str(GIB)
        assert (made / "memory.oom.group").read_text() == "1"
        assert (made / "cpu.max").read_text() == "50000 100000"
        (made / "memory.events").write_text("oom 3\noom_kill 2\noom_group_kill 1\n")


def test_where_others_share_the_group_they_are_left_alone(unified):
    folder, cgroups = unified
    (folder / "cgroup.procs").write_text(f"{os.getpid()}\n12345678\n")
    cgroups.can_limit(MEMORY)
    assert not (folder / "runner").exists()


def test_kills_are_counted_from_the_start_of_the_command(unified):
    folder, cgroups = unified
    (folder / "memory.events").write_text("oom_kill 5\n")
    with cgroups.open({}) as group:
        assert group.oom_kills == 0
        (folder / "memory.events").write_text("oom_kill 7\n")
        assert group.oom_kills == 2


def test_limits_that_hold_us_already_are_read(unified):
    folder, cgroups = unified
    assert cgroups.own_limit(MEMORY) == float("inf")  # the root group has no such file
    (folder / "memory.max").write_text("1073741824\n")
    (folder / "cpu.max").write_text("150000 100000\n")
    assert (cgroups.own_limit(MEMORY), cgroups.own_limit(CPU)) == (GIB, 1.5)
    (folder / "cpu.max").write_text("max 100000\n")
    assert cgroups.own_limit(CPU) == float("inf")


def test_version_1_has_a_hierarchy_for_each_kind(tmp_path, proc):
    for kind in ("memory", "cpu"):
        (tmp_path / kind / "a" / "b").mkdir(parents=True)
    cgroups = Cgroups(
        proc(
            "4:memory:/docker/a/b\n3:cpu,cpuacct:/docker/a/b\n0::/\n",
            ("/docker", "memory", "cgroup", "rw,memory"),
            ("/docker", "cpu", "cgroup", "rw,cpu,cpuacct"),
        )
    )
    with cgroups.open({MEMORY: GIB, CPU: 2.0}) as group:
        memory, cpu = (tmp_path / kind / "a" / "b" for kind in ("memory", "cpu"))
        (name,) = (path.name for path in memory.glob("runner-*"))
        assert set(group.members) == {f"{folder}/{name}/cgroup.procs" for folder in (memory, cpu)}
        assert (memory / name / "memory.limit_in_bytes").read_text() == str(GIB)
        assert (cpu / name / "cpu.cfs_quota_us").read_text() == "200000"


@pytest.mark.parametrize("groups", ["", "0::/elsewhere\n", "4:memory:/elsewhere\n"])
def test_a_machine_without_groups_has_no_limits_and_still_runs(proc, groups):
    cgroups = Cgroups(proc(groups, ("/other", "fs", "cgroup2", "rw")))
    assert not cgroups.can_limit(MEMORY)
    assert cgroups.own_limit(MEMORY) == float("inf")
    with cgroups.open({}) as group:
        assert group.members == ()


def test_a_group_that_cannot_be_made_any_more_is_said(unified):
    folder, cgroups = unified
    assert cgroups.can_limit(MEMORY)
    folder.rename(folder.with_name("gone"))
    with pytest.raises(CannotLimit, match="no control group for memory"), cgroups.open({MEMORY: GIB}):
        pass
