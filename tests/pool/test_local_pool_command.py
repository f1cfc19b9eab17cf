"""``azure-session-kernel pool``, run as a user runs it."""

from __future__ import annotations

import os
import signal
import socket
import stat

import psutil  # type: ignore[import-untyped,unused-ignore]
import pytest

from azure_session_kernel.cli.main import main
from azure_session_kernel.emulator.front.server import listen

from ..conftest import RunningPool, StartPool


def test_the_default_session_container_answers(local_pool: RunningPool) -> None:
    with local_pool.client() as client:
        answer = client.get("/health", params={"identifier": "the-first"})
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_it_says_where_it_listens_and_never_the_token(start_pool: StartPool) -> None:
    pool = start_pool()
    assert pool.url in pool.printed
    assert str(pool.record_path) in pool.printed
    assert "AZURE_SESSION_POOL_ENDPOINT=local" in pool.printed
    pool.stop()
    assert pool.token not in pool.printed + pool.log.read_text()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")
def test_the_token_is_in_a_private_file_and_new_each_time(start_pool: StartPool) -> None:
    one, other = start_pool(), start_pool()
    assert stat.S_IMODE(one.record_path.stat().st_mode) == 0o600
    assert one.token != other.token
    assert len(one.token) >= 32


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_pool_its_sessions_and_its_record(
    start_pool: StartPool, signum: signal.Signals
) -> None:
    pool = start_pool("--ready-sessions", "1")
    with pool.client() as client:
        client.get("/health", params={"identifier": "someone"})
    assert pool.session_processes()
    pool.process.send_signal(signum)
    assert pool.process.wait(60) == 0
    assert not pool.session_processes()
    assert not pool.record_path.exists()
    assert not list(pool.temporary.iterdir())
    assert pool.log.read_text() == ""


def test_a_pool_stops_while_an_answer_is_being_streamed(start_pool: StartPool) -> None:
    pool = start_pool()
    with pool.client() as client:
        hello = client.post(
            "/jupyter/hello?identifier=someone", json={"protocol": 1, "reader": "r", "wait_s": 30}
        ).json()
        read = {"boot": hello["boot"], "reader": "r", "after": 0, "wait_s": 60}
        with client.stream("POST", "/jupyter/read?identifier=someone", json=read) as answer:
            assert answer.status_code == 200
            assert pool.stop() == 0


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL on Windows")
def test_sessions_do_not_outlive_a_pool_that_was_killed(start_pool: StartPool) -> None:
    pool = start_pool("--ready-sessions", "1")
    with pool.client() as client:
        hello = {"protocol": 1, "reader": "r", "wait_s": 30}
        assert client.post("/jupyter/hello?identifier=someone", json=hello).status_code == 200
    sessions = pool.session_processes()
    assert sessions
    pool.process.kill()
    pool.process.wait()
    _, alive = psutil.wait_procs(sessions, timeout=60)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def test_of_two_pools_the_newer_is_meant_until_it_ends(start_pool: StartPool) -> None:
    older = start_pool()
    newer = start_pool(env=older.env)
    assert newer.record_path.read_text().count(newer.token) == 1
    assert newer.stop() == 0
    assert older.record_path.read_text().count(older.token) == 1
    assert older.stop() == 0
    assert not older.record_path.exists()


def test_a_port_in_use_is_a_clear_error(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["pool", "--port", str(port)]) == 1
    said = capsys.readouterr().err
    assert str(port) in said
    assert "--port 0" in said


def test_its_connections_do_not_wait_to_fill_packets() -> None:
    with listen("127.0.0.1", 0) as listener:
        # What asyncio looks at before it sets TCP_NODELAY; uvloop always sets it.
        assert listener.proto == socket.IPPROTO_TCP


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])
def test_it_is_never_opened_to_the_network(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["pool", "--host", host])
    assert "not a loopback address" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--port", "65536"),
        ("--ready-sessions", "-1"),
        ("--max-sessions", "0"),
        ("--cooldown", "0"),
        ("--cooldown", "nan"),
    ],
)
def test_a_number_out_of_range_is_refused(
    arguments: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["pool", *arguments])
    assert arguments[1] in capsys.readouterr().err
