"""Causes on this machine, before any request: settings and the form of the endpoint."""

from __future__ import annotations

from typing import Final

from ..evidence import Evidence, works
from ..signs import HIGH, LOW, MEDIUM, Sign, either, every, lost_route, refused, seen, settings
from .row import Cause

SHOW: Final = "Set AZURE_SESSION_POOL_ENDPOINT to what this prints:\n{show}"


def _tail_left(e: Evidence) -> bool:
    """A custom-container pool's endpoint has no path."""
    return e.endpoint.kind != "builtin" and not e.endpoint.builtin and bool(e.endpoint.path)


def _path_twice(e: Evidence) -> bool:
    parts = [part for part in (e.endpoint.path + e.execute_path).lower().split("/") if part]
    half = len(parts) // 2
    return bool(parts) and any(
        parts[i : i + n] == parts[i + n : i + 2 * n]
        for n in range(1, half + 1)
        for i in range(len(parts) - 2 * n + 1)
    )


def _loose_slash(e: Evidence) -> bool:
    return e.execute_path.endswith("/") or "//" in e.execute_path


def _trimmed_works(e: Evidence) -> bool:
    reply = e.reply("execute-trimmed")
    return reply is not None and works(reply)


HERE: Final = (
    Cause(
        id="no-endpoint",
        check="settings",
        title="No session pool is configured",
        explanation="Neither AZURE_SESSION_POOL_ENDPOINT nor POOL_MANAGEMENT_ENDPOINT is set.",
        fix="Run this, where URL is what the line below it prints:\n"
        "azure-session-kernel install --endpoint URL\n{show}\n"
        "Without an Azure pool: run `azure-session-kernel pool` and set "
        "AZURE_SESSION_POOL_ENDPOINT=local.",
        source="this project's settings",
        signs=(Sign("both variables are empty", HIGH, settings("EndpointMissing")),),
    ),
    Cause(
        id="local-pool-not-running",
        check="tcp",
        title="No local pool is running",
        explanation="The local pool is not running: the endpoint is on this machine, and nothing "
        "listens there.",
        fix="Start it with `azure-session-kernel pool`, then run the cell again.",
        source="this project's local pool",
        signs=(
            Sign(
                "the endpoint means the local pool, and there is no record of one that runs",
                HIGH,
                settings("LocalPoolNotRunning"),
            ),
            Sign(
                "the endpoint is on loopback, and the connection is refused",
                HIGH,
                every(
                    lambda e: e.endpoint.loopback and not e.direct,
                    either(seen(trouble="refused"), lambda e: e.network.get("tcp") == "refused"),
                ),
            ),
        ),
    ),
    Cause(
        id="portal-url",
        check="endpoint",
        title="The endpoint is a page of the Azure portal",
        explanation="The address of the pool's page in the portal was copied, and not its pool "
        "management endpoint.",
        fix=SHOW,
        source="reported by users",
        signs=(Sign("its host is portal.azure.com", HIGH, settings("EndpointInvalid", "portal")),),
    ),
    Cause(
        id="resource-id",
        check="endpoint",
        title="The endpoint is an ARM resource id",
        explanation="The resource id names the pool to Azure's management plane; code runs at its "
        "pool management endpoint.",
        fix=SHOW,
        source="Microsoft.App/sessionPools, properties.poolManagementEndpoint",
        signs=(
            Sign(
                "it begins with /subscriptions/ or is on management.azure.com",
                HIGH,
                settings("EndpointInvalid", "resource id"),
            ),
        ),
    ),
    Cause(
        id="plain-http",
        check="endpoint",
        title="The endpoint begins with http://",
        explanation="A token only travels over https://.",
        fix="Write https:// in AZURE_SESSION_POOL_ENDPOINT.",
        source="this project's rule",
        signs=(
            Sign(
                "it begins with http:// and is not on loopback",
                HIGH,
                settings("EndpointInvalid", "http://"),
            ),
        ),
    ),
    Cause(
        id="host-not-allowed",
        check="endpoint",
        title="The endpoint is on a host that tokens must not go to",
        explanation="Session pools are on *.dynamicsessions.io and *.azurecontainerapps.io.",
        fix=SHOW + "\nIf you trust the host with your Azure token, name it in "
        "AZURE_SESSION_ALLOWED_HOSTS.",
        source="this project's rule",
        signs=(Sign("its host is neither, nor allowed by name", HIGH, settings("HostNotAllowed")),),
    ),
    Cause(
        id="endpoint-invalid",
        check="endpoint",
        title="The endpoint is not a pool management endpoint",
        explanation="{settings_what}",
        fix=SHOW,
        source="azure-cli's recordings of pools of both families",
        signs=(Sign("it has not the form of one", MEDIUM, settings("EndpointInvalid")),),
    ),
    Cause(
        id="doubled-path",
        check="endpoint",
        title="The endpoint carries a path of its own, so paths are doubled",
        explanation="The endpoint goes on after the host ({path}), and the kernel appends its own "
        "paths to that; the container gets {path} in front of every path, or twice, and does not "
        "know it.",
        fix="Cut AZURE_SESSION_POOL_ENDPOINT (or the URL of --direct) after the host name, and "
        "give AZURE_SESSION_EXECUTE_PATH the path once, as in /python/execute.",
        source="semantic-kernel issue 6934 and pull request 7070; reported by users",
        signs=(
            Sign(
                "the same path without what follows the host is answered",
                HIGH,
                every(_tail_left, lambda e: bool(e.refusals()), seen("hello-at-host", status=200)),
            ),
            Sign(
                "the endpoint has a path, and our adapter does not know it with another behind it",
                HIGH,
                every(_tail_left, refused(status=404, code="NoSuchRoute")),
            ),
            Sign(
                "a path stands twice in endpoint and execute path, and is answered with 404",
                HIGH,
                every(_path_twice, lost_route),
            ),
            Sign(
                "a custom-container pool's endpoint has a path, and calls get 404",
                MEDIUM,
                every(_tail_left, lost_route),
            ),
        ),
    ),
    Cause(
        id="trailing-slash",
        check="endpoint",
        title="A slash too many in the execute path",
        explanation="Most programs answer a path with another slash with 404.",
        fix="Set AZURE_SESSION_EXECUTE_PATH without a slash at its end and without //.",
        source="inferred from the routers of Express, Flask, FastAPI and Go",
        signs=(
            Sign(
                "it is answered with 404, and without that slash the program knows it",
                HIGH,
                every(_loose_slash, lost_route, _trimmed_works),
            ),
            Sign(
                "it ends with / or holds //, and is answered with 404",
                MEDIUM,
                every(_loose_slash, lost_route),
            ),
        ),
    ),
    Cause(
        id="bad-identifier",
        check="identifier",
        title="The identifier breaks Azure's rule",
        explanation="An identifier has 4 to 128 characters; letters, digits, - and _ are legal in "
        "every api-version, other punctuation is not.",
        fix="Remove AZURE_SESSION_IDENTIFIER, or set it to 4-128 characters of [A-Za-z0-9_-].",
        source="Azure's OpenAPI, 2024-10-02-preview to 2025-10-02-preview",
        signs=(
            Sign(
                "AZURE_SESSION_IDENTIFIER is refused on this machine",
                HIGH,
                settings("IdentifierInvalid"),
            ),
            Sign(
                "the pool refuses it: 400 SessionRequestValidationFailed about the identifier",
                HIGH,
                seen(
                    status=400,
                    who="front",
                    code="SessionRequestValidationFailed",
                    message=r"^(?!missing required).*identifier",
                ),
            ),
            Sign(
                "the pool refuses it: 400 with a text about the identifier",
                MEDIUM,
                seen(
                    status=400,
                    who="front",
                    body=r"(invalid|must|pattern|length).*identifier|"
                    r"identifier.*(invalid|must|pattern|length)",
                ),
            ),
        ),
    ),
    Cause(
        id="setting-invalid",
        check="settings",
        title="A setting holds a value that is not allowed",
        explanation="{settings_what} {settings_cause}",
        fix="{settings_fix}",
        source="this project's settings",
        signs=(
            Sign(
                "another variable is refused on this machine",
                HIGH,
                either(settings("SettingsError"), settings("StateUnusable")),
            ),
            Sign(
                "a setting is refused in a way that no row knows",
                LOW,
                lambda e: e.settings_fault is not None,
            ),
        ),
    ),
)
