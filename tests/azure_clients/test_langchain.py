"""langchain's client of Azure's built-in pools, as it is on PyPI, against ours.

Against the local pool's built-in kind, and against our container, which has Azure's routes too.
"""

from __future__ import annotations

import json
import time
import warnings
from io import BytesIO
from typing import TYPE_CHECKING

import pytest

from ..conftest import PoolOfKind, RunningPool

if TYPE_CHECKING:
    from langchain_azure_dynamic_sessions import SessionsPythonREPLTool

DRAW = """
import base64
from IPython.display import Image, display
display(Image(data=base64.b64decode("iVBORw0KGgo="), format="png"))
"""


@pytest.fixture(scope="module", params=["interpreter", "container"])
def pool(request: pytest.FixtureRequest, pool_of_kind: PoolOfKind) -> RunningPool:
    return pool_of_kind(request.param)


@pytest.fixture(scope="module")
def tool(pool: RunningPool) -> SessionsPythonREPLTool:
    """One session for the tests of this file."""
    return _tool(pool, "langchain-0001")


def _tool(pool: RunningPool, session_id: str) -> SessionsPythonREPLTool:
    with warnings.catch_warnings():
        # Since 1.0.4 it names a successor, which has the same calls.
        warnings.simplefilter("ignore", DeprecationWarning)
        # Its import takes more than a second, which only the process of these tests should spend.
        from langchain_azure_dynamic_sessions import SessionsPythonREPLTool

    return SessionsPythonREPLTool(
        pool_management_endpoint=pool.url,
        access_token_provider=lambda: pool.token,
        session_id=session_id,
    )


def test_it_runs_code_and_gets_what_its_own_end_to_end_test_expects(
    tool: SessionsPythonREPLTool,
) -> None:
    answered = json.loads(tool.invoke("print('hello world')\n1 + 1"))
    assert answered == {"result": 2, "stdout": "hello world\n", "stderr": ""}


def test_variables_stay_between_its_calls(tool: SessionsPythonREPLTool) -> None:
    tool.invoke("kept = [1, 2]")
    assert json.loads(tool.invoke("```python\nkept\n```"))["result"] == "[1, 2]"


def test_it_sees_an_error_as_a_failure(tool: SessionsPythonREPLTool) -> None:
    properties = tool.execute("1/0")
    assert properties["status"] == "Failure"
    assert "ZeroDivisionError" in properties["stderr"]


def test_it_gets_an_image_as_a_result(tool: SessionsPythonREPLTool) -> None:
    image = {"type": "image", "format": "png", "base64_data": "iVBORw0KGgo="}
    assert tool.execute(DRAW)["result"] == image
    assert json.loads(tool.invoke(DRAW))["result"] == {"type": "image", "format": "png"}


def test_it_uploads_lists_and_downloads_files(tool: SessionsPythonREPLTool) -> None:
    data = bytes(range(256)) * 100
    sent = tool.upload_file(data=BytesIO(data), remote_file_path="sent.bin")
    assert (sent.filename, sent.size_in_bytes) == ("sent.bin", len(data))
    tool.upload_file(data=BytesIO(b"a,b\n"), remote_file_path="table one.csv")
    listed = {file.filename: file.size_in_bytes for file in tool.list_files()}
    assert listed["sent.bin"] == len(data)
    assert listed["table one.csv"] == 4
    assert tool.download_file(remote_file_path="sent.bin").read() == data
    assert tool.download_file(remote_file_path="table one.csv").read() == b"a,b\n"
    assert tool.execute("open('table one.csv').read()")["result"] == "a,b\n"


@pytest.mark.usefixtures("own_data")
def test_code_that_names_azures_folder_finds_what_it_uploaded(
    tool: SessionsPythonREPLTool,
) -> None:
    tool.upload_file(data=BytesIO(b"there"), remote_file_path="absolute.txt")
    read = "import os; os.chdir('/mnt/data'); open('/mnt/data/absolute.txt').read()"
    assert tool.execute(read)["result"] == "there"


def test_it_deletes_its_session_at_a_built_in_pool(pool_of_kind: PoolOfKind) -> None:
    pool = pool_of_kind("interpreter")
    tool = _tool(pool, "langchain-0002")
    tool.upload_file(data=BytesIO(b"x"), remote_file_path="x.txt")
    tool.close()
    query = {"identifier": "langchain-0002", "api-version": "2025-10-02-preview"}
    with pool.client() as client:
        while client.get("/session", params=query).status_code == 200:
            time.sleep(0.01)
        assert client.get("/session", params=query).status_code == 400
