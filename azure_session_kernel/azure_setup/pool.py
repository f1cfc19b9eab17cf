"""The pool: made, changed where it was asked for otherwise, and waited for until it works."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from ..common.errors import SetupFailed
from ..doctor.management_plane import facts_of_resource
from . import bodies, commands
from .arm import Arm, Refused
from .bodies import Body
from .names import POOL_TYPE, VERSIONS
from .plan import Plan
from .resources import Now, Resource, State, ended_well, look, properties, put, state_of
from .waiting import MAKING_S, ROLE_S, until

_VERSION: Final = VERSIONS[POOL_TYPE]
#: How long a pool that has failed to pull its image is left before it is made anew.
_PULL_AGAIN_S: Final = 60.0
#: How long one that is made, but can't pull it, is left to Azure's own tries.
_PULLING_S: Final = 180.0
#: What is compared: the rest of a body, Azure may write in ways of its own.
_COMPARED: Final = ("scaleConfiguration", "dynamicPoolConfiguration", "sessionNetworkConfiguration")


class _PullFailed(Exception):
    """:ivar why: what Azure says of it."""

    def __init__(self, why: str = "") -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True)
class Pool:
    """A step; see ``steps.Step``. :ivar tag: of the image of custom containers."""

    arm: Arm
    plan: Plan
    tag: str = ""

    @property
    def title(self) -> str:
        return f"session pool {self.plan.name}"

    @property
    def commands(self) -> Sequence[str]:
        return (commands.pool(self.plan, self.tag),)

    @property
    def _resource(self) -> Resource:
        return Resource(self.title, self.plan.pool_id, _VERSION, self._body)

    async def _body(self) -> Body:
        if not self.plan.custom:
            return bodies.pool(self.plan)
        version = VERSIONS["Microsoft.ContainerRegistry/registries"]
        registry = await self.arm.get(self.plan.registry_id, version)
        server = properties(registry).get("loginServer") or f"{self.plan.registry}.azurecr.io"
        return bodies.pool(self.plan, str(server), self.tag)

    async def look(self) -> State:
        state, found = await look(self.arm, self._resource)
        if state is State.THERE and self._differs(properties(found)):
            return State.DIFFERS
        return State.PENDING if state is State.THERE and not self._ready(found, []) else state

    async def make(self, now: Now) -> None:
        """:raises Refused: :raises SetupFailed:"""
        ends_s = self.arm.clock.now_s() + ROLE_S
        state = await self.look()
        while True:
            operation = ""
            if state is not State.PENDING:
                operation = (await put(self.arm, self._resource)).operation
            now("Azure is making it")
            try:
                await self._made(operation, now)
                return
            except _PullFailed as failed:
                if self.arm.clock.now_s() >= ends_s:
                    raise self._image_missing(failed.why) from None
            now("the right to pull the image is not effective yet; trying again soon")
            await self.arm.clock.sleep(_PULL_AGAIN_S)
            state = State.MISSING

    async def _made(self, operation: str, now: Now) -> None:
        running = [operation] if operation else []
        begun_s = self.arm.clock.now_s()

        async def ended() -> bool | None:
            if running:
                try:
                    if await ended_well(self.arm, running[0]):
                        running.clear()
                except Refused as refused:
                    raise _pull_failed(refused) or refused from None
            found = await self.arm.get(self.plan.pool_id, _VERSION)
            if not running and state_of(found) is State.FAILED:
                self._why_failed(found)
            notes: list[str] = []
            ready = self._ready(found, notes)
            now(", ".join(["Azure is making it", *notes]))
            settled = not running and state_of(found) is State.THERE
            if facts_of_resource(found).pull_failures and not ready:
                self._pulling(self.arm.clock.now_s() - begun_s, settled=settled)
            return True if settled and ready else None

        await until(self.arm.clock, ended, f"The {self.title}", MAKING_S, self.arm.every_s)

    def _pulling(self, waited_s: float, *, settled: bool) -> None:
        """What is under way can't be begun again; Azure goes on trying by itself.

        :raises _PullFailed: :raises SetupFailed:
        """
        if settled and waited_s > _PULLING_S:
            raise _PullFailed
        if waited_s > ROLE_S:
            raise self._image_missing("")

    def _why_failed(self, found: dict[str, Any] | None) -> None:
        """:raises _PullFailed: :raises SetupFailed: :raises Refused:"""
        facts = facts_of_resource(found)
        if facts.pull_failures:
            raise _PullFailed
        if facts.crashes:
            raise self._crashes(facts.crashes)
        raise Refused(200, ("ProvisioningFailed",), facts.details or "it failed", "PUT the pool")

    def _ready(self, found: dict[str, Any] | None, notes: list[str]) -> bool:
        """Whether it has sessions of this image; notes what it has, where that is told."""
        facts = facts_of_resource(found)
        if not self.plan.custom or facts.expected is None:
            return True
        notes.append(f"{facts.ready or 0} of {facts.expected} sessions ready")
        if facts.pull_failures:
            notes.append(f"{facts.pull_failures} could not pull the image")
        if facts.crashes and not facts.ready and state_of(found) is State.THERE:
            raise self._crashes(facts.crashes)
        this_image = not facts.active_image or facts.active_image.endswith(f":{self.tag}")
        return this_image and bool(facts.ready or facts.allocated)

    def _differs(self, found: dict[str, Any]) -> bool:
        wanted = properties(bodies.pool(self.plan, "SERVER", self.tag))
        if any(not _within(wanted[name], found.get(name)) for name in _COMPARED):
            return True
        template = found.get("customContainerTemplate") or {}
        containers = template.get("containers") or [{}]
        image = str(containers[0].get("image") or "")
        return self.plan.custom and not image.endswith(f":{self.tag}")

    def _image_missing(self, why: str) -> SetupFailed:
        image = f"{self.plan.names.image}:{self.tag}"
        says = f" Azure says: {why}" if why else ""
        return SetupFailed(
            f"The pool can't pull its image {image}.",
            cause=f"The image is not in the registry, or its identity may not pull it.{says}",
            fix="See whether the tag is there, and the role (AcrPull); then run this again:\n"
            f"az acr repository show-tags --name {self.plan.registry} "
            f"--repository {self.plan.names.image}\n"
            f"az role assignment list --scope {self.plan.registry_id} --output table",
        )

    def _crashes(self, count: int) -> SetupFailed:
        return SetupFailed(
            f"The pool's containers end as soon as they start ({count} did).",
            cause="A package of the course may break the image, or the image is not ours.",
            fix="Read what they printed (it takes some minutes to arrive); then change the "
            "packages and run this again:\n"
            f"azure-session-kernel logs --name {self.plan.name} --since 1h",
        )


def _pull_failed(refused: Refused) -> _PullFailed | None:
    """Whether that is about the image. Which code Azure gives it is not known."""
    text = f"{' '.join(refused.codes)} {refused.message}".lower()
    words = ("imagepull", "pull image", "unauthorized", "manifest unknown", "manifest_unknown")
    return _PullFailed(refused.message) if any(word in text for word in words) else None


def _within(wanted: Any, found: Any) -> bool:
    """Whether all that was asked for is there; Azure adds to it."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(
            _within(value, found.get(name)) for name, value in wanted.items()
        )
    return bool(wanted == found)
