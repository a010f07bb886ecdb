from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.store.blobs import BlobMissing, Place, StorageFailed, StoreFull
from runner.store.blobs.frames import FRAME_HEAD_BYTES, PACK_HEAD, frame_head, parse_frame_head
from runner.store.blobs.local import LocalBlobs
from tests.store.contract_blobs import HeldOpenContract, digest_of, payload_of, publish, stored
from tests.store.flaky_system import Crash, FlakySystem, crashing_at, failing, writing_shortly


class TestLocal(HeldOpenContract):
    @pytest.fixture
    def blobs(self, tmp_path):
        blobs = LocalBlobs(tmp_path)
        yield blobs
        blobs.close()


class TestLocalWithShortWrites(HeldOpenContract):
    @pytest.fixture
    def blobs(self, tmp_path):
        blobs = LocalBlobs(tmp_path, system=FlakySystem(writing_shortly(70_000)))
        yield blobs
        blobs.close()


class TestLocalWithoutNowait(HeldOpenContract):
    """As on tmpfs, which answers EOPNOTSUPP to a read that must not wait."""

    @pytest.fixture
    def blobs(self, tmp_path):
        blobs = LocalBlobs(tmp_path, system=FlakySystem(failing("preadv", errno.EOPNOTSUPP, times=1000)))
        yield blobs
        blobs.close()


def test_the_form_of_a_pack_is_golden(tmp_path):
    blobs = LocalBlobs(tmp_path)
    blobs.append([payload_of(b"hello")])
    blobs.close()
    (path,) = (tmp_path / "packs").iterdir()
    assert path.read_bytes() == (
        b"RUNRPACK\x01\x00\x00\x00\x00\x00\x00\x00"
        b"\xf5BLB\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05"
        b"\xea\x8f\x16=\xb3\x86\x82\x92^D\x91\xc5\xe5\x8dK\xb3Pn\xf8\xc1N\xb7\x8a\x86\xe9\x08\xc5bJg \x0f"
        b"hello"
    )
    assert path.stat().st_mode & 0o777 == 0o444


@given(st.binary(min_size=32, max_size=32), st.integers(0, 2**64 - 1))
def test_frame_heads_read_back(digest, size):
    assert parse_frame_head(frame_head(digest, size)) == (digest, size)


@given(st.binary(max_size=60))
def test_other_bytes_are_no_frame_head(head):
    assert parse_frame_head(head) is None or head.startswith(b"\xf5BLB\x01")


def test_a_start_begins_a_new_pack_and_so_do_64_mib(tmp_path):
    for _ in range(2):
        blobs = LocalBlobs(tmp_path, pack_max_bytes=1000)
        places = [blobs.append([payload_of(bytes([n]) * 400)])[0] for n in range(6)]
        assert len({place.pack for place in places}) == 2
        blobs.close()
    assert len(list(blobs.packs())) == 4


def test_an_idle_store_makes_no_pack(tmp_path):
    LocalBlobs(tmp_path).close()
    assert list((tmp_path / "packs").iterdir()) == []


def test_a_torn_tail_ends_a_pack_without_hiding_what_stands_before(tmp_path):
    blobs = LocalBlobs(tmp_path)
    first, second = blobs.append([payload_of(b"first"), payload_of(b"second")])
    (path,) = (tmp_path / "packs").iterdir()
    for end in range(first.offset + 5, second.offset + 6):
        os.truncate(path, end)
        assert [frame.digest for frame in blobs.frames(first.pack)] == [digest_of(b"first")]
    os.truncate(path, 3)
    assert list(blobs.frames(first.pack)) == []
    blobs.close()


def test_drafts_of_the_dead_are_cleared_and_those_of_the_living_are_not(tmp_path):
    blobs = LocalBlobs(tmp_path)
    (tmp_path / "incoming" / "dead").write_bytes(b"left")
    draft = blobs.create()
    draft.write(b"alive")
    assert len(list((tmp_path / "incoming").iterdir())) == 2
    again = LocalBlobs(tmp_path)
    assert len(list((tmp_path / "incoming").iterdir())) == 1
    place = draft.publish(digest_of(b"alive"))
    assert stored(again, place, 5) == b"alive"


def test_a_full_disk_is_told_with_its_folder_and_the_next_write_works(tmp_path):
    system = FlakySystem()
    blobs = LocalBlobs(tmp_path, system=system)
    kept = blobs.append([payload_of(b"kept")])[0]
    system.fail = failing("writev", errno.ENOSPC)
    with pytest.raises(StoreFull, match=f"the disk is full: {tmp_path}"):
        blobs.append([payload_of(b"lost")])
    later = blobs.append([payload_of(b"later")])[0]
    assert (stored(blobs, kept, 4), stored(blobs, later, 5)) == (b"kept", b"later")
    blobs.close()


@pytest.mark.parametrize("call", ["writev", "fdatasync"])
def test_what_a_full_disk_took_of_a_group_is_given_back(tmp_path, call):
    system = FlakySystem()
    blobs = LocalBlobs(tmp_path, system=system)
    blobs.append([payload_of(b"stored")])
    (pack,) = (tmp_path / "packs").iterdir()
    size = pack.stat().st_size
    system.fail = failing(call, errno.ENOSPC) if call == "fdatasync" else _half_then_full()
    with pytest.raises(StoreFull):
        blobs.append([payload_of(b"refused" * 1000)])
    assert pack.stat().st_size == size
    blobs.close()


def _half_then_full():
    """Take some bytes of the first write, and then no more."""
    taken = []

    def fail(name, _number, arguments):
        if name != "writev":
            return None
        if taken:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken.append(os.write(arguments[0], b"some"))
        return taken[0]

    return fail


def test_a_pack_that_cannot_be_begun_leaves_no_file(tmp_path):
    system = FlakySystem(failing("writev", errno.ENOSPC))
    blobs = LocalBlobs(tmp_path, system=system)
    with pytest.raises(StoreFull):
        blobs.append([payload_of(b"lost")])
    assert list(blobs.packs()) == []


def test_a_failed_sync_is_final_for_its_pack(tmp_path):
    system = FlakySystem()
    blobs = LocalBlobs(tmp_path, system=system)
    kept = blobs.append([payload_of(b"kept")])[0]
    system.fail = failing("fdatasync")
    with pytest.raises(StorageFailed):
        blobs.append([payload_of(b"lost")])
    later = blobs.append([payload_of(b"later")])[0]
    assert later.pack != kept.pack
    assert (stored(blobs, kept, 4), stored(blobs, later, 5)) == (b"kept", b"later")
    blobs.close()


@pytest.mark.parametrize("call", ["fsync", "rename", "writev"])
def test_a_draft_that_cannot_be_stored_is_not_published(tmp_path, call):
    system = FlakySystem()
    blobs = LocalBlobs(tmp_path, system=system)
    draft = blobs.create()
    system.fail = failing(call)
    with pytest.raises(StorageFailed):  # noqa: PT012  # either step may tell it
        draft.write(b"some")
        draft.publish(digest_of(b"some"))
    draft.discard()
    assert list(blobs.files()) == []
    assert list((tmp_path / "incoming").iterdir()) == []


def test_bytes_that_the_disk_refuses_are_no_damage(tmp_path):
    system = FlakySystem()
    blobs = LocalBlobs(tmp_path, system=system)
    opened = blobs.open(publish(blobs, b"some"))
    system.fail = lambda name, *_: failing("pread")(name, 0, ()) or failing("preadv")(name, 0, ())
    assert opened.read_nowait(0, 4) is None
    with pytest.raises(StorageFailed):
        opened.read(0, 4)
    opened.close()


def _write_all_kinds(blobs, told):
    """Store small and large blobs; note each in *told* once it is acknowledged."""
    for n in range(3):
        group = [bytes([n]) * (10 + k) for k in range(3)]
        for place, data in zip(blobs.append([payload_of(data) for data in group]), group, strict=True):
            told.append((place, data))
        large = [bytes([n]) * 5000, b"end"]
        told.append((publish(blobs, *large), b"".join(large)))


def test_a_crash_at_any_call_loses_nothing_acknowledged(tmp_path):
    """Every call to the system is the last one once; what was acknowledged before it is read back after."""
    probe = FlakySystem()
    blobs = LocalBlobs(tmp_path / "probe", pack_max_bytes=100, system=probe)
    _write_all_kinds(blobs, [])
    blobs.close()
    assert len(probe.calls) > 30
    for number in range(len(probe.calls)):
        folder = tmp_path / str(number)
        told: list[tuple[Place, bytes]] = []
        with suppress(Crash):
            _write_all_kinds(LocalBlobs(folder, pack_max_bytes=100, system=FlakySystem(crashing_at(number))), told)
        again = LocalBlobs(folder)
        assert [stored(again, place, len(data)) for place, data in told] == [data for _, data in told]
        again.append([payload_of(b"goes on")])
        again.close()


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=30), st.integers(1, 500))
@settings(max_examples=30, deadline=None)
def test_any_group_survives_any_short_writes(tmp_path_factory, group, share):
    blobs = LocalBlobs(tmp_path_factory.mktemp("blobs"), system=FlakySystem(writing_shortly(share)))
    places = blobs.append([payload_of(data) for data in group])
    assert [stored(blobs, place, len(data)) for place, data in zip(places, group, strict=True)] == group
    blobs.close()


_FILL = """
import sys, resource
from pathlib import Path
from blake3 import blake3
from runner.store.blobs import Payload, StoreFull
from runner.store.blobs.local import LocalBlobs
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
blobs = LocalBlobs(Path(sys.argv[1]))
payload = Payload(blake3(bytes(30_000)).digest(), bytes(30_000))
print(*blobs.append([payload])[0][:2])
try:
    blobs.append([payload])
except StoreFull as error:
    print(error)
print(*blobs.append([payload])[0][:2])
draft = blobs.create()
try:
    draft.write(bytes(60_000))
except StoreFull as error:
    print(error)
    draft.discard()
"""


def test_a_real_file_size_limit_is_a_full_store_and_writing_goes_on(tmp_path):
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    told = subprocess.run(
        [sys.executable, "-c", _FILL, tmp_path], check=True, capture_output=True, text=True, timeout=60
    ).stdout.splitlines()
    assert [line.startswith("the disk is full") for line in told] == [False, True, False, True]
    blobs = LocalBlobs(tmp_path)
    for line in (told[0], told[2]):
        pack, offset = map(int, line.split())
        assert stored(blobs, Place(pack, offset), 30_000) == bytes(30_000)
    assert list((tmp_path / "incoming").iterdir()) == []
    assert len({line.split()[0] for line in (told[0], told[2])}) == 2


def test_a_pack_is_locked_while_it_is_written(tmp_path):
    blobs = LocalBlobs(tmp_path)
    blobs.append([payload_of(b"x")])
    (path,) = (tmp_path / "packs").iterdir()
    probe = f"import fcntl; fcntl.flock(open({str(path)!r}), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    locked = subprocess.run([sys.executable, "-c", probe], check=False, capture_output=True, timeout=60)
    assert b"BlockingIOError" in locked.stderr
    blobs.close()
    subprocess.run([sys.executable, "-c", probe], check=True, timeout=60)


def test_frames_begin_after_the_head_of_the_pack(tmp_path):
    blobs = LocalBlobs(tmp_path)
    assert blobs.append([payload_of(b"x")])[0].offset == len(PACK_HEAD) + FRAME_HEAD_BYTES
    blobs.close()


def test_descriptors_do_not_pile_up(tmp_path):
    def count() -> int:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())

    blobs = LocalBlobs(tmp_path, pack_max_bytes=10)
    place = publish(blobs, b"x")
    before = count()
    for n in range(20):
        stored(blobs, blobs.append([payload_of(bytes([n]))])[0], 1)
        publish(blobs, b"y")
        blobs.create().discard()
        stored(blobs, place, 1)
        with pytest.raises(BlobMissing):
            blobs.open(Place(pack=1))
        list(blobs.frames(next(blobs.packs())[0]))
    assert count() <= before + 1
    blobs.close()
