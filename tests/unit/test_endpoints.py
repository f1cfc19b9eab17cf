"""Endpoints: what people paste, and which hosts may get a token."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azure_session_kernel.causes.hosts import is_loopback
from azure_session_kernel.causes.proxies import proxy_for
from azure_session_kernel.common.errors import EndpointInvalid, HostNotAllowed, SettingsError
from azure_session_kernel.pool.endpoints import host_allowed, parse_endpoint

CUSTOM = "https://pool.blueground-16039c7f.eastasia.azurecontainerapps.io"
BUILTIN = (
    "https://eastasia.dynamicsessions.io/subscriptions/0000/resourceGroups/rg/sessionPools/pool"
)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "[::1]"])
def test_what_is_on_this_machine_takes_no_proxy(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.test:3128")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert proxy_for("http://elsewhere.test") == "proxy.test:3128"
    assert proxy_for(f"http://{host}:8970") == ""


def test_the_two_kinds_of_azure_pools_are_told_apart() -> None:
    assert parse_endpoint(CUSTOM).kind == "custom"
    assert parse_endpoint(BUILTIN).kind == "builtin"
    assert not parse_endpoint(CUSTOM).loopback


@pytest.mark.parametrize(
    "tail",
    [
        "/",
        "//",
        "/python/execute",
        "/python/execute/",
        "//python//execute",
        "/code/execute?api-version=2024-02-02-preview",
        "/executions",
        "/executions/1234",
        "/jupyter/hello",
        "/.management/stopSession?identifier=abcd",
        "?identifier=abcd",
        "#top",
        "   ",
    ],
)
@pytest.mark.parametrize("endpoint", [CUSTOM, BUILTIN, "http://127.0.0.1:8000"])
def test_copied_tails_are_cut_off(endpoint: str, tail: str) -> None:
    assert parse_endpoint(endpoint + tail).url == endpoint


def test_host_and_scheme_are_lower_cased_and_the_path_is_not() -> None:
    found = parse_endpoint(
        "HTTPS://EastAsia.DynamicSessions.IO./subscriptions/A/resourceGroups/B/sessionPools/C"
    )
    assert found.host == "eastasia.dynamicsessions.io"
    assert found.url == (
        "https://eastasia.dynamicsessions.io/subscriptions/A/resourceGroups/B/sessionPools/C"
    )


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("", "empty"),
        ("https://portal.azure.com/#@t/resource/subscriptions/x/overview", "Azure portal"),
        ("portal.azure.com/#@t/resource/subscriptions/x/overview", "Azure portal"),
        ("https://preview.portal.azure.com/#@t/resource", "Azure portal"),
        ("https://portal.azure.us/#@t/resource", "Azure portal"),
        ("/subscriptions/x/resourceGroups/y/providers/Microsoft.App/sessionPools/z", "ARM"),
        ("subscriptions/x/resourceGroups/y/providers/Microsoft.App/sessionPools/z", "ARM"),
        (f"'{CUSTOM}'", "quotation marks"),
        ("localhost", "called `local`"),
        ("127.0.0.1:8080", "called `local`"),
        ("https://management.azure.com/subscriptions/x", "ARM"),
        ("pool.x.eastasia.azurecontainerapps.io", "https:// is missing"),
        ("pool.x.eastasia.azurecontainerapps.io/python/execute", "https:// is missing"),
        ("http://pool.x.eastasia.azurecontainerapps.io", "http://"),
        ("https://me:secret@pool.x.eastasia.azurecontainerapps.io", "user name"),
        ("https://pool.x.azurecontainerapps.io@evil.com", "user name"),
        ("my-pool", "not a URL"),
        ("ftp://pool.x.azurecontainerapps.io", "does not begin with https://"),
        ("https://pool.x.azurecontainerapps.io:99999", "not a valid URL"),
        ("https://[::1", "not a valid URL"),
        ("https://", "no valid host"),
        ("https://evil.com\\.azurecontainerapps.io", "backslashes"),
        ("https://pool.x.azurecontainerapps.io/\x00", "control"),
        ("https://pool.x.azure\ncontainerapps.io", "control"),
        ("https://pool.x.\u0430zurecontainerapps.io", "non-ASCII"),
        ("https://a..azurecontainerapps.io", "no valid host"),
        ("https://evil.com%2f.azurecontainerapps.io", "no valid host"),
        ("https://eastasia.dynamicsessions.io/", "built-in pool's endpoint goes on"),
        ("https://pool.x.azurecontainerapps.io/a/../b", ". or .."),
    ],
)
def test_a_mistake_is_recognised_and_the_command_for_the_right_value_given(
    text: str, mistake: str
) -> None:
    with pytest.raises(EndpointInvalid) as caught:
        parse_endpoint(text)
    assert mistake in caught.value.what
    assert "az containerapp sessionpool show" in caught.value.fix


def test_a_password_in_the_url_is_not_repeated() -> None:
    with pytest.raises(EndpointInvalid) as caught:
        parse_endpoint("https://me:hunter2@pool.x.azurecontainerapps.io")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "host",
    [
        "evil-dynamicsessions.io",
        "evilazurecontainerapps.io",
        "dynamicsessions.io.evil.com",
        "pool.azurecontainerapps.io.evil.com",
        "dynamicsessions.io",
        "azurecontainerapps.io",
        "localhost.evil.com",
        "127.0.0.1.evil.com",
        "evil.localhost",
        "10.0.0.1",
        "2130706433",
        "[2001:db8::1]",
        "[::ffff:10.0.0.1]",
    ],
)
def test_hosts_that_only_look_right_get_no_token(host: str) -> None:
    with pytest.raises(HostNotAllowed, match="AZURE_SESSION_ALLOWED_HOSTS"):
        parse_endpoint(f"https://{host}")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.10", "[::1]"])
def test_loopback_needs_no_tls(host: str) -> None:
    found = parse_endpoint(f"http://{host}:8123/")
    assert (found.kind, found.loopback, found.url) == ("loopback", True, f"http://{host}:8123")


@pytest.mark.parametrize("host", ["localhost.evil.com", "2130706433", "0.0.0.0", "10.0.0.1"])
def test_everything_else_needs_tls_even_when_it_is_allowed(host: str) -> None:
    with pytest.raises(EndpointInvalid, match="http://"):
        parse_endpoint(f"http://{host}", [host])


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("pool.example", ["pool.example"]),
        ("POOL.example", ["Pool.Example"]),
        ("a.b.example", ["*.b.example"]),
        ("10.0.0.1", ["10.0.0.1"]),
        ("[2001:db8::1]", ["2001:db8::1"]),
    ],
)
def test_a_host_named_by_the_user_is_allowed(host: str, allowed: list[str]) -> None:
    assert parse_endpoint(f"https://{host}/x", allowed).kind == "other"


@pytest.mark.parametrize("allowed", ["*", "*.", "", "example", "*.pool.example", "ool.example"])
def test_no_pattern_allows_more_than_it_names(allowed: str) -> None:
    assert not host_allowed("pool.example", [allowed])


def test_paths_are_joined_with_one_slash() -> None:
    endpoint = parse_endpoint(CUSTOM)
    assert endpoint.join("/jupyter/hello") == f"{CUSTOM}/jupyter/hello"
    assert endpoint.join("health") == f"{CUSTOM}/health"
    assert endpoint.join("//evil.com/x") == f"{CUSTOM}/evil.com/x"


@pytest.mark.parametrize("path", ["../x", "/a/../../x", "/./x"])
def test_a_path_can_not_climb_out_of_the_endpoint(path: str) -> None:
    with pytest.raises(ValueError, match="segments"):
        parse_endpoint(BUILTIN).join(path)


@given(st.text(max_size=60), st.sampled_from(["", "https://", "http://", CUSTOM, CUSTOM + "."]))
def test_whatever_is_pasted_becomes_an_endpoint_on_an_allowed_host_or_a_settings_error(
    text: str, prefix: str
) -> None:
    try:
        found = parse_endpoint(prefix + text)
    except SettingsError:
        return
    assert found.host.endswith((".azurecontainerapps.io", ".dynamicsessions.io")) or is_loopback(
        found.host
    )
    assert found.loopback or found.url.startswith("https://")
    assert parse_endpoint(found.url) == found
