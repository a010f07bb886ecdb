import trio

from runner.host.watch import appearances


async def test_a_file_that_is_moved_or_made_there_is_a_hint(tmp_path):
    (tmp_path / "shared").mkdir()
    (tmp_path / "draft").write_text("x")
    async with appearances(tmp_path / "shared") as seen:
        (tmp_path / "draft").rename(tmp_path / "shared" / "exit")
        with trio.fail_after(5):
            await seen.wait()
        (tmp_path / "shared" / "started").write_text("x")
        with trio.fail_after(5):
            await seen.wait()


async def test_what_came_together_is_one_hint_and_a_change_of_a_file_is_none(tmp_path):
    async with appearances(tmp_path) as seen:
        for name in "abc":
            (tmp_path / name).write_text("x")
        await seen.wait()
        (tmp_path / "a").write_text("y")
        with trio.move_on_after(0.2) as late:
            await seen.wait()
        assert late.cancelled_caught


async def test_a_folder_that_cannot_be_watched_gives_no_hints_and_no_error(tmp_path):
    async with appearances(tmp_path / "missing") as seen:
        with trio.move_on_after(0.05) as late:
            await seen.wait()
        assert late.cancelled_caught
