from __future__ import annotations

from runner.gateway.options import GatewayOptions
from tests.gateway.caller import Caller


async def test_the_oldest_region_has_no_name(call: Caller) -> None:
    answer = await call("GET", "/in?location")
    assert (answer.status, answer.xml.tag, answer.xml.text) == (200, "LocationConstraint", None)


async def test_another_region_has_one(call: Caller) -> None:
    answer = await Caller(call.view, GatewayOptions(region="eu-1"))("GET", "/out?location")
    assert answer.xml.text == "eu-1"


async def test_a_missing_bucket_is_nowhere(call: Caller) -> None:
    assert (await call("GET", "/other?location")).code == "NoSuchBucket"
