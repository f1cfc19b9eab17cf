"""Causes that the pool itself answers with: name, kind, version, room."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from ..attribution import MANAGEMENT, REDIRECTS
from ..dialects import FULL
from ..evidence import ADAPTER, CALL, CONTAINER, FRONT, UNKNOWN, Evidence, Reply
from ..hosts import is_loopback, region_of
from ..signs import (
    HIGH,
    LOW,
    MEDIUM,
    Sign,
    all_refused,
    either,
    every,
    no,
    refused,
    refuses_version,
    seen,
)
from .network import misspelled_region
from .row import Advice, Cause

_CONTAINER_PATHS: Final = r"^/(jupyter/|python/execute|health$)"
_NO_POOL: Final = r"(session ?pool|pool).*(not (be )?found|not exist|unknown)|no such pool"
_NO_POOL_CODES: Final = re.compile(r"(Session)?Pool(WithName)?NotFound", re.I)
_NO_IDENTIFIER: Final = r"missing required (query )?parameter:? ['\"]?identifier"


def _unknown_pool(e: Evidence) -> bool:
    """The service says so: in words, or with one code for every path, those it has included."""
    answers = [r for r in e.replies if r.who == FRONT]
    told = any(
        r.status in (400, 404)
        and bool(_NO_POOL_CODES.search(r.code) or re.search(_NO_POOL, r.message, re.I))
        for r in answers
    )
    everywhere = all(r.status == 404 and r.code == "ResourceNotFound" for r in answers)
    return told or (everywhere and len(answers) > 1)


def _arm_host(e: Evidence) -> str:
    return (urlsplit(e.pool.endpoint).hostname or "") if e.pool else ""


def _other_region(e: Evidence) -> bool:
    """The management plane names an endpoint of the same pool in another region."""
    host, arm = e.endpoint.host, _arm_host(e)
    return bool(arm and host != arm and region_of(host) and region_of(arm) != region_of(host))


def _arm_differs(e: Evidence) -> bool:
    """Another pool's endpoint: another host or, on the shared host of a region, another path."""
    if e.pool is None or not e.pool.endpoint or e.endpoint.loopback:
        return False
    arm = urlsplit(e.pool.endpoint)
    if (arm.hostname or "") != e.endpoint.host:
        return True
    return e.endpoint.kind == "builtin" and arm.path.lower() != e.endpoint.path.lower()


def _front_refuses(e: Evidence) -> bool:
    """Somebody who is not a container refused every route that is needed."""
    return bool(e.refusals()) and all(
        r.status in (400, 404, 405) and r.who == FRONT for r in e.refusals()
    )


def _is_builtin(e: Evidence) -> bool:
    executions = e.reply("executions")
    return e.endpoint.builtin or (executions is not None and executions.dialect == "service")


def _wants_container(e: Evidence) -> bool:
    return e.executor in ("adapter", "oneshot")


def _full_by_elimination(e: Evidence) -> bool:
    """404 everywhere from nobody in particular, and the pool knows no session afterwards."""
    forwarded = [r for r in e.replies if not r.path.startswith(MANAGEMENT)]
    return (
        e.session_known is False
        and not e.direct
        and bool(e.refusals())
        and all(r.status == 404 and r.who == UNKNOWN for r in forwarded)
    )


def _other_language(e: Evidence) -> bool:
    return e.pool is not None and e.pool.container_type in ("NodeLTS", "CsharpLTS", "Shell")


def _not_provisioned(e: Evidence) -> bool:
    return e.pool is not None and e.pool.provisioning_state not in ("", "Succeeded")


def _redirected_away(e: Evidence) -> bool:
    """To another host, and nothing says that it is a container that redirects."""
    return any(
        r.status in REDIRECTS and r.who != CONTAINER and not stays_here(e, r) for r in e.refusals()
    )


def stays_here(e: Evidence, reply: Reply) -> bool:
    """A redirect to the same host; a program in a container may know only its own name of it."""
    if "location" not in reply.headers:
        return False
    try:
        host = urlsplit(reply.headers["location"]).hostname or e.endpoint.host
    except ValueError:
        return False
    return host == e.endpoint.host or is_loopback(host) or host == "0.0.0.0"  # noqa: S104


def _unknown_version(e: Evidence) -> bool:
    """Of a call that the kernel makes; probes ask for paths that some versions never had."""
    asked = (CALL, "management", *e.needed)
    return any(r.probe in asked and refuses_version(r) for r in e.replies)


_WAIT: Final = (
    "Wait until one ends; `azure-session-kernel sessions list` shows those of this machine, and "
    "`azure-session-kernel sessions stop SESSION` ends one. Or "
)

FRONT_CAUSES: Final = (
    Cause(
        id="host-gone",
        check="routing",
        title="No pool is at that host name",
        explanation="The pool or its environment was deleted, or the host name is mistyped. "
        "No pool answers at {host}.",
        fix="Compare the endpoint with what this prints:\n{show}",
        source="reported by users: the same page for every unknown host below "
        "azurecontainerapps.io",
        signs=(
            Sign(
                "404 with the HTML page 'Azure Container App - Unavailable'",
                HIGH,
                seen(dialect="unavailable-page"),
            ),
        ),
    ),
    Cause(
        id="wrong-region",
        check="endpoint",
        title="The endpoint is in another region than the pool",
        explanation="The pool is not in the region that the endpoint says ({host}). {meant_region}",
        fix="Compare the endpoint with what this prints:\n{show}",
        source="azure-cli's recordings: the region is a part of the endpoint's host",
        signs=(
            Sign(
                "the host's name can't be resolved, and its region is nearly the name of another",
                HIGH,
                misspelled_region,
            ),
            Sign("the management plane names the same pool in another region", HIGH, _other_region),
            Sign(
                "a built-in pool's service answers that it does not know the pool",
                LOW,
                every(_unknown_pool, _is_builtin),
            ),
        ),
    ),
    Cause(
        id="wrong-pool-name",
        check="endpoint",
        title="There is no pool of that name",
        explanation="The service does not know a pool of that name: mistyped, deleted, or in "
        "another resource group, subscription or region.",
        fix="List the pools you have: `az containerapp sessionpool list --output table`, and "
        "compare the endpoint with what this prints:\n{show}",
        source="inferred; the service's error code is not documented",
        signs=(
            Sign(
                "the management plane answers 404 for the name given",
                HIGH,
                lambda e: e.pool_missing,
            ),
            Sign(
                "the management plane names another endpoint for the pool",
                HIGH,
                every(_arm_differs, no(_other_region), lambda e: bool(e.refusals())),
            ),
            Sign(
                "the service answers with an error that the pool is not found",
                HIGH,
                every(_unknown_pool, no(_other_region)),
            ),
        ),
    ),
    Cause(
        id="container-called-as-builtin",
        check="endpoint",
        title="A custom-container pool is called as if it were a built-in one",
        explanation="The pool runs containers, so it has no /executions of its own and is not "
        "below *.dynamicsessions.io: paths go to the container.",
        fix="Set AZURE_SESSION_EXECUTOR=auto (or remove it), and AZURE_SESSION_POOL_ENDPOINT to "
        "what this prints:\n{show}",
        local=Advice("Set AZURE_SESSION_EXECUTOR=auto, or remove it."),
        source="microsoft/azure-container-apps issue 1665 (code DynamicApisNotAllowed)",
        signs=(
            Sign(
                "the service answers DynamicApisNotAllowed",
                HIGH,
                seen(code="DynamicApisNotAllowed"),
            ),
            Sign(
                "the executor is `interpreter`, and a program in a container answers /executions",
                HIGH,
                every(
                    lambda e: e.executor == "interpreter",
                    either(refused(who=CONTAINER), refused(who=ADAPTER)),
                    no(seen(dialect="piston")),
                ),
            ),
            Sign(
                "the management plane says CustomContainer, and the executor is `interpreter`",
                HIGH,
                lambda e: (
                    e.executor == "interpreter"
                    and e.pool is not None
                    and e.pool.container_type == "CustomContainer"
                    and bool(e.refusals())
                ),
            ),
        ),
    ),
    Cause(
        id="builtin-called-as-container",
        check="endpoint",
        title="A built-in pool is called with the paths of a container",
        explanation="The pool is a built-in one (PythonLTS): the service itself answers, and it "
        "knows /executions, not the paths of a container.",
        fix="Set AZURE_SESSION_EXECUTOR=auto (or interpreter), or use a custom-container pool.",
        local=Advice(
            "Set AZURE_SESSION_EXECUTOR=auto (or interpreter), or start the local pool without "
            "`--kind interpreter`."
        ),
        source="Azure's OpenAPI; semantic-kernel issue 6934",
        signs=(
            Sign(
                "the executor is for containers, and the service itself refuses its paths, "
                "while it answers /executions",
                HIGH,
                every(_wants_container, _is_builtin, _front_refuses, no(_unknown_pool)),
            ),
            Sign(
                "the executor is for containers, and the management plane says that the pool is "
                "built-in",
                HIGH,
                lambda e: (
                    _wants_container(e)
                    and e.pool is not None
                    and e.pool.container_type not in ("", "CustomContainer")
                    and bool(e.refusals())
                ),
            ),
            Sign(
                "the service itself answers a container's path with an error",
                MEDIUM,
                every(
                    all_refused(who=FRONT, dialect="service", path=_CONTAINER_PATHS),
                    either(refused(status=404), refused(status=400)),
                    no(_unknown_pool),
                ),
            ),
        ),
    ),
    Cause(
        id="api-version-unknown",
        check="management",
        title="The pool does not know the api-version",
        explanation="The service refuses the api-version that this kernel asks for; it names: "
        "{versions}.",
        fix="Install the newest azure-session-kernel: in an up-to-date copy of its repository, "
        "`python -m pip install .`.",
        source="recorded header api-supported-versions",
        signs=(
            Sign(
                "400 about the api-version, or with api-supported-versions that lack it",
                HIGH,
                _unknown_version,
            ),
        ),
    ),
    Cause(
        id="runs-no-python",
        check="endpoint",
        title="The pool runs another language than Python",
        explanation="The pool is a built-in one that does not run Python ({container_type}).",
        fix="Use a PythonLTS pool: `az containerapp sessionpool create --container-type PythonLTS "
        "...`; or a custom-container pool with this kernel's adapter.",
        local=Advice(
            "End it (Ctrl-C where it runs), and start one that runs Python: "
            "`azure-session-kernel pool --kind interpreter`."
        ),
        source="reported by users: a Shell pool refuses code without shellCommand",
        signs=(
            Sign(
                "the service misses shellCommand in an execution",
                HIGH,
                seen(status=400, who=FRONT, body="shellCommand"),
            ),
            Sign(
                "the management plane says another containerType than PythonLTS, and code fails",
                HIGH,
                lambda e: _other_language(e) and bool(e.refusals() or "execution" in e.failed),
            ),
        ),
    ),
    Cause(
        id="missing-identifier",
        check="identifier",
        title="The identifier does not arrive",
        explanation="The pool misses identifier= in the query, though it was sent: something on "
        "the way cuts the query string off.",
        fix="Check what is between this machine and the pool (HTTPS_PROXY, a gateway in "
        "AZURE_SESSION_ALLOWED_HOSTS): it must pass on the query string.",
        source="reported by users: 400 Missing required parameter 'identifier'",
        signs=(
            Sign(
                "400 Missing required parameter 'identifier'",
                HIGH,
                seen(status=400, who=FRONT, body=_NO_IDENTIFIER),
            ),
            Sign(
                "the same in a form that is not the pool's",
                MEDIUM,
                every(
                    refused(status=400, body=_NO_IDENTIFIER), lambda e: e.session_known is not True
                ),
            ),
        ),
    ),
    Cause(
        id="pool-full",
        check="allocation",
        title="The pool has no free session",
        explanation="All its sessions are in use, or none is ready yet.",
        fix=_WAIT + "raise the limit: `az containerapp sessionpool update --name {pool} "
        "--resource-group {group} --max-sessions N`.",
        local=Advice(
            _WAIT + "end the pool (Ctrl-C where it runs) and start it again with more: "
            "`azure-session-kernel pool --max-sessions 20`.",
        ),
        source="reported: 429 (langchain-azure issue 714); Microsoft's documentation "
        "(session-pool): 404",
        signs=(
            Sign("429 from the pool itself", HIGH, seen(status=429, who=FRONT)),
            Sign(
                "404 from the pool itself, with a text about allocating",
                HIGH,
                seen(status=404, who=FRONT, body=FULL),
            ),
            Sign(
                "404 without a body for every path, and the pool knows no session of the "
                "identifier afterwards",
                HIGH,
                _full_by_elimination,
            ),
            Sign(
                "429 with words that nobody knows",
                MEDIUM,
                seen(status=429, who=UNKNOWN),
            ),
            Sign(
                "404 with an empty body, which no program in a container is known to send",
                LOW,
                refused(status=404, who=UNKNOWN),
            ),
        ),
    ),
    Cause(
        id="pool-not-ready",
        check="management",
        title="The pool is not provisioned",
        explanation="The pool's provisioningState is {provisioning}: it can't hand out sessions.",
        fix="Wait until it is Succeeded (custom containers take up to 20 minutes); Failed stays as "
        "it is, so create the pool again:\n{show_state}",
        source="azure-cli's recordings: InProgress for 8 minutes",
        signs=(
            Sign(
                "the management plane says another provisioningState than Succeeded, and names "
                "no endpoint",
                HIGH,
                lambda e: _not_provisioned(e) and not e.endpoint.host,
            ),
            Sign(
                "the management plane says another provisioningState than Succeeded, and calls "
                "fail",
                MEDIUM,
                lambda e: _not_provisioned(e) and bool(e.refusals()),
            ),
        ),
    ),
    Cause(
        id="redirected",
        check="routing",
        title="Another service answers",
        explanation="A pool management endpoint never redirects; this is another service or a "
        "proxy.",
        fix="Check AZURE_SESSION_POOL_ENDPOINT; sign in to your network's portal if it has one.",
        source="inferred",
        signs=(
            Sign("a path that is needed is redirected to another host", HIGH, _redirected_away),
        ),
    ),
    Cause(
        id="request-too-large",
        check="routing",
        title="A request is too large",
        explanation="Azure takes files up to 128 MB, and the front of a pool much less in one "
        "request.",
        fix="Send less at once.",
        source="Microsoft's documentation; microsoft/azure-container-apps issue 1049",
        signs=(
            Sign("413 from the pool itself", HIGH, seen(status=413, who=FRONT)),
            Sign("413 with words that nobody knows", MEDIUM, seen(status=413, who=UNKNOWN)),
        ),
    ),
    Cause(
        id="gateway-timeout",
        check="routing",
        title="The front gave up waiting for the container",
        explanation="A request without any bytes for 240 s is ended by Azure's ingress.",
        fix="Run the cell again; if it lasts, restart the kernel.",
        source="microsoft/azure-container-apps issue 597 (ordinary ingress)",
        signs=(Sign("504", MEDIUM, seen(status=504)),),
    ),
    Cause(
        id="service-refuses",
        check="routing",
        title="The service itself refuses the path",
        explanation="The pool's service does not know this path, or what the path names. "
        "A pool of another kind (built-in or custom container) has other paths.",
        fix="Check the endpoint and AZURE_SESSION_EXECUTOR against the kind of the pool.",
        source="Azure's OpenAPI (error envelope)",
        signs=(
            Sign(
                "400 or 404 with the service's error envelope",
                LOW,
                all_refused(who=FRONT, dialect="service"),
            ),
        ),
    ),
)
