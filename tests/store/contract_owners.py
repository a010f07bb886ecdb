"""What every form of owners promises; two of them are two processes on one store."""

from __future__ import annotations

from runner.store.owners import Owners, owning, owning_new


class OwnersContract:
    """Tests; a form gives `owners` and `others`, on the same store."""

    async def test_a_name_has_one_owner_at_a_time(self, owners: Owners, others: Owners) -> None:
        owner = await owners.take("a")
        assert owner is not None
        assert owner.name == "a"
        assert await others.take("a") is None
        assert await owners.take("a") is None
        await owner.release()
        other = await others.take("a")
        assert other is not None
        assert await owners.take("a") is None
        await other.release()

    async def test_names_do_not_meet(self, owners: Owners, others: Owners) -> None:
        async with owning(owners, "a") as one, owning(others, "b") as other:
            assert one is not None
            assert other is not None

    async def test_all_are_told_who_is_at_work(self, owners: Owners, others: Owners) -> None:
        assert not await others.is_held("a")
        async with owning(owners, "a"):
            assert await owners.is_held("a")
            assert await others.is_held("a")
            assert await others.take("a") is None
        assert not await owners.is_held("a")
        assert not await others.is_held("a")

    async def test_who_of_many_is_at_work_is_asked_at_once(self, owners: Owners, others: Owners) -> None:
        async with owning(owners, "a"), owning(others, "c"):
            assert set(await owners.find_held(["a", "b", "c"])) == {"a", "c"}
        assert not await owners.find_held(["a", "b", "c"])
        assert not await owners.find_held([])

    async def test_letting_go_twice_takes_nothing_from_the_next_owner(self, owners: Owners, others: Owners) -> None:
        owner = await owners.take("a")
        assert owner is not None
        await owner.release()
        async with owning(others, "a") as other:
            assert other is not None
            await owner.release()
            assert await owners.is_held("a")

    async def test_an_error_lets_go(self, owners: Owners, others: Owners) -> None:
        try:
            async with owning(owners, "a"):
                raise KeyError  # noqa: TRY301
        except KeyError:
            pass
        assert not await others.is_held("a")

    async def test_new_names_are_different(self, owners: Owners, others: Owners) -> None:
        async with owning_new(owners, "merge") as one, owning_new(others, "merge") as other:
            assert one.name != other.name
            assert one.name.startswith("merge-")
