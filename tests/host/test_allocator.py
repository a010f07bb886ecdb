import resource

from runner.host.allocator import keep_large_blocks


def faults(count):
    """Return how many page faults it takes to use and free a MiB *count* times."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(count):
        bytearray(b"x") * (1 << 20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def test_a_freed_block_is_used_again():
    assert keep_large_blocks()
    faults(5)
    assert faults(50) < 50 * 256 / 2
