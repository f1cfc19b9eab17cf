"""The routes that tell what kind of pool it is, and what each of them answered.

Asked all at once, after ``POST /jupyter/hello`` was answered by something else than our adapter
(docs/azure.md 3.5, 3.6, 4.2, 7).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ...common.errors import PoolError, PoolRouteNotFound, UnexpectedAnswer
from ...pool.client import PoolClient
from ...pool.failures import OUR_SOURCE
from ...wire import dump
from ..adapter.executor import HELLO
from ..base import DEFAULT_EXECUTE_PATH
from ..oneshot.api import (
    PISTON_PATH,
    SAMPLE_PATH,
    NoPython,
    is_piston_path,
    piston_version,
    runtimes_path,
)
from ..oneshot.pool import PROBE_S, OneShotPool
from ..oneshot.probe import new_boot
from .known_kinds import Known

_EXECUTIONS: Final = "/executions"
_VERSION: Final = {"api-version": "2025-02-02-preview"}
_UNAVAILABLE: Final = "Azure Container App - Unavailable"
#: Statuses by which a program says that it has no such route.
_NO_ROUTE: Final = frozenset({*range(200, 300), 400, 404, 405, 406, 408, 410, 415, 422, 500, 501})
_SHOWN_CHARS: Final = 300


@dataclass(frozen=True)
class Route:
    """:ivar asked: as an error names it. :ivar means: what it means when it answers as it should.
    :ivar ask: raises ``PoolError`` when it does not.
    """

    asked: str
    means: Known
    ask: Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Answered:
    """:ivar error: None when the route answered as it should."""

    route: Route
    error: PoolError | None


def is_about_kind(error: PoolError) -> bool:
    """Whether an answer may mean that the pool is of another kind; else it means what it says:
    no right, no session, no network.
    """
    if error.source == OUR_SOURCE or isinstance(error, NoPython):
        return False
    if error.status is None:
        return isinstance(error, UnexpectedAnswer)
    return error.status in _NO_ROUTE and _UNAVAILABLE not in error.body


def routes(client: PoolClient, execute_path: str) -> list[Route]:
    """In the order of what is best for the user. A path that was set is the only one asked."""
    is_default = execute_path == DEFAULT_EXECUTE_PATH
    paths = [execute_path, SAMPLE_PATH] if is_default else [execute_path]
    found = [Route(f"POST {_EXECUTIONS}", Known("interpreter"), lambda: _ask_azure(client))]
    found += [_oneshot(client, path) for path in paths if not is_piston_path(path)]
    pistons = [path for path in (*paths, PISTON_PATH) if is_piston_path(path)]
    if is_default or is_piston_path(execute_path):
        found.append(_piston(client, pistons[0]))
    return found


async def ask_all(asked: Sequence[Route]) -> list[Answered]:
    """At once, so that it takes as long as one."""
    return list(await asyncio.gather(*(_answered(route) for route in asked)))


def nothing_fits(hello: PoolError, answers: Sequence[Answered]) -> PoolError:
    """What each route answered; the likely cause is that of the first, which has a good one."""
    said = [(HELLO, hello), *((a.route.asked, a.error) for a in answers if a.error is not None)]
    lines = "\n".join(f"  {asked}: {' '.join(e.what.split())[:_SHOWN_CHARS]}" for asked, e in said)
    not_found = all(isinstance(error, PoolRouteNotFound) for _, error in said)
    error = (PoolRouteNotFound if not_found else UnexpectedAnswer)(
        f"No way to run code was found in this pool. It was asked:\n{lines}",
        cause=hello.cause,
        fix="This looks further, and names the cause:\nazure-session-kernel doctor\n"
        "If its program takes code at another path: set AZURE_SESSION_EXECUTE_PATH to it.",
    )
    error.status, error.code, error.body = hello.status, hello.code, hello.body
    return error


async def _answered(route: Route) -> Answered:
    try:
        await route.ask()
    except PoolError as error:
        return Answered(route, error)
    return Answered(route, None)


def _oneshot(client: PoolClient, path: str) -> Route:
    async def ask() -> None:
        await OneShotPool(client, path).probe(new_boot())

    return Route(f"POST {path}", Known("oneshot", path), ask)


def _piston(client: PoolClient, path: str) -> Route:
    runtimes = runtimes_path(path)

    async def ask() -> None:
        answer = await client.request("GET", runtimes, timeout_s=PROBE_S)
        piston_version(answer.json())

    return Route(f"GET {runtimes}", Known("oneshot", path), ask)


async def _ask_azure(client: PoolClient) -> None:
    """Azure's own API, as a container with Microsoft's base image has it."""
    asked = {
        "codeInputType": "inline",
        "executionType": "synchronous",
        "code": "1",
        "timeoutInSeconds": 30,
    }
    answer = await client.request(
        "POST", _EXECUTIONS, body=dump(asked), query=_VERSION, timeout_s=PROBE_S
    )
    value: Any = answer.json()
    if not isinstance(value, dict) or "status" not in value or "result" not in value:
        error = UnexpectedAnswer(f"POST {_EXECUTIONS} was not answered as Azure's API answers.")
        error.status = answer.status
        raise error
