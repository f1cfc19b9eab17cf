"""The image, built by the registry itself: upload the source, schedule a run, wait for its end.

The calls are those of ``az acr build``. Which image a run makes is kept in a tag of the registry,
since ARM does not list what a registry holds; so an interrupted build is found again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from ..common.errors import SetupFailed
from . import commands
from .arm import Arm, Refused
from .names import TAG, TASKS, VERSIONS
from .plan import Plan
from .resources import Now, State
from .source import DOCKERFILE, Files, kept_as, packed, tag_of
from .waiting import until

_BUILD: Final = f"{TAG}-build"
_VERSION: Final = VERSIONS["Microsoft.ContainerRegistry/registries"]
_UNDER_WAY: Final = ("Queued", "Started", "Running")
#: A run of a registry ends after an hour unless told otherwise.
_BUILDING_S: Final = 4200.0
_LOG_LINES: Final = 15
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")


class Image:
    """A step; see ``steps.Step``."""

    def __init__(self, arm: Arm, plan: Plan, files: Files) -> None:
        self._arm = arm
        self._plan = plan
        self._files = files
        self.tag = tag_of(files)
        self.title = f"image {plan.names.image}:{self.tag}"

    @property
    def commands(self) -> Sequence[str]:
        packages = self._plan.packages
        return (
            *commands.course(packages, kept_as(packages)),
            commands.build(self._plan, self.tag),
        )

    async def look(self) -> State:
        run = await self._recorded()
        status = await self._status(run) if run else ""
        if status == "Succeeded":
            return State.THERE
        return State.PENDING if status in _UNDER_WAY else State.MISSING

    async def make(self, now: Now) -> None:
        """:raises Refused: :raises SetupFailed: the build failed."""
        run = await self._recorded()
        if not run or await self._status(run) not in (*_UNDER_WAY, "Succeeded"):
            now("uploading its source")
            run = await self._schedule(await self._upload())
            await self._record(run)
        now(f"building, run {run}")

        async def ended() -> str | None:
            status = await self._status(run)
            now(f"building, run {run}: {status.lower()}")
            return None if status in _UNDER_WAY else status

        status = await until(self._arm.clock, ended, "The image", _BUILDING_S, self._arm.every_s)
        if status != "Succeeded":
            raise await self._failed(run, status)

    async def _upload(self) -> str:
        """:returns: what the source is called there."""
        answer = await self._ask("listBuildSourceUploadUrl")
        url, name = answer.get("uploadUrl"), answer.get("relativePath")
        if not isinstance(url, str) or not isinstance(name, str):
            raise SetupFailed("The registry named no place for the image's source.")
        await self._arm.put_elsewhere(url, packed(self._files))
        return name

    async def _schedule(self, source: str) -> str:
        try:
            answer = await self._ask("scheduleRun", build_request(self._plan, self.tag, source))
        except Refused as refused:
            if "TasksOperationsNotAllowed" in refused.codes:
                raise self._no_tasks() from None
            raise
        run = answer.get("properties", {}).get("runId")
        if not isinstance(run, str) or not run.isalnum():
            raise SetupFailed("The registry has not said which run builds the image.")
        return run

    async def _record(self, run: str) -> None:
        """Beside the tags that are there: a PATCH replaces all of them."""
        registry = await self._arm.get(self._plan.registry_id, _VERSION) or {}
        tags = {**(registry.get("tags") or {}), _BUILD: f"{run} {self.tag}"}
        await self._arm.ask("PATCH", self._plan.registry_id, _VERSION, {"tags": tags})

    async def _recorded(self) -> str:
        """The run that builds, or has built, this very image; or ""."""
        registry = await self._arm.get(self._plan.registry_id, _VERSION) or {}
        run, _, tag = str((registry.get("tags") or {}).get(_BUILD, "")).partition(" ")
        return run if tag == self.tag and run.isalnum() else ""

    async def _status(self, run: str) -> str:
        found = await self._arm.get(f"{self._plan.registry_id}/runs/{run}", TASKS) or {}
        return str(found.get("properties", {}).get("status", ""))

    async def _failed(self, run: str, status: str) -> SetupFailed:
        return SetupFailed(
            f"The image could not be built (run {run}: {status.lower()}).",
            cause=f"The log ends so:\n{await self._end_of_log(run)}",
            fix="If packages of the course don't fit together, change them and run the same "
            "command again. The whole log:\n"
            f"az acr task logs --registry {self._plan.registry} --run-id {run}",
        )

    async def _end_of_log(self, run: str) -> str:
        try:
            answer = await self._ask(f"runs/{run}/listLogSasUrl")
            log = await self._arm.get_elsewhere(str(answer.get("logLink")))
        except (Refused, SetupFailed):
            return "      (it could not be read)"
        lines = _COLOURS.sub("", log.decode(errors="replace")).splitlines()[-_LOG_LINES:]
        return "\n".join(
            "      " + "".join(c if c.isprintable() else " " for c in one)[:200] for one in lines
        )

    async def _ask(self, call: str, body: Any = None) -> dict[str, Any]:
        path = f"{self._plan.registry_id}/{call}"
        return (await self._arm.ask("POST", path, TASKS, body)).body

    def _no_tasks(self) -> SetupFailed:
        """Reported of trial and student subscriptions: Azure-Samples/azure-search-openai-demo
        issues 2220 and 2592.
        """
        by_hand = "\n".join((*self.commands[:-1], *commands.push(self._plan, self.tag)))
        return SetupFailed(
            "This subscription's registries build no images (TasksOperationsNotAllowed).",
            cause="Trial and student subscriptions are not given that.",
            fix=f"Build it where Docker is, then add --image-tag {self.tag} to your command:\n"
            f"{by_hand}",
        )


def build_request(plan: Plan, tag: str, source: str) -> dict[str, Any]:
    """``DockerBuildRequest`` of the registry's tasks."""
    return {
        "type": "DockerBuildRequest",
        "imageNames": [f"{plan.names.image}:{tag}"],
        "isPushEnabled": True,
        "sourceLocation": source,
        "dockerFilePath": DOCKERFILE,
        "platform": {"os": "Linux", "architecture": "amd64"},
    }
