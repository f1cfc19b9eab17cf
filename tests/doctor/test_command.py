"""``azure-session-kernel doctor``, as its users run it: healthy, nothing there, cut short."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Final

import pytest
from jsonschema import validate  # type: ignore[import-untyped,unused-ignore]

from azure_session_kernel.causes.table.row import CHECKS
from azure_session_kernel.cli.main import main
from azure_session_kernel.doctor.examination import examine
from azure_session_kernel.doctor.requests import WithoutToken
from azure_session_kernel.doctor.state import Options
from azure_session_kernel.pool.local_record import LocalPool, read_record, write_record
from azure_session_kernel.session.lease import LeaseStore

from ..conftest import RunningPool
from .containers import Asked, Said, serving

DOCTOR: Final = [
    sys.executable,
    "-c",
    "from azure_session_kernel.cli.main import main; raise SystemExit(main())",
    "doctor",
]
DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "doctor.md"


def doctor(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, **(env or {}), "COLUMNS": "80"}
    return subprocess.run(
        [*DOCTOR, *arguments], env=environ, capture_output=True, text=True, check=False, timeout=200
    )


def schema() -> dict[str, Any]:
    """The documented one."""
    page = DOCUMENT.read_text(encoding="utf-8")
    block = re.search(r"## `--json`\n.*?```json\n(.*?)```", page, re.S)
    assert block is not None
    found: dict[str, Any] = json.loads(block[1])
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def sessions(pool: RunningPool) -> int:
    with pool.client() as client:
        query = {"api-version": "2025-02-02-preview", "skip": "0"}
        answer = client.post("/.management/listSessions", params=query)
        return int(answer.json()["count"])


def test_a_healthy_pool_is_found_healthy_in_json_as_documented(local_pool: RunningPool) -> None:
    before = sessions(local_pool)
    done = doctor("--json", env=local_pool.env)
    report = json.loads(done.stdout)
    validate(report, schema())
    assert (done.returncode, report["healthy"], report["causes"]) == (0, True, []), done.stdout
    assert report["kind"] == "adapter"
    assert [check["id"] for check in report["checks"]] == list(CHECKS)
    undone = [check["id"] for check in report["checks"] if check["verdict"] == "not done"]
    assert undone == ["management"]
    assert sessions(local_pool) == before
    assert local_pool.token not in done.stdout + done.stderr


def test_a_dead_port_is_shown_in_80_columns_without_colour_and_with_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    url = f"http://127.0.0.1:{free_port()}"
    write_record(LocalPool(url, "a-token", os.getpid()))
    done = doctor("--endpoint", url)
    assert done.returncode == 1
    assert "\x1b" not in done.stdout
    assert "The cause: No local pool is running [local-pool-not-running]" in done.stdout
    assert "`azure-session-kernel pool`" in done.stdout
    assert "run this again" in " ".join(done.stdout.split())
    lines = [line for line in done.stdout.splitlines() if not line.startswith("    az ")]
    assert max(map(len, lines)) <= 80
    assert done.stdout.count("FAILED") == 1
    assert "Not done: TLS" in done.stdout


def test_without_a_pool_it_says_how_to_configure_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AZURE_SESSION_POOL_ENDPOINT", raising=False)
    assert main(["doctor"]) == 1
    assert "[no-endpoint]" in capsys.readouterr().out


def test_a_host_that_does_not_exist_is_told_from_a_pool_that_fails(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["doctor", "--endpoint", "https://pool.invalid.azurecontainerapps.io"]) == 1
    assert re.search(r"\[(dns|no-connection|host-gone)\]", capsys.readouterr().out)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_as_ctrl_c_does(number: signal.Signals) -> None:
    asked = threading.Event()

    def hanging(request: Asked) -> Said:
        asked.set()
        return Said(200, after_s=60)

    default = "import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"
    with serving(hanging) as url:
        command = [sys.executable, "-c", default + DOCTOR[2], "doctor", "--direct", url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert asked.wait(30)
            process.send_signal(number)
            process.communicate(timeout=100)
    assert process.returncode != -number


@pytest.mark.parametrize(
    "arguments",
    [
        ["--name", "p"],
        ["--name", "p", "--resource-group", "g", "--subscription", ""],
        ["--direct", "localhost:8080"],
        ["--direct", "http://[::1"],
        ["--direct", "http://a b:c"],
        ["--direct", "http://localhost:1", "--endpoint", "local"],
        ["--wait", "0"],
    ],
)
def test_wrong_usage_is_refused_with_exit_code_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["doctor", *arguments])
    assert ended.value.code == 2


async def test_an_examination_that_is_cut_short_leaves_no_session_and_no_lease(
    local_pool: RunningPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in local_pool.env.items():
        monkeypatch.setenv(name, value)
    before, leases = sessions(local_pool), len(LeaseStore().all())
    ready = asyncio.Event()
    from azure_session_kernel.doctor.checks import adapter

    async def run(state: object) -> None:
        """The session is there and answers; now somebody presses Ctrl-C."""
        ready.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(adapter, "run", run)
    examination = asyncio.create_task(examine(Options(), os.environ))
    await asyncio.wait(
        {asyncio.create_task(ready.wait()), examination}, return_when="FIRST_COMPLETED"
    )
    assert ready.is_set()
    assert len(LeaseStore().all()) == leases + 1
    examination.cancel()
    await asyncio.wait({examination})
    assert examination.cancelled()
    assert len(LeaseStore().all()) == leases
    assert sessions(local_pool) == before


async def test_a_container_gets_no_token_when_it_is_asked_directly(
    local_pool: RunningPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pool, which asks for one, plays the container: each request gets 401."""
    seen: list[bool] = []
    send = WithoutToken.handle_async_request

    async def watched(self: Any, request: Any) -> Any:
        answer = await send(self, request)
        seen.append("authorization" in request.headers)
        return answer

    monkeypatch.setattr(WithoutToken, "handle_async_request", watched)
    report = await examine(Options(direct=local_pool.url), {})
    assert seen
    assert not any(seen)
    assert report.evidence.replies[0].status == 401


async def test_a_container_alone_is_examined_without_a_pool_and_left_as_it_was(
    tmp_path: Path,
) -> None:
    """The adapter as ``docker run`` would show it, on a port of its own."""
    port = free_port()
    command = [sys.executable, "-m", "azure_session_kernel.container", "--port", str(port)]
    process = await asyncio.create_subprocess_exec(
        *command, "--workdir", str(tmp_path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        report = None
        while report is None or report.evidence.network:  # not listening yet
            assert process.returncode is None
            report = await examine(Options(direct=f"http://127.0.0.1:{port}"), {})
    finally:
        process.terminate()
        await process.wait()
    assert report.findings == ()
    assert (report.healthy, report.kind) == (True, "adapter")
    done = {r.check for r in report.results if r.verdict == "ok"}
    assert {"routing", "protocol", "execution", "streaming", "files", "interrupt"} <= done
    assert not os.listdir(tmp_path)  # noqa: PTH208
    assert {"credential", "stop"} & done == set()


async def test_a_record_of_a_pool_that_died_is_met_with_how_to_start_one(
    local_pool: RunningPool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    write_record(LocalPool(f"http://127.0.0.1:{free_port()}", "a-token", os.getpid()))
    assert read_record().token == "a-token"
    report = await examine(Options(), {"AZURE_SESSION_POOL_ENDPOINT": "local"})
    assert [finding.id for finding in report.findings] == ["local-pool-not-running"]
    assert LeaseStore().all() == []
