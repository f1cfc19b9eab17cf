"""Built-in pools that run no Python, as far as a client needs to recognise them.

No JavaScript and no shell command is run here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ....azure_api.executions import azure_error
from ....azure_api.outputs import Outputs
from ....azure_api.request import ExecutionRequest

#: The one piece of JavaScript that is understood: the recordings'.
_LOG: Final = re.compile(r'console\.log\(("[^"\\]*")\);?')


class NodeRunner:
    """A NodeLTS pool takes Python for JavaScript that makes no sense."""

    async def ready(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def run(self, request: ExecutionRequest, started: Callable[[], None]) -> Outputs:
        started()
        outputs = Outputs()
        logged = _LOG.fullmatch(request.code.strip())
        if logged is not None:
            outputs.write("stdout", json.loads(logged[1]) + "\n")
        else:
            line = request.code.strip().partition("\n")[0]
            said = f"evalmachine.<anonymous>:1\n{line}\n\nSyntaxError: Invalid or unexpected token"
            outputs.take("error", {"ename": "SyntaxError", "traceback": [said]})
        return outputs


def shell_routes() -> list[Route]:
    """A Shell pool refuses bodies without ``shellCommand`` (docs/azure.md 4.1)."""
    return [
        Route("/executions", _shell_execution, methods=["POST"]),
        Route("/code/execute", _shell_execution, methods=["POST"]),
    ]


async def _shell_execution(request: Request) -> Response:
    try:
        body = json.loads(await request.body())
    except ValueError:
        body = None
    if not isinstance(body, dict) or not isinstance(body.get("shellCommand"), str):
        said = "The session's properties are missing: 'shellCommand' is required."
        return azure_error(400, "SessionPropertiesMissing", said)
    said = "The local pool runs no shell commands: its Shell pool is there to be recognised."
    return azure_error(400, "SessionRequestNotSupported", said)
