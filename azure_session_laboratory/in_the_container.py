"""The fault is in the container: another program, no such route, nothing that listens."""

from __future__ import annotations

import sys
from typing import Final

from azure_session_kernel.emulator.kinds.kinds import Builtin, Kind, Ready, interpreter

from .resource import Resource
from .scenario import Scenario

_LISTENING: Ready = "listening"
_STARTED: Ready = "started"


def container(name: str, ready: Ready = _LISTENING) -> Kind:
    """A pool whose containers run ``NAME`` of ``container.py``."""
    module = "azure_session_laboratory.container"
    return Kind((sys.executable, "-m", module, name), ready=ready)


def _route_missing(name: str, program: str, says: str) -> Scenario:
    return Scenario(
        name=f"route-missing-{name}",
        cause="route-missing",
        what=f"An adapter that has no such route and says so {says}.",
        source="docs/azure.md 4.2 row 2 (src): the framework's own 404.",
        kind=container(program),
    )


def _failing(name: str, cause: str, path: str, what: str) -> Scenario:
    """One call of our adapter fails, whatever the reason."""
    rule = {"fault": "answer", "status": 500, "path": path, "every": 1}
    return Scenario(name, cause, what, "docs/protocol.md, Errors.", rules=(rule,))


IN_THE_CONTAINER: Final = (
    Scenario(
        name="piston-owns-port",
        cause="piston-owns-port",
        what="Piston listens on the target port, and the adapter that should answer "
        "/python/execute died of 'address in use'.",
        source="docs/azure.md 7 and 4.2 row 1 (src): bodies word for word. That the pool keeps "
        "Express' header is assumed. Programs fail, as without privileges: 500 without a body.",
        kind=container("piston"),
        env={"AZURE_SESSION_EXECUTOR": "oneshot"},
    ),
    Scenario(
        name="piston-without-languages",
        cause="piston-owns-port",
        what="As piston-owns-port, with a Piston in which no language is installed yet.",
        source="docs/azure.md 7 (src): languages are packages that are installed after the start.",
        kind=container("piston-without-languages"),
    ),
    _route_missing("express", "express", "in Express' HTML page `Cannot POST /…`"),
    _route_missing("flask", "flask", "in Flask's HTML page"),
    _route_missing("fastapi", "fastapi", 'as {"detail":"Not Found"}, as FastAPI does'),
    _route_missing("go", "go", "as `404 page not found`, as Go's net/http does"),
    _route_missing("seed", "seed", "with the path and the languages that it has"),
    Scenario(
        name="base-image",
        cause="base-image",
        what="Microsoft's code interpreter image, where a setting says that our adapter is.",
        source="docs/azure.md 3.5 and 4.2 row 4 (src; the 404's text is inferred from Go's mux).",
        kind=container("base-image"),
        env={"AZURE_SESSION_EXECUTOR": "adapter"},
    ),
    Scenario(
        name="nothing-listens",
        cause="nothing-listens",
        what="The container runs, and nothing in it listens on the target port.",
        source="docs/azure.md 4.1, 502 (c). Its body is unknown; here it is text.",
        kind=container("silent", _STARTED),
        resource=Resource(),
    ),
    Scenario(
        name="adapter-crashed-at-start",
        cause="adapter-crashed-at-start",
        what="The adapter ends with an error as soon as it starts, again and again.",
        source="docs/azure.md 4.1, 502 (c); crashCount in 2.5 (b). That the pool then knows no "
        "session of the identifier is the local pool's way; Azure's is unknown.",
        kind=container("crash"),
        resource=Resource(ready=0, crashes=7, egress="EgressEnabled"),
    ),
    Scenario(
        name="nothing-listens-from-outside",
        cause="nothing-listens",
        what="As nothing-listens, seen by somebody who may not read the pool's resource.",
        source="docs/azure.md 4.1, 502 (c).",
        kind=container("silent", _STARTED),
    ),
    Scenario(
        name="adapter-crashed-from-outside",
        cause="adapter-crashed-at-start",
        what="As adapter-crashed-at-start, seen by somebody who may not read the resource.",
        source="As adapter-crashed-at-start.",
        kind=container("crash"),
    ),
    Scenario(
        name="image-pull-failed",
        cause="image-pull-failed",
        what="The pool can't pull its image, so that no container is behind its sessions.",
        source="docs/azure.md 2.5: imagePullFailCount (b). That calls then get 502 is inferred.",
        kind=container("silent", _STARTED),
        resource=Resource(ready=0, pending=2, pull_failures=4),
    ),
    Scenario(
        name="pool-not-ready",
        cause="pool-not-ready",
        what="The pool is still being provisioned.",
        source="docs/azure.md 2.5: InProgress for 8 minutes (b). That calls get 502 is inferred.",
        kind=container("silent", _STARTED),
        resource=Resource(provisioning_state="InProgress", ready=0, pending=2),
    ),
    Scenario(
        name="container-fails",
        cause="container-fails",
        what="A program of its own that answers every request with 500.",
        source="Flask's page for errors (src).",
        kind=container("failing"),
    ),
    Scenario(
        name="execute-fails",
        cause="container-fails",
        what="An adapter in front of Piston, which answers every program with 500.",
        source="docs/azure.md 7 (src): its envelope when Piston can't be reached.",
        kind=container("seed-broken"),
    ),
    Scenario(
        name="other-program",
        cause="other-program",
        what="A single-page application, which answers every path with its page.",
        source="Common.",
        kind=container("page"),
    ),
    Scenario(
        name="container-refuses",
        cause="container-refuses",
        what="A program that wants an API key of its own: 401.",
        source="Common. The pool itself knows the session.",
        kind=container("key"),
    ),
    Scenario(
        name="code-is-not-run",
        cause="execution-fails",
        what="A built-in pool for JavaScript.",
        source="docs/azure.md 2.1 (b): NodeLTS answers as PythonLTS does; its errors are a guess.",
        kind=interpreter(Builtin(container_type="NodeLTS")),
    ),
    Scenario(
        name="template-not-active",
        cause="template-not-active",
        what="The target port was changed, and sessions are still made from the older template.",
        source="docs/azure.md 4.2 step 4 (inf): beware of a rollout.",
        kind=container("silent", _STARTED),
        resource=Resource(target_port=8080, active_port=80),
    ),
    Scenario(
        name="egress-dependent-start",
        cause="egress-dependent-start",
        what="The image's Python downloads something when it starts, and the pool has no egress.",
        source="docs/azure.md 2.5: EgressDisabled is the default (b); 6.8: URLError (b).",
        kind=container("adapter-without-egress"),
    ),
    Scenario(
        name="slow-start",
        cause="slow-start",
        what="The adapter listens some seconds after its container was handed out.",
        source="docs/azure.md 4.1: 502 while it does not listen yet (c).",
        kind=container("slow-adapter", _STARTED),
    ),
    Scenario(
        name="interpreter-fails-to-start",
        cause="interpreter-fails-to-start",
        what="Our adapter answers, but no interpreter starts: ipykernel can't be imported.",
        source="Our adapter itself (docs/protocol.md, Errors).",
        kind=container("adapter-without-interpreter"),
    ),
    Scenario(
        name="version-skew",
        cause="version-skew",
        what="The image has a later version of our adapter, which speaks protocol 2.",
        source="docs/protocol.md: hello's fields stay in every version.",
        kind=container("newer-adapter"),
    ),
    _failing("files-fail", "files-fail", "/jupyter/files/*", "Files can't be written there."),
    _failing("interrupt-fails", "interrupt-fails", "/jupyter/interrupt", "SIGINT gets nowhere."),
    Scenario(
        name="files-and-interrupts-stall",
        cause="files-fail",
        what="Calls about files and interrupts are not answered.",
        source="Made up: one stall after another.",
        rules=tuple(
            {"fault": "delay", "seconds": 600, "path": path, "every": 1}
            for path in ("/jupyter/files/*", "/jupyter/interrupt")
        ),
    ),
    _failing("cells-fail", "execution-fails", "/jupyter/send", "The adapter takes no cell."),
)
