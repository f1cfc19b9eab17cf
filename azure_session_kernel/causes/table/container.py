"""Causes inside the session's container: who listens, what it serves, how it starts."""

from __future__ import annotations

import re
from typing import Final

from ...wire import PROTOCOL_VERSION
from ..attribution import REDIRECTS
from ..dialects import REFUSALS
from ..evidence import CONTAINER, UNKNOWN, Evidence
from ..signs import HIGH, LOW, MEDIUM, Predicate, Sign, either, every, lost_route, no, refused, seen
from .front import stays_here
from .row import Advice, Cause

_LOGS: Final = "{logs}"
_LOOK_LOCAL: Final = (
    "Look at what `azure-session-kernel pool` prints where it runs; end it (Ctrl-C) and start it "
    "again if it stays so."
)
#: Azure's own image: there is no console log of it.
_LOOK_BUILTIN: Final = (
    "Run the cell again; if it stays so, stop the session (`azure-session-kernel sessions list`, "
    "`azure-session-kernel sessions stop SESSION`), so that the next cell gets another one."
)
_FAILS_BUILTIN: Final = "The built-in session, or the service before it, failed ({status})."
_PORT: Final = "properties.customContainerTemplate.ingress.targetPort"
_NO_NETWORK: Final = (
    r"name resolution|name or service not known|getaddrinfo|EAI_AGAIN|ENOTFOUND|"
    r"network is unreachable|urlopen error|Failed to establish a new connection|"
    r"Max retries exceeded|Could not resolve host|no route to host"
)

silent: Final[Predicate] = refused(status=502)
_piston: Final = either(seen(dialect="piston"), seen("runtimes", dialect="piston"))
_base_image: Final = either(
    seen("health", dialect="base-image"),
    every(seen("unknown", dialect="go"), lambda e: _serves(e, "executions", "code-execute")),
)


def _serves(e: Evidence, *probes: str) -> bool:
    """A program in the container knows the path: it answered otherwise than 404."""
    replies = [reply for reply in map(e.reply, probes) if reply is not None]
    return any(
        r.status not in (None, 404, 405, 502, 503, 504) and r.who == CONTAINER for r in replies
    )


def _crashes(e: Evidence) -> bool:
    return e.pool is not None and e.pool.crashes > 0


def _no_egress(e: Evidence) -> bool:
    return e.pool is not None and e.pool.egress == "EgressDisabled"


def _started_late(e: Evidence) -> bool:
    """502 or "starting" first, then an answer."""
    return any(r.first in (502, 503, 504) and (r.ok or r.status == 404) for r in e.replies)


def _rollout(e: Evidence) -> bool:
    """An older template, with another port or image, still serves."""
    pool = e.pool
    if pool is None:
        return False
    ports = pool.target_port and pool.active_port and pool.target_port != pool.active_port
    images = pool.image and pool.active_image and pool.image != pool.active_image
    return bool(ports or images)


def _words_of_nobody(e: Evidence) -> bool:
    return any(r.status in REFUSALS and r.who == UNKNOWN and r.body for r in e.refusals())


def _plain_404(e: Evidence) -> bool:
    return lost_route(e) and not _piston(e) and not _base_image(e)


CONTAINER_CAUSES: Final = (
    Cause(
        id="piston-owns-port",
        check="routing",
        title="Another program, Piston, owns the pool's target port",
        explanation="Endpoint, token and identifier are right and Azure routes the path: the "
        "request reached your container. But another program, such as Piston, owns the pool's "
        "target port and answers its catch-all 404; the adapter, which wants the same port, could "
        "not start.",
        fix="Give Piston another port, on loopback (PISTON_BIND_ADDRESS=127.0.0.1:2001), let the "
        "adapter alone listen on 0.0.0.0 and the target port, make the container exit when either "
        "program ends, and let its readiness check fail on every answer but 200 (`curl -f`). A "
        "null from properties.template.ingress.targetPort means nothing: the port is in "
        + _PORT
        + ".",
        source="Piston api/src/index.js 3.1.1 (binds 0.0.0.0:2000); a pool in the field",
        signs=(
            Sign(
                "the needed path gets 404; GET / is answered `Piston v…`, or "
                "GET /api/v2/runtimes with a list of languages",
                HIGH,
                every(lost_route, _piston),
            ),
            Sign(
                'the body of the 404 is exactly {"message":"Not Found"}',
                MEDIUM,
                every(lost_route, refused(dialect="piston-404")),
            ),
        ),
    ),
    Cause(
        id="base-image",
        check="routing",
        title="Microsoft's base image listens on the target port",
        explanation="The request reached your container, but there the proxy of Microsoft's "
        "code-interpreter base image answers: it serves /executions, /code/execute, /files and "
        "/health, and no other path.",
        fix="Build the image on plain Python and let it run `python -m "
        "azure_session_kernel.container --port {port}`; or let your own program take another port "
        "and set the pool's target port to it: `az containerapp sessionpool update "
        "--name {pool} --resource-group {group} --target-port PORT`.",
        source="Azure-Samples/container-apps-dynamic-sessions-samples (port 6000, Go)",
        signs=(
            Sign(
                'the needed path gets 404; GET /health is answered {"message":"healthy"}, or '
                "/executions is known while unknown paths get Go's 404",
                HIGH,
                every(lost_route, _base_image, no(_piston)),
            ),
        ),
    ),
    Cause(
        id="template-not-active",
        check="management",
        title="An older version of the container still serves",
        explanation="The pool's newest template (image {image}, port {port}) is not active yet: "
        "sessions are still made from the one before (image {active_image}, port {active_port}).",
        fix="Wait until the rollout is over (up to 20 minutes), then stop old sessions. It is when "
        "this shows the new image and port:\n{show_state}",
        source="azure-cli's recordings: templateUpdateStatus.activeTemplate",
        signs=(
            Sign(
                "customContainerTemplate and templateUpdateStatus.activeTemplate differ in image "
                "or target port, and the needed path fails",
                MEDIUM,
                every(_rollout, either(lost_route, silent)),
            ),
        ),
    ),
    Cause(
        id="route-missing",
        check="routing",
        title="The program in the container has no such route",
        explanation="The endpoint, token and identifier are right: the request reached your "
        "container. Its program ({dialect}) has no such route.",
        fix="Run the adapter (`python -m azure_session_kernel.container --port {port}`) in the "
        "image, on the pool's target port, or set AZURE_SESSION_EXECUTE_PATH to the path your "
        "program serves. {served}",
        local=Advice(
            "Start the local pool with the kind that is wanted, such as `azure-session-kernel pool "
            "--kind container`, and leave AZURE_SESSION_EXECUTE_PATH as it is. {served}",
            "The request reached the local pool's session, whose program has no such route.",
        ),
        builtin=Advice(
            "Set AZURE_SESSION_EXECUTOR=auto (or interpreter), and compare the endpoint with what "
            "this prints:\n{show}",
            "The service has no such route, or nothing of that name: a built-in pool is called "
            "like one of another kind, or its endpoint is not whole.",
        ),
        source="default error pages of Express, Flask, FastAPI and Go",
        signs=(
            Sign(
                "the needed paths and an unknown one get the same 404, and it is the one of a "
                "framework or of another adapter",
                HIGH,
                lambda e: (
                    _plain_404(e)
                    and any(
                        r.dialect in ("express", "flask", "fastapi", "go", "other-adapter")
                        for r in e.refusals()
                    )
                    and e.reply("unknown") is not None
                ),
            ),
            Sign(
                "a 404 with a body, and not the service's error envelope",
                MEDIUM,
                lambda e: (
                    lost_route(e)
                    and any(r.who == CONTAINER and r.dialect != "piston-404" for r in e.refusals())
                ),
            ),
            Sign(
                "a 404 without a body, and the pool may know a session of the identifier",
                MEDIUM,
                every(refused(status=404, who=UNKNOWN), lambda e: e.session_known is not False),
            ),
            Sign("405: the path exists, for another method", MEDIUM, refused(status=405)),
            Sign("a 404 without a body", LOW, refused(status=404, who=UNKNOWN)),
            Sign("a 404 as Piston's", LOW, every(lost_route, refused(dialect="piston-404"))),
        ),
    ),
    Cause(
        id="image-pull-failed",
        check="management",
        title="The image can't be pulled",
        explanation="The pool can't pull the image {image} ({pull_failures} failures), so it has "
        "no sessions to hand out.",
        fix="Check the image's name and tag, and the pool's right to pull it (registry "
        "credentials, or the AcrPull role for its identity).",
        source="ARM: templateUpdateStatus.activeTemplate.status.imagePullFailCount",
        signs=(
            Sign(
                "imagePullFailCount is above 0 and calls fail",
                HIGH,
                lambda e: e.pool is not None and e.pool.pull_failures > 0 and bool(e.refusals()),
            ),
        ),
    ),
    Cause(
        id="egress-dependent-start",
        check="allocation",
        title="The container needs the Internet to start, and the pool has none",
        explanation="What the container does at its start (pip install, a download) needs the "
        "network, which sessions do not have unless the pool's egress is enabled.",
        fix="Put everything into the image; or `az containerapp sessionpool update --name {pool} "
        "--resource-group {group} --network-status EgressEnabled`.",
        source="Microsoft's documentation: egress is off by default; measured: URLError",
        signs=(
            Sign(
                "the start fails, and its message is about a name or network that can't be reached",
                HIGH,
                either(
                    seen(code="InterpreterFailed", body=_NO_NETWORK),
                    lambda e: re.search(_NO_NETWORK, e.failed.get("start", ""), re.I) is not None,
                ),
            ),
            Sign(
                "502 or 503, and a text about a name or network that can't be reached",
                MEDIUM,
                refused(status=(502, 503), body=_NO_NETWORK),
            ),
            Sign(
                "502 or crashes, and the management plane says EgressDisabled",
                MEDIUM,
                every(silent, _crashes, _no_egress),
            ),
            Sign("502: the program may wait for a network that is not there", LOW, silent),
        ),
    ),
    Cause(
        id="adapter-crashed-at-start",
        check="allocation",
        title="The program in the container ends at its start",
        explanation="The container's program ends as soon as it starts: its port is taken, a "
        "package is missing, or its command is wrong.",
        fix="Read why in its console log: " + _LOGS + "; or run the image here: `docker run --rm "
        "-p {port}:{port} IMAGE`, then `azure-session-kernel doctor --direct "
        "http://localhost:{port}`.",
        source="ARM: templateUpdateStatus.activeTemplate.status.crashCount; a pool in the field "
        "(EADDRINUSE)",
        signs=(
            Sign(
                "502, and the management plane counts crashes",
                HIGH,
                every(silent, _crashes, no(_no_egress)),
            ),
            Sign("502, and the management plane counts crashes", MEDIUM, every(silent, _crashes)),
            Sign(
                "502, and the pool knows no session of the identifier afterwards",
                MEDIUM,
                lambda e: silent(e) and e.session_known is False,
            ),
            Sign("502", LOW, silent),
        ),
    ),
    Cause(
        id="nothing-listens",
        check="allocation",
        title="Nothing listens on the target port",
        explanation="The session's container runs, but nothing listens on the pool's target port "
        "({port}): the program uses another port, or only 127.0.0.1, or is still starting.",
        fix="Let the program listen on 0.0.0.0 and the port in " + _PORT + ", which this prints:\n"
        "{show_port}",
        local=Advice(_LOOK_LOCAL, "The session's program does not listen, or has ended."),
        builtin=Advice(_LOOK_BUILTIN, _FAILS_BUILTIN),
        source="reported by users: 502 while a container does not listen",
        signs=(
            Sign(
                "502 again and again; the management plane counts ready containers and no crash",
                HIGH,
                lambda e: (
                    silent(e)
                    and e.pool is not None
                    and e.pool.crashes == 0
                    and bool(e.pool.ready)
                    and not _rollout(e)
                ),
            ),
            Sign(
                "502 again and again, and the session lives on",
                MEDIUM,
                lambda e: silent(e) and e.session_known is not False,
            ),
            Sign("502", LOW, silent),
        ),
    ),
    Cause(
        id="slow-start",
        check="allocation",
        title="The container starts slowly",
        explanation="The pool hands out sessions before their program listens, which then takes "
        "some time: early calls get 502.",
        fix="Keep sessions ready (`az containerapp sessionpool update --name {pool} "
        "--resource-group {group} --ready-sessions N`), give the template a Startup probe on "
        "/health, and install nothing at the container's start.",
        local=Advice("Keep sessions ready: `azure-session-kernel pool --ready-sessions 3`."),
        builtin=Advice(
            "Keep sessions ready: `az containerapp sessionpool update --name {pool} "
            "--resource-group {group} --ready-sessions N`."
        ),
        source="reported by users; probes: api-version 2025-02-02-preview, none by default",
        signs=(
            Sign("502 or 503 at first, and then an answer", HIGH, _started_late),
            Sign(
                "the adapter answers that its interpreter is still starting",
                MEDIUM,
                seen(code="InterpreterStarting"),
            ),
            Sign("502: it may still be starting", LOW, silent),
        ),
    ),
    Cause(
        id="other-program",
        check="routing",
        title="Another program answers, and not as it should",
        explanation="The request was answered with {status}, but not as the adapter, Azure's API "
        "or a program that runs code answers: a program that is something else listens on the "
        "target port, or a page for everybody stands in front of it.",
        fix="Compare what it answered (`azure-session-kernel doctor --verbose`) with what the "
        "image should run. It is `python -m azure_session_kernel.container --port {port}` for this "
        "kernel; or set AZURE_SESSION_EXECUTE_PATH to the path that takes code.",
        source="common: a single-page application, or a health page, answers every path",
        signs=(
            Sign(
                "200 for a path that runs code, but not what that route answers",
                MEDIUM,
                refused(odd=True),
            ),
        ),
    ),
    Cause(
        id="container-refuses",
        check="routing",
        title="The container's program refuses the request",
        explanation="The request reached your container, and its program refuses it with "
        "{status}: it wants a key or a sign-in of its own, limits how often or how much it is "
        "asked, or redirects.",
        fix="Let the program take requests on its execute path as they come: only the pool can "
        "reach it, and the pool has checked who asks. Its console log: " + _LOGS + ".",
        source="common: API keys, rate limits and redirects of web frameworks",
        signs=(
            Sign(
                "401, 403, 413, 429 or a redirect, while the pool knows the session, or in the "
                "words of a framework",
                MEDIUM,
                either(
                    refused(status=(*REFUSALS, *REDIRECTS), who=CONTAINER),
                    lambda e: any(r.status in REDIRECTS and stays_here(e, r) for r in e.refusals()),
                ),
            ),
            Sign("one of these with words that nobody knows", LOW, _words_of_nobody),
        ),
    ),
    Cause(
        id="container-fails",
        check="routing",
        title="The container's program answers with an error of its own",
        explanation="The request reached your container, and its program failed ({status}).",
        fix="Read its console log: " + _LOGS + ".",
        local=Advice(
            _LOOK_LOCAL, "The request reached the session, whose program failed ({status})."
        ),
        builtin=Advice(_LOOK_BUILTIN, _FAILS_BUILTIN),
        source="inferred",
        signs=(
            Sign(
                "500 or 503 with a body that is not the pool's",
                MEDIUM,
                refused(status=(500, 503), who=CONTAINER),
            ),
            Sign("500 without a body", LOW, refused(status=500, who=UNKNOWN)),
        ),
    ),
    Cause(
        id="version-skew",
        check="protocol",
        title="The image has another version of azure-session-kernel",
        explanation="The adapter in the image speaks another protocol than this kernel: "
        "{protocols}.",
        fix="Build the image anew from the copy of the repository that this kernel was installed "
        "from, or install {adapter_version} here: in a copy of that version, "
        "`python -m pip install .`.",
        source="this project's protocol, docs/protocol.md",
        signs=(
            Sign(
                "hello names another protocol version",
                HIGH,
                lambda e: e.hello is not None and e.hello.protocol != PROTOCOL_VERSION,
            ),
            Sign(
                "the adapter answers, and does not know the route",
                MEDIUM,
                seen(status=404, who="adapter", code="NoSuchRoute", probe="call"),
            ),
        ),
    ),
    Cause(
        id="interpreter-fails-to-start",
        check="allocation",
        title="The adapter runs, but its Python interpreter does not start",
        explanation="The session's container and the adapter run, but the Python interpreter in "
        "it can't be started.",
        fix="Install ipykernel in the image's Python (`pip install ipykernel`), and read the "
        "reason in its console log: " + _LOGS + ".",
        source="this project's protocol: 500 InterpreterFailed",
        signs=(
            Sign("hello is answered with InterpreterFailed", HIGH, seen(code="InterpreterFailed")),
        ),
    ),
)
