"""One resource: looked at, made if it is missing, and waited for."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from ..common.errors import SetupFailed
from .arm import Answer, Arm, Refused, errors_of
from .bodies import Body
from .names import TAG
from .waiting import MAKING_S, until

Now = Callable[[str], None]
_GONE: Final = ("deleting", "scheduledfordelete", "deprovisioning")
_FAILED: Final = ("failed", "canceled", "upgradefailed")


class State(enum.Enum):
    """How a step stands; the value is what the plan says of it."""

    THERE = "is there"
    MISSING = "to be made"
    PENDING = "being made"
    FAILED = "failed; to be made again"
    DIFFERS = "to be changed"
    GOING = "being deleted; to be made again"


@dataclass(frozen=True)
class Resource:
    """:ivar title: kind and name, such as ``log workspace sessions-logs``.
    :ivar body: what makes it; may have to ask for something first.
    :ivar shared: one that somebody else has made is used as it is.
    """

    title: str
    id: str
    version: str
    body: Callable[[], Awaitable[Body]]
    shared: bool = False


def is_ours(found: dict[str, Any]) -> bool:
    tags = found.get("tags")
    return isinstance(tags, dict) and TAG in tags


def properties(found: dict[str, Any] | None) -> dict[str, Any]:
    within = (found or {}).get("properties")
    return within if isinstance(within, dict) else {}


def state_of(found: dict[str, Any] | None) -> State:
    """Of what is there as ARM says it; a resource without a state of its own is there."""
    if found is None:
        return State.MISSING
    said = str(properties(found).get("provisioningState") or "Succeeded").lower()
    if said in _GONE:
        return State.GOING
    if said in _FAILED:
        return State.FAILED
    return State.THERE if said == "succeeded" else State.PENDING


async def look(arm: Arm, wanted: Resource) -> tuple[State, dict[str, Any] | None]:
    """:raises SetupFailed: something of that name is there that setup did not make."""
    found = await arm.get(wanted.id, wanted.version)
    if found is not None and not wanted.shared and not is_ours(found):
        raise SetupFailed(
            f"There is a {wanted.title} already that setup did not make, so it is left alone.",
            cause=f"It has no tag {TAG}. Somebody made it by hand, or with the templates.",
            fix="Run it again with another name, such as --name course2, or another "
            f"--resource-group. If it may be used and removed by setup, tag it so:\n"
            f"az tag update --operation merge --tags {TAG}=setup --resource-id {wanted.id}",
        )
    return state_of(found), found


async def make(arm: Arm, wanted: Resource, now: Now) -> None:
    """Whatever is missing of it, to its end. :raises Refused: :raises SetupTookTooLong:"""
    state, _ = await look(arm, wanted)
    if state is State.GOING:
        now("waiting for the end of an earlier one")
        await gone(arm, wanted.id, wanted.version, wanted.title)
        state = State.MISSING
    operation = ""
    if state is not State.PENDING and state is not State.THERE:
        operation = (await put(arm, wanted)).operation
    now("Azure is making it")
    await made(arm, wanted, operation)


async def put(arm: Arm, wanted: Resource) -> Answer:
    return await arm.ask("PUT", wanted.id, wanted.version, await wanted.body())


async def made(arm: Arm, wanted: Resource, operation: str) -> None:
    """:param operation: where to ask, if Azure has named it. :raises Refused: it failed."""

    async def ended() -> bool | None:
        if operation and not await ended_well(arm, operation):
            return None
        state = state_of(await arm.get(wanted.id, wanted.version))
        if state is State.FAILED:
            raise Refused(200, ("ProvisioningFailed",), "it failed", f"PUT {wanted.id}")
        return True if state is State.THERE else None

    await until(arm.clock, ended, f"The {wanted.title}", MAKING_S, arm.every_s)


async def ended_well(arm: Arm, operation: str) -> bool:
    """Whether it has come to its end. :raises Refused: it failed."""
    answer = await arm.follow(operation)
    said = str(answer.body.get("status") or "").lower()
    if said in _FAILED:
        codes, message = errors_of(answer.body)
        raise Refused(200, codes or ("OperationFailed",), message, "a long-running operation")
    return said == "succeeded" or (not said and answer.status != 202)


async def gone(arm: Arm, resource_id: str, version: str, title: str) -> None:
    async def ended() -> bool | None:
        return True if await arm.get(resource_id, version) is None else None

    await until(arm.clock, ended, f"The end of the {title}", MAKING_S, arm.every_s)
