"""What doctor shows holds no token, whatever a container answers with it."""

from __future__ import annotations

import json

import pytest

from azure_session_kernel.doctor.examination import examine
from azure_session_kernel.doctor.report.screen import plain_lines
from azure_session_kernel.doctor.state import Options

from .conftest import TOKEN, Examine
from .containers import Asked, Said, said


@pytest.mark.parametrize("status", [200, 404])
async def test_a_container_that_echoes_the_token_does_not_get_it_shown(
    examine_pool: Examine, status: int
) -> None:
    def echo(asked: Asked) -> Said:
        sent = asked.headers["authorization"]
        return said(status, {"error": {"code": sent, "message": sent}}, server=sent)

    report = await examine_pool(echo)
    shown = json.dumps(report.as_json()) + "".join(plain_lines(report, verbose=True, width=200))
    assert "(token)" in shown
    assert TOKEN not in shown
    assert TOKEN not in repr(report.evidence)


async def test_a_proxy_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://somebody:secret@127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    endpoint = "https://p.env.westeurope.azurecontainerapps.io"
    report = await examine(Options(endpoint=endpoint), {"AZURE_SESSION_CREDENTIAL": "environment"})
    shown = json.dumps(report.as_json()) + "".join(plain_lines(report, verbose=True, width=200))
    assert (report.findings[0].id, report.findings[0].confidence) == ("proxy-refused", "high")
    assert "127.0.0.1:9" in shown
    assert "secret" not in shown
