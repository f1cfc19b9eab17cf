"""Which cells are ours, and what is left for the session."""

from __future__ import annotations

import pytest

from azure_session_kernel.kernel.magics.parse import Magic, find_magic
from azure_session_kernel.wire import Message


def found(code: object, msg_type: str = "execute_request") -> Magic | None:
    return find_magic(Message("shell", {"msg_id": "1", "msg_type": msg_type}, {"code": code}))


@pytest.mark.parametrize(
    ("code", "name", "arguments"),
    [
        ("%session", "session", ""),
        ("%session  help ", "session", "help"),
        ("%upload a b --to c\n", "upload", "a b --to c"),
        ("%files\r\n", "files", ""),
        ("%download\tx", "download", "x"),
    ],
)
def test_a_first_line_is_ours(code: str, name: str, arguments: str) -> None:
    assert found(code) == Magic(name, arguments, "")


@pytest.mark.parametrize(
    "code",
    [
        "",
        "x",
        "%",
        "%timeit 1",
        "%%upload x",
        " %upload x",
        "x\n%upload x",
        "%uploads",
        "%upload?",
        7,
        None,
    ],
)
def test_anything_else_is_not(code: object) -> None:
    assert found(code) is None


def test_other_requests_are_not_looked_at() -> None:
    assert found("%files", "complete_request") is None


def test_the_rest_keeps_its_line_numbers() -> None:
    magic = found("%upload x\nprint(1)\n\nprint(2)")
    assert magic is not None
    assert magic.rest == "# %upload x\nprint(1)\n\nprint(2)"


@pytest.mark.parametrize("rest", ["", "\n", "\n# a comment\n  \n"])
def test_blank_lines_and_comments_are_no_rest(rest: str) -> None:
    magic = found(f"%upload x{rest}")
    assert magic is not None
    assert magic.rest == ""
