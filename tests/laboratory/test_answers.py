"""What broken pools answer: word for word where it is known."""

from __future__ import annotations

import asyncio
import json
import ssl
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from cryptography.x509 import load_pem_x509_certificate

from azure_session_kernel.pool.credentials import token_claims
from azure_session_laboratory.__main__ import table
from azure_session_laboratory.certificates import ISSUER
from azure_session_laboratory.scenarios import SCENARIOS

from .conftest import OpenScenario

EXPRESS_PAGE = "<pre>Cannot POST /python/execute</pre>"
FLASK_PAGE = "<title>404 Not Found</title>\n<h1>Not Found</h1>"

#: scenario -> status and text of POST /python/execute
EXECUTE = {
    "piston-owns-port": (404, '{"message":"Not Found"}'),
    "route-missing-express": (404, EXPRESS_PAGE),
    "route-missing-flask": (404, FLASK_PAGE),
    "route-missing-fastapi": (404, '{"detail":"Not Found"}'),
    "route-missing-go": (404, "404 page not found\n"),
    "route-missing-seed": (404, '{"message":"Not Found","path":"/python/execute",'),
    "base-image": (404, "404 page not found\n"),
    "nothing-listens": (502, ""),
    "adapter-crashed-at-start": (502, ""),
    "host-gone": (404, "<title>Azure Container App - Unavailable</title>"),
    "pool-full-429": (429, "Error happened when allocating pod for identifier"),
    "pool-full-404": (404, ""),
    "missing-role": (403, ""),
    "wrong-audience": (401, ""),
    "expired-token": (401, ""),
    "container-called-as-builtin": (400, '"code":"DynamicApisNotAllowed"'),
    "wrong-pool-name": (404, '"traceId"'),
    "missing-identifier": (400, "Missing required parameter 'identifier'"),
}


async def test_broken_pools_answer_as_they_are_known_to(open_scenario: OpenScenario) -> None:
    async def execute(name: str) -> httpx.Response:
        async with open_scenario(name) as opened:
            return await opened.ask("POST", "/python/execute", b'{"properties":{"code":"1"}}')

    answers = dict(zip(EXECUTE, await asyncio.gather(*map(execute, EXECUTE)), strict=True))
    assert {name: a.status_code for name, a in answers.items()} == {
        name: status for name, (status, _) in EXECUTE.items()
    }
    for name, (_, text) in EXECUTE.items():
        assert text in answers[name].text, name
    assert answers["pool-full-404"].content == b""
    assert answers["missing-role"].content == b""


async def test_piston_greets_and_lists_its_languages(open_scenario: OpenScenario) -> None:
    async with open_scenario("piston-owns-port") as opened:
        greeting = await opened.ask("GET", "/")
        runtimes = await opened.ask("GET", "/api/v2/runtimes")
        health = await opened.ask("GET", "/health")
    assert greeting.json() == {"message": "Piston v3.1.1"}
    assert runtimes.json()[0].keys() >= {"language", "version", "aliases"}
    assert (health.status_code, health.text) == (404, '{"message":"Not Found"}')
    assert health.headers["x-powered-by"] == "Express"


@pytest.mark.parametrize(
    ("path", "status", "wrapped"), [("/executions", 202, False), ("/code/execute", 200, True)]
)
async def test_the_base_image_runs_code_on_both_generations_of_routes(
    open_scenario: OpenScenario, path: str, status: int, wrapped: bool
) -> None:
    asked: dict[str, Any] = {"codeInputType": "inline", "code": "print(6 * 7)"}
    async with open_scenario("base-image") as opened:
        body = json.dumps({"properties": asked} if wrapped else asked).encode()
        answer = await opened.ask("POST", path, body)
        health = await opened.ask("GET", "/health")
    found = answer.json()
    assert answer.status_code == status
    assert (found["properties"] if wrapped else found["result"])["stdout"] == "42\n"
    assert health.json() == {"message": "healthy"}


@pytest.mark.parametrize("name", ["nothing-listens", "piston-owns-port"])
async def test_a_container_without_an_adapter_still_is_a_session(
    open_scenario: OpenScenario, name: str
) -> None:
    async with open_scenario(name) as opened:
        await opened.ask("GET", "/health")
        known = await opened.ask("POST", "/.management/getSession")
        stopped = await opened.ask("POST", "/.management/stopSession")
        assert opened.sessions() == []
    assert known.json()["identifier"]
    assert stopped.status_code == 200


@pytest.mark.parametrize("name", ["pool-full-429", "pool-full-404"])
async def test_a_full_pool_knows_only_the_sessions_that_others_have(
    open_scenario: OpenScenario, name: str
) -> None:
    async with open_scenario(name) as opened:
        await opened.ask("GET", "/health")
        mine = await opened.ask("POST", "/.management/getSession")
        everybody = await opened.ask("POST", "/.management/listSessions")
    assert mine.json()["error"]["code"] == "SessionWithIdentifierNotFound"
    assert everybody.json()["count"] == SCENARIOS[name].max_sessions


async def test_an_interceptor_shows_a_certificate_of_an_unknown_authority(
    open_scenario: OpenScenario,
) -> None:
    async with open_scenario("tls-interception") as opened:
        host, port = urlsplit(opened.record.url).hostname, urlsplit(opened.record.url).port
        assert host is not None and port is not None
        with pytest.raises(ssl.SSLCertVerificationError, match="issuer"):
            await asyncio.open_connection(host, port, ssl=httpx.create_ssl_context())
        shown = await asyncio.to_thread(ssl.get_server_certificate, (host, port))
        # Nothing is wrong but that: who does not look gets through.
        assert (await opened.ask("GET", "/health")).status_code == 502
    issuer = load_pem_x509_certificate(shown.encode()).issuer
    assert ISSUER in issuer.rfc4514_string()


@pytest.mark.parametrize(
    ("name", "audience"),
    [
        ("wrong-audience", "https://management.azure.com"),
        ("expired-token", "https://dynamicsessions.io"),
        ("missing-role", "https://dynamicsessions.io"),
    ],
)
async def test_the_recorded_token_has_the_claims_that_explain_the_refusal(
    open_scenario: OpenScenario, name: str, audience: str
) -> None:
    async with open_scenario(name) as opened:
        answer = await opened.ask("GET", "/health")
    claims = token_claims(opened.record.token)
    assert claims["aud"] == audience
    now = parsedate_to_datetime(answer.headers["date"]).timestamp()  # by the pool's clock
    assert (claims["exp"] < now) is (name == "expired-token")


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("api-version-unknown", ("POST", "/.management/getSession")),
        ("api-version-unknown-builtin", ("GET", "/session")),
    ],
)
async def test_a_pool_of_the_future_names_the_versions_that_it_has(
    open_scenario: OpenScenario, name: str, call: tuple[str, str]
) -> None:
    async with open_scenario(name) as opened:
        answer = await opened.ask(*call)
    assert answer.status_code == 400
    assert "2025" not in answer.headers["api-supported-versions"]
    assert answer.json()["error"]["code"] == "UnsupportedApiVersion"


async def test_identifiers_with_punctuation_are_refused_where_the_rule_is_older(
    open_scenario: OpenScenario,
) -> None:
    async with open_scenario("bad-identifier-refused") as opened:
        identifier = opened.scenario.env["AZURE_SESSION_IDENTIFIER"]
        async with httpx.AsyncClient(trust_env=False) as client:
            params = {"identifier": identifier}
            answer = await client.get(opened.record.url + "/health", params=params)
        good = await opened.ask("GET", "/health")
    assert answer.json()["error"]["code"] == "SessionRequestValidationFailed"
    assert good.status_code == 502  # it came as far as the container


async def test_a_readable_resource_has_the_recorded_form(open_scenario: OpenScenario) -> None:
    async with (
        open_scenario("adapter-crashed-at-start") as opened,
        httpx.AsyncClient(trust_env=False) as client,
    ):
        answer = await client.get(opened.record.resource)
    properties = answer.json()["properties"]
    status = properties["templateUpdateStatus"]["activeTemplate"]["status"]
    assert (status["crashCount"], status["readyCount"]) == (7, 0)
    assert properties["poolManagementEndpoint"] == opened.record.url
    assert properties["customContainerTemplate"]["ingress"]["targetPort"] == 8080


def test_every_scenario_says_what_is_played_and_how_that_is_known() -> None:
    for name, scenario in SCENARIOS.items():
        assert name == scenario.name
        assert scenario.what.endswith(".")
        assert scenario.source


def test_the_documentation_lists_every_scenario() -> None:
    page = Path(__file__).parents[2] / "docs" / "doctor.md"
    assert table() in page.read_text(encoding="utf-8")
