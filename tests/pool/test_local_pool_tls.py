"""``pool --tls``: https with a certificate of the pool's own, which kernels trust by themselves."""

from __future__ import annotations

import json
import ssl
from pathlib import Path

import httpx
import pytest

from azure_session_kernel.cli.main import main

from ..conftest import RunningPool, StartPool
from ..kernel.conftest import StartKernel
from ..kernel.conftest import start_kernel as start_kernel

KINDS = ("container", "interpreter")


def get(pool: RunningPool, verify: ssl.SSLContext) -> httpx.Response:
    headers = {"authorization": f"Bearer {pool.token}"}
    params = {"identifier": "foreign", "api-version": "2025-10-02-preview"}
    with httpx.Client(base_url=pool.url, headers=headers, verify=verify, timeout=60) as client:
        return client.get("/files", params=params)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kernel_trusts_it_by_itself_and_others_with_its_authority(
    start_pool: StartPool, start_kernel: StartKernel, kind: str
) -> None:
    pool = start_pool("--tls", "--kind", kind)
    assert pool.url.startswith("https://127.0.0.1:")
    assert start_kernel(pool.env).run("6 * 7").result == "42"
    authority = Path(pool.record.authority)
    trusting = ssl.create_default_context(cafile=str(authority))
    assert get(pool, trusting).status_code == 200
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        get(pool, ssl.create_default_context())
    pool.stop()
    assert not authority.exists()


def test_a_pool_that_was_started_again_is_trusted_again(
    start_pool: StartPool, start_kernel: StartKernel
) -> None:
    """It has another authority."""
    pool = start_pool("--tls")
    kernel = start_kernel(pool.env)
    assert kernel.run("x = 1").status == "ok"
    pool.stop()
    start_pool("--tls", "--port", str(httpx.URL(pool.url).port), env=pool.env)
    assert kernel.run("x").error["ename"] == "SessionLost"
    assert kernel.run("6 * 7").result == "42"


def test_doctor_finds_nothing_wrong(
    start_pool: StartPool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pool = start_pool("--tls")
    for name, value in pool.env.items():
        monkeypatch.setenv(name, value)
    assert main(["doctor", "--json"]) == 0
    checks = {check["id"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["tls"]["verdict"] == "ok"


def test_each_pool_has_an_authority_of_its_own(start_pool: StartPool) -> None:
    """What a client reads of the first is right whatever other pools start, and end."""
    first = start_pool("--tls")
    second = start_pool("--tls", env=first.env)
    for pool in (first, second):
        trusting = ssl.create_default_context(cafile=pool.record.authority)
        assert get(pool, trusting).status_code == 200
        assert Path(pool.record.authority).stat().st_mode & 0o077 == 0
    second.stop()
    trusting = ssl.create_default_context(cafile=first.record.authority)
    assert get(first, trusting).status_code == 200


def test_a_pool_that_was_killed_leaves_no_authority_for_the_next(
    start_pool: StartPool,
) -> None:
    killed = start_pool("--tls")
    authority = Path(killed.record.authority)
    killed.process.kill()
    killed.process.wait()
    assert authority.exists()
    start_pool(env=killed.env).stop()
    assert not authority.exists()
