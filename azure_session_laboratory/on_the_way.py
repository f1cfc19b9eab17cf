"""The fault is between the caller and the pool: proxies that take, hold, open or repeat."""

from __future__ import annotations

from typing import Final

from starlette.responses import RedirectResponse, Response

from .fronts import WITHOUT_IDENTIFIER, answering
from .in_the_container import container
from .scenario import Scenario

_SILENT: Final = container("silent", "started")


def _to_portal(path: str) -> Response:
    return RedirectResponse("http://portal.example.org/sign-in", 302)


ON_THE_WAY: Final = (
    Scenario(
        name="missing-identifier",
        cause="missing-identifier",
        what="A proxy drops the query string, and with it the identifier.",
        source="docs/azure.md 4.1 (c): the text; whether it comes as JSON is unknown.",
        kind=_SILENT,
        in_front=(WITHOUT_IDENTIFIER,),
    ),
    Scenario(
        name="tls-interception",
        cause="tls-interception",
        what="A proxy opens TLS with a certificate of an authority that is not known here.",
        source="TLS; the proxy's name is made up.",
        kind=_SILENT,
        certificate="unknown",
    ),
    Scenario(
        name="tls-expired",
        cause="tls-expired",
        what="The certificate that is shown expired yesterday.",
        source="TLS.",
        kind=_SILENT,
        certificate="expired",
    ),
    Scenario(
        name="captive-portal",
        cause="redirected",
        what="The network sends everybody to its own sign-in page first.",
        source="Common in hotels and trains; no pool redirects.",
        kind=_SILENT,
        in_front=(answering(_to_portal),),
    ),
    Scenario(
        name="broken-off",
        cause="broken-off",
        what="Something on the way resets every connection once the request has been sent.",
        source="The operating system's errors.",
        kind=_SILENT,
        rules=({"fault": "reset_before", "every": 1},),
    ),
    Scenario(
        name="no-answer",
        cause="no-answer",
        what="The pool takes each request and does not answer for ten minutes.",
        source="docs/azure.md 3.2 (d): no limit of an allocation is documented.",
        kind=_SILENT,
        rules=({"fault": "delay", "seconds": 600, "every": 1},),
    ),
    Scenario(
        name="gateway-timeout",
        cause="gateway-timeout",
        what="The ingress gives up waiting for the container: 504.",
        source="docs/azure.md 4.1 (c), ordinary ingress; not confirmed for pools.",
        kind=_SILENT,
        rules=({"fault": "answer", "status": 504, "every": 1},),
    ),
    Scenario(
        name="buffering-proxy",
        cause="buffering-proxy",
        what="A proxy holds every answer back until it is whole.",
        source="docs/azure.md 3.4 (d): whether a pool itself does this is not known.",
        rules=({"fault": "buffer", "every": 1},),
    ),
    Scenario(
        name="resending-front",
        cause="resending-front",
        what="Something on the way sends each POST twice.",
        source="docs/azure.md 3.2: ingress proxies that try again (inf).",
        rules=({"fault": "duplicate", "method": "POST", "every": 1, "answer": "second"},),
    ),
    Scenario(
        name="session-split",
        cause="session-split",
        what="The identifier's session is replaced between two requests.",
        source="docs/azure.md 3.1 (a): an identifier without a session gets a fresh one.",
        rules=({"fault": "replace_session", "path": "/jupyter/hello", "nth": [2]},),
    ),
)
