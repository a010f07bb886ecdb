"""What every backend for bytes promises; a test class of a backend inherits it and gives a fixture `blobs`."""

from __future__ import annotations

import pytest
from blake3 import blake3

from runner.store.blobs import BlobDamaged, BlobMissing, Blobs, Payload, Place


def digest_of(data: bytes) -> bytes:
    return blake3(data).digest()


def payload_of(data: bytes) -> Payload:
    return Payload(digest_of(data), data)


def stored(blobs: Blobs, place: Place, size: int) -> bytes:
    opened = blobs.open(place)
    try:
        return opened.read(0, size)
    finally:
        opened.close()


def publish(blobs: Blobs, *pieces: bytes) -> Place:
    draft = blobs.create()
    for piece in pieces:
        draft.write(piece)
    return draft.publish(digest_of(b"".join(pieces)))


class BackendContract:
    def test_a_group_of_small_blobs_reads_back_each_from_its_own_place(self, blobs: Blobs):
        group = [b"", b"a", b"\xf5BLB" * 100, bytes(128 * 1024)]
        places = blobs.append([payload_of(data) for data in group])
        assert [stored(blobs, place, len(data)) for place, data in zip(places, group, strict=True)] == group
        assert len(set(places)) == len(group)

    def test_later_groups_leave_earlier_ones_as_they_are(self, blobs: Blobs):
        kept = [(blobs.append([payload_of(bytes([n]) * n)])[0], bytes([n]) * n) for n in range(1, 50)]
        for place, data in kept:
            assert stored(blobs, place, len(data)) == data

    def test_a_large_blob_reads_back_whole_and_by_range(self, blobs: Blobs):
        pieces = [bytes([n]) * 100_000 for n in range(5)]
        place = publish(blobs, *pieces)
        whole = b"".join(pieces)
        assert stored(blobs, place, len(whole)) == whole
        opened = blobs.open(place)
        assert opened.read(99_999, 2) == whole[99_999:100_001]
        assert opened.read(len(whole) - 1, 1) == whole[-1:]
        opened.close()

    def test_a_clone_holds_the_same_or_nothing_and_is_nobody_elses(self, blobs: Blobs, tmp_path):
        """Where the file system shares no bytes it says so, and the file is as it was."""
        place = publish(blobs, b"x" * 300_000)
        with (tmp_path / "clone").open("w+b") as file:
            is_clone = blobs.clone(place, file.fileno())
            assert file.read() == (b"x" * 300_000 if is_clone else b"")
            file.write(b"more")
        assert stored(blobs, place, 300_000) == b"x" * 300_000

    def test_what_can_be_read_without_waiting_is_the_same(self, blobs: Blobs):
        place = publish(blobs, b"x" * 300_000)
        opened = blobs.open(place)
        now = opened.read_nowait(10, 200_000)
        assert now is None or now == b"x" * 200_000
        opened.close()

    def test_the_same_bytes_stored_twice_have_two_places(self, blobs: Blobs):
        first, second = publish(blobs, b"same"), publish(blobs, b"same")
        blobs.delete(first)
        assert stored(blobs, second, 4) == b"same"

    def test_reading_beyond_the_end_is_damage_and_never_fewer_bytes(self, blobs: Blobs):
        place = publish(blobs, b"short")
        opened = blobs.open(place)
        with pytest.raises(BlobDamaged):
            opened.read(3, 3)
        assert opened.read_nowait(0, 5) in {None, b"short"}
        opened.close()

    def test_a_discarded_draft_leaves_nothing(self, blobs: Blobs):
        draft = blobs.create()
        draft.write(b"never")
        draft.discard()
        draft.discard()
        assert list(blobs.files()) == []

    def test_a_draft_is_not_listed_before_it_is_published(self, blobs: Blobs):
        draft = blobs.create()
        draft.write(b"some")
        assert list(blobs.files()) == []
        place = draft.publish(digest_of(b"some"))
        draft.discard()
        assert list(blobs.files()) == [(place.name, 4)]

    def test_packs_tell_their_blobs_themselves(self, blobs: Blobs):
        group = [payload_of(bytes([n]) * n) for n in range(20)]
        places = blobs.append(group)
        told = {(pack, *frame) for pack, _ in blobs.packs() for frame in blobs.frames(pack)}
        expected = {(p.pack, p.offset, len(b.data), b.digest) for p, b in zip(places, group, strict=True)}
        assert told == expected

    def test_deleting_removes_and_may_be_repeated(self, blobs: Blobs):
        small, large = blobs.append([payload_of(b"small")])[0], publish(blobs, b"large")
        blobs.delete(large)
        blobs.delete(small, large)
        blobs.delete(small)
        for place in (small, large):
            with pytest.raises(BlobMissing):
                stored(blobs, place, 5)
        assert list(blobs.files()) == []
        assert list(blobs.packs()) == []

    def test_unknown_places_are_missing_and_not_empty(self, blobs: Blobs):
        for place in (Place(pack=12345, offset=64), Place(name="00" * 32 + "-" + "0" * 16)):
            with pytest.raises(BlobMissing):
                stored(blobs, place, 1)
        with pytest.raises(BlobMissing):
            list(blobs.frames(12345))

    def test_sizes_are_told_of_what_lies_there(self, blobs: Blobs):
        place = publish(blobs, b"x" * 300_000)
        (packed,) = blobs.append([payload_of(b"y" * 10)])
        assert dict(blobs.files()) == {place.name: 300_000}
        assert dict(blobs.packs())[packed.pack] >= 10

    def test_a_pack_whose_writer_is_done_is_written_no_more(self, blobs: Blobs):
        (place,) = blobs.append([payload_of(b"y" * 10)])
        blobs.close()
        assert place.pack is not None
        assert not blobs.is_written(place.pack)
        assert not blobs.is_written(12345)


class HeldOpenContract(BackendContract):
    """Of a backend that holds open what is read."""

    def test_removal_does_not_disturb_who_is_reading(self, blobs: Blobs):
        place = publish(blobs, b"held")
        opened = blobs.open(place)
        blobs.delete(place)
        assert opened.read(0, 4) == b"held"
        opened.close()
