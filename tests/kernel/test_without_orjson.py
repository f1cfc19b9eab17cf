"""A student's install has no orjson, which jupyter_client takes where it is, as in the tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ..conftest import RunningPool
from .live_kernel import LiveKernel


@pytest.fixture
def plain_kernel(local_pool: RunningPool, tmp_path: Path) -> Iterator[LiveKernel]:
    (tmp_path / "orjson.py").write_text("raise ModuleNotFoundError('orjson')\n")
    env = {**local_pool.env, "PYTHONPATH": str(tmp_path)}
    kernel = LiveKernel(env, tmp_path / "kernel.log")
    try:
        kernel.wait_until_ready()
        yield kernel
        assert "Traceback" not in kernel.logged()
    finally:
        kernel.stop()


def test_every_kind_of_text_arrives_without_orjson(plain_kernel: LiveKernel) -> None:
    cell = plain_kernel.run("print('\U0001f40d \\u2028 \\x00 é')\n'\\ud800 half of a pair'")
    assert cell.text() == "\U0001f40d \u2028 \x00 é\n"
    assert cell.result == r"'\ud800 half of a pair'"


def test_a_number_that_json_does_not_have_arrives_without_orjson(plain_kernel: LiveKernel) -> None:
    shown = "from IPython.display import display\n"
    shown += "display({'application/json': {'n': 1}, 'text/plain': 'n'}, raw=True)\nfloat('nan')"
    cell = plain_kernel.run(shown)
    assert cell.of_type("display_data")[0]["data"]["application/json"] == {"n": 1}
    assert cell.result == "nan"
