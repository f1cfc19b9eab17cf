"""Piston on the target port: the kernel can use it as it is, and doctor says what that hides."""

from __future__ import annotations

import contextlib
import io
import json

import pytest
from jsonschema import validate  # type: ignore[import-untyped,unused-ignore]

from azure_session_kernel.doctor.report.screen import plain_lines

from .conftest import Examine
from .containers import Asked, Said, said
from .test_command import schema

NOT_FOUND = said(404, {"message": "Not Found"})


def piston(asked: Asked) -> Said:
    """Piston with a Python that works."""
    if asked.path == "/":
        return said(200, {"message": "Piston v3.1.1"})
    if asked.path == "/api/v2/runtimes":
        return said(200, [{"language": "python", "version": "3.12.0", "aliases": ["py"]}])
    if asked.path == "/api/v2/execute":
        body, printed = json.loads(asked.body), io.StringIO()
        if "language" not in body:
            return said(400, {"message": "language is required as a string"})
        with contextlib.redirect_stdout(printed):
            exec(body["files"][0]["content"], {})
        return said(200, {"run": {"stdout": printed.getvalue(), "stderr": "", "code": 0}})
    return NOT_FOUND


async def test_an_adapter_that_piston_displaced_is_noted_where_pistons_api_is_used(
    examine_pool: Examine,
) -> None:
    report = await examine_pool(piston)
    assert (report.healthy, report.kind, report.findings) == (True, "piston", ())
    (note,) = [r for r in report.results if r.verdict == "warning"]
    assert note.check == "routing"
    assert "POST /python/execute is answered by Piston's 404" in note.text
    assert "Give Piston another port" in note.details[0]


@pytest.mark.parametrize(
    "env",
    [
        {"AZURE_SESSION_EXECUTOR": "oneshot"},
        {"AZURE_SESSION_EXECUTE_PATH": "/py/execute"},
    ],
)
async def test_a_path_that_was_asked_for_is_a_problem(
    examine_pool: Examine, env: dict[str, str]
) -> None:
    report = await examine_pool(piston, env)
    assert [(f.id, f.confidence) for f in report.findings][:1] == [("piston-owns-port", "high")]
    shown = "\n".join(plain_lines(report, verbose=False, width=120))
    assert ": 404, the container (piston-404)" in shown
    assert ': {"message": "Not Found"}' in shown
    assert '{"message": "Piston v3.1.1"}' in shown


async def test_json_has_how_each_answer_begins_and_which_ones_tell(examine_pool: Examine) -> None:
    report = (await examine_pool(piston, {"AZURE_SESSION_EXECUTOR": "oneshot"})).as_json()
    validate(report, schema())
    bodies = {reply["probe"]: reply["body"] for reply in report["replies"]}
    assert bodies["root"] == '{"message": "Piston v3.1.1"}'
    seen = [line.partition(",")[0] for line in report["causes"][0]["seen"]]
    assert seen == ["GET /: 200", "POST /python/execute: 404"]
    assert "server" in report["replies"][0]["headers"]


async def test_pistons_own_path_is_no_displaced_adapter(examine_pool: Examine) -> None:
    report = await examine_pool(piston, {"AZURE_SESSION_EXECUTE_PATH": "/api/v2/execute"})
    assert report.healthy
    assert [r.check for r in report.results if r.verdict == "warning"] == []
