"""Causes between this machine and the pool: names, connections, TLS, clocks, proxies."""

from __future__ import annotations

from typing import Final

from ..evidence import Evidence
from ..hosts import meant_region
from ..signs import HIGH, MEDIUM, Predicate, Sign, either, every, network, no, refused, seen
from .row import Advice, Cause

_NETWORK: Final = "the operating system's and httpx's errors"
CLOCK_S: Final = 300.0


def _trouble(check: str, name: str) -> Predicate:
    return either(network(check, name), seen(trouble=name))


def _proxied(e: Evidence) -> bool:
    return bool(e.proxy)


def _tls(e: Evidence) -> bool:
    return e.tls is not None and not e.tls.trusted


def _expired(e: Evidence) -> bool:
    return e.tls is not None and e.tls.days_left is not None and e.tls.days_left < 0


def _other_name(e: Evidence) -> bool:
    return e.tls is not None and not e.tls.name_ok


def _skewed(e: Evidence) -> bool:
    return e.clock_skew_s is not None and abs(e.clock_skew_s) > CLOCK_S


def misspelled_region(e: Evidence) -> bool:
    return _trouble("dns", "dns")(e) and bool(meant_region(e.endpoint.host))


NETWORK: Final = (
    Cause(
        id="proxy-refused",
        check="tcp",
        title="The proxy refuses the connection",
        explanation="The connection to {host} goes through the proxy {proxy}, which refuses it or "
        "does not answer.",
        fix="Check HTTPS_PROXY, or set NO_PROXY={host} if the pool can be reached without it.",
        source=_NETWORK,
        signs=(
            Sign(
                "the proxy takes no connection, or answers CONNECT with an error",
                HIGH,
                _trouble("tcp", "proxy"),
            ),
            Sign(
                "a proxy is set, and a call that needs it is not connected",
                HIGH,
                every(_proxied, either(seen(trouble="refused"), seen(sent=False))),
            ),
        ),
    ),
    Cause(
        id="dns",
        check="dns",
        title="The host's name is not known",
        explanation="Its name is not known to DNS: mistyped, the pool was deleted, or no network.",
        fix="Check the network and AZURE_SESSION_POOL_ENDPOINT. It should be what this prints:\n"
        "{show}",
        source=_NETWORK,
        signs=(
            Sign(
                "the name can't be resolved",
                HIGH,
                every(_trouble("dns", "dns"), no(misspelled_region)),
            ),
        ),
    ),
    Cause(
        id="container-not-running",
        check="tcp",
        title="No container listens there",
        explanation="Nothing listens at the address given with --direct: the container does not "
        "run, has ended, or its port is not published.",
        fix="Start it with its port published, and look at what it prints: "
        "`docker run --rm -p 8080:TARGET_PORT IMAGE`.",
        source=_NETWORK,
        signs=(
            Sign(
                "with --direct, the connection is refused",
                HIGH,
                every(_trouble("tcp", "refused"), lambda e: e.direct),
            ),
        ),
    ),
    Cause(
        id="connection-refused",
        check="tcp",
        title="The host refuses connections",
        explanation="{host} refuses connections.",
        fix="Check AZURE_SESSION_POOL_ENDPOINT: a pool listens on port 443 of its own host name.",
        source=_NETWORK,
        signs=(
            Sign(
                "the connection is refused, and it is not this machine",
                HIGH,
                every(
                    _trouble("tcp", "refused"),
                    lambda e: not e.endpoint.loopback and not e.direct,
                    no(_proxied),
                ),
            ),
        ),
    ),
    Cause(
        id="no-connection",
        check="tcp",
        title="The host can't be reached",
        explanation="No answer in time: a firewall, a VPN that is off, or a network without a way "
        "to {host} drops what is sent.",
        fix="Check the network, VPN or firewall (HTTPS_PROXY if you need a proxy), then try again.",
        local=Advice(
            "Wait until the machine has less to do, and run the cell again. If it stays so, end "
            "`azure-session-kernel pool` (Ctrl-C where it runs), and start it again.",
            "No answer in time: this machine is too busy, or the local pool hangs.",
        ),
        source=_NETWORK,
        signs=(
            Sign(
                "no connection within the time limit",
                HIGH,
                every(network("tcp", "timeout"), no(_proxied)),
            ),
        ),
    ),
    Cause(
        id="tls-expired",
        check="tls",
        title="The host's certificate has expired",
        explanation="Its TLS certificate has expired, or this machine's clock is wrong.",
        fix="Compare the clock with a correct one (`date -u`); else the host is not Azure's.",
        source="RFC 5280",
        signs=(Sign("its notAfter is past", HIGH, every(_tls, _expired)),),
    ),
    Cause(
        id="tls-name",
        check="tls",
        title="The host's certificate is for another name",
        explanation="Its TLS certificate is for another name than {host}: DNS or a proxy leads to "
        "another machine.",
        fix="Check AZURE_SESSION_POOL_ENDPOINT, the hosts file and HTTPS_PROXY.",
        source="RFC 6125",
        signs=(
            Sign(
                "a trusted issuer, but not for this name",
                HIGH,
                every(
                    _tls,
                    _other_name,
                    no(_expired),
                    lambda e: e.tls is not None and "self" not in e.tls.detail,
                    lambda e: e.tls is not None and "issuer" not in e.tls.detail,
                ),
            ),
        ),
    ),
    Cause(
        id="tls-interception",
        check="tls",
        title="A proxy replaces the host's certificate",
        explanation="Its TLS certificate is not trusted here; a company proxy may replace "
        "certificates (issuer: {issuer}).",
        fix="Set SSL_CERT_FILE to a file with your organisation's root certificate.",
        source="reported by users; Azure's certificates are issued by Microsoft or DigiCert",
        signs=(
            Sign(
                "its issuer is unknown to this machine",
                HIGH,
                every(_tls, no(_expired)),
            ),
            Sign(
                "verification fails, and the issuer is not known", MEDIUM, seen(trouble="untrusted")
            ),
        ),
    ),
    Cause(
        id="tls-failed",
        check="tls",
        title="TLS fails",
        explanation="TLS failed.",
        fix="Check whether a proxy or firewall is in between, and that the port is the right one.",
        source=_NETWORK,
        signs=(Sign("no TLS connection comes about", HIGH, _trouble("tls", "tls")),),
    ),
    Cause(
        id="clock-skew",
        check="clock",
        title="This machine's clock is wrong",
        explanation="This machine's clock and the pool's differ by {skew}; tokens then seem "
        "expired, or not valid yet.",
        fix="Set the clock: `sudo timedatectl set-ntp true` (Windows: `w32tm /resync`).",
        source="RFC 9110 (Date); JWT nbf and exp",
        signs=(
            Sign(
                "the Date header is more than 5 minutes off, and the token is refused",
                HIGH,
                every(_skewed, either(seen(status=401), seen(status=403))),
            ),
            Sign("the Date header is more than 5 minutes off", MEDIUM, _skewed),
        ),
    ),
    Cause(
        id="broken-off",
        check="allocation",
        title="The connection breaks off",
        explanation="Something on the way ends connections before the answer is complete.",
        fix="Check the network, VPN or proxy, then try again.",
        source=_NETWORK,
        signs=(Sign("connected, sent, and then reset", MEDIUM, seen(trouble="broken")),),
    ),
    Cause(
        id="no-answer",
        check="allocation",
        title="The pool takes the request and does not answer",
        explanation="No answer in time: the pool is allocating a session that does not get ready, "
        "or the container took the request and hangs.",
        fix="Try again in a minute. If it stays so, read the container's log: {logs}.",
        local=Advice(
            "Run the cell again. If it stays so, look at what `azure-session-kernel pool` prints "
            "where it runs; end it (Ctrl-C) and start it again."
        ),
        builtin=Advice(
            "Try again in a minute. If it stays so, stop the session (`azure-session-kernel "
            "sessions list`, `azure-session-kernel sessions stop SESSION`)."
        ),
        source="inferred",
        signs=(
            Sign(
                "connected and sent, and not a byte comes back to a path that is needed",
                MEDIUM,
                every(refused(trouble="timeout", sent=True), no(network("tcp", "timeout"))),
            ),
        ),
    ),
)
