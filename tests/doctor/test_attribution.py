"""Who is blamed: a container's words are not the pool's, and what nobody knows is not certain."""

from __future__ import annotations

import json
from typing import Any

import pytest

from azure_session_kernel.causes.diagnosis import diagnose
from azure_session_kernel.causes.dialects import listen
from azure_session_kernel.causes.evidence import EndpointFacts, Evidence, Reply

from .conftest import Examine
from .containers import Asked, Container, Said, said

POOL = EndpointFacts("pool.env.eastasia.azurecontainerapps.io", "custom")
XSRF = "<html><title>403 : Forbidden</title>'_xsrf' argument missing from POST</html>"
FASTAPI = {"detail": "Not Found"}


def always(answer: Said) -> Container:
    return lambda asked: answer


def named(body: Any, status: int, **facts: Any) -> list[tuple[str, str]]:
    """The causes of one failing call. :param body: text, or what becomes JSON."""
    text = body if isinstance(body, str) else json.dumps(body)
    headers = facts.pop("headers", {})
    reply = Reply("call", "POST", "/python/execute", status, headers, text, *listen(status, text))
    found = diagnose(Evidence(endpoint=POOL, replies=(reply,), **facts))
    return [(finding.id, finding.confidence) for finding in found]


@pytest.mark.parametrize(
    "answer",
    [
        said(401, {"error": "missing api key"}),
        said(401, {"detail": "Not authenticated"}),
        Said(401, ""),
        Said(403, XSRF),
        said(429, {"error": "Rate limit exceeded: 1 per 1 minute"}),
        said(413, {"detail": "too large"}),
        said(413, {"message": "request entity too large"}),
    ],
)
async def test_a_container_that_refuses_is_not_taken_for_the_pool(
    examine_direct: Examine, examine_pool: Examine, answer: Said
) -> None:
    for report in (await examine_direct(always(answer)), await examine_pool(always(answer))):
        assert [(f.id, f.confidence) for f in report.findings] == [("container-refuses", "medium")]


async def test_a_key_that_only_the_execute_path_wants_is_named(examine_pool: Examine) -> None:
    def answering(asked: Asked) -> Said:
        if asked.path in ("/python/execute", "/execute"):
            return said(401, {"detail": "Invalid API key"})
        return said(404, FASTAPI)

    report = await examine_pool(answering)
    assert [(f.id, f.confidence) for f in report.findings] == [("container-refuses", "medium")]


async def test_a_redirect_of_an_unneeded_path_means_nothing(examine_pool: Examine) -> None:
    """FastAPI's documentation, and nothing else."""

    def answering(asked: Asked) -> Said:
        if asked.path == "/":
            return Said(302, headers={"location": "/docs"})
        return said(404, FASTAPI)

    report = await examine_pool(answering)
    assert [(f.id, f.confidence) for f in report.findings] == [("route-missing", "high")]


async def test_a_redirect_on_the_same_host_is_the_containers(examine_pool: Examine) -> None:
    report = await examine_pool(
        lambda asked: Said(307, headers={"location": f"http://0.0.0.0:8080{asked.path}/"})
    )
    assert [(f.id, f.confidence) for f in report.findings] == [("container-refuses", "medium")]


@pytest.mark.parametrize("path", ["/health", "/python/execute"])
async def test_a_container_asked_below_a_path_is_not_a_full_pool(
    examine_direct: Examine, path: str
) -> None:
    error = {"code": "NoSuchRoute", "message": "No.", "source": "azure-session-kernel"}

    def adapter(asked: Asked) -> Said:
        return said(404, {"error": error})

    report = await examine_direct(adapter, path)
    assert report.findings[0].id == "doubled-path"
    assert "pool-full" not in [f.id for f in report.findings]


async def test_a_stack_in_a_500_does_not_say_that_the_start_needs_the_network(
    examine_pool: Examine,
) -> None:
    stack = "Traceback:\nModuleNotFoundError: No module named 'x'\nurlopen error is a word"
    report = await examine_pool(always(Said(500, stack, "text/plain")))
    assert [(f.id, f.confidence) for f in report.findings] == [("container-fails", "medium")]


@pytest.mark.parametrize(
    ("status", "body", "never"),
    [
        (404, {"message": "Cannot allocate memory for route"}, "pool-full"),
        (400, {"error": {"code": "BadRequest", "message": "identifier x is not defined"}},
         "bad-identifier"),
        (400, {"error": {"code": "BadRequest", "message": "apiVersion missing"}},
         "api-version-unknown"),
        (404, {"error": {"code": "NotFound", "message": "worker pool not found"}},
         "wrong-pool-name"),
    ],
)  # fmt: skip
def test_words_of_a_container_are_not_the_services(status: int, body: Any, never: str) -> None:
    assert (never, "high") not in named(body, status, session_known=True)
    assert never not in [name for name, _ in named(body, status)]


def test_the_services_words_stay_the_services() -> None:
    message = "The API version is not supported."
    service = {"error": {"code": "Other", "message": message, "traceId": "0af7"}}
    assert named(service, 400)[0] == ("api-version-unknown", "high")
    refused = {"error": {"code": "SessionRequestValidationFailed", "message": "identifier"}}
    assert named(refused, 400)[0] == ("bad-identifier", "high")


def test_an_identifier_that_is_unknown_or_missing_is_not_a_bad_one() -> None:
    for code, message in (
        ("SessionWithIdentifierNotFound", "There is no session with that identifier."),
        ("SessionRequestValidationFailed", "Missing required parameter 'identifier'"),
    ):
        names = [name for name, _ in named({"error": {"code": code, "message": message}}, 400)]
        assert "bad-identifier" not in names


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (401, "token-refused"),
        (403, "missing-role"),
        (429, "pool-full"),
        (413, "request-too-large"),
    ],
)
def test_a_refusal_in_words_that_nobody_knows_is_likely_the_pools_and_not_certain(
    status: int, cause: str
) -> None:
    assert named({"reason": "no"}, status)[0] == (cause, "medium")


@pytest.mark.parametrize("body", [FASTAPI, {"message": "Not Found"}, "404 page not found"])
def test_a_404_in_a_programs_words_is_never_a_full_pool(body: Any) -> None:
    assert "pool-full" not in [name for name, _ in named(body, 404, session_known=False)]


def test_only_a_redirect_to_another_host_is_another_service() -> None:
    away = {"location": "https://portal.example.org/sign-in"}
    assert named("", 302, headers=away) == [("redirected", "high")]
    assert named("", 302, headers={"location": "/docs"}) == [("container-refuses", "medium")]
