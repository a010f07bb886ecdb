"""Small blobs on their way to an object store."""

from __future__ import annotations

from threading import Event, Lock

import pytest
import trio
import trio.testing

from runner.store.blobs import Payload, Place, StorageFailed
from runner.store.blobs.memory import MemoryBlobs
from runner.store.blobs.packing import GROUP_MAX_BYTES, GROUPS_UNDER_WAY, Packing


class SlowBlobs(MemoryBlobs):
    """Answers when it is told to, and counts what is under way."""

    is_remote = True

    def __init__(self) -> None:
        super().__init__()
        self.groups: list[int] = []
        self.under_way = self.most = 0
        self.answer = Event()
        self.fails = False
        self._lock = Lock()

    def append(self, payloads):
        with self._lock:
            self.groups.append(len(payloads))
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        assert self.answer.wait(20)
        with self._lock:
            self.under_way -= 1
            if self.fails:
                raise StorageFailed("cannot use s3://blobs", hint="see whether it is within reach")
            return super().append(payloads)


def payload(number: int, size: int = 8) -> Payload:
    return Payload(b"%032d" % number, b"%0*d" % (size, number))


async def fill(nursery, append, blobs) -> None:
    """Have as many groups under way as may be."""
    for number in range(GROUPS_UNDER_WAY):
        nursery.start_soon(append, number)
        with trio.fail_after(20):
            while blobs.under_way <= number:  # noqa: ASYNC110  # it happens in threads
                await trio.sleep(0.005)


async def test_what_comes_while_groups_are_under_way_travels_together_and_each_gets_its_own_places():
    blobs = SlowBlobs()
    packing = Packing(blobs)
    places: dict[int, list[Place]] = {}

    async def append(number: int) -> None:
        places[number] = list(await packing.append([payload(number), payload(1000 + number)]))

    async with trio.open_nursery() as nursery:
        await fill(nursery, append, blobs)
        for number in range(GROUPS_UNDER_WAY, 100):
            nursery.start_soon(append, number)
        await trio.testing.wait_all_tasks_blocked()
        blobs.answer.set()
    assert blobs.most == GROUPS_UNDER_WAY
    assert blobs.groups == [2] * GROUPS_UNDER_WAY + [2 * (100 - GROUPS_UNDER_WAY)]
    for number, found in places.items():
        assert [blobs.open(place).read(0, 8) for place in found] == [b"%08d" % number, b"%08d" % (1000 + number)]


async def test_a_group_ends_with_its_bytes():
    blobs = SlowBlobs()
    blobs.answer.set()
    packing = Packing(blobs)
    async with trio.open_nursery() as nursery:
        for number in range(200):
            nursery.start_soon(packing.append, [payload(number, 128 * 1024)])
    assert max(blobs.groups) <= GROUP_MAX_BYTES // (128 * 1024)


async def test_who_is_cancelled_goes_at_once_and_the_others_of_his_group_get_their_places():
    blobs = SlowBlobs()
    packing = Packing(blobs)
    places: list[Place] = []
    ended: list[int] = []

    async def append(number: int) -> None:
        try:
            places.extend(await packing.append([payload(number)]))
        finally:
            ended.append(number)

    async with trio.open_nursery() as nursery:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as leaving:
                await fill(leaving, append, blobs)
                leaving.start_soon(append, 99)
                await trio.testing.wait_all_tasks_blocked()
                scope.cancel()
        assert sorted(ended) == [*range(GROUPS_UNDER_WAY), 99]
        nursery.start_soon(append, 50)
        blobs.answer.set()
    assert sum(blobs.groups) == GROUPS_UNDER_WAY + 1  # not of the one who still waited for a turn
    assert [blobs.open(place).read(0, 8) for place in places] == [b"00000050"]


async def test_the_rest_of_a_group_outlives_whoever_carries_it():
    blobs = SlowBlobs()
    packing = Packing(blobs)
    places: list[Place] = []
    async with trio.open_nursery() as nursery:

        async def stay() -> None:
            places.extend(await packing.append([payload(2)]))

        with trio.CancelScope() as scope:
            async with trio.open_nursery() as leaving:
                leaving.start_soon(packing.append, [payload(1)])
                nursery.start_soon(stay)
                await trio.testing.wait_all_tasks_blocked()
                scope.cancel()
        blobs.answer.set()
    assert blobs.groups == [2]
    assert [blobs.open(place).read(0, 8) for place in places] == [b"00000002"]


async def test_a_mistake_of_ours_reaches_everybody_who_waits():
    blobs = SlowBlobs()
    blobs.answer = None  # type: ignore[assignment]
    packing = Packing(blobs)

    async def append(number: int) -> None:
        with pytest.raises(AttributeError):
            await packing.append([payload(number)])

    async with trio.open_nursery() as nursery:
        for number in range(3):
            nursery.start_soon(append, number)


async def test_a_failure_is_told_to_each_of_a_group_and_the_next_is_tried():
    blobs = SlowBlobs()
    blobs.answer.set()
    blobs.fails = True
    packing = Packing(blobs)
    told: list[str] = []

    async def append(number: int) -> None:
        with pytest.raises(StorageFailed) as caught:
            await packing.append([payload(number)])
        told.append(f"{caught.value.message}: {caught.value.hint}")

    async with trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(append, number)
    assert told == ["cannot use s3://blobs: see whether it is within reach"] * 20
    blobs.fails = False
    assert len(await packing.append([payload(1)])) == 1
