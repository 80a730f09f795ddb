"""Memory that processes share: the same arrays for all, and nothing is left of it."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from embedkit.cluster.shared import SharedMemory, machine_here, size_for
from embedkit.kernels.arrivals import all_arrived, arrive

ARRAYS = [((3, 2), np.int64), ((5,), np.uint8), ((2, 4), np.float32)]
linux = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="memory is shared on Linux only")


def arrays_of(memory):
    return [memory.array(*array) for array in ARRAYS]


@linux
def test_another_process_sees_what_is_written():
    memory = SharedMemory(size_for(ARRAYS))
    arrays = arrays_of(memory)
    assert all(not array.any() and array.ctypes.data % 64 == 0 for array in arrays)
    arrays[2][1, 3] = 7
    code = (
        "from tests.cluster.test_shared import *\n"
        f"memory = SharedMemory.join(SharedAddress(*{tuple(memory.address)!r}))\n"
        "arrays = arrays_of(memory)\n"
        "arrays[0][2, 1] = int(arrays[2][1, 3]) + 1\n"
    )
    code = "from embedkit.cluster.shared import SharedAddress\n" + code
    subprocess.run([sys.executable, "-c", code], check=True)
    assert arrays[0][2, 1] == 8


@linux
def test_memory_that_is_gone_or_anothers_is_out_of_reach():
    memory = SharedMemory(100)
    address = memory.address
    assert SharedMemory.join(address) is not None
    assert SharedMemory.join(address._replace(token=bytes(16))) is None
    assert SharedMemory.join(address._replace(pid=1 << 30)) is None
    with open(os.devnull) as other:
        assert SharedMemory.join(address._replace(number=other.fileno())) is None
    del memory
    assert SharedMemory.join(address) is None


def test_without_shared_memory_there_is_memory_of_ones_own(monkeypatch):
    monkeypatch.delattr(os, "memfd_create", raising=False)
    memory = SharedMemory(size_for(ARRAYS))
    assert memory.address is None
    for array in arrays_of(memory):
        array[...] = 1


def test_processes_of_a_machine_name_it_alike():
    there = subprocess.run(
        [sys.executable, "-c", "from embedkit.cluster.shared import *; print(machine_here())"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert there.strip() == machine_here().strip()


def test_what_was_written_before_a_count_is_seen_with_it():
    counters, rows = np.zeros((2, 8), np.int64), np.arange(2)
    arrive(counters, 0, 3)
    assert not all_arrived(counters, rows, 3)
    assert all_arrived(counters, rows[:1], 3)
    values = np.zeros(1000)

    def write():
        for count in range(1, 200):
            values[:] = count
            arrive(counters, 1, count)

    writer = threading.Thread(target=write)
    writer.start()
    for count in range(1, 200):
        while not all_arrived(counters, rows[1:], count):
            pass
        assert values.min() >= count - 1
    writer.join()
    assert counters[:, 0].tolist() == [3, 199]
