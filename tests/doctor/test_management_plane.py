"""What doctor reads of a pool's ARM resource: a recording, and answers that are none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from azure_session_kernel.doctor.management_plane import (
    ManagementPlane,
    NotReadable,
    facts_of_resource,
    resource_url,
)

from .. import azure_facts

TOKEN = "an-arm-token"
ENDPOINT = "https://pool.env.eastasia.azurecontainerapps.io"
Handler = Callable[[httpx.Request], httpx.Response]


def plane(handler: Handler) -> ManagementPlane:
    return ManagementPlane(TOKEN, 5, httpx.MockTransport(handler))


def resource(**properties: Any) -> dict[str, Any]:
    path = "/subscriptions/s/resourceGroups/g/providers/Microsoft.App/sessionPools/pool"
    return {"id": path, "name": "pool", "properties": properties}


def test_a_recorded_pool_is_read_whole() -> None:
    facts = facts_of_resource(azure_facts.facts("arm_pool")["resource"])
    assert (facts.container_type, facts.provisioning_state) == ("CustomContainer", "Succeeded")
    assert (facts.target_port, facts.active_port) == (80, 80)
    assert (facts.expected, facts.ready, facts.pending, facts.allocated) == (2, 2, 0, 1)
    assert (facts.crashes, facts.pull_failures) == (0, 0)
    assert (facts.ready_sessions, facts.max_sessions, facts.cooldown_s) == (2, 10, 300)
    assert facts.egress == "EgressDisabled"
    assert facts.image == facts.active_image != ""


@pytest.mark.parametrize("value", [None, [], "x", {"properties": []}, {"properties": {"a": 1}}])
def test_what_is_no_resource_has_no_facts(value: Any) -> None:
    facts = facts_of_resource(value)
    assert (facts.container_type, facts.target_port, facts.crashes) == ("", None, 0)


def test_an_older_resource_has_its_cooldown_elsewhere() -> None:
    old = {"dynamicPoolConfiguration": {"executionType": "Timed", "cooldownPeriodInSeconds": 400}}
    assert facts_of_resource(resource(**old)).cooldown_s == 400


async def test_a_pool_is_asked_for_by_its_resource_id_with_the_token_of_arm() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=resource(poolManagementEndpoint=ENDPOINT))

    facts = await plane(handler).pool_at(resource_url("s", "g", "pool"))
    assert (facts.name, facts.resource_group, facts.endpoint) == ("pool", "g", ENDPOINT)
    assert seen[0].url.host == "management.azure.com"
    assert seen[0].headers["authorization"] == f"Bearer {TOKEN}"


async def test_a_pool_is_found_by_its_endpoint_in_the_accounts_subscriptions() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/subscriptions":
            return httpx.Response(200, json={"value": [{"subscriptionId": i} for i in "ab"]})
        mine = ENDPOINT + "/" if request.url.path.startswith("/subscriptions/b/") else "https://x"
        return httpx.Response(200, json={"value": [resource(poolManagementEndpoint=mine)]})

    assert (await plane(handler).pool_with_endpoint(ENDPOINT)).name == "pool"
    with pytest.raises(NotReadable, match="no pool of this account"):
        await plane(handler).pool_with_endpoint("https://other.azurecontainerapps.io")


async def test_a_subscription_that_may_not_be_read_does_not_end_the_search() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/subscriptions":
            return httpx.Response(200, json={"value": [{"subscriptionId": i} for i in "ab"]})
        if request.url.path.startswith("/subscriptions/a/"):
            return httpx.Response(403, json={"error": {"code": "AuthorizationFailed"}})
        return httpx.Response(200, json={"value": [resource(poolManagementEndpoint=ENDPOINT)]})

    assert (await plane(handler).pool_with_endpoint(ENDPOINT)).name == "pool"
    with pytest.raises(NotReadable, match="looked in 1 of 2"):
        await plane(handler).pool_with_endpoint("https://other.azurecontainerapps.io")


async def test_every_page_is_read_and_the_token_stays_on_arms_own_host() -> None:
    asked: list[str] = []
    more = "https://management.azure.com/subscriptions/b/providers/Microsoft.App/sessionPools?p=2"

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        if request.url.path == "/subscriptions":
            return httpx.Response(200, json={"value": [{"subscriptionId": "b"}]})
        if request.url.params.get("p") == "2":
            value = [resource(poolManagementEndpoint=ENDPOINT)]
            elsewhere = "https://elsewhere.example.org/p3"
            return httpx.Response(200, json={"value": value, "nextLink": elsewhere})
        return httpx.Response(200, json={"value": [], "nextLink": more})

    assert (await plane(handler).pool_with_endpoint(ENDPOINT)).name == "pool"
    with pytest.raises(NotReadable):
        await plane(handler).pool_with_endpoint("https://other.azurecontainerapps.io")
    assert set(asked) == {"management.azure.com"}


async def test_it_says_in_how_many_subscriptions_it_looked() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        many = [{"subscriptionId": str(i)} for i in range(9)]
        found = many if request.url.path == "/subscriptions" else []
        return httpx.Response(200, json={"value": found})

    with pytest.raises(NotReadable, match="looked in 5 of 9"):
        await plane(handler).pool_with_endpoint(ENDPOINT)


@pytest.mark.parametrize(
    ("answer", "missing", "text"),
    [
        (httpx.Response(404, json={"error": {"code": "ResourceNotFound"}}), True, "404 Resource"),
        (httpx.Response(403), False, "403"),
        (httpx.Response(200, text="<html>"), False, "not JSON"),
        (httpx.ConnectError(TOKEN), False, "can't be reached"),
    ],
)
async def test_what_can_not_be_read_says_why_without_the_token(
    answer: httpx.Response | Exception, missing: bool, text: str
) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    with pytest.raises(NotReadable, match=text) as caught:
        await plane(handler).pool_at(resource_url("s", "g", "pool"))
    assert caught.value.missing is missing
    assert TOKEN not in str(caught.value)
