import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.host import digests


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("CRC32", "DUoRhQ=="),
        ("CRC32C", "yZRlqg=="),
        ("CRC64NVME", "jSnVw/bqjr4="),
        ("SHA1", "Kq5sNclPz7QV2+lfQIuc6R7oRu0="),
        ("SHA256", "uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek="),
    ],
)
def test_values_are_those_that_aws_tools_print(name, expected):
    digest = digests.new(name)
    digest.update(b"hello world")
    assert base64.b64encode(digest.digest()).decode() == expected


@given(st.sampled_from(["CRC32", "CRC32C", "CRC64NVME"]), st.lists(st.binary(max_size=200), min_size=1, max_size=5))
def test_the_crc_of_a_whole_follows_from_the_crcs_of_its_parts(name, parts):
    whole = digests.new(name)
    values = []
    for part in parts:
        whole.update(part)
        one = digests.new(name)
        one.update(part)
        values.append((one.digest(), len(part)))
    assert digests.combine_crcs(name, values) == whole.digest()
