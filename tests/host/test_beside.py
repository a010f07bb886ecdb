import pytest
import trio

from runner.host.beside import beside


class Service:
    def __init__(self) -> None:
        self.runs = False

    async def __call__(self, *, task_status):
        self.runs = True
        try:
            task_status.started("ready")
            await trio.sleep_forever()
        finally:
            self.runs = False


async def test_the_service_runs_exactly_as_long_as_the_block():
    service = Service()
    async with beside(service) as ready:
        assert (ready, service.runs) == ("ready", True)
    assert not service.runs


async def test_what_the_block_raises_comes_out_as_it_is():
    service = Service()
    with pytest.raises(ZeroDivisionError):
        async with beside(service):
            raise ZeroDivisionError
    assert not service.runs


async def test_a_cancelled_block_ends_the_service():
    service = Service()
    with trio.CancelScope() as scope:
        async with beside(service):
            scope.cancel()
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert not service.runs


async def test_a_service_that_fails_ends_the_block():
    async def fail(*, task_status):
        task_status.started()
        raise ZeroDivisionError

    with pytest.RaisesGroup(ZeroDivisionError):
        async with beside(fail):
            await trio.sleep_forever()
