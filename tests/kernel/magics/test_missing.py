"""The line about ``%upload`` under a cell's error: once looked up, the same in output and reply."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import assume, example, given
from hypothesis import strategies as st

from azure_session_kernel.kernel.magics.missing import MAX_LOOKUPS, UploadHint
from azure_session_kernel.kernel.magics.parse import find_magic
from azure_session_kernel.transfer.choose import choose
from azure_session_kernel.transfer.ignore import IgnoreRules
from azure_session_kernel.transfer.quoting import words
from azure_session_kernel.wire import Message

#: What a POSIX file system allows, bytes that are not UTF-8 too; what is special comes often.
CHARACTERS = st.one_of(
    st.sampled_from("*?[]!\\'\"#$~-. \t\n\r\udcff\u202e\x85ab"),
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]),
)
NAMES = st.text(CHARACTERS, min_size=1, max_size=12)


def failed(msg_type: str, evalue: object) -> Message:
    content = {"ename": "FileNotFoundError", "evalue": evalue, "traceback": ["..."]}
    return Message("iopub", {"msg_id": "1", "msg_type": msg_type}, content)


def missing(name: str | bytes) -> str:
    return str(FileNotFoundError(2, "No such file or directory", name))


def advised(error: str, folder: Path) -> set[str]:
    """The files that the line under this error uploads when it is run as it is."""
    content = UploadHint().added_to(failed("error", error), folder).content
    line = content["traceback"][-1].partition("run: ")[2]
    line.encode("utf-8")  # else no front end could send it
    cell = Message("shell", {"msg_id": "1", "msg_type": "execute_request"}, {"code": line})
    magic = find_magic(cell)
    assert magic is not None, content
    assert magic.name == "upload"
    return {choice.name for choice in choose(folder, words(magic.arguments))}


@given(NAMES, st.booleans())
@example("results[final].csv", False)
@example("quote'd.csv", False)
@example("~x.csv", False)
@example("~", True)
@example("a*b", True)
@example("a\\b", True)
@example("-d 'x' \"y\"", True)
def test_the_line_uploads_exactly_the_file_or_folder_of_any_name(name: str, inside: bool) -> None:
    assume(name not in (".", "..") and len(os.fsencode(name)) < 200)
    file = f"{name}/f.csv" if inside else name
    assume(not IgnoreRules().reason(file))
    with tempfile.TemporaryDirectory() as folder:
        look_alike = "".join("x" if char in "*?[]!\\" else char for char in name)
        for other in {look_alike, f"x{look_alike}", "a"} - {name, ".", ".."}:
            (Path(folder) / other).mkdir(exist_ok=True)
            (Path(folder) / other / "f.csv").touch()
        path = Path(folder) / file
        path.parent.mkdir(exist_ok=True)
        path.touch()
        assert advised(missing(name), Path(folder)) == {file}
        assert advised(missing(os.fsencode(name)), Path(folder)) == {file}


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
