"""The front of the local pool's built-in kind: versions, identifiers, sessions, metadata."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from azure_session_kernel.azure_api.versions import API_VERSIONS, FLAT, LATEST, WRAPPED
from azure_session_kernel.cli.main import main
from azure_session_kernel.emulator.kinds.kinds import Builtin, interpreter

from ..azure_facts import specification
from ..conftest import PoolOfKind, StartPool
from .conftest import RunFront
from .data_plane import DataPlane, data_plane

PATH = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local"
    "/sessionPools/local-pool"
)
TIMES = (
    "x-ms-allocation-time",
    "x-ms-preparation-time",
    "x-ms-execution-request-time",
    "x-ms-execution-read-response-time",
    "x-ms-container-execution-duration",
    "x-ms-overall-execution-time",
    "x-ms-total-execution-service-time",
)


@pytest.fixture(scope="module")
def plane(pool_of_kind: PoolOfKind) -> Iterator[DataPlane]:
    with data_plane(pool_of_kind("interpreter"), "front-0001") as plane:
        yield plane


def moment(text: str) -> datetime:
    """Python 3.10 does not know ``Z``."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def error_of(answer: httpx.Response) -> str:
    """The code of a refusal, which has Azure's form."""
    code: str = answer.json()["error"]["code"]
    assert answer.headers["x-ms-error-code"] == code
    specification(LATEST).conforms(answer.json(), "ErrorResponse")
    return code


def test_the_endpoint_has_the_form_of_a_built_in_pools(plane: DataPlane) -> None:
    assert plane.client.base_url.path == PATH + "/"
    root = plane.client.base_url.copy_with(raw_path=b"/")
    assert plane.client.get(root).status_code == 404
    other = plane.client.base_url.copy_with(path=f"{PATH}2/files")
    assert plane.client.get(other).json()["error"]["code"] == "ResourceNotFound"


def test_every_call_needs_the_token(plane: DataPlane) -> None:
    answer = httpx.get(f"{plane.client.base_url}metadata", params={"api-version": LATEST})
    assert (answer.status_code, answer.content) == (401, b"")


@pytest.mark.parametrize("version", ["", "2023-08-01-preview", "2024-09-01", "nonsense"])
def test_an_unknown_api_version_is_refused_and_the_known_ones_are_named(
    plane: DataPlane, version: str
) -> None:
    answer = plane.get("/files", **{"api-version": version})
    assert answer.status_code == 400
    expected = "UnsupportedApiVersion" if version else "ApiVersionUnspecified"
    assert error_of(answer) == expected
    assert answer.headers["api-supported-versions"] == ", ".join(API_VERSIONS)


@pytest.mark.parametrize(
    ("method", "path", "versions"),
    [
        ("POST", "/code/execute", FLAT),
        ("POST", "/files/upload", FLAT),
        ("GET", "/files/content/a.txt", FLAT),
        ("POST", "/executions", WRAPPED),
        ("GET", "/executions/x", WRAPPED),
        ("GET", "/files/a.txt/content", WRAPPED),
        ("GET", "/session", (*WRAPPED, "2024-10-02-preview")),
        ("GET", "/listSessions", (*WRAPPED, "2024-10-02-preview")),
        ("GET", "/metadata", (*WRAPPED, "2024-10-02-preview")),
    ],
)
def test_a_route_of_another_generation_is_refused(
    plane: DataPlane, method: str, path: str, versions: tuple[str, ...]
) -> None:
    for version in versions:
        query = {"identifier": "front-0001", "api-version": version}
        answer = plane.client.request(method, path, params=query)
        assert (answer.status_code, error_of(answer)) == (400, "UnsupportedApiVersion")


async def test_a_pool_can_know_some_api_versions_only(run_front: RunFront) -> None:
    kind = interpreter(Builtin(api_versions=("2025-02-02-preview",)))
    async with run_front(kind=kind) as front:
        query = {"identifier": "someone", "api-version": LATEST}
        answer = await front.client.get(PATH + "/files", params=query)
        assert error_of(answer) == "UnsupportedApiVersion"
        assert answer.headers["api-supported-versions"] == "2025-02-02-preview"
        known = {"api-version": "2025-02-02-preview"}
        assert (await front.client.get(PATH + "/metadata", params=known)).status_code == 200


@pytest.mark.parametrize(
    ("version", "identifier", "accepted"),
    [
        ("2025-02-02-preview", "a", True),
        ("2025-02-02-preview", "a" * 256, True),
        ("2025-02-02-preview", "a.b.c", False),
        (LATEST, "abc", False),
        (LATEST, "a" * 129, False),
        (LATEST, "a.b/c#&+%", True),
        (LATEST, "with space", False),
        (LATEST, "", False),
    ],
)
def test_an_identifier_follows_its_versions_rule(
    plane: DataPlane, version: str, identifier: str, accepted: bool
) -> None:
    asked = DataPlane(plane.client, identifier, version)
    answer = asked.get("/session")
    expected = "SessionWithIdentifierNotFound" if accepted else "SessionRequestValidationFailed"
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, expected)


def test_an_execution_tells_its_times_and_its_session(plane: DataPlane) -> None:
    answers = [plane.call("POST", "/executions", json={"code": "1"}) for _ in range(2)]
    for answer in answers:
        assert all(float(answer.headers[name]) >= 0 for name in TIMES)
        assert answer.headers["server"] == "Microsoft-IIS/10.0"
        assert answer.headers["x-powered-by"] == "ASP.NET"
    guids = {answer.headers["x-ms-session-guid"] for answer in answers}
    assert guids == {plane.get("/session").json()["etag"]}
    assert not set(TIMES) & set(plane.get("/files").headers), "file calls have none"


def test_a_session_is_shown_listed_and_deleted_with_its_files_and_variables(
    plane: DataPlane,
) -> None:
    asked = DataPlane(plane.client, "deleted-0001", "2025-02-02-preview")
    asked.upload("kept.txt", b"kept")
    shown = asked.get("/session").json()
    assert shown["identifier"] == "deleted-0001"
    created, expires = (moment(shown[name]) for name in ("createdAt", "expireAt"))
    assert created < expires
    listed = asked.get("/listSessions", skip="0").json()["sessions"]
    assert "deleted-0001" in [session["identifier"] for session in listed]
    assert asked.call("DELETE", "/session").status_code == 204
    for method in ("GET", "DELETE"):
        gone = asked.call(method, "/session")
        assert gone.json()["error"]["code"] == "SessionWithIdentifierNotFound"
    assert asked.get("/files").json() == {"value": []}, "a fresh session, without a word"
    assert asked.get("/session").json()["etag"] != shown["etag"]
    asked.call("DELETE", "/session")


def test_listing_from_beyond_the_end_gives_nothing_and_nonsense_is_refused(
    plane: DataPlane,
) -> None:
    assert plane.get("/listSessions", skip="10000").json() == {"sessions": []}
    assert plane.get("/listSessions", skip="x").status_code == 400


def test_metadata_names_the_kernel_and_its_packages(plane: DataPlane) -> None:
    metadata = plane.get("/metadata").json()
    assert metadata["runtimes"][0]["name"] == "python"
    assert metadata["jupyterKernel"]["name"] == "ipykernel"
    assert "ipykernel" in [package["name"] for package in metadata["preInstalledPackages"]]


@pytest.mark.parametrize(
    ("container_type", "runtime", "what"),
    [("NodeLTS", "node", "SyntaxError"), ("Shell", "bash", "SessionPropertiesMissing")],
)
async def test_node_and_shell_pools_can_be_recognised(
    run_front: RunFront, container_type: str, runtime: str, what: str
) -> None:
    async with run_front(kind=interpreter(Builtin(container_type))) as front:
        query = {"identifier": "someone", "api-version": LATEST}
        metadata = await front.client.get(f"{PATH}/metadata", params=query)
        body = {"code": "print('x')"}
        answer = await front.client.post(f"{PATH}/executions", params=query, json=body)
    specification(LATEST).check(metadata, "/metadata")
    specification(LATEST).check(answer, "/executions")
    assert metadata.json()["runtimes"][0]["name"] == runtime
    assert what in answer.text
    assert answer.headers.get("x-ms-session-guid", "nodelts") == "nodelts"


@pytest.mark.parametrize("value", ["", "2024-01-01", "2025-02-02-preview,x"])
def test_the_command_refuses_api_versions_that_do_not_exist(
    value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["pool", "--kind", "interpreter", "--api-versions", value])
    assert "2025-10-02-preview" in capsys.readouterr().err


def test_faults_meet_paths_below_the_endpoint(start_pool: StartPool, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    rule = {"fault": "answer", "path": "/metadata", "status": 503, "nth": [1]}
    plan.write_text(json.dumps({"rules": [rule]}))
    pool = start_pool("--kind", "interpreter", "--faults", str(plan))
    with pool.client() as client:
        assert client.get("/metadata", params={"api-version": LATEST}).status_code == 503
        assert client.get("/.faults/report").status_code == 200
