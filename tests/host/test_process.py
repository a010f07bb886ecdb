import os
import resource
import shutil
import signal
import socket
import sys
import time
from pathlib import Path

import pytest
import trio

from runner.host.child import CannotLaunch, CouldNotStart
from runner.host.lines import CUT
from runner.host.process import Command, User, run_process
from runner.host.redact import Redactor
from runner.host.signals import Stop

ENVIRONMENT = {"PATH": os.environ["PATH"], "LC_ALL": "C"}


@pytest.fixture
def run(heard, isolation):
    async def run(*argv, stdin=None, stop=None, grace_seconds=5.0, on_lines=heard, redactor=None, **more):
        command = Command(argv, ENVIRONMENT | more.pop("environment", {}), stdin, isolation=isolation, **more)
        return await run_process(
            command, on_lines, redactor=redactor or Redactor(), grace_seconds=grace_seconds, stop=stop
        )

    return run


def alive(mark: str) -> list[str]:
    """Return the processes whose command line holds *mark*."""
    found = []
    for folder in Path("/proc").glob("[1-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if mark in line:
            found.append(line)
    return found


@pytest.fixture
def mark() -> str:
    """A number of seconds to sleep that no other process sleeps."""
    return f"8{time.time_ns() % 10**9}"


async def test_status_and_both_streams_come_back(run, heard):
    ended = await run("sh", "-c", "echo out; echo err >&2; exit 7")
    assert (ended.exit.status, ended.exit.signal) == (7, None)
    assert (heard.stdout, heard.stderr) == (["out"], ["err"])


async def test_usage_is_that_of_the_command(run):
    ended = await run(sys.executable, "-c", "x = bytearray(64 << 20); sum(range(2_000_000))")
    assert ended.exit.usage.max_rss_bytes > 64 << 20
    assert ended.exit.usage.user_seconds > 0


async def test_usage_covers_the_children_that_it_waited_for(run):
    burn = f"{sys.executable} -c 'import time\nwhile time.process_time() < 0.3: pass'"
    grow = f"{sys.executable} -c 'bytearray(64 << 20)'"
    usage = (await run("sh", "-c", f"{burn}; {grow}; true")).exit.usage
    assert usage.user_seconds + usage.system_seconds > 0.3
    assert usage.max_rss_bytes > 64 << 20


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
async def test_death_of_a_signal_is_told_as_that_signal(run, number):
    ended = await run("sh", "-c", f"ulimit -c 0; kill -{int(number)} $$")
    assert (ended.exit.status, ended.exit.signal) == (None, number)


async def test_a_status_above_128_is_a_status(run):
    assert (await run("sh", "-c", "exit 137")).exit.status == 137


async def test_stdin_is_fed_whole(run, heard):
    await run("wc", "-c", stdin=b"x" * 300_000)
    assert heard.stdout == ["300000"]


async def test_a_command_need_not_read_its_stdin(run):
    assert (await run("true", stdin=b"x" * 3_000_000)).exit.status == 0


async def test_a_slow_reader_of_much_stdin_deadlocks_nothing(run, heard):
    """It writes as much as it reads, so that both pipes are full at times."""
    total = 0

    async def count(stream, lines):
        nonlocal total
        total += sum(len(line) + 1 for line in lines)

    with trio.fail_after(60):
        ended = await run("cat", stdin=b"0123456789abcde\n" * (1 << 21), on_lines=count)
    assert (ended.exit.status, total) == (0, 32 << 20)


@pytest.mark.parametrize("script", ["head -c 5 > /dev/null", "exec <&-; sleep 0.1", "sleep {mark} <&0 & true"])
async def test_one_that_reads_some_of_it_and_ends_well_has_succeeded(run, mark, script):
    with trio.fail_after(20):
        ended = await run("sh", "-c", script.format(mark=mark), stdin=b"x\n" * 2_000_000)
    assert ended.exit.status == 0


async def test_without_stdin_it_is_empty(run, heard):
    await run("sh", "-c", "wc -c; readlink /proc/self/fd/0")
    assert heard.stdout == ["0", "/dev/null"]


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (("no-such-program",), "no-such-program: not found on PATH"),
        (("/no/such/program",), "/no/such/program: No such file or directory"),
        (("/etc/passwd",), "/etc/passwd: not executable"),
        (("{folder}/orphan",), "{folder}/orphan: its interpreter does not exist"),
        (("{folder}/text",), "{folder}/text: not a program of this machine"),
        (("{folder}/busy",), "{folder}/busy: somebody has it open for writing"),
        (("{folder}",), "{folder}: not executable"),
        (("{folder}/text/x",), "{folder}/text/x: Not a directory"),
        (("true", "x" * 200_000), "Argument list too long"),
        (("true", "a\0b"), "embedded null byte"),
    ],
)
async def test_what_cannot_start_says_why(run, tmp_path, argv, sentence):
    for name, content in (("orphan", "#!/no/interpreter\n"), ("text", "just text\n")):
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o755)
    shutil.copy("/bin/sh", tmp_path / "busy")
    with (tmp_path / "busy").open("ab"), pytest.raises(CouldNotStart) as caught:
        await run(*(part.format(folder=tmp_path) for part in argv))
    assert caught.value.message.endswith(sentence.format(folder=tmp_path))
    assert "\n" not in f"{caught.value.message} {caught.value.hint}"


async def test_status_127_of_a_shell_is_not_a_failed_start(run):
    assert (await run("sh", "-c", "no-such-program")).exit.status == 127


async def test_a_missing_working_dir_is_a_failed_start(run):
    with pytest.raises(CouldNotStart, match="working_dir /no/such: No such file"):
        await run("true", working_dir="/no/such")


async def test_another_user_has_his_groups_and_no_others(run, heard, isolation):
    """A number needs no entry in the password file. Who is not root is told."""
    command = ("sh", "-c", "id -u; id -g; id -G")
    if os.geteuid() == 0:
        await run(*command, user=User(54321, 54322, (54322, 54323)))
        assert heard.stdout == ["54321", "54322", "54322 54323"]
    else:
        with pytest.raises(CouldNotStart, match="could not change the user"):
            await run(*command, user=User(54321, 54322, (54322,)))


async def test_path_of_the_command_finds_the_command(run, heard, tmp_path):
    (tmp_path / "tool").write_text("#!/bin/sh\necho found\n")
    (tmp_path / "tool").chmod(0o755)
    await run("tool", environment={"PATH": f"/no/such:{tmp_path}:/usr/bin:/bin"})
    assert heard.stdout == ["found"]


async def test_environment_is_exactly_what_was_given(run, heard):
    await run("env")
    assert sorted(heard.stdout) == sorted(f"{name}={value}" for name, value in ENVIRONMENT.items())


async def test_ordinary_signal_behaviour_is_restored(run, heard):
    await run("grep", "Sig[IB]", "/proc/self/status")
    masks = dict(line.replace("\t", "").split(":") for line in heard.stdout)
    ours = ~(
        1 << 31 | 1 << 32
    )  # 32 and 33 are glibc's: its posix_spawn may leave them ignored, and nobody can set them
    assert int(masks["SigIgn"], 16) & ours == int(masks["SigBlk"], 16) & ours == 0


async def test_the_command_inherits_three_descriptors_and_no_more(run, heard):
    await run("sh", "-c", "for n in 0 1 2 3 4 5 6 7 8 9 10 11 12; do [ -e /proc/$$/fd/$n ] && echo $n; done")
    assert heard.stdout == ["0", "1", "2"]


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_no_descriptor_stays_open(run):
    await run("true")
    before = descriptors()
    for _ in range(3):
        await run("true", stdin=b"x")
        with pytest.raises(CouldNotStart):
            await run("no-such-program")
    assert descriptors() == before


async def test_without_descriptors_it_is_said_and_none_is_lost(run):
    await run("true")
    before, usual = descriptors(), resource.getrlimit(resource.RLIMIT_NOFILE)
    for spare in range(1, 9):  # runs out of them at another step each time
        resource.setrlimit(resource.RLIMIT_NOFILE, (before + spare, usual[1]))
        try:
            with pytest.raises(CannotLaunch, match="no command can be started now: Too many open files"):
                await run("true", stdin=b"x")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, usual)
    assert descriptors() == before


async def test_a_grandchild_that_holds_the_pipe_delays_nothing(run, heard, mark):
    """`trio.run_process` waits for it: the end of the pipe, not of the command, would be the end of the run."""
    with trio.fail_after(10):
        ended = await run("sh", "-c", f"sleep {mark} & echo done")
    assert ended.exit.status == 0
    assert len(ended.leftovers) == 1
    assert heard.stdout == ["done"]
    assert alive(f"sleep {mark}") == []


async def test_a_stranger_that_holds_the_pipe_delays_nothing_and_costs_no_line(run, heard, tmp_path):
    """Nothing of the command is left then, so all that it wrote lies in the pipe."""
    give_away = """
import socket, sys
with socket.socket(socket.AF_UNIX) as stranger:
    stranger.connect(sys.argv[1])
    socket.send_fds(stranger, [b"x"], [1])
print("x" * 10_000)
"""
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.bind(str(tmp_path / "s"))
        stranger.listen()
        with trio.fail_after(10):
            await run(sys.executable, "-c", give_away, str(tmp_path / "s"))
        connection, _ = stranger.accept()
        _, (held,), _, _ = socket.recv_fds(connection, 1, 1)
        connection.close()
        os.close(held)
    assert heard.stdout == ["x" * 10_000]


async def test_no_line_is_lost_to_a_listener_that_is_slower_than_the_end(run, heard):
    async def hear_slowly(stream, lines):
        await trio.sleep(0.6)
        await heard(stream, lines)

    await run("seq", "100000", "108000", on_lines=hear_slowly)
    assert heard.stdout == [str(number) for number in range(100_000, 108_001)]


async def test_a_daemon_in_a_session_of_its_own_is_found_and_killed(run, mark):
    await run("sh", "-c", f"(setsid setsid sleep {mark} > /dev/null 2>&1 &)")
    assert alive(f"sleep {mark}") == []


async def test_asked_to_stop_it_gets_sigterm_and_may_finish(run, heard):
    stop = Stop()

    async def ask_when_ready(stream, lines):
        await heard(stream, lines)
        if lines == ["ready"]:
            stop.ask("test")

    script = "trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.05; done"
    ended = await run("sh", "-c", script, stop=stop, on_lines=ask_when_ready)
    assert ended.exit.status == 5
    assert heard.stdout == ["ready", "bye"]


async def test_a_stopped_one_hears_sigterm(run, heard):
    stop = Stop()

    async def ask_when_ready(stream, lines):
        await heard(stream, lines)
        if lines == ["ready"]:
            stop.ask("test")

    with trio.fail_after(20):
        ended = await run(
            "sh", "-c", "trap 'exit 5' TERM; echo ready; kill -STOP $$; exit 6", stop=stop, on_lines=ask_when_ready
        )
    assert ended.exit.status in (5, 6)  # asked before or after it stopped


@pytest.mark.parametrize("again", [False, True])
async def test_one_that_ignores_sigterm_is_killed_after_the_grace_or_when_asked_again(run, mark, again):
    stop = Stop()

    async def ask_when_ready(stream, lines):
        if lines == ["ready"]:
            stop.ask("test")
            if again:
                stop.ask("test")

    script = f"trap '' TERM; echo ready; sleep {mark}; sleep {mark}"
    with trio.fail_after(20):
        ended = await run("sh", "-c", script, stop=stop, on_lines=ask_when_ready, grace_seconds=3600 if again else 0.2)
    assert ended.exit.signal == signal.SIGKILL
    assert alive(f"sleep {mark}") == []


async def test_nobody_survives_who_forked_twice_left_the_session_and_is_deaf(run, mark):
    stop = Stop()

    async def ask_when_ready(stream, lines):
        if lines == ["ready"]:
            stop.ask("test")

    deaf = f'trap "" TERM HUP; sleep {mark}; sleep {mark}'
    script = (
        f"trap '' TERM; (setsid sh -c '{deaf}' &); (sh -c '{deaf}' &); sh -c '{deaf}' & sleep 0.3; echo ready; wait"
    )
    with trio.fail_after(20):
        await run("sh", "-c", script, stop=stop, on_lines=ask_when_ready, grace_seconds=0.2)
    assert alive(mark) == []


async def test_cancelled_it_is_gone_before_the_cancellation_returns(run, mark):
    ready = trio.Event()

    async def note(stream, lines):
        ready.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(
            lambda: run("sh", "-c", f"sleep {mark} & echo ready; sleep {mark}", on_lines=note, grace_seconds=0.2)
        )
        await ready.wait()
        nursery.cancel_scope.cancel()
    assert alive(f"sleep {mark}") == []


async def test_a_line_of_100_mb_comes_in_marked_pieces(run):
    sizes = []

    async def measure(stream, lines):
        sizes.extend(len(line) for line in lines)

    await run("head", "-c", "100000000", "/dev/zero", on_lines=measure)
    assert max(sizes) < 4 * 70_000  # a NUL is written as \x00 by whoever shows it, not here
    assert sum(sizes) - (len(sizes) - 1) * len(CUT) == 100_000_000


async def test_binary_output_does_no_harm(run, heard):
    await run("sh", "-c", r"printf '\377\000a\nb\n'")
    assert heard.stdout == ["\\xff\0a", "b"]


async def test_a_secret_never_arrives(run, heard):
    await run("sh", "-c", "echo the key is hunter2hunter2, yes", redactor=Redactor(["hunter2hunter2"]))
    assert heard.stdout == ["the key is ***, yes"]


async def test_sigkill_of_the_runner_leaves_no_process(tmp_path, mark, isolation):
    """Neither the command nor its background child may go on without anybody who would commit their work."""
    program = f"""
import os, trio
from runner.host.process import Command, Isolation, run_process
from runner.host.redact import Redactor
async def lines(stream, lines):
    print(lines[0], flush=True)
command = Command(("sh", "-c", "sleep {mark} & (setsid sleep {mark} &); sleep 0.1; echo ready; sleep {mark}; :"),
                  dict(os.environ), isolation={isolation!r})
trio.run(lambda: run_process(command, lines, redactor=Redactor(), grace_seconds=9))
"""
    process = await trio.lowlevel.open_process([sys.executable, "-c", program], stdout=-1)
    assert b"ready" in await process.stdout.receive_some()
    assert len(alive(f"sleep {mark}")) >= 3
    process.send_signal(signal.SIGKILL)
    await process.wait()
    with trio.fail_after(10):
        while alive(f"sleep {mark}"):  # noqa: ASYNC110  # nobody tells us when a stranger's child has ended
            await trio.sleep(0.02)
    await process.stdout.aclose()


async def test_short_of_memory_the_command_is_killed_before_the_runner(run, heard):
    await run("sh", "-c", f"cat /proc/self/oom_score_adj; echo {our_oom_score()}")
    theirs, ours = map(int, heard.stdout)
    assert theirs == min(ours + 200, 1000)


def our_oom_score() -> str:
    return Path("/proc/self/oom_score_adj").read_text().strip()


async def test_limits_hold(run, heard):
    await run(
        "sh", "-c", "ulimit -n; ulimit -c", limits={resource.RLIMIT_NOFILE: (77, 77), resource.RLIMIT_CORE: (0, 0)}
    )
    assert heard.stdout == ["77", "0"]
