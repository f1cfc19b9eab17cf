"""What ARM says of the pool (``Microsoft.App/sessionPools``), when it may be read."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from ..causes.evidence import PoolFacts
from ..causes.hosts import is_loopback

ARM: Final = "https://management.azure.com"
ARM_SCOPE: Final = f"{ARM}/.default"
VERSION: Final = {"api-version": "2025-02-02-preview"}
_SUBSCRIPTIONS: Final = {"api-version": "2022-12-01"}
_MOST_SUBSCRIPTIONS: Final = 5
_MOST_PAGES: Final = 10
_MAX_BYTES: Final = 4 * 1024 * 1024


class NotReadable(Exception):
    """:ivar missing: ARM says that there is no such pool."""

    def __init__(self, why: str, *, missing: bool = False) -> None:
        super().__init__(why)
        self.missing = missing


@dataclass(frozen=True)
class ManagementPlane:
    """Reads with one token.

    :param transport: instead of the network; for tests.
    """

    token: str
    timeout_s: float
    transport: httpx.AsyncBaseTransport | None = None

    async def pool_at(self, url: str) -> PoolFacts:
        """:raises NotReadable:"""
        return facts_of_resource(await self._get(url, VERSION))

    async def pool_with_endpoint(self, endpoint: str) -> PoolFacts:
        """The pool with this management endpoint, among the first subscriptions of the account.

        :raises NotReadable: none has it, or nothing may be read.
        """
        ids = [
            item["subscriptionId"]
            async for item in self._all(f"{ARM}/subscriptions", _SUBSCRIPTIONS)
            if isinstance(item.get("subscriptionId"), str)
        ]
        refused: list[NotReadable] = []
        for subscription in ids[:_MOST_SUBSCRIPTIONS]:
            url = f"{ARM}/subscriptions/{subscription}/providers/Microsoft.App/sessionPools"
            try:
                async for resource in self._all(url, VERSION):
                    facts = facts_of_resource(resource)
                    if facts.endpoint.rstrip("/").lower() == endpoint.rstrip("/").lower():
                        return facts
            except NotReadable as error:  # another one may be readable
                refused.append(error)
        looked = len(ids[:_MOST_SUBSCRIPTIONS]) - len(refused)
        if refused and not looked:
            raise refused[0]
        raise NotReadable(
            "no pool of this account's subscriptions has this endpoint "
            f"(looked in {looked} of {len(ids)})"
        )

    async def _all(self, url: str, query: dict[str, str]) -> AsyncIterator[dict[str, Any]]:
        """The items of each page. :raises NotReadable:"""
        page = await self._get(url, query)
        for _ in range(_MOST_PAGES):
            for item in _items(page):
                yield item
            following = _at(page).get("nextLink")
            if not isinstance(following, str) or not _at_arm(following):
                return
            page = await self._get(following, None)

    async def _get(self, url: str, query: dict[str, str] | None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        loopback = is_loopback(urlsplit(url).hostname or "")
        try:
            async with httpx.AsyncClient(
                timeout=self.timeout_s, transport=self.transport, trust_env=not loopback
            ) as http:
                answer = await http.get(url, params=query, headers=headers)
        except (httpx.HTTPError, OSError) as error:
            raise NotReadable(
                f"the management plane can't be reached ({type(error).__name__})"
            ) from error
        if answer.status_code != 200:
            raise NotReadable(
                f"the management plane answers {answer.status_code}{_code(answer)}",
                missing=answer.status_code == 404 and "sessionPools/" in url,
            )
        try:
            return json.loads(answer.content[:_MAX_BYTES])
        except (ValueError, RecursionError):
            raise NotReadable("the management plane's answer is not JSON") from None


def _at_arm(link: str) -> bool:
    """The token goes nowhere else."""
    try:
        parts = urlsplit(link)
        return (parts.scheme, parts.netloc) == ("https", urlsplit(ARM).netloc)
    except ValueError:
        return False


def resource_url(subscription: str, group: str, pool: str) -> str:
    return (
        f"{ARM}/subscriptions/{subscription}/resourceGroups/{group}"
        f"/providers/Microsoft.App/sessionPools/{pool}"
    )


def facts_of_resource(value: Any) -> PoolFacts:
    """The facts that matter; what is missing or of another type is left out."""
    p = _at(value, "properties")
    template = _at(p, "customContainerTemplate")
    active = _at(p, "templateUpdateStatus", "activeTemplate")
    status, scale = _at(active, "status"), _at(p, "scaleConfiguration")
    dynamic = _at(p, "dynamicPoolConfiguration")
    lifecycle = _at(dynamic, "lifecycleConfiguration") or dynamic
    parts = _text(_at(value).get("id")).split("/")
    group = parts[4] if len(parts) > 4 else ""
    return PoolFacts(
        name=_text(_at(value).get("name")),
        resource_group=group,
        location=_text(_at(value).get("location")),
        container_type=_text(p.get("containerType")),
        provisioning_state=_text(p.get("provisioningState")),
        endpoint=_text(p.get("poolManagementEndpoint")),
        target_port=_number(_at(template, "ingress").get("targetPort")),
        active_port=_number(_at(active, "ingress").get("targetPort")),
        image=_image(template),
        active_image=_image(active),
        details=_text(active.get("details")),
        expected=_number(status.get("expectedCount")),
        ready=_number(status.get("readyCount")),
        pending=_number(status.get("pendingCount")),
        pull_failures=_number(status.get("imagePullFailCount")) or 0,
        crashes=_number(status.get("crashCount")) or 0,
        allocated=_number(status.get("allocatedCount")),
        ready_sessions=_number(scale.get("readySessionInstances")),
        max_sessions=_number(scale.get("maxConcurrentSessions")),
        cooldown_s=_number(lifecycle.get("cooldownPeriodInSeconds")),
        egress=_text(_at(p, "sessionNetworkConfiguration").get("status")),
    )


def _at(value: Any, *path: str) -> dict[str, Any]:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _items(page: Any) -> list[dict[str, Any]]:
    found = _at(page).get("value")
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _image(template: dict[str, Any]) -> str:
    containers = template.get("containers")
    first = containers[0] if isinstance(containers, list) and containers else {}
    return _text(_at(first).get("image"))


def _text(value: Any) -> str:
    return value[:300] if isinstance(value, str) else ""


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _code(answer: httpx.Response) -> str:
    try:
        code = answer.json()["error"]["code"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return f" {code[:80]}" if isinstance(code, str) and code.isascii() else ""
