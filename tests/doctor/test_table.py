"""The table of causes: its rows, and what evidence implies that no broken pool of ours shows."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest

from azure_session_kernel.causes.diagnosis import CAUSES, cause, diagnose
from azure_session_kernel.causes.dialects import listen
from azure_session_kernel.causes.evidence import (
    EndpointFacts,
    Evidence,
    HelloFacts,
    PoolFacts,
    Reply,
    SettingsFault,
    StreamFacts,
    TlsFacts,
    TokenFacts,
)
from azure_session_kernel.causes.fields import fields
from azure_session_kernel.causes.table.row import CHECKS, Cause
from azure_session_kernel.wire import PROTOCOL_VERSION

POOL = EndpointFacts("pool.env.eastasia.azurecontainerapps.io", "custom")
RANK = {"high": 0, "medium": 1, "low": 2}
GOOD_TOKEN = TokenFacts(False, "https://dynamicsessions.io", "tenant", "object", 3000.0)


def reply(status: int, body: str = "", probe: str = "call", **more: Any) -> Reply:
    voice = listen(status, body)
    found = Reply(probe, "POST", "/jupyter/hello", status, {}, body, *voice)
    return replace(found, **more)


def found(**facts: Any) -> list[tuple[str, str]]:
    evidence = Evidence(**{"endpoint": POOL, **facts})
    return [(finding.id, finding.confidence) for finding in diagnose(evidence)]


# -- the rows


def test_every_cause_is_named_once() -> None:
    ids = [row.id for row in CAUSES]
    assert len(ids) == len(set(ids))
    assert cause("piston-owns-port").id == "piston-owns-port"


@pytest.mark.parametrize("row", CAUSES, ids=lambda row: row.id)
def test_a_row_says_what_it_is_why_and_what_to_do(row: Cause) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", row.id)
    assert row.check in CHECKS
    assert all((row.title, row.explanation, row.fix, row.source, row.signs))
    ranks = [RANK[sign.confidence] for sign in row.signs]
    assert ranks == sorted(ranks), "the surest sign first: the first that holds counts"
    names = set(re.findall(r"\{([a-z_]+)\}", row.explanation + row.fix))
    assert names <= fields(Evidence()).keys()


def test_nothing_seen_means_nothing_found() -> None:
    assert found() == []


# -- evidence that implies one cause

FACTS: dict[str, dict[str, Any]] = {
    "no-endpoint": {"settings_fault": SettingsFault("EndpointMissing", "No pool.")},
    "resource-id": {
        "settings_fault": SettingsFault("EndpointInvalid", "it is the pool's ARM resource id.")
    },
    "plain-http": {"settings_fault": SettingsFault("EndpointInvalid", "it begins with http://,")},
    "host-not-allowed": {"settings_fault": SettingsFault("HostNotAllowed", "No.")},
    "setting-invalid": {"settings_fault": SettingsFault("SettingsError", "No.", "", "Do.")},
    "proxy-refused": {"replies": (Reply("call", trouble="proxy"),)},
    "dns": {"network": {"dns": "dns"}},
    "connection-refused": {"network": {"tcp": "refused"}},
    "container-not-running": {"network": {"tcp": "refused"}, "direct": True},
    "no-connection": {"network": {"tcp": "timeout"}},
    "tls-expired": {"tls": TlsFacts(False, True, "Some CA", -3.0, "certificate has expired")},
    "tls-name": {"tls": TlsFacts(False, False, "Some CA", 90.0, "Hostname mismatch, not valid")},
    "tls-interception": {"tls": TlsFacts(False, True, "Corp", 90.0, "unable to get local issuer")},
    "tls-failed": {"network": {"tls": "tls"}},
    "clock-skew": {"clock_skew_s": -4000.0, "replies": (reply(401),), "token": GOOD_TOKEN},
    "no-credential": {"token": TokenFacts(failure="No token.", failure_fix="Run `az login`.")},
    "wrong-audience": {
        "token": replace(GOOD_TOKEN, audience="https://management.azure.com"),
        "replies": (reply(403),),
    },
    "expired-token": {
        "token": replace(GOOD_TOKEN, seconds_left=-5.0),
        "replies": (reply(401),),
    },
    "missing-role": {"token": GOOD_TOKEN, "replies": (reply(403, "Unauthenticated"),)},
    "wrong-region": {
        "pool": PoolFacts(endpoint="https://pool.env.westus.azurecontainerapps.io"),
        "replies": (reply(404, "<title>x</title>", who="unknown"),),
    },
    "redirected": {"replies": (reply(302),)},
    "request-too-large": {"replies": (reply(413),)},
    "image-pull-failed": {"pool": PoolFacts(pull_failures=2), "replies": (reply(502),)},
    "version-skew": {"hello": HelloFacts(PROTOCOL_VERSION + 1, "9.9")},
    "buffering-proxy": {"stream": StreamFacts(1.5, 1.5, 1.5)},
    "resending-front": {"repeated": True},
}


@pytest.mark.parametrize("cause_id", FACTS)
def test_evidence_that_fits_one_cause_names_it_for_certain(cause_id: str) -> None:
    findings = found(**FACTS[cause_id])
    assert findings[0] == (cause_id, "high")
    assert "high" not in [confidence for _, confidence in findings[1:]]


def test_whatever_is_wrong_at_once_one_cause_at_most_is_certain() -> None:
    for first, second in combinations(FACTS.values(), 2):
        both = {**first, **second}
        both["replies"] = (*first.get("replies", ()), *second.get("replies", ()))
        sure = [name for name, confidence in found(**both) if confidence == "high"]
        assert len(sure) <= 1


@pytest.mark.parametrize("reply_", [
    Reply("hello", trouble="refused", sent=False),
    Reply("hello", trouble="timeout", sent=False),
    Reply("hello", trouble="proxy", sent=False),
])  # fmt: skip
def test_with_a_proxy_what_is_not_connected_is_the_proxys(reply_: Reply) -> None:
    facts = {"replies": (reply_,), "proxy": "proxy.corp.example:3128", "needed": ("hello",)}
    assert found(**facts) == [("proxy-refused", "high")]
    (finding,) = diagnose(Evidence(endpoint=POOL, **facts))  # type: ignore[arg-type]
    assert "proxy.corp.example:3128" in finding.explanation


def test_a_pool_behind_a_proxy_that_does_not_answer_is_not_the_proxys() -> None:
    waited = (Reply("hello", trouble="timeout"),)
    facts = {"replies": waited, "proxy": "proxy:3128", "needed": ("hello",)}
    assert found(**facts) == [("no-answer", "medium")]


# -- ambiguous evidence


def test_a_502_alone_names_several_causes_and_none_for_certain() -> None:
    findings = found(replies=(reply(502),), session_known=True)
    assert findings[0] == ("nothing-listens", "medium")
    assert {"adapter-crashed-at-start", "slow-start"} <= {name for name, _ in findings}
    assert "high" not in [confidence for _, confidence in findings]


def test_a_404_like_pistons_alone_is_likely_piston_and_perhaps_a_missing_route() -> None:
    findings = found(replies=(reply(404, '{"message":"Not Found"}'),))
    assert findings == [("piston-owns-port", "medium"), ("route-missing", "low")]


def test_a_401_with_good_claims_may_be_the_tenant_or_the_role() -> None:
    findings = found(replies=(reply(401),), token=GOOD_TOKEN)
    assert findings == [("token-refused", "medium"), ("missing-role", "low")]


def test_an_empty_404_is_the_containers_unless_the_pool_knows_no_session() -> None:
    assert found(replies=(reply(404),))[0][0] == "route-missing"
    assert found(replies=(reply(404),), session_known=False)[0] == ("pool-full", "high")


def test_a_404_of_an_unneeded_path_means_nothing() -> None:
    replies = (reply(200, "{}", "hello"), reply(404, "404 page not found", "unknown"))
    assert found(replies=replies, needed=("hello",)) == []


def test_names_and_numbers_that_are_known_stand_in_the_commands() -> None:
    pool = PoolFacts("my-pool", "my-group", target_port=8080, crashes=3, egress="EgressEnabled")
    (finding, *_) = diagnose(Evidence(endpoint=POOL, replies=(reply(502),), pool=pool))
    assert finding.id == "adapter-crashed-at-start"
    assert "-p 8080:8080" in finding.fix
    (finding, *_) = diagnose(Evidence(endpoint=POOL, replies=(reply(429),), pool=pool))
    assert "--name my-pool --resource-group my-group" in finding.fix


LOCAL = EndpointFacts("127.0.0.1", "custom", loopback=True)
BUILT_IN = EndpointFacts("eastasia.dynamicsessions.io", "builtin", path="/sessionPools/p")


@pytest.mark.parametrize("status", [404, 429, 500, 502])
def test_advice_fits_the_pool_that_it_is_about(status: int) -> None:
    (local, *_) = diagnose(Evidence(endpoint=LOCAL, replies=(reply(status),)))
    assert "azure-session-kernel pool" in local.fix
    assert "az containerapp" not in local.fix
    (built_in, *_) = diagnose(Evidence(endpoint=BUILT_IN, replies=(reply(status),)))
    assert "container" not in (built_in.explanation + built_in.fix).replace("az containerapp", "")
    (custom, *_) = diagnose(Evidence(endpoint=POOL, replies=(reply(status),)))
    assert "azure-session-kernel pool" not in custom.fix


def test_a_body_with_braces_is_shown_as_it_is() -> None:
    fault = SettingsFault("SettingsError", "It is {pool} and {nobody}.")
    (finding, *_) = diagnose(Evidence(settings_fault=fault))
    assert "{nobody}" in finding.explanation
