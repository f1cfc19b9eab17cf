"""The pool is as it should be; what the caller was given for it is not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from azure_session_kernel.emulator.kinds.kinds import KINDS

from .at_the_front import GOOD_CLAIMS, always
from .fronts import STRICT_IDENTIFIERS
from .in_the_container import container
from .resource import RESOURCE_ID
from .scenario import Scenario

_ENDPOINT: Final = "AZURE_SESSION_POOL_ENDPOINT"
#: A way of signing in for which nothing is configured.
_NOBODY: Final = {"AZURE_SESSION_CREDENTIAL": "environment"}
_SILENT: Final = container("silent", "started")


def _setting(name: str, cause: str, what: str, env: Mapping[str, str]) -> Scenario:
    """A setting that is wrong by itself: the pool is never reached."""
    return Scenario(name, cause, what, "This kernel's own rules.", _SILENT, env=env)


AT_THE_CALLER: Final = (
    Scenario(
        name="doubled-path",
        cause="doubled-path",
        what="The endpoint was copied with the adapter's own path behind it.",
        source="docs/azure.md 4.2 rows 7 and 11 (c, inf): the container answers 404.",
        written="{url}/health",
    ),
    Scenario(
        name="slash-too-many",
        cause="trailing-slash",
        what="AZURE_SESSION_EXECUTE_PATH ends with a slash that the program does not expect.",
        source="docs/azure.md 4.2 row 11 (inf).",
        kind=container("express"),
        env={"AZURE_SESSION_EXECUTOR": "oneshot", "AZURE_SESSION_EXECUTE_PATH": "/run/"},
    ),
    Scenario(
        name="bad-identifier",
        cause="bad-identifier",
        what="AZURE_SESSION_IDENTIFIER is shorter than Azure allows.",
        source="docs/azure.md 1.1 (a): 4 to 128 characters.",
        kind=_SILENT,
        env={"AZURE_SESSION_IDENTIFIER": "me"},
    ),
    Scenario(
        name="bad-identifier-refused",
        cause="bad-identifier",
        what="AZURE_SESSION_IDENTIFIER has characters that this pool's version refuses.",
        source="docs/azure.md 1.1 (a): letters, digits, - and _ before 2025-10; 4.1 (c): the code.",
        kind=_SILENT,
        in_front=(STRICT_IDENTIFIERS,),
        env={"AZURE_SESSION_IDENTIFIER": "team@example.org"},
    ),
    Scenario(
        name="wrong-audience",
        cause="wrong-audience",
        what="The token was issued for Azure's management plane: 401.",
        source="docs/azure.md 4.1 (c): the status; the body is unknown, here it is empty.",
        kind=_SILENT,
        rules=always(401),
        claims={**GOOD_CLAIMS, "aud": "https://management.azure.com"},
    ),
    Scenario(
        name="expired-token",
        cause="expired-token",
        what="The token expired an hour ago: 401.",
        source="docs/azure.md 4.1 (c): the status; the body is unknown, here it is empty.",
        kind=_SILENT,
        rules=always(401),
        claims={**GOOD_CLAIMS, "expires_in_s": -3600},
    ),
    Scenario(
        name="wrong-pool-name",
        cause="wrong-pool-name",
        what="The name in a built-in pool's endpoint is no pool's name.",
        source="docs/azure.md 4 (d): what the service says is not published; here it is its error "
        "envelope with status 404.",
        kind=KINDS["interpreter"],
        written="{url}-2",
    ),
    Scenario(
        name="builtin-called-as-container",
        cause="builtin-called-as-container",
        what="A built-in pool, and a setting that says it runs our adapter.",
        source="docs/azure.md 4.2 row 7 (c): an error envelope; its code is unknown.",
        kind=KINDS["interpreter"],
        env={"AZURE_SESSION_EXECUTOR": "adapter"},
    ),
    Scenario(
        name="wrong-region",
        cause="wrong-region",
        what="The region in the endpoint's host name is misspelled, so DNS does not know it.",
        source="docs/azure.md 0: the form of the endpoint (b). Nothing is played: use the "
        "environment that is printed.",
        kind=_SILENT,
        env={
            _ENDPOINT: "https://westeurop.dynamicsessions.io"
            "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/laboratory"
            "/sessionPools/laboratory"
        },
    ),
    Scenario(
        name="wrong-tenant",
        cause="token-refused",
        what="The token looks right, and the pool is another tenant's: 401.",
        source="docs/azure.md 4.1 (c): the status; that a tenant is the reason is inferred.",
        kind=_SILENT,
        rules=always(401),
        claims=GOOD_CLAIMS,
    ),
    Scenario(
        name="other-pools-token",
        cause="local-pool-token",
        what="The token in the record is that of a local pool that has ended.",
        source="The local pool itself.",
        kind=_SILENT,
        rules=always(401),
    ),
    _setting(
        "no-endpoint",
        "no-endpoint",
        "No endpoint is configured.",
        {_ENDPOINT: ""},
    ),
    _setting(
        "portal-url",
        "portal-url",
        "The endpoint is the pool's page in the Azure portal.",
        {_ENDPOINT: "https://portal.azure.com/#@contoso.example/resource/subscriptions/1"},
    ),
    _setting(
        "resource-id",
        "resource-id",
        "The endpoint is the pool's ARM resource id.",
        {_ENDPOINT: RESOURCE_ID},
    ),
    _setting(
        "plain-http",
        "plain-http",
        "The endpoint begins with http://.",
        {_ENDPOINT: "http://p.env.westeurope.azurecontainerapps.io"},
    ),
    _setting(
        "endpoint-invalid",
        "endpoint-invalid",
        "The endpoint is a built-in pool's host without the rest.",
        {_ENDPOINT: "https://westeurope.dynamicsessions.io"},
    ),
    _setting(
        "host-not-allowed",
        "host-not-allowed",
        "The endpoint is on a host that gets no token.",
        {_ENDPOINT: "https://pools.example.org"},
    ),
    _setting(
        "setting-invalid",
        "setting-invalid",
        "A setting has a value that is not allowed.",
        {"AZURE_SESSION_SCOPE": "everybody"},
    ),
    _setting(
        "unknown-host",
        "dns",
        "DNS does not know the endpoint's host.",
        {
            _ENDPOINT: "https://pool.invalid",
            "AZURE_SESSION_ALLOWED_HOSTS": "pool.invalid",
            **_NOBODY,
        },
    ),
    _setting(
        "connection-refused",
        "connection-refused",
        "The endpoint's host is there, and nothing listens at its port.",
        {
            _ENDPOINT: "https://0.0.0.0:9",
            "AZURE_SESSION_ALLOWED_HOSTS": "0.0.0.0",  # noqa: S104 - nothing is bound
            **_NOBODY,
        },
    ),
    Scenario(
        name="no-tls",
        cause="tls-failed",
        what="The port of an https:// endpoint speaks plain HTTP.",
        source="The operating system's and OpenSSL's errors.",
        kind=_SILENT,
        written="https:{rest}",
    ),
    _setting(
        "portal-url-without-scheme",
        "portal-url",
        "The same, as some browsers copy it.",
        {_ENDPOINT: "portal.azure.com/#@contoso.example/resource/subscriptions/1"},
    ),
    _setting(
        "dead-proxy",
        "proxy-refused",
        "A proxy is set, and nothing listens there.",
        {
            _ENDPOINT: "https://p.env.westeurope.azurecontainerapps.io",
            "HTTPS_PROXY": "http://127.0.0.1:9",
            "NO_PROXY": "",
            **_NOBODY,
        },
    ),
    _setting(
        "local-pool-gone",
        "local-pool-not-running",
        "The endpoint is on this machine, where nothing listens any more.",
        {
            _ENDPOINT: "http://127.0.0.1:9",
            **_NOBODY,
        },
    ),
    Scenario(
        name="not-signed-in",
        cause="no-credential",
        what="Nobody is signed in to Azure.",
        source="This kernel's own rules.",
        kind=_SILENT,
        certificate="trusted",
        env={
            _ENDPOINT: "https://0.0.0.0:{port}",
            "AZURE_SESSION_ALLOWED_HOSTS": "0.0.0.0",  # noqa: S104 - nothing is bound
            "SSL_CERT_FILE": "{authority}",
            "NO_PROXY": "0.0.0.0",  # noqa: S104
            **_NOBODY,
        },
    ),
)
