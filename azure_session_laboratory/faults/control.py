"""``/.faults/``: what a test reads and changes while a faulty pool runs. Needs the token."""

from __future__ import annotations

import json
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from .plan import FaultPlan, parse_plan


def control_routes(plan: FaultPlan) -> Sequence[Route]:
    async def report(_: Request) -> Response:
        """How often each kind of fault has taken effect."""
        return JSONResponse({"hits": plan.hits})

    async def replace(request: Request) -> Response:
        """The body is a plan, as in a file; 400 says what is wrong with it."""
        try:
            plan.replace(*parse_plan(json.loads(await request.body())))
        except ValueError as error:
            return PlainTextResponse(str(error), 400)
        return JSONResponse({"rules": len(plan.rules)})

    return (
        Route("/.faults/report", report, methods=["GET"]),
        Route("/.faults/plan", replace, methods=["POST"]),
    )
