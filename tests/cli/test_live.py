"""The panel on a socket whose messages are its writes: what each frame is made of, and what stays."""

import os
import socket
import threading
from dataclasses import replace

import pytest
import trio

from runner.cli import progress
from runner.cli.live import KEPT_LINES, PanelObserver
from runner.cli.looks import Look
from runner.cli.options import Options
from runner.cli.progress import progress_line, progress_text
from runner.cli.screen import Screen
from runner.model.job import JobState
from runner.store import open_store
from runner.store.files import Counts
from runner.store.jobs.reads import Traffic
from tests.cli.samples import JOB
from tests.cli.terminal import Terminal

LOOK = Look(is_terminal=True, columns=80, colour=True, moves=True)
RUNNING = replace(JOB, state=JobState.RUNNING, finished=None)


class Wire:
    """A stream each of whose writes arrives as one message."""

    encoding = "utf-8"

    def __init__(self):
        self._ours, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.frames = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def fileno(self):
        return self._ours.fileno()

    def flush(self):
        pass

    def _read(self):
        while frame := self._theirs.recv(1 << 20):
            self.frames.append(frame)

    def close(self):
        self._ours.close()
        self._reader.join()
        self._theirs.close()
        return self.frames


@pytest.fixture
def wire():
    stream = Wire()
    yield stream
    stream.close()


@pytest.fixture
async def store(tmp_path):
    async with open_store(tmp_path / "store") as opened:
        yield opened


def traffic():
    return {"labresults": Traffic(1102, 800_000_000, total_objects=1310), "out": Traffic(0, 0, 388, 96_000_000)}


def user(text, stream="stdout"):
    return {"user": True, "stream": stream, "message": text}


async def test_every_frame_is_one_write_and_there_are_at_most_eight_a_second(wire, store):
    observer = PanelObserver(wire, LOOK)
    async with observer.watching():
        await observer.opened(store, RUNNING, traffic, tries=3)
        began = trio.current_time()
        while trio.current_time() < began + 1:
            observer.log(user("a line"))
            await trio.sleep(0.01)
    frames = wire.close()
    assert 2 <= len(frames) <= 8 + 2  # at the start and at the end there is one more
    assert all(frame.startswith(b"\x1b[?2026h") and frame.endswith(b"\x1b[?2026l") for frame in frames)


async def test_user_lines_stay_whole_above_and_the_panel_is_gone_at_the_end(wire, store):
    observer = PanelObserver(wire, LOOK)
    long = "x" * 200
    async with observer.watching():
        await observer.opened(store, RUNNING, traffic, tries=3)
        for number in range(30):
            observer.log(user(f"line {number} {long if number % 7 == 0 else ''}", "stderr" if number % 5 else "stdout"))
            await trio.sleep(0.02)
    terminal = Terminal(80)
    for frame in wire.close():
        terminal.feed(frame)
    shown = "".join(row.ljust(80) if len(row) == 80 else row for row in terminal.lines)
    assert [f"line {number} " in shown or f"line {number}" in shown for number in range(30)] == [True] * 30
    assert shown.count("x" * 200) == 5
    assert "running" not in shown
    assert sum(row.startswith("e line") for row in terminal.lines) == 24


async def test_the_panel_shows_try_traffic_and_log_as_they_are_now(wire, store):
    observer = PanelObserver(wire, replace(LOOK, columns=100))
    async with observer.watching():
        await observer.opened(store, RUNNING, traffic, tries=3)
        observer.log({"event": "transform.started", "level": "info", "try": 2})
        observer.log(user("one"))
        await trio.sleep(0.4)
        observer.log({"event": "job.sealed", "level": "info"})
        await trio.sleep(0.4)
    frames = wire.close()
    terminal = Terminal(100)
    seen = []
    for frame in frames:
        terminal.feed(frame)
        seen.append("\n".join(terminal.lines))
    assert any("● running  lab_summary 7c1e4b0a" in shown and "1,102 of 1,310" in shown for shown in seen)
    assert any("● committing" in shown and "Ctrl-C does not stop it any more" in shown for shown in seen)
    assert terminal.lines == ["  one"]


async def test_an_error_of_the_block_is_raised_as_it_is(wire, store):
    observer = PanelObserver(wire, LOOK)
    with pytest.raises(ZeroDivisionError):
        async with observer.watching():
            raise ZeroDivisionError


async def test_a_terminal_that_stands_still_holds_up_nothing_and_is_told_what_it_missed(store):
    reads, writes = os.pipe()
    os.set_blocking(writes, True)
    with os.fdopen(writes, "w") as stream:
        observer = PanelObserver(stream, LOOK)
        for number in range(KEPT_LINES + 5):
            observer.log(user(f"line {number}"))
        above = observer._above()
    os.close(reads)
    assert above[0] == "! 5 lines are not shown here; runner job logs has them all"
    assert len(above) == KEPT_LINES + 1


def test_after_a_resize_the_old_frame_is_overwritten_whole(wire):
    from rich.text import Text

    screen = Screen(wire)
    screen.draw([Text("a" * 79), Text("b" * 79)], LOOK)
    screen.draw([Text("c")], replace(LOOK, columns=40))
    frames = wire.close()
    assert b"\x1b[3A" in frames[1]  # two lines of 79 are four rows of 40


def test_without_lines_a_screen_is_left_as_it_was(wire):
    screen = Screen(wire)
    screen.close(LOOK)
    terminal = Terminal(80)
    for frame in wire.close():
        terminal.feed(frame)
    assert terminal.lines == []


def test_progress_says_how_much_of_how_much_and_how_fast():
    text = progress_text("putting", Counts(1024, 12 << 20), Counts(5000, 96 << 20), 4.0, LOOK)
    assert text.plain == "● putting  1,024 of 5,000 objects  12.0 MiB of 96.0 MiB  3.0 MiB/s  4s"
    narrow = progress_text("putting", Counts(1024, 12 << 20), Counts(5000, 96 << 20), 4.0, replace(LOOK, columns=30))
    assert narrow.cell_len < 30


def test_where_nobody_looks_on_progress_is_silent(capsys):
    with progress_line("putting", Options()) as progress:
        progress(Counts(1, 1), Counts(2, 2))
    assert capsys.readouterr() == ("", "")


def test_where_nobody_looks_on_a_long_time_is_told_in_lines(capsys, monkeypatch):
    monkeypatch.setattr(progress, "LINES_AT_SECONDS", (0,))
    with progress.progress_of_parts(Options()) as tell:
        tell("checking", "row", Counts(1), Counts(2000))
        tell("checking", "blob", Counts(3, 1 << 20), Counts(4, 2 << 20))
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.split("  ")[:3] for line in err.splitlines()] == [
        ["● checking", "1 of 2,000 rows", "0s"],
        ["● checking", "3 of 4 blobs", "1.0 MiB of 2.0 MiB"],
    ]
