"""What a trial shows of outputs: safe text, and words for what a terminal can't show."""

from __future__ import annotations

import base64
import io
import struct
from pathlib import Path
from typing import Literal

import pytest
from rich.console import Console

from azure_session_kernel.cli.try_.command import summary
from azure_session_kernel.cli.try_.runner import Outcome
from azure_session_kernel.cli.try_.screen import Screen, describe
from azure_session_kernel.cli.try_.terminal_text import ColouredText, clean

RED, RESET = "\x1b[31m", "\x1b[0m"


def stream(text: str, name: str = "stdout") -> dict[str, object]:
    return {"msg_type": "stream", "content": {"name": name, "text": text}}


def shown(*messages: dict[str, object], terminal: bool = False) -> str:
    file = io.StringIO()
    colours: Literal["standard"] | None = "standard" if terminal else None
    console = Console(file=file, force_terminal=terminal, width=60, color_system=colours)
    screen = Screen(console)
    for message in messages:
        screen.message(message)
    screen.cell_done(0.5, failed=False)
    return file.getvalue()


def test_colours_stay() -> None:
    assert clean(f"{RED}red{RESET}\tand\n\x1b[1;38;5;9mmore\r") == (
        f"{RED}red{RESET}\tand\n\x1b[1;38;5;9mmore\r"
    )


@pytest.mark.parametrize(
    "control",
    [
        "\x1b[2J",
        "\x1b[10;10H",
        "\x1b[?1049h",
        "\x1b]0;a title\x07",
        "\x1b]52;c;Y2xpcGJvYXJk\x1b\\",
        "\x1b]0;never ended",
        "\x1bc",
        "\x07",
        "\x08",
        "\x9b2J",
        "\x7f",
    ],
)
def test_a_session_can_not_control_the_terminal(control: str) -> None:
    assert not set(clean(control)) & set("\x1b\x07\x08\x9b\x7f")


def test_a_sequence_may_come_in_two_pieces() -> None:
    text = ColouredText()
    assert text.feed("a\x1b[3") == "a"
    assert text.feed("1mred") == f"{RED}red"
    assert text.feed("\x1b[2") == ""
    assert text.feed("Jend") == "end"


def test_lines_stand_behind_a_gutter_even_when_they_come_in_pieces() -> None:
    assert shown(stream("one, "), stream("still one\ntwo\n")).startswith(
        "  │ one, still one\n  │ two\n"
    )


def test_a_progress_bar_overwrites_itself_on_a_terminal_and_is_listed_in_a_pipe() -> None:
    messages = [stream("\r10 %"), stream("\r20 %"), stream("\n")]
    assert shown(*messages).startswith("  │ 10 %\n  │ 20 %\n")
    assert "\r\x1b[0K" in shown(*messages, terminal=True)


def test_another_stream_begins_on_its_own_line() -> None:
    out = shown(stream("out"), stream("err", "stderr"), stream("out again"))
    assert out.startswith("  │ out\n  │ err\n  │ out again\n")


def test_long_lines_are_neither_cut_nor_broken_in_a_pipe() -> None:
    assert "  │ " + "x" * 500 + "\n" in shown(stream("x" * 500 + "\n"))


def test_markup_in_outputs_is_only_text() -> None:
    assert "[bold]not ours[/bold] :smile:" in shown(stream("[bold]not ours[/bold] :smile:"))


def test_a_traceback_is_shown_with_its_colours_on_a_terminal_only() -> None:
    content = {"ename": "E", "evalue": "v", "traceback": [f"{RED}E{RESET}: v"]}
    message: dict[str, object] = {"msg_type": "error", "content": content}
    assert "  │ E: v\n" in shown(message)
    assert "\x1b[31mE\x1b[0m: v" in shown(message, terminal=True)


def test_an_error_without_a_traceback_is_shown_by_its_name() -> None:
    content = {"ename": "E", "evalue": "v", "traceback": []}
    assert "  │ E: v\n" in shown({"msg_type": "error", "content": content})


def png(width: int, height: int, size: int) -> str:
    data = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", width, height)
    return base64.b64encode(data.ljust(size, b"\0")).decode()


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        ({"text/plain": "42"}, ["42"]),
        ({"text/plain": "Traffic('green')", "text/html": "<b>"}, ["Traffic('green')"]),
        ({"image/png": png(640, 480, 12300)}, ["[image/png, 640 x 480, 12.3 kB]"]),
        ({"text/plain": "<Figure size 6x4 with 1 Axes>", "image/png": "????"}, None),
        ({"image/svg+xml": "<svg/>"}, ["[image/svg+xml, 6 bytes]"]),
        (
            {"text/plain": "<IPython.core.display.HTML object>", "text/html": "<p>"},
            ["[text/html, 3 bytes]"],
        ),
        ({"text/plain": "<object object>"}, ["<object object>"]),
        ({"application/json": {"a": 1}}, ["[application/json, 8 bytes]"]),
        ({}, [""]),
    ],
)
def test_a_bundle_is_described_in_a_line(data: dict[str, object], lines: list[str] | None) -> None:
    assert describe(data) == lines if lines is not None else len(describe(data)) == 1


@pytest.mark.parametrize(
    ("ours", "advised"),
    [(True, "-m pip install 'azure-session-kernel[local]'\n"), (False, "-m pip install PACKAGE\n")],
)
def test_a_module_that_sessions_lack_is_installed_for_this_python(ours: bool, advised: str) -> None:
    file = io.StringIO()
    outcome = Outcome(ran=1, problem="ModuleNotFoundError: No module named 'matplotlib'")
    summary(Screen(Console(file=file)), outcome, Path("copy.ipynb"), ours, "mine.ipynb")
    assert advised in file.getvalue()
    outcome.problem = "ZeroDivisionError: division by zero"
    summary(Screen(Console(file=file)), outcome, Path("copy.ipynb"), ours, "mine.ipynb")
    assert file.getvalue().count("pip install") == 1
