"""What reaches the IOPub thread, and when; and when cells reach IPython's database."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import zmq
from ipykernel import iostream
from jupyter_client.session import Session

from azure_session_kernel.container.hand_over import HISTORY_CELLS, HandOver

from .adapter_process import Kernel, running_adapter

IOSTREAM: Any = iostream


class Slow(Session):
    """What is taken from a stream to be sent is not sent at once."""

    def msg(self, *args: Any, **options: Any) -> Any:
        time.sleep(0.001)
        return super().msg(*args, **options)


class Recorded(zmq.Socket[bytes]):
    """What is sent takes a moment, as it may. ``sent``: the contents."""

    sent: list[bytes]

    def send_multipart(self, msg_parts: Any, *args: Any, **options: Any) -> Any:
        time.sleep(0.002)
        self.sent.append(msg_parts[-1])
        return super().send_multipart(msg_parts, *args, **options)


class Iopub:
    """A kernel's IOPub thread with both its streams. ``wakes``: how often it was called."""

    def __init__(self, context: zmq.Context[Any]) -> None:
        self.socket = Recorded(context, zmq.PUB)
        self.sent: list[bytes] = []
        Recorded.sent = self.sent
        self.session: Any = Slow(key=b"key")
        self.thread = IOSTREAM.IOPubThread(self.socket)
        self.wakes = 0
        schedule = self.thread.schedule

        def counted(work: Any) -> None:
            self.wakes += 1
            schedule(work)

        self.thread.schedule = counted
        HandOver(self.thread)
        self.thread.start()
        self.streams = [
            IOSTREAM.OutStream(self.session, self.thread, name, watchfd=False)
            for name in ("stdout", "stderr")
        ]
        for stream in self.streams:
            stream.set_parent(self.session.msg("execute_request", {}))

    def send(self, n: int) -> None:
        self.session.send(self.thread.background_socket, "display_data", {"n": n})

    def flush(self) -> None:
        for stream in self.streams:
            stream.flush()


@pytest.fixture
def iopub() -> Iterator[Iopub]:
    with zmq.Context() as context:
        iopub = Iopub(context)
        try:
            yield iopub
        finally:
            iopub.thread.stop()
            iopub.thread.close()


def test_what_was_put_out_before_a_flush_has_been_sent_after_it(iopub: Iopub) -> None:
    """Whoever flushes it meanwhile: also a stream's own timer, which takes what is written."""
    stdout = iopub.streams[0]
    stdout.flush_interval = 0.001
    written = ""
    for n in range(150):
        text = f"[{n}]"
        stdout.write(text)
        written += text
        time.sleep(0.0005 * (n % 5))
        iopub.flush()
        shown = b"".join(iopub.sent).decode()
        assert shown.count("[") == n + 1
        assert text in shown


def test_everything_is_sent_in_its_order(iopub: Iopub) -> None:
    for n in range(100):
        iopub.send(n)
        if n % 7 == 0:
            iopub.flush()
            assert len(iopub.sent) == n + 1
    iopub.flush()
    assert iopub.sent == [b'{"n":%d}' % n for n in range(100)] or iopub.sent == [
        b'{"n": %d}' % n for n in range(100)
    ]


def test_a_flush_calls_nobody_when_all_is_sent(iopub: Iopub) -> None:
    iopub.send(1)
    iopub.flush()
    wakes = iopub.wakes
    for _ in range(10):
        iopub.flush()
    assert iopub.wakes == wakes
    iopub.streams[0].write("text")
    iopub.flush()
    assert b"text" in iopub.sent[-1]


def test_threads_that_write_and_flush_at_once_lose_nothing(iopub: Iopub) -> None:
    def write(name: str) -> None:
        for n in range(40):
            iopub.streams[n % 2].write(f"[{name}{n}]")
            iopub.flush()

    threads = [threading.Thread(target=write, args=(name,)) for name in "abc"]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    iopub.flush()
    shown = b"".join(iopub.sent).decode()
    assert all(f"[{name}{n}]" in shown for name in "abc" for n in range(40))


def test_an_echo_is_flushed_also_when_there_is_nothing_to_send(iopub: Iopub) -> None:
    flushed = threading.Event()

    class Echo:
        def write(self, text: str) -> None: ...
        def flush(self) -> None:
            flushed.set()

    iopub.streams[0].echo = Echo()
    iopub.flush()
    assert flushed.is_set()


# -- IPython's history

TOLD = "get_ipython().history_manager"
LINES = (
    "def lines():\n"
    "    import sqlite3\n"
    f"    with sqlite3.connect({TOLD}.hist_file) as db:\n"
    f"        session = {TOLD}.session_number\n"
    "        found = db.execute('SELECT source FROM history WHERE session = ?', (session,))\n"
    "        return [source for source, in found]"
)
UNTIL = (
    "import time\n"
    "deadline = time.monotonic() + 30\n"
    "while 'MARK' not in ''.join(lines()) and time.monotonic() < deadline: time.sleep(0.01)\n"
    "print('MARK' in ''.join(lines()))"
)


@pytest.fixture
def history(tmp_path: Any) -> Iterator[Kernel]:
    with running_adapter(env={"IPYTHONDIR": str(tmp_path)}) as adapter:
        kernel = Kernel(adapter)
        kernel.hello()
        kernel.run(LINES)
        yield kernel


def test_a_cell_is_in_the_database_while_it_runs(history: Kernel) -> None:
    assert history.run(UNTIL.replace("MARK", "of-this-cell")) == "True\n"


def test_who_asks_for_the_newest_cells_gets_them(history: Kernel) -> None:
    for n in range(5):
        history.run(f"'newest-{n}'")
    tail = f"[one[2] for one in {TOLD}.get_tail(5, include_latest=True)]"
    shown = history.run(f"print({tail})")
    assert all(f"newest-{n}" in shown for n in range(1, 5))


def test_a_fork_takes_no_unwritten_cells_with_it(history: Kernel) -> None:
    """They would be written twice. IPython's own thread has ended then, and begins anew."""
    fork = (
        "'before-the-fork'; import os\n"
        f"if not os.fork(): os._exit(len({TOLD}.db_input_cache))\n"
        "print(os.wait()[1], lines()[-1].partition(';')[0])"
    )
    assert history.run(fork) == "0 'before-the-fork'\n"
    assert history.run(UNTIL.replace("MARK", "behind-the-fork")) == "True\n"


def test_the_users_own_size_is_left(history: Kernel) -> None:
    assert history.run(f"print({TOLD}.db_cache_size)") == f"{HISTORY_CELLS}\n"
    history.run(f"{TOLD}.db_cache_size = 1")
    history.run("pass")
    assert history.run(f"print({TOLD}.db_cache_size)") == "1\n"
