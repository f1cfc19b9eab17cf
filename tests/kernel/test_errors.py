"""What a person gets when the pool is missing, wrong, broken or hostile: never a local run."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from azure_session_kernel.cli.main import main
from azure_session_kernel.pool.local_record import LocalPool, write_record

from ..conftest import JUPYTER_DIRS, RunningPool, StartPool
from .conftest import StartKernel
from .fake_front import TOKEN, Answer, FakeFront, FakeSession, Respond, ending, line
from .live_kernel import STOPS_WITHIN_S, Cell, LiveKernel, leases, with_constant

ENDPOINT = "AZURE_SESSION_POOL_ENDPOINT"
AZURE_TOKEN = "eyJh.a-token-of.azure"
FrontEnv = Callable[[Respond], dict[str, str]]
StartHostile = Callable[..., LiveKernel]


@pytest.fixture
def private_env(tmp_path: Path) -> dict[str, str]:
    """Jupyter directories that no pool has written to."""
    return {name: str(tmp_path / name.lower()) for name in JUPYTER_DIRS}


def _record(env: Mapping[str, str], url: str, token: str = TOKEN) -> dict[str, str]:
    """Let ``endpoint=local`` mean ``url``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_DATA_DIR", env["JUPYTER_DATA_DIR"])
        write_record(LocalPool(url, token, os.getpid()))
    return {**env, ENDPOINT: "local"}


@pytest.fixture
def front_env(private_env: dict[str, str]) -> Iterator[FrontEnv]:
    """Starts a fake front; what kernels need to take it for their pool."""
    with ExitStack() as stack:

        def start(respond: Respond) -> dict[str, str]:
            front = stack.enter_context(FakeFront(respond))
            return _record(private_env, front.url)

        yield start


Answered = Callable[[Answer], LiveKernel]


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answered]:
    """One kernel whose pool gives every request the answer that a test has chosen."""
    directory = tmp_path_factory.mktemp("answered")
    answers = [Answer(403)]
    with FakeFront(lambda path, body: answers[-1]) as front:
        env = _record({name: str(directory / name.lower()) for name in JUPYTER_DIRS}, front.url)
        kernel = LiveKernel(env, directory / "kernel.log").wait_until_ready()

        def answer_with(answer: Answer) -> LiveKernel:
            answers.append(answer)
            return kernel

        yield answer_with
        kernel.stop()


def _fails_and_runs_nothing(kernel: LiveKernel, tmp_path: Path) -> Cell:
    """The failing cell, after checks of what must hold whatever the reason is."""
    cell = _fails(kernel, tmp_path)
    assert kernel.stop() < STOPS_WITHIN_S
    assert not (tmp_path / "ran").exists()
    return cell


def _fails(kernel: LiveKernel, tmp_path: Path) -> Cell:
    ran = tmp_path / "ran"
    cell = kernel.run(f"open({str(ran)!r}, 'w').close(); print('ran')")
    assert not ran.exists()
    assert cell.output_types == ["error"]
    assert kernel.reply(kernel.kc.kernel_info())["content"]["status"] == "ok"
    again = kernel.run("print('again')")
    assert again.output_types == ["error"]
    assert again.content["execution_count"] == cell.content["execution_count"] + 1
    assert cell.error["evalue"] not in kernel.logged()
    _shows_no_secret(kernel, cell)
    return cell


def _shows_no_secret(kernel: LiveKernel, *cells: Cell) -> None:
    shown = kernel.logged() + "".join(str(cell.messages) + str(cell.reply) for cell in cells)
    assert TOKEN not in shown
    assert AZURE_TOKEN not in shown
    for lease in leases(kernel.env):
        assert lease["identifier"] not in shown


# -- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "endpoint, ename, hint",
    [
        ("", "EndpointMissing", "azure-session-kernel install --endpoint"),
        ("my-pool", "EndpointInvalid", "poolManagementEndpoint"),
        ("http://pool.env.westeurope.azurecontainerapps.io", "EndpointInvalid", "https"),
        ("https://pool.example.org", "HostNotAllowed", "AZURE_SESSION_ALLOWED_HOSTS"),
        (
            "https://portal.azure.com/#@x/resource/subscriptions/s/resourceGroups/r/providers/"
            "Microsoft.App/sessionPools/p",
            "EndpointInvalid",
            "poolManagementEndpoint",
        ),
        ("local", "LocalPoolNotRunning", "azure-session-kernel pool"),
    ],
    ids=["missing", "not-a-url", "http", "foreign-host", "portal", "local-not-running"],
)
def test_a_wrong_endpoint_is_explained_and_nothing_runs(
    start_kernel: StartKernel,
    private_env: dict[str, str],
    tmp_path: Path,
    endpoint: str,
    ename: str,
    hint: str,
) -> None:
    kernel = start_kernel({**private_env, ENDPOINT: endpoint})
    cell = _fails_and_runs_nothing(kernel, tmp_path)
    assert cell.error["ename"] == ename
    assert hint in cell.error_text


@pytest.mark.parametrize(
    "variable, value, hint",
    [
        ("SSL_CERT_FILE", "/nonexistent/authorities.pem", "SSL_CERT_FILE"),
        ("HTTPS_PROXY", "foo://proxy", "HTTPS_PROXY can't be used"),
        ("HTTPS_PROXY", "http://[::1", "HTTPS_PROXY can't be used"),
    ],
    ids=["authorities", "proxy-scheme", "proxy-url"],
)
def test_an_environment_that_allows_no_connection_is_explained_and_nothing_runs(
    start_kernel: StartKernel,
    private_env: dict[str, str],
    tmp_path: Path,
    variable: str,
    value: str,
    hint: str,
) -> None:
    azure = "https://pool.env.westeurope.azurecontainerapps.io"
    signed_in = _az_that_signs_in(tmp_path)
    kernel = start_kernel({**private_env, **signed_in, ENDPOINT: azure, variable: value})
    cell = _fails_and_runs_nothing(kernel, tmp_path)
    assert cell.error["ename"] == "SettingsError"
    assert hint in cell.error_text
    assert leases(kernel.env) == []  # nothing was asked of the pool


def _az_that_signs_in(tmp_path: Path) -> dict[str, str]:
    """Azure's command line, as far as azure-identity asks it for a token."""
    program = tmp_path / "bin" / "az"
    program.parent.mkdir()
    answer = {"accessToken": AZURE_TOKEN, "expires_on": 4_000_000_000, "tokenType": "Bearer"}
    program.write_text(f"#!/bin/sh\necho '{json.dumps(answer)}'\n")
    program.chmod(0o700)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, "AZURE_SESSION_CREDENTIAL": "cli"}


def test_a_token_of_azure_goes_to_no_program_on_this_machine(
    start_kernel: StartKernel, private_env: dict[str, str], tmp_path: Path
) -> None:
    asked: list[str] = []

    def respond(path: str, body: bytes) -> Answer:
        asked.append(path)
        return Answer(200)

    with FakeFront(respond) as front:
        env = {**private_env, **_az_that_signs_in(tmp_path), ENDPOINT: front.url}
        cell = _fails_and_runs_nothing(start_kernel(env), tmp_path)
    assert cell.error["ename"] == "LocalPoolNotRunning"
    assert "AZURE_SESSION_POOL_ENDPOINT=local" in cell.error_text
    assert asked == []


def test_the_url_that_the_local_pool_prints_is_an_endpoint(
    start_kernel: StartKernel, local_pool: RunningPool
) -> None:
    kernel = start_kernel({**local_pool.env, ENDPOINT: local_pool.url})
    assert kernel.run("1 + 1").result == "2"


def test_a_fault_of_the_kernel_itself_ends_the_cell_and_not_the_kernel(
    start_kernel: StartKernel, private_env: dict[str, str], tmp_path: Path
) -> None:
    hook = tmp_path / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(
        "import azure_session_kernel.session.opening as opening\n"
        "def broken(*args):\n    raise ZeroDivisionError('a fault')\n"
        "opening.prepare = broken\n"
    )
    kernel = start_kernel({**private_env, ENDPOINT: "local", "PYTHONPATH": str(hook)})
    cell = _fails_and_runs_nothing(kernel, tmp_path)
    assert cell.error["ename"] == "InternalError"
    assert "a fault" in kernel.logged()


def test_a_fault_ends_its_request_and_not_the_queue_that_it_stood_in(
    start_kernel: StartKernel, local_pool: RunningPool, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "from azure_session_kernel.kernel.kernel import AzureSessionKernel as Kernel\n"
        "send, failed = Kernel._send, set()\n"
        "async def fail_once(kernel, requests):\n"
        "    msg_type = requests[0].message.msg_type\n"
        "    if msg_type not in failed:\n"
        "        failed.add(msg_type)\n"
        "        raise ZeroDivisionError('a fault')\n"
        "    await send(kernel, requests)\n"
        "Kernel._send = fail_once\n"
    )
    kernel = start_kernel({**local_pool.env, "PYTHONPATH": str(tmp_path)})
    first, second = kernel.execute("1", stop_on_error=False), kernel.execute("1 + 1")
    assert kernel.finish(first).error["ename"] == "InternalError"
    assert kernel.finish(second).result == "2"
    for answers in ([], ["comm_close"]):
        content = {"comm_id": "c", "target_name": "none", "data": {}}
        opened = kernel.kc.session.msg("comm_open", content)
        kernel.kc.shell_channel.send(opened)
        msg_id = opened["header"]["msg_id"]
        kernel.wait_for(msg_id, lambda m: m["content"].get("execution_state") == "idle")
        seen = [m["msg_type"] for m in kernel.messages_of(msg_id)]
        assert [one for one in seen if one.startswith("comm")] == answers
    assert kernel.run("'alive'").result == "'alive'"  # cells wait for the comm messages before them
    assert kernel.logged().count("a fault") >= 2


# -- answers --------------------------------------------------------------------------------------


def test_a_pool_that_does_not_listen_is_explained(
    start_kernel: StartKernel, private_env: dict[str, str], tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    ran = tmp_path / "ran"
    kernel = start_kernel(_record(private_env, url))
    cell = kernel.run(f"open({str(ran)!r}, 'w')")
    assert cell.output_types == ["error"]
    assert cell.error["ename"] == "PoolUnreachable"
    assert "azure-session-kernel pool" in cell.error_text
    assert not ran.exists()


def test_a_local_pool_that_was_started_again_elsewhere_needs_no_restart_of_the_kernel(
    start_pool: StartPool, start_kernel: StartKernel
) -> None:
    pool = start_pool()
    kernel = start_kernel(pool.env)
    assert kernel.run("x = 1").status == "ok"
    assert pool.stop() == 0
    start_pool(env=pool.env)
    told = []
    while (cell := kernel.run("2 + 3")).status != "ok":
        told.append(cell.error["ename"])
    assert told in (["PoolUnreachable", "SessionLost"], ["ExecutionUnknown", "SessionLost"])
    assert cell.result == "5"


def test_a_refused_token_is_explained(
    start_kernel: StartKernel,
    private_env: dict[str, str],
    local_pool: RunningPool,
    tmp_path: Path,
) -> None:
    env = _record(private_env, local_pool.url, TOKEN)
    cell = _fails_and_runs_nothing(start_kernel(env), tmp_path)
    assert cell.error["ename"] == "Unauthorized"
    assert "(401)" in cell.error["evalue"]
    assert "token" in cell.error_text


def test_a_host_that_nobody_knows_comes_before_the_sign_in_as_doctor_says_it(
    start_kernel: StartKernel,
    private_env: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("AZURE_CLIENT_ID", raising=False)
    env = {
        ENDPOINT: "https://made-up.invalid",
        "AZURE_SESSION_ALLOWED_HOSTS": "made-up.invalid",
        "AZURE_SESSION_CREDENTIAL": "environment",
    }
    cell = start_kernel({**private_env, **env}).run("1")
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert main(["doctor", "--json"]) == 1
    cause = json.loads(capsys.readouterr().out)["causes"][0]
    assert cause["id"] == "dns"
    assert cell.error["ename"] == "PoolUnreachable"
    assert cause["explanation"] in cell.error_text
    assert cause["fix"].splitlines()[0] in cell.error_text


def test_the_end_does_not_repeat_the_advice_that_a_cell_was_given(
    start_kernel: StartKernel, front_env: FrontEnv
) -> None:
    kernel = start_kernel(front_env(lambda path, body: Answer(403)))
    advice = "azure-session-kernel doctor"
    assert advice in kernel.run("1").error_text
    kernel.stop()
    logged = kernel.logged()
    assert "the session could not be stopped: The session pool does not let" in logged
    assert advice not in logged
    assert "az " not in logged


PISTON = Answer(404, b'{"message":"Not Found"}', {"content-type": "application/json"})


@pytest.mark.parametrize(
    "answer, ename, hint",
    [
        (Answer(403, b"no"), "Forbidden", "Azure ContainerApps Session Executor"),
        (PISTON, "PoolRouteNotFound", "another program, such as Piston"),
        (Answer(413), "UnexpectedAnswer", "too large"),
        (Answer(302, headers={"location": "https://evil.example"}), "UnexpectedAnswer", "redirect"),
        (Answer(200, b"<html>hello</html>"), "UnexpectedAnswer", "not JSON"),
        (Answer(200, b"[1]"), "UnexpectedAnswer", "not this kernel's adapter"),
        (Answer(200, b'{"protocol": 1}'), "UnexpectedAnswer", "not this kernel's adapter"),
        (Answer(200, b'{"protocol": 99}'), "UnexpectedAnswer", "adapter"),
        (Answer(200, b"[" * 100_000), "UnexpectedAnswer", "nested too deeply"),
        (Answer(200, b"\xff\xfe\x00"), "UnexpectedAnswer", "not JSON"),
        (Answer(400, TOKEN.encode()), "UnexpectedAnswer", "400"),
    ],
    ids=[
        "403",
        "piston",
        "413",
        "redirect",
        "html",
        "list",
        "poor-hello",
        "version",
        "deep",
        "bytes",
        "echo",
    ],
)
def test_an_answer_that_is_no_hello_is_explained_and_nothing_runs(
    answered: Answered, tmp_path: Path, answer: Answer, ename: str, hint: str
) -> None:
    cell = _fails(answered(answer), tmp_path)
    assert cell.error["ename"] == ename
    assert hint in cell.error_text


def test_a_pool_that_answers_500_can_be_interrupted_and_ends_in_time(
    start_kernel: StartKernel, front_env: FrontEnv
) -> None:
    """It may be starting, so it is waited for."""
    kernel = start_kernel(front_env(lambda path, body: Answer(500, b"broken")), ready=False)
    msg_id = kernel.execute("'never'")
    kernel.wait_for(msg_id, lambda message: message["msg_type"] == "status")
    kernel.interrupt()
    assert kernel.finish(msg_id).error["ename"] == "KeyboardInterrupt"
    assert kernel.stop() < STOPS_WITHIN_S


# -- a hostile session ----------------------------------------------------------------------------


@pytest.fixture
def hostile(start_kernel: StartKernel, front_env: FrontEnv) -> Iterator[StartHostile]:
    """A kernel whose session is the given one, with more in its environment."""
    sessions: list[FakeSession] = []

    def start(session: FakeSession, **env: str) -> LiveKernel:
        sessions.append(session)
        return start_kernel({**front_env(session.respond), **env})

    yield start
    for session in sessions:
        session.close()


def test_messages_that_no_session_may_send_are_dropped_and_the_rest_is_shown(
    hostile: StartHostile,
) -> None:
    def script(msg_id: str) -> list[bytes]:
        return [
            line(1, "shutdown_reply", msg_id, channel="control", status="ok"),
            line(2, "no_such_type", msg_id, a=1),
            line(3, "stream", "another-cell", name="stdout", text="of a stranger"),
            line(4, "execute_request", msg_id, channel="shell", code="1"),
            line(5, "input_request", "another-cell", channel="stdin", prompt="?"),
            line(6, "status", msg_id, execution_state="dead"),
            line(7, "stream", msg_id, name="stdout", text="good"),
            *ending(8, msg_id),
        ]

    kernel = hostile(FakeSession(script))
    cell = kernel.run("1")
    assert cell.status == "ok"
    assert cell.text() == "good"
    assert cell.output_types == ["stream"]
    assert not [m for m in kernel.all_messages() if "stranger" in str(m["content"])]
    _shows_no_secret(kernel, cell)


def test_an_interrupt_that_a_session_refuses_for_good_is_not_sent_again(
    start_kernel: StartKernel, front_env: FrontEnv
) -> None:
    session = FakeSession(lambda msg_id: [line(1, "status", msg_id, execution_state="busy")])
    asked: list[str] = []

    def respond(path: str, body: bytes) -> Answer:
        if path != "/jupyter/interrupt":
            return session.respond(path, body)
        asked.append(path)
        error = {"code": "BootMismatch", "message": "", "source": "azure-session-kernel"}
        return Answer(409, json.dumps({"error": error}).encode())

    kernel = start_kernel(front_env(respond))
    msg_id = kernel.execute("while True: pass")
    session.cell(1)
    time.sleep(0.2)  # until the kernel has the answer; nothing tells
    kernel.interrupt()
    error = kernel.finish(msg_id).error
    assert (error["ename"], len(asked)) == ("SessionLost", 1)
    time.sleep(2.5)
    assert len(asked) == 1
    session.close()


@pytest.mark.parametrize(
    "garbage",
    [
        line(7, "stream", "x", name="stdout", text="a number too far"),
        line("1", "stream", "x", name="stdout", text="no number"),
        b'{"n": 1, "channel": "iopub"}',
        b"\xff\xfe\xfd",
        b"[" * 200_000,
        b"not JSON",
        b"{}",
        b'{"n": 1e400}',
    ],
    ids=["hole", "text", "poor", "bytes", "deep", "words", "empty", "infinite"],
)
def test_a_broken_line_is_read_anew_and_nothing_is_lost(
    hostile: StartHostile, garbage: bytes
) -> None:
    kernel = hostile(
        FakeSession(
            lambda msg_id: [garbage],
            lambda msg_id: [line(1, "stream", msg_id, name="stdout", text="good")],
            lambda msg_id: [line(1, "stream", msg_id, name="stdout", text="twice")],
        )
    )
    msg_id = kernel.execute("1")
    kernel.wait_for_text(msg_id, "good")
    assert kernel.control("kernel_info_request")["status"] == "ok"
    kernel.stop(now=True)


def test_a_repeated_line_is_shown_once(hostile: StartHostile) -> None:
    def script(msg_id: str) -> list[bytes]:
        first = line(1, "stream", msg_id, name="stdout", text="once")
        return [first, first, first, *ending(2, msg_id)]

    assert hostile(FakeSession(script)).run("1").text() == "once"


def test_a_session_that_sends_only_garbage_ends_the_cell_with_an_error(
    hostile: StartHostile, tmp_path: Path
) -> None:
    outage = with_constant(tmp_path, "azure_session_kernel.session.opening.OUTAGE_S", 2.0)
    kernel = hostile(FakeSession(lambda msg_id: [b"garbage"]), **outage)
    cell = kernel.run("1")
    assert cell.error["ename"] == "ExecutionUnknown"  # it may have run
    assert "not wire protocol v1" in cell.error_text
    assert kernel.reply(kernel.kc.kernel_info(), 30)["content"]["status"] == "ok"
    _shows_no_secret(kernel, cell)


def oversized(n: int, channel: str, msg_type: str, parent: str) -> bytes:
    """What the adapter sends in place of a message that is too large."""
    size, limit = 310_000_000, 301_989_888
    line = {"n": n, "event": "gap", "parent_header": {"msg_id": parent}, "name": msg_type}
    more = {"missing_chars": size, "channel": channel, "limit_bytes": limit}
    return json.dumps({**line, **more}).encode()


def test_an_output_too_large_to_travel_is_named_where_it_was(hostile: StartHostile) -> None:
    def script(msg_id: str) -> list[bytes]:
        return [oversized(1, "iopub", "display_data", msg_id), *ending(2, msg_id)]

    cell = hostile(FakeSession(script)).run("1")
    assert cell.status == "ok"
    (shown,) = cell.of_type("display_data")
    text = shown["data"]["text/plain"]
    assert "message of 295.6 MB (display_data) is missing here" in text
    assert "may have 288.0 MB" in text
    assert "%download" in text


def test_what_the_session_did_not_keep_is_named_once_and_the_cell_ends(
    hostile: StartHostile,
) -> None:
    def gap(n: int, parent: dict[str, str], **more: object) -> bytes:
        return json.dumps({"n": n, "event": "gap", "parent_header": parent, **more}).encode()

    def script(msg_id: str) -> list[bytes]:
        mine = {"msg_id": msg_id}
        reply = {"name": "execute_reply", "channel": "shell", "limit_bytes": 2_000_000_000}
        return [
            gap(1, mine, name="display_data", missing_chars=5000),
            gap(2, {}, name="", missing_chars=0),
            gap(3, mine, missing_chars=9000, **reply),
            line(4, "status", msg_id, execution_state="idle"),
        ]

    cell = hostile(FakeSession(script)).run("1")
    (shown,) = cell.of_type("display_data")
    assert shown["data"]["text/plain"] == "[5000 characters of display_data are missing here]"
    assert cell.error["ename"] == "MessageTooLarge"
    assert "execute_reply to this was not kept" in cell.error["evalue"]
    assert "%download" not in str(cell.error)


def test_a_reply_too_large_to_travel_ends_its_cell_with_an_error(hostile: StartHostile) -> None:
    def script(msg_id: str) -> list[bytes]:
        reply = oversized(1, "shell", "execute_reply", msg_id)
        late = line(2, "stream", msg_id, name="stdout", text="still shown")
        return [reply, late, line(3, "status", msg_id, execution_state="idle")]

    cell = hostile(FakeSession(script)).run("1")
    assert cell.error["ename"] == "MessageTooLarge"
    assert "execute_reply to this has 295.6 MB" in cell.error["evalue"]
    assert "288.0 MB" in cell.error["evalue"]
    assert cell.text() == "still shown"


def test_what_is_too_large_for_a_strangers_request_is_not_shown(hostile: StartHostile) -> None:
    def script(msg_id: str) -> list[bytes]:
        strangers = [("iopub", "error"), ("shell", "execute_reply"), ("x", "y")]
        gaps = [oversized(n, *what, "nobody") for n, what in enumerate(strangers, 1)]
        return [*gaps, *ending(4, msg_id)]

    cell = hostile(FakeSession(script)).run("1")
    assert cell.status == "ok"
    assert cell.outputs == []


def test_text_that_utf8_can_not_carry_costs_nothing_else(hostile: StartHostile) -> None:
    def script(msg_id: str) -> list[bytes]:
        return [
            line(1, "stream", msg_id, name="stdout", text="\ud800"),
            line(2, "stream", msg_id, name="stdout", text="good"),
            *ending(3, msg_id),
        ]

    cell = hostile(FakeSession(script)).run("1")
    assert cell.status == "ok"
    assert cell.text().endswith("good")


def test_fields_of_the_wrong_type_cost_nothing_else(hostile: StartHostile) -> None:
    def script(msg_id: str) -> list[bytes]:
        return [
            line(1, "status", msg_id, execution_state=["idle"]),
            line(2, "execute_input", msg_id, execution_count={"a": 1}, code=7),
            line(3, "stream", msg_id, name=["stdout"], text=3.5),
            line(4, "display_data", msg_id, data="text", metadata=None, transient=[]),
            line(5, "input_request", msg_id, channel="stdin", prompt=None),
            line(6, "stream", msg_id, name="stdout", text="good"),
            *ending(7, msg_id),
        ]

    kernel = hostile(FakeSession(script))
    msg_id = kernel.execute("1")
    kernel.wait_for(msg_id, lambda m: m["content"].get("text") == "good")
    assert kernel.finish(msg_id).status == "ok"


def test_a_session_that_never_ends_a_cell_can_be_interrupted(hostile: StartHostile) -> None:
    kernel = hostile(FakeSession(lambda msg_id: [line(1, "status", "x", execution_state="idle")]))
    msg_id = kernel.execute("1")
    kernel.wait_for(msg_id, lambda message: message["msg_type"] == "status")
    kernel.interrupt()
    assert kernel.finish(msg_id).error["ename"] == "KeyboardInterrupt"
