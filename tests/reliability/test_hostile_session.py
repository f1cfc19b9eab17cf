"""A session that wants to harm its kernel: it stays alive, bounded and honest.

Single broken lines and wrong messages are in ``tests/kernel/test_errors.py``; here is what comes
in masses, and what contradicts itself.
"""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from azure_session_kernel.kernel.kernel import MOST_ANSWERS
from azure_session_kernel.pool.local_record import LocalPool, write_record
from azure_session_kernel.wire import MAX_LINE_BYTES, PART_BYTES

from ..conftest import JUPYTER_DIRS
from ..kernel.fake_front import (
    HELLO,
    TOKEN,
    Answer,
    FakeFront,
    FakeSession,
    Respond,
    ending,
    framed,
    line,
)
from ..kernel.live_kernel import LiveKernel, wait_until, with_constant

MB = 1024 * 1024
LIMIT_S = 120
OUTAGE_S = "azure_session_kernel.session.opening.OUTAGE_S"
StartHostile = Callable[[Respond], LiveKernel]


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[StartHostile]:
    """A kernel whose pool is the given function."""
    env = {name: str(tmp_path / name.lower()) for name in JUPYTER_DIRS}
    env |= with_constant(tmp_path, OUTAGE_S, 5.0)  # such a session gets no better
    with ExitStack() as stack:

        def start(respond: Respond) -> LiveKernel:
            front = stack.enter_context(FakeFront(respond))
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("JUPYTER_DATA_DIR", env["JUPYTER_DATA_DIR"])
                write_record(LocalPool(front.url, TOKEN, os.getpid()))
            kernel = LiveKernel(
                {**env, "AZURE_SESSION_POOL_ENDPOINT": "local"}, tmp_path / "kernel.log"
            )
            stack.callback(kernel.stop, now=True)
            return kernel.wait_until_ready()

        yield start


@contextmanager
def memory_of(kernel: LiveKernel) -> Iterator[Callable[[], float]]:
    """Tells by how many MB the kernel's process has grown at most."""
    process = kernel.process
    before = process.memory_info().rss
    highest = [before]
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            highest[0] = max(highest[0], process.memory_info().rss)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield lambda: (highest[0] - before) / MB
    finally:
        over.set()
        thread.join()


def is_alive(kernel: LiveKernel) -> bool:
    return bool(kernel.control("kernel_info_request")["status"] == "ok")


def test_a_line_that_never_ends_is_given_up_at_its_limit(hostile: StartHostile) -> None:
    endless = b"x" * (MAX_LINE_BYTES + MB)
    session = FakeSession(lambda msg_id: [endless])
    kernel = hostile(session.respond)
    with memory_of(kernel) as grown:
        cell = kernel.run("1", limit_s=200)
        assert cell.error["ename"] == "ExecutionUnknown"
        assert is_alive(kernel)
        assert str(MAX_LINE_BYTES) in cell.error_text
        assert grown() < 700
    session.close()


@pytest.mark.parametrize(
    "beginning",
    [
        b'{"n":1,"channel":"iopub","content":"',
        b'{"n":1,"sizes":[2,301989888],"channel":"iopub"}\n{}',
    ],
    ids=["line", "framed"],
)
def test_a_line_too_long_ends_its_cell_and_no_other(
    hostile: StartHostile, beginning: bytes
) -> None:
    """As an adapter sends it that does not leave out what is too large."""
    too_long = beginning + b"x" * MAX_LINE_BYTES + b'"}'
    session = FakeSession(lambda _: [too_long], lambda _: ending(2, session.cell(2)))
    kernel = hostile(session.respond)
    with memory_of(kernel) as grown:
        cell = kernel.run("1", limit_s=200)
        assert cell.error["ename"] == "MessageTooLarge"
        assert "limit of 288.0 MB" in cell.error["evalue"]
        assert grown() < 700
    assert kernel.run("2").status == "ok"
    session.close()


def test_what_is_too_long_ends_also_a_cell_that_is_still_being_sent(hostile: StartHostile) -> None:
    """The answer to its sending comes when what follows is being read already."""
    too_long = b'{"n":1,"sizes":[2,%d],"channel":"iopub"}\n{}' % MAX_LINE_BYTES
    session = FakeSession(lambda _: [too_long], lambda _: ending(2, session.cell(2)))
    reads, read_on = [], threading.Event()

    def respond(path: str, body: bytes) -> Answer:
        if path == "/jupyter/read":
            reads.append(path)
            if len(reads) > 1:
                read_on.set()
        answer = session.respond(path, body)
        if path == "/jupyter/send":
            assert read_on.wait(LIMIT_S)
        return answer

    kernel = hostile(respond)
    assert kernel.run("1", limit_s=LIMIT_S).error["ename"] == "MessageTooLarge"
    assert kernel.run("2").status == "ok"
    session.close()


def _deep(opened: bytes, depth: int) -> bytes:
    return opened * depth + b"1" + (b"]" if opened == b"[" else b"}") * depth


def _beyond() -> dict[str, tuple[bytes, str]]:
    """JSON of a display that its kernel does not decode, and why. Half a GB: made when needed."""
    return {
        "objects": (b"[" + b"{}," * (40 * MB // 3) + b"{}]", "more than 256 MB of memory"),
        "lists": (b"[" + b"[]," * (40 * MB // 3) + b"[]]", "more than 256 MB of memory"),
        "large": (b"[" + b"{}," * (280 * MB // 3) + b"{}]", "more than 256 MB of memory"),
        "wide": (b'["' + b"x" * (100 * MB) + "😀".encode() + b'"]', "more than 256 MB of memory"),
        **{
            f"{depth} {name}": (_deep(opened, depth), "it is nested too deeply")
            for depth in (450, 900, 960, 970, 980, 990, 100_000)
            for name, opened in (("lists", b"["), ("objects", b'{"a":'))
        },
    }


class DisplayForEachCell(FakeSession):
    """Each cell prints, displays what it is given as JSON, and prints again."""

    def __init__(self, displays: Sequence[bytes], *, is_framed: bool) -> None:
        super().__init__()
        self._displays, self._is_framed = displays, is_framed

    def respond(self, path: str, body: bytes) -> Answer:
        if path == "/jupyter/read":
            return Answer(body=self._lines(json.loads(body)["after"]), keep_open=True)
        return super().respond(path, body)

    def _lines(self, after: int) -> Iterator[bytes]:
        yield b'{"event": "keepalive"}\n'
        for number in range(after // 5, len(self._displays)):
            if not (msg_id := self.cell(number + 1)):
                return
            n = 5 * number + 1
            shown = line(n + 1, "display_data", msg_id, data="?", metadata={}, transient={})
            display = self._displays[number]
            lines = [
                line(n, "stream", msg_id, name="stdout", text="before "),
                framed(shown, display) if self._is_framed else shown.replace(b'"?"', display, 1),
                line(n + 2, "stream", msg_id, name="stdout", text="after"),
                *ending(n + 3, msg_id),
            ]
            for one in lines[max(0, after + 1 - n) :]:
                yield one + b"\n"


@pytest.mark.parametrize("is_framed", [False, True], ids=["line", "framed"])
def test_what_is_too_much_to_decode_is_named_and_costs_its_bytes(
    hostile: StartHostile, is_framed: bool
) -> None:
    """And with it goes nothing else of the cell, nor any other cell."""
    beyond = _beyond()
    session = DisplayForEachCell([bomb for bomb, _ in beyond.values()], is_framed=is_framed)
    kernel = hostile(session.respond)
    for name, (bomb, reason) in beyond.items():
        with memory_of(kernel) as grown:
            cell = kernel.run("1", limit_s=200)
            assert cell.status == "ok", name
            assert cell.output_types == ["stream", "display_data", "stream"], name
            (shown,) = cell.of_type("display_data")
            assert "(display_data) is missing here" in shown["data"]["text/plain"]
            assert reason in shown["data"]["text/plain"], name
            assert cell.text() == "before after"
            assert grown() < 100 + 2.5 * len(bomb) / MB, name
        assert is_alive(kernel)
    assert kernel.run("%session last").status == "ok"
    assert "Traceback" not in kernel.logged()
    session.close()


def test_sizes_are_not_believed(hostile: StartHostile) -> None:
    """Nothing is kept for what does not come, and what comes is read anew from there."""

    def text(n: int, msg_id: str) -> bytes:
        return framed(line(n, "stream", msg_id, name="stdout", text=f"{n} "))

    session = FakeSession(
        lambda msg_id: [
            text(1, msg_id),
            text(2, msg_id).replace(b'"sizes":[2,', b'"sizes":[1,', 1),
        ],
        lambda msg_id: [text(2, msg_id).replace(b'"sizes":[2,', b'"sizes":[3,', 1)],
        lambda msg_id: [text(2, msg_id).replace(b'"sizes":[2,', b'"sizes":[,', 1)],
        lambda msg_id: [text(2, msg_id).replace(b"{}", b"[]", 1)],
        lambda msg_id: [text(1, msg_id), text(2, msg_id), text(4, msg_id)],
        lambda msg_id: [text(2, msg_id), text(3, msg_id), *map(framed, ending(4, msg_id))],
    )

    def respond(path: str, body: bytes) -> Answer:
        answer = session.respond(path, body)
        return replace(answer, keep_open=False)

    kernel = hostile(respond)
    with memory_of(kernel) as grown:
        cell = kernel.run("1")
        assert cell.status == "ok"
        assert cell.text() == "1 2 3 "
        assert grown() < 60
    session.close()


def test_a_connection_that_breaks_within_a_message_is_resumed_after_the_last_whole_one(
    hostile: StartHostile,
) -> None:
    bodies: list[dict[str, Any]] = []

    def text(n: int, msg_id: str) -> bytes:
        return framed(line(n, "stream", msg_id, name="stdout", text=f"{n} " * 1000))

    session = FakeSession(
        lambda msg_id: [text(1, msg_id), text(2, msg_id)[:-500]],
        lambda msg_id: [text(2, msg_id)[:60]],
        lambda msg_id: [text(2, msg_id), *map(framed, ending(3, msg_id)), b""],
    )

    def respond(path: str, body: bytes) -> Answer:
        answer = session.respond(path, body)
        if path != "/jupyter/read":
            return answer
        bodies.append(json.loads(body))
        assert not isinstance(answer.body, bytes)
        parts = (part.removesuffix(b"\n" * (b"text" in part)) for part in answer.body)
        return replace(answer, keep_open=False, body=parts)

    cell = hostile(respond).run("1")
    assert cell.status == "ok"
    assert cell.text() == "1 " * 1000 + "2 " * 1000
    assert [body["after"] for body in bodies][:3] == [0, 1, 1]
    session.close()


def test_a_flood_for_cells_that_nobody_has_run_costs_nothing(hostile: StartHostile) -> None:
    def script(msg_id: str) -> list[bytes]:
        text = "x" * 10_000
        flood = [line(n, "stream", f"cell-{n}", name="stdout", text=text) for n in range(1, 2501)]
        return [*flood, *ending(2501, msg_id)]

    session = FakeSession(script)
    kernel = hostile(session.respond)
    with memory_of(kernel) as grown:
        assert kernel.run("1", limit_s=200).status == "ok"
        assert grown() < 60
    session.close()


def test_a_flood_of_questions_is_bounded_and_can_be_interrupted(hostile: StartHostile) -> None:
    def script(msg_id: str) -> list[bytes]:
        return [
            line(n, "input_request", msg_id, channel="stdin", prompt="?" * 1000, password=False)
            for n in range(1, 20_001)
        ]

    session = FakeSession(script)
    kernel = hostile(session.respond)
    with memory_of(kernel) as grown:
        msg_id = kernel.execute("1", allow_stdin=True)
        kernel.wait_for_question()
        error = kernel.interrupt_until_over(msg_id).error
        assert error["ename"] == "KeyboardInterrupt"
        assert grown() < 100
    session.close()


def test_a_flood_of_questions_gets_few_answers_at_a_time(hostile: StartHostile) -> None:
    """``%%stdin`` answers them without asking anybody."""

    def script(msg_id: str) -> list[bytes]:
        asked = [
            line(n, "input_request", msg_id, channel="stdin", prompt="", password=False)
            for n in range(1, 501)
        ]
        return [*asked, line(501, "stream", msg_id, name="stdout", text="all asked")]

    session, may_answer = FakeSession(script), threading.Event()
    answers: set[str] = set()

    def respond(path: str, body: bytes) -> Answer:
        if b"input_reply" in body:
            answers.add(json.loads(body)["messages"][0]["header"]["msg_id"])
            may_answer.wait()
        return session.respond(path, body)

    kernel = hostile(respond)
    msg_id = kernel.execute("%%stdin\none line\n%%code\n1", allow_stdin=True)
    kernel.wait_for_text(msg_id, "all asked")
    assert is_alive(kernel)
    wait_until(lambda: len(answers) >= MOST_ANSWERS)
    may_answer.set()
    assert kernel.interrupt_until_over(msg_id).error["ename"] == "KeyboardInterrupt"
    assert len(answers) == MOST_ANSWERS
    session.close()


def test_an_interrupt_that_the_session_can_not_pass_on_ends_the_cell_and_says_so(
    hostile: StartHostile,
) -> None:
    session = FakeSession(lambda msg_id: [line(1, "status", msg_id, execution_state="busy")])

    def respond(path: str, body: bytes) -> Answer:
        if path == "/jupyter/interrupt":
            return _json({"boot": HELLO["boot"], "outcome": "undelivered"})
        return session.respond(path, body)

    kernel = hostile(respond)
    msg_id = kernel.execute("1")
    session.cell(1)
    kernel.interrupt()
    error = kernel.finish(msg_id).error
    assert error["ename"] == "KeyboardInterrupt"
    assert "can't pass that on to its interpreter" in error["evalue"]
    session.close()


def test_a_session_that_takes_cells_and_answers_for_another_boot_ends_them(
    hostile: StartHostile,
) -> None:
    """Each hello names a new boot, and every boot is refused."""
    hellos = iter(range(1_000_000))
    refusal = {"error": {"code": "BootMismatch", "message": "", "source": "azure-session-kernel"}}

    def respond(path: str, body: bytes) -> Answer:
        if path == "/jupyter/hello":
            return _json({**HELLO, "boot": f"b-{next(hellos)}"})
        return Answer(409, json.dumps(refusal).encode())

    kernel = hostile(respond)
    assert kernel.run("1").error["ename"] == "SessionLost"
    assert next(hellos) < 50
    assert is_alive(kernel)


class CrashLoop:
    """Every boot ends at once, whatever it is sent. ``hellos`` counts them."""

    def __init__(self, *, one_name: bool) -> None:
        self.hellos = 0
        self._one_name = one_name

    def respond(self, path: str, body: bytes) -> Answer:
        match path.removeprefix("/jupyter/"):
            case "hello":
                self.hellos += 1
                return _json({**HELLO, "boot": "b" if self._one_name else f"b-{self.hellos}"})
            case "read":
                following = json.loads(body)["after"] + 1
                ended = {
                    "n": following,
                    "event": "ended",
                    "reason": "restart",
                    "cause": "It exits.",
                }
                return Answer(body=json.dumps(ended).encode() + b"\n")
            case _:
                return _json({"accepted": []})


@pytest.mark.parametrize("one_name", [True, False])
def test_a_crash_loop_goes_on_only_when_a_cell_asks(hostile: StartHostile, one_name: bool) -> None:
    session = CrashLoop(one_name=one_name)
    kernel = hostile(session.respond)
    wait_until(lambda: "is opened when a cell asks for it" in kernel.logged())
    for _ in range(3):
        assert is_alive(kernel)
        completion = kernel.reply(kernel.kc.complete("pri"))["content"]
        assert "in a row" in " ".join(completion["traceback"])
    assert session.hellos == 3
    for hellos in (4, 5, 6):
        cell = kernel.run("1")
        assert cell.error["ename"] in ("SessionLost", "InterpreterDied")
        assert "in a row have ended" in cell.error_text
        assert "start-up files" in cell.error_text
        assert is_alive(kernel)
        assert session.hellos == hellos


def test_reads_that_end_at_once_do_not_keep_a_cell_from_its_end(hostile: StartHostile) -> None:
    reads = iter(range(1_000_000))
    session = FakeSession(lambda msg_id: ending(1, msg_id))

    def respond(path: str, body: bytes) -> Answer:
        if path == "/jupyter/read" and next(reads) < 4:
            return Answer(body=b'{"event": "end_of_read"}\n')
        return session.respond(path, body)

    assert hostile(respond).run("1").status == "ok"
    session.close()


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("boot", {"boot": ["b"]}),
        ("next", {"next": 10**400}),
        ("protocol_version", {"info": {"protocol_version": [1]}}),
        ("language_info", {"info": {"language_info": 5}}),
        ("language_info.name", {"info": {"language_info": {"name": None}}}),
    ],
)
def test_a_hello_that_front_ends_can_not_read_is_an_error_of_each_cell(
    hostile: StartHostile, field: str, change: dict[str, Any]
) -> None:
    """``wait_until_ready`` is jupyter_client's own."""
    kernel = hostile(lambda path, body: _json({**HELLO, **change}))
    for _ in range(2):
        cell = kernel.run("1")
        assert cell.error["ename"] == "UnexpectedAnswer"
        assert f"({field} must be" in cell.error_text
    assert is_alive(kernel)


def test_a_session_that_starts_numbers_anew_has_nothing_shown_twice(
    hostile: StartHostile,
) -> None:
    def text(msg_id: str, *numbers: int) -> list[bytes]:
        return [line(n, "stream", msg_id, name="stdout", text=f"{n} ") for n in numbers]

    session = FakeSession(
        lambda msg_id: [*text(msg_id, 1, 2, 3), b"broken"],
        lambda msg_id: [*text(msg_id, 1, 2, 3, 5)],
        lambda msg_id: [*text(msg_id, 2, 3, 4), *ending(5, msg_id)],
    )
    cell = hostile(session.respond).run("1")
    assert cell.status == "ok"
    assert cell.text() == "1 2 3 4 "
    session.close()


class FilesSession:
    """One file, ``a``, of which each ``stat`` says another of ``sizes``, and which never ends."""

    def __init__(self, *sizes: object) -> None:
        self.sizes, self.read_bytes = list(sizes), 0

    def respond(self, path: str, body: bytes) -> Answer:
        match path.removeprefix("/jupyter/"):
            case "hello":
                return _json(HELLO)
            case "files/stat":
                size = self.sizes.pop(0) if len(self.sizes) > 1 else self.sizes[0]
                return _json({"value": [{"name": "a", "size": size, "sha256": "ab"}]})
            case "files/read":
                self.read_bytes += PART_BYTES
                return _json({"data": base64.b64encode(bytes(PART_BYTES)).decode()})
            case "files/list":
                return Answer(body=b'{"value":[' + b'{"name":"x","type":"file"},' * 1_000_000)
            case _:
                return Answer(body=b'{"event":"keepalive"}\n', keep_open=True)


#: What each stat says of the file's size, how the cell ends, and how much was read until then.
SIZES: list[tuple[list[object], str, int]] = [
    ([10, 10**12], "FileTooLarge", 0),
    ([10, 2 * MB], "FileTooLarge", 0),
    ([PART_BYTES], "FileChanged", 2 * 2 * PART_BYTES),  # it is tried twice
    ([-(10**12)], "FileRefused", 0),
    ([10, -(10**12)], "FileMissing", 0),
    ([2**70], "FileRefused", 0),
    ([True], "FileRefused", 0),
    ([1.5], "FileRefused", 0),
]


def test_a_download_believes_no_size(hostile: StartHostile) -> None:
    session = FilesSession(1)
    kernel = hostile(session.respond)
    with memory_of(kernel) as grown:
        for sizes, ename, read_bytes in SIZES:
            session.sizes, session.read_bytes = list(sizes), 0
            cell = kernel.run("%download a --max-size 1M")
            assert (cell.error["ename"], session.read_bytes) == (ename, read_bytes), sizes
        assert is_alive(kernel)
        assert grown() < 100


def test_a_listing_without_end_is_not_read(hostile: StartHostile) -> None:
    kernel = hostile(FilesSession(1).respond)
    with memory_of(kernel) as grown:
        for line_ in ("%files", "%download *"):
            assert kernel.run(line_).error["ename"] == "FileTooLarge"
        assert is_alive(kernel)
        assert grown() < 100


def _json(value: Any) -> Answer:
    return Answer(200, json.dumps(value).encode(), {"content-type": "application/json"})
