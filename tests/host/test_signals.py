import signal
import sys

import trio

from runner.host.signals import Stop, pass_on

PROGRAM = """
import trio
from runner.host.signals import Stop, watch_signals

async def main():
    stop = Stop()
    async with trio.open_nursery() as nursery:
        await nursery.start(watch_signals, stop)
        print("ready", flush=True)
        await stop.asked.wait()
        print(stop.reason, stop.signal, flush=True)
        await stop.again.wait()
        print("again", flush=True)
        nursery.cancel_scope.cancel()
    print("over", flush=True)

trio.run(main)
input()
print("still here", flush=True)
"""


async def test_signals_are_wishes_and_afterwards_nothing():
    process = await trio.lowlevel.open_process([sys.executable, "-c", PROGRAM], stdin=-1, stdout=-1)

    heard = b""

    async def hear(text: bytes) -> None:
        nonlocal heard
        while text not in heard:
            heard += await process.stdout.receive_some()

    async with process.stdin, process.stdout:
        with trio.fail_after(20):
            await hear(b"ready")
            process.send_signal(signal.SIGTERM)
            await hear(b"stopped by SIGTERM 15")
            process.send_signal(signal.SIGINT)
            await hear(b"again\nover")
            process.send_signal(signal.SIGTERM)
            await process.stdin.send_all(b"\n")
            await hear(b"still here")
            assert await process.wait() == 0


def test_the_first_reason_stays():
    stop = Stop()
    stop.ask("one", 15)
    stop.ask("two", 2)
    assert (stop.reason, stop.signal, stop.again.is_set()) == ("one", 15, True)


async def test_wishes_are_passed_on_both_times(autojump_clock):
    source, target = Stop(), Stop()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pass_on, source, target)
        source.ask("why", 15)
        await target.asked.wait()
        assert (target.reason, target.signal, target.again.is_set()) == ("why", 15, False)
        source.ask("why", 15)
        await target.again.wait()
