"""Containers that answer, and run no code: none of them is healthy."""

from __future__ import annotations

import contextlib
import io
import subprocess
from typing import Any

import pytest

from azure_session_kernel.doctor.examination import examine
from azure_session_kernel.doctor.report.result import NOT_REACHED
from azure_session_kernel.doctor.state import Options

from .conftest import Examine
from .containers import Asked, Container, Said, said

ONESHOT = {"AZURE_SESSION_EXECUTOR": "oneshot"}


def always(answer: Said) -> Container:
    return lambda asked: answer


def on_execute(answer: Container) -> Container:
    """One program at /python/execute, and FastAPI's 404 for the rest."""

    def answering(asked: Asked) -> Said:
        if (asked.method, asked.path) == ("POST", "/python/execute"):
            return answer(asked)
        return said(404, {"detail": "Not Found"})

    return answering


@pytest.mark.parametrize(
    "answer",
    [
        Said(200, "<!doctype html><title>My app</title><div id=root></div>"),
        said(200, {"status": "ok"}),
        said(200, [1, 2, 3]),
        said(200, {"protocol": "x", "boot": 5, "state": []}),
        Said(200, ""),
    ],
)
async def test_who_answers_200_to_everything_is_another_program(
    examine_direct: Examine, examine_pool: Examine, answer: Said
) -> None:
    for report in (await examine_direct(always(answer)), await examine_pool(always(answer))):
        assert not report.healthy
        assert report.kind == ""
        assert [(f.id, f.confidence) for f in report.findings] == [("other-program", "medium")]


async def test_who_echoes_requests_has_run_none(examine_direct: Examine) -> None:
    def echo(asked: Asked) -> Said:
        return said(200, {"method": asked.method, "data": asked.body.decode()})

    report = await examine_direct(echo)
    assert [f.id for f in report.findings] == ["other-program"]


@pytest.mark.parametrize("value", [{}, [], {"status": "ok"}])
async def test_an_execute_path_that_tells_no_outcome_is_another_program(
    examine_pool: Examine, value: Any
) -> None:
    report = await examine_pool(on_execute(always(said(200, value))))
    assert not report.healthy
    assert report.findings[0].id == "other-program"


def bash(asked: Asked) -> Said:
    ran = subprocess.run(["bash", "-c", asked.code], capture_output=True, text=True, check=False)
    status = "Failed" if ran.returncode else "Success"
    return said(200, {"properties": {"status": status, "stdout": ran.stdout, "stderr": ran.stderr}})


async def test_an_adapter_that_gives_code_to_another_language_does_not_run_it(
    examine_pool: Examine,
) -> None:
    report = await examine_pool(on_execute(bash))
    assert not report.healthy
    assert (report.kind, report.findings[0].id) == ("oneshot", "execution-fails")
    assert "syntax error" in report.findings[0].explanation


async def test_the_word_counts_only_where_a_program_prints(examine_pool: Examine) -> None:
    def repeats(asked: Asked) -> Said:
        """Its answer holds the code, as an error with a traceback does."""
        return said(200, {"properties": {"stdout": f"> {asked.code}", "stderr": asked.code}})

    report = await examine_pool(on_execute(repeats))
    assert (report.healthy, report.findings[0].id) == (False, "execution-fails")


@pytest.mark.parametrize("env", [ONESHOT, {}])
@pytest.mark.parametrize("empty", [400, 500])
async def test_an_adapter_that_has_an_envelope_for_an_empty_request_is_healthy(
    examine_pool: Examine, env: dict[str, str], empty: int
) -> None:
    def adapter(asked: Asked) -> Said:
        if not asked.code:
            return said(empty, {"error": {"code": "BadRequest", "message": "code is required"}})
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(asked.code, {})
        return said(200, {"properties": {"status": "Success", "stdout": printed.getvalue()}})

    report = await examine_pool(on_execute(adapter), env)
    assert (report.healthy, report.kind, report.findings) == (True, "oneshot", ())


async def test_a_program_that_fails_at_every_run_is_named(examine_pool: Examine) -> None:
    failure = said(500, {"error": {"code": "InternalServerError", "message": "ECONNREFUSED"}})
    for env in (ONESHOT, {}):
        report = await examine_pool(on_execute(always(failure)), env)
        assert [(f.id, f.confidence) for f in report.findings] == [("container-fails", "medium")]


async def test_a_server_that_has_no_post_has_no_such_route(examine_pool: Examine) -> None:
    """Python's http.server: 501."""

    def files(asked: Asked) -> Said:
        return Said(404 if asked.method == "GET" else 501, "<h1>Error response</h1>")

    report = await examine_pool(files)
    assert report.findings[0].id == "route-missing"


async def test_direct_speaks_of_the_container_and_not_of_azure(examine_direct: Examine) -> None:
    report = await examine_direct(always(Said(500, "broken", "text/plain")))
    assert "docker logs" in report.findings[0].fix
    assert "azure-session-kernel logs" not in report.findings[0].fix
    reached = {r.check: r.text for r in report.results}
    assert {reached[check] for check in ("dns", "tcp", "tls")}.isdisjoint({NOT_REACHED})
    assert reached["role"] == "not for a container without a pool"
    assert "pool" not in reached["allocation"]


async def test_a_container_that_does_not_run_is_told_with_how_to_start_it() -> None:
    report = await examine(Options(direct="http://127.0.0.1:9"), {})
    assert [(f.id, f.confidence) for f in report.findings] == [("container-not-running", "high")]
    assert "docker run" in report.findings[0].fix
