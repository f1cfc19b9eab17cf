"""The line about ``%upload`` under a cell's error: once looked up, the same in output and reply."""

from __future__ import annotations

from pathlib import Path

from azure_session_kernel.magics.missing import MAX_LOOKUPS, UploadHint
from azure_session_kernel.wire import Message


def failed(msg_type: str, evalue: object) -> Message:
    content = {"ename": "FileNotFoundError", "evalue": evalue, "traceback": ["..."]}
    return Message("iopub", {"msg_id": "1", "msg_type": msg_type}, content)


def missing(name: str) -> str:
    return f"[Errno 2] No such file or directory: '{name}'"


def test_the_reply_says_what_the_error_output_said(tmp_path: Path) -> None:
    hint = UploadHint()
    (tmp_path / "a.csv").touch()
    error = hint.added_to(failed("error", missing("a.csv")), tmp_path)
    (tmp_path / "a.csv").unlink()
    reply = hint.added_to(failed("execute_reply", missing("a.csv")), tmp_path)
    assert error.content == reply.content
    assert error.content["traceback"][-1].endswith("run: %upload a.csv")


def test_a_cell_gets_few_lookups(tmp_path: Path) -> None:
    hint = UploadHint()
    names = [f"{number}.csv" for number in range(MAX_LOOKUPS + 1)]
    for name in names:
        (tmp_path / name).touch()
    for _ in range(2):
        for name in names:
            content = hint.added_to(failed("error", missing(name)), tmp_path).content
            assert len(content["traceback"]) == 1 + (name != names[-1])


def test_an_error_of_another_shape_stays_as_it_is(tmp_path: Path) -> None:
    message = failed("error", [missing("a.csv")])
    assert UploadHint().added_to(message, tmp_path) is message
