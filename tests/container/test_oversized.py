"""A message too large to travel is named where it was, and the session goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from azure_session_kernel.wire import Oversized

from .adapter_process import Kernel, execute_request, is_over, running_adapter

LIMIT = 20_000
#: Python imports it before anything else; so no message of a test needs hundreds of megabytes.
SMALL_LIMIT = f"""
from azure_session_kernel.container.log.message_log import MessageLog
MessageLog.__init__.__kwdefaults__["line_bytes"] = {LIMIT}
"""


@pytest.fixture(scope="module")
def kernel(
    isolated_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kernel]:
    path: Path = tmp_path_factory.mktemp("small-limit")
    (path / "sitecustomize.py").write_text(SMALL_LIMIT)
    with running_adapter(env={"PYTHONPATH": str(path)}) as adapter:
        kernel = Kernel(adapter)
        kernel.hello()
        yield kernel


@pytest.fixture(scope="module")
def unlimited(isolated_environment: dict[str, str]) -> Iterator[Kernel]:
    with running_adapter() as adapter:
        kernel = Kernel(adapter)
        kernel.hello()
        yield kernel


DISPLAY = "from IPython.display import HTML, display; display(HTML('x' * 50_000))"
RESULT = "class Long:\n    def __repr__(self): return 'x' * 50_000\nLong()"
PAYLOAD = "get_ipython().set_next_input('x' * 50_000)"


def run(kernel: Kernel, code: str, **content: Any) -> list[Oversized]:
    """What of a cell was too large."""
    request = execute_request(code, **content)
    kernel.send(request)
    lines = kernel.read_until(is_over(request))
    found = [line for line in lines if isinstance(line, Oversized)]
    for line in found:
        assert line.parent_header["msg_id"] == request.msg_id
        assert line.size_bytes > 50_000
        assert line.limit_bytes == LIMIT
    return found


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (DISPLAY, [("iopub", "display_data")]),
        (RESULT, [("iopub", "execute_result")]),
        (PAYLOAD, [("shell", "execute_reply")]),
        ("raise ValueError('x' * 50_000)", [("iopub", "error"), ("shell", "execute_reply")]),
    ],
)
def test_a_message_too_large_is_named_and_the_next_cell_works(
    kernel: Kernel, code: str, expected: list[tuple[str, str]]
) -> None:
    kernel.run("kept = 17")
    found = [(line.channel, line.msg_type) for line in run(kernel, code)]
    assert sorted(found) == expected
    assert kernel.run("print(kept)") == "17\n"


BOMB = "display({'application/json': [{}] * 3_000_000}, raw=True)"
BOMB_BESIDE = "display({'text/plain': ''}, metadata={'x': [{}] * 3_000_000}, raw=True)"
DEEP = (
    "import sys; sys.setrecursionlimit(5000); shown = 1\n"
    "for _ in range(970): shown = [shown]\n"
    "display({'application/json': shown}, raw=True); sys.setrecursionlimit(1000)"
)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (BOMB, "it would take more than 256 MB of memory"),
        (BOMB_BESIDE, "it would take more than 256 MB of memory"),
        (DEEP, "it is nested too deeply"),
    ],
    ids=["bomb", "metadata", "deep"],
)
def test_what_is_beyond_a_kernel_is_named_without_being_decoded(
    unlimited: Kernel, code: str, reason: str
) -> None:
    request = execute_request(f"print('before')\n{code}\nprint('after')")
    unlimited.send(request)
    lines = unlimited.read_until(is_over(request))
    (missing,) = (line for line in lines if isinstance(line, Oversized))
    assert missing.parent_header["msg_id"] == request.msg_id
    assert (missing.channel, missing.msg_type) == ("iopub", "display_data")
    assert missing.reason == reason
    assert unlimited.run("print('next')") == "next\n"


def test_values_of_expressions_may_be_too_large(kernel: Kernel) -> None:
    (missing,) = run(kernel, "1", user_expressions={"a": "'x' * 50_000"})
    assert missing.msg_type == "execute_reply"


def test_text_is_never_too_large(kernel: Kernel) -> None:
    assert kernel.run("print('\u00e9\\x00' * 50_000)") == "\u00e9\x00" * 50_000 + "\n"
