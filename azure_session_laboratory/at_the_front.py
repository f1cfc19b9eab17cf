"""The fault is in the pool, or in who may use it: what the front itself answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from starlette.responses import Response

from azure_session_kernel.emulator.front import answers
from azure_session_kernel.emulator.kinds.kinds import KINDS, Builtin, interpreter

from .fronts import FULL_AS_404, answering
from .in_the_container import container
from .resource import Resource
from .scenario import Scenario

GOOD_CLAIMS: Final = {
    "aud": "https://dynamicsessions.io",
    "tid": "11111111-1111-1111-1111-111111111111",
    "oid": "22222222-2222-2222-2222-222222222222",
}
_SILENT: Final = container("silent", "started")
#: A container pool at the address of a built-in one.
_AT_REGION: Final = replace(_SILENT, path=KINDS["interpreter"].path)


def always(status: int) -> tuple[dict[str, object], ...]:
    """A fault plan: every request gets this status (bodies: ``faults/answers.py``)."""
    return ({"fault": "answer", "status": status, "every": 1},)


def _not_dynamic(path: str) -> Response:
    message = (
        "Dynamic API calls are not allowed for session pool 'laboratory': "
        "'the pool is not dynamic'."
    )
    return answers.envelope(400, "DynamicApisNotAllowed", message)


def _unheard_of(path: str) -> Response:
    return answers.envelope(400, "UnheardOf", "The request can't be served.")


def _unknown_version(path: str) -> Response:
    response = answers.envelope(
        400, "UnsupportedApiVersion", "The requested api-version is not supported."
    )
    response.headers["api-supported-versions"] = "2027-01-01"
    return response


AT_THE_FRONT: Final = (
    Scenario(
        name="host-gone",
        cause="host-gone",
        what="The pool or its environment was deleted, or its host name is mistyped.",
        source="docs/azure.md 4.2 row 6 (c): the page's title; the rest of the page is not known.",
        kind=_SILENT,
        rules=always(404),
    ),
    Scenario(
        name="pool-full-429",
        cause="pool-full",
        what="All sessions of the pool are in use: 429.",
        source="docs/azure.md 4.1 (c): the text.",
        kind=_SILENT,
        max_sessions=2,
        occupied_by=("somebody-else-1", "somebody-else-2"),
    ),
    Scenario(
        name="pool-full-404",
        cause="pool-full",
        what="All sessions of the pool are in use: 404, as documented.",
        source="docs/azure.md 4.2 row 5 (a): the status. The body is unknown; here it is empty, so "
        "that nothing can be read from it.",
        kind=_SILENT,
        max_sessions=2,
        occupied_by=("somebody-else-1", "somebody-else-2"),
        in_front=(FULL_AS_404,),
    ),
    Scenario(
        name="missing-role",
        cause="missing-role",
        what="The token is good, and its account may not use the pool: 403.",
        source="docs/azure.md 4.1 (c): empty body.",
        kind=_SILENT,
        rules=always(403),
        claims=GOOD_CLAIMS,
    ),
    Scenario(
        name="request-too-large",
        cause="request-too-large",
        what="The front takes no request of that size: 413.",
        source="docs/azure.md 4.1: documented for uploads to built-in pools (a).",
        kind=_SILENT,
        rules=always(413),
    ),
    Scenario(
        name="stop-fails",
        cause="stop-fails",
        what="Sessions can't be stopped: 500.",
        source="docs/azure.md 3.3; the failure is made up.",
        rules=({"fault": "answer", "status": 500, "path": "/.management/stop*", "every": 1},),
    ),
    Scenario(
        name="clock-skew",
        cause="clock-skew",
        what="This machine's clock is two hours behind the pool's, so its tokens are refused.",
        source="RFC 9110 (Date); JWT nbf and exp.",
        kind=_SILENT,
        rules=always(401),
        claims=GOOD_CLAIMS,
        ahead_s=7200,
    ),
    Scenario(
        name="shell-pool",
        cause="runs-no-python",
        what="A built-in pool for shell commands.",
        source="docs/azure.md 4.1 (c): SessionPropertiesMissing without shellCommand.",
        kind=interpreter(Builtin(container_type="Shell")),
    ),
    Scenario(
        name="node-pool",
        cause="runs-no-python",
        what="A built-in pool for JavaScript, seen by somebody who may read its resource.",
        source="docs/azure.md 2.1 (b): its answers; 2.5: containerType.",
        kind=interpreter(Builtin(container_type="NodeLTS")),
        resource=Resource(container_type="NodeLTS"),
    ),
    Scenario(
        name="service-refuses",
        cause="service-refuses",
        what="A built-in pool whose service refuses executions in a way that nobody knows.",
        source="docs/azure.md 4.1: the envelope (a); its code is made up.",
        kind=KINDS["interpreter"],
        in_front=(answering(_unheard_of, "*/executions"),),
    ),
    Scenario(
        name="container-called-as-builtin",
        cause="container-called-as-builtin",
        what="A custom-container pool addressed through the regional URL of built-in pools.",
        source="docs/azure.md 4.1, DynamicApisNotAllowed (c). The status is not given; 400 here.",
        kind=_AT_REGION,
        in_front=(answering(_not_dynamic),),
    ),
    Scenario(
        name="container-called-as-builtin-path",
        cause="container-called-as-builtin",
        what="A custom container with a program of its own, and a setting that says built-in.",
        source="docs/azure.md 0: a custom pool forwards /executions to the container (a).",
        kind=container("fastapi"),
        env={"AZURE_SESSION_EXECUTOR": "interpreter"},
    ),
    Scenario(
        name="api-version-unknown",
        cause="api-version-unknown",
        what="The pool has dropped the api-version that this kernel uses for management calls.",
        source="ASP.NET's habit: 400, and the versions it has in api-supported-versions (b: the "
        "header; d: code and text).",
        in_front=(answering(_unknown_version, "/.management/*"),),
    ),
    Scenario(
        name="api-version-unknown-builtin",
        cause="api-version-unknown",
        what="A built-in pool that has dropped every api-version that this kernel knows.",
        source="docs/azure.md 2.1 (b): the header that names its versions; (d): code and text.",
        kind=interpreter(Builtin(api_versions=("2027-01-01",))),
    ),
)
