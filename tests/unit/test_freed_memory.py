"""Freed memory is kept while outputs flow, and given back."""

from __future__ import annotations

import subprocess
import sys

import pytest

_COUNTING = """
import resource
from azure_session_kernel.common import freed_memory

large = b"x" * 1_000_000

def pages():
    "That the system had to find for ten messages."
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        first = large + b"1"
        second = first + b"2"
        del first, second
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

freed_memory.keep()
pages()
kept = pages()
freed_memory.give_back()
print(kept, pages())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's")
def test_what_is_freed_is_used_again_until_it_is_given_back() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _COUNTING], capture_output=True, text=True, check=True
    )
    kept, after = map(int, done.stdout.split())
    assert kept < 100, "and not the 500 pages of each message"
    assert after > 400
