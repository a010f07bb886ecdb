"""What every form of hints promises; two of them are two processes on one store."""

from __future__ import annotations

import pytest
import trio

from runner.store.hints import Hints, News

SILENCE_SECONDS = 0.1


async def hears(news: News, seconds: float = 5) -> bool:
    """Tell whether a hint comes."""
    with trio.move_on_after(seconds) as late:
        await news.wait()
    return not late.cancelled_caught


class HintsContract:
    """Tests; a form gives `hints` and `others`, on the same store."""

    async def test_everybody_who_listens_hears(self, hints: Hints, others: Hints) -> None:
        async with hints.listen() as one, hints.listen() as two, others.listen() as three:
            others.tell()
            for news in (one, two, three):
                assert await hears(news)
                assert not await hears(news, SILENCE_SECONDS)

    async def test_what_came_before_the_wait_is_heard(self, hints: Hints, others: Hints) -> None:
        async with hints.listen() as news, others.listen() as witness:
            others.tell()
            assert await hears(witness)
            assert await hears(news)

    async def test_nobody_hears_what_was_told_before_he_listened(self, hints: Hints, others: Hints) -> None:
        async with others.listen() as witness:
            hints.tell()
            assert await hears(witness)
        async with others.listen() as news:
            assert not await hears(news, SILENCE_SECONDS)

    async def test_new_lines_are_told_to_who_follows_a_log(self, hints: Hints, others: Hints) -> None:
        async with others.listen() as news, others.listen(lines=True) as following:
            hints.tell(lines=True)
            assert await hears(following)
            assert not await hears(news, SILENCE_SECONDS)
            hints.tell()
            assert await hears(following)
            assert await hears(news)

    @pytest.mark.parametrize("count", [2, 3000])
    async def test_many_hints_hold_nobody_up(self, hints: Hints, others: Hints, count: int) -> None:
        async with others.listen() as news, others.listen() as deaf:
            began = trio.current_time()
            for _ in range(count):
                hints.tell()
            assert trio.current_time() - began < 2
            assert await hears(news)
            assert await hears(deaf)
