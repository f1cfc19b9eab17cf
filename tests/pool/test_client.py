"""PoolClient: what is sent, what each answer becomes, and what never leaves it."""

from __future__ import annotations

import asyncio
import base64
import email.utils
import json
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from azure_session_kernel.common.errors import (
    AnswerTooLarge,
    CredentialError,
    Forbidden,
    PoolError,
    PoolFull,
    PoolRouteNotFound,
    PoolUnavailable,
    PoolUnreachable,
    Unauthorized,
    UnexpectedAnswer,
)
from azure_session_kernel.pool.client import Answer, PoolClient
from azure_session_kernel.pool.credentials import FixedToken
from azure_session_kernel.pool.endpoints import parse_endpoint

from ..azure_facts import recording
from .serving import IDENTIFIER, TOKEN, free_port

POOL = "https://pool.blueground-16039c7f.eastasia.azurecontainerapps.io"
BUILTIN = "https://eastasia.dynamicsessions.io/subscriptions/0/resourceGroups/rg/sessionPools/pool"

Handler = Callable[[httpx.Request], httpx.Response]


class RenewableToken:
    """``old`` until somebody asks for a refresh, then ``new``."""

    def __init__(self) -> None:
        self.value = "old"
        self.refreshes = 0

    async def token(self, *, refresh: bool = False) -> str:
        if refresh:
            self.refreshes += 1
            self.value = "new"
        return self.value


def client_of(handler: Handler, url: str = POOL, tokens: Any = None) -> PoolClient:
    return PoolClient(
        parse_endpoint(url),
        tokens or FixedToken(TOKEN),
        IDENTIFIER,
        transport=httpx.MockTransport(handler),
    )


async def failure(
    answer: httpx.Response | Exception, url: str = POOL, path: str = "/python/execute"
) -> Any:
    """The error that ``answer`` becomes; each is checked for secrets and control characters."""

    def handler(request: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    with pytest.raises(PoolError) as caught:
        await client_of(handler, url).request("POST", path, body=b"{}")
    error = caught.value
    shown = f"{error} {error.body} {error.code} {error.source}"
    assert TOKEN not in shown
    assert IDENTIFIER not in shown
    assert shown.replace("\n", "").isprintable()
    assert len(error.what) < 1000
    return error


# -- what is sent


async def test_cookies_are_not_taken() -> None:
    sent: list[str | None] = []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers.get("cookie"))
        return httpx.Response(200, headers=[("set-cookie", f"c{len(sent)}={'x' * 4000}; path=/")])

    client = client_of(handler)
    for _ in range(3):
        await client.request("GET", "/health")
    assert sent == [None] * 3


async def test_an_answer_is_read_up_to_its_limit() -> None:
    taken: list[int] = []

    class Endless(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            while True:
                taken.append(1000)
                yield b"x" * 1000

    client = client_of(lambda _: httpx.Response(200, stream=Endless()))
    with pytest.raises(AnswerTooLarge, match="larger than 5000 bytes"):
        await client.request("GET", "/files", answer_bytes=5000)
    assert sum(taken) == 6000


async def test_a_request_carries_token_identifier_and_json_to_the_endpoint() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"a": 1}, headers={"X-Thing": "y"})

    client = client_of(handler)
    answer = await client.request("POST", "/jupyter/hello", body=b'{"b":2}', query={"q": "ü &"})
    (request,) = seen
    assert request.method == "POST"
    assert request.url.copy_with(query=None) == f"{POOL}/jupyter/hello"
    assert dict(request.url.params) == {"identifier": IDENTIFIER, "q": "ü &"}
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["accept-encoding"] == "identity"
    assert request.content == b'{"b":2}'
    assert (answer.status, answer.headers["x-thing"], answer.json()) == (200, "y", {"a": 1})


async def test_a_query_can_not_replace_the_identifier() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, text=request.url.params["identifier"])

    answer = await client_of(handler).request("GET", "/health", query={"identifier": "x"})
    assert answer.body.decode() == IDENTIFIER


async def test_an_identifier_of_punctuation_arrives_as_it_is() -> None:
    identifier = "a&b#c%d+e=f/g?h"
    client = PoolClient(
        parse_endpoint(POOL),
        FixedToken(TOKEN),
        identifier,
        transport=httpx.MockTransport(
            lambda request: httpx.Response(200, text=request.url.params["identifier"])
        ),
    )
    assert (await client.request("GET", "/")).body.decode() == identifier


@pytest.mark.parametrize("status", [200, 202, 204])
async def test_every_2xx_is_an_answer(status: int) -> None:
    answer = await client_of(lambda request: httpx.Response(status)).request("GET", "/x")
    assert (answer.status, answer.body) == (status, b"")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "is not JSON"),
        (b"<html>", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"[" * 100_000, "it is nested too deeply"),
        (b"[" + b"{}," * 5_000_000 + b"{}]", "it would take more than 256 MB of memory"),
    ],
    ids=["empty", "page", "bytes", "deep", "bomb"],
)
def test_a_body_that_can_not_be_read_is_an_unexpected_answer(body: bytes, said: str) -> None:
    with pytest.raises(UnexpectedAnswer, match=said) as caught:
        Answer(200, {"content-type": "text/html"}, body).json()
    assert "doctor" in caught.value.fix
    assert len(str(caught.value)) < 1000


def test_a_body_may_begin_with_a_byte_order_mark() -> None:
    assert Answer(200, {}, b"\xef\xbb\xbf[1]").json() == [1]


async def test_what_came_instead_of_json_is_shown_without_secrets() -> None:
    body = f"<html>\x1b[31mmaintenance {TOKEN} {IDENTIFIER}" + "x" * 10_000
    answer = await client_of(lambda request: httpx.Response(200, text=body)).request("GET", "/x")
    with pytest.raises(UnexpectedAnswer, match="maintenance") as caught:
        answer.json()
    said = f"{caught.value} {caught.value.body}"
    assert not any(secret in said for secret in (TOKEN, IDENTIFIER, "\x1b"))
    assert len(str(caught.value)) < 1000


async def test_a_compressed_answer_is_refused_because_none_was_asked_for() -> None:
    answer = httpx.Response(200, headers={"content-encoding": "gzip"}, content=b"")
    assert isinstance(await failure(answer), UnexpectedAnswer)


async def test_a_path_can_not_leave_the_endpoint() -> None:
    client = client_of(lambda request: httpx.Response(200, text=str(request.url)), BUILTIN)
    with pytest.raises(ValueError, match="segments"):
        await client.request("GET", "/../../x")
    url = httpx.URL((await client.request("GET", "//evil.example/x")).body.decode())
    assert url.host == "eastasia.dynamicsessions.io"


# -- 401


async def test_a_refused_token_is_renewed_once_and_the_request_repeated() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200 if request.headers["authorization"] == "Bearer new" else 401)

    tokens = RenewableToken()
    assert (await client_of(handler, tokens=tokens).request("GET", "/x")).status == 200
    assert tokens.refreshes == 1


async def test_a_token_refused_again_is_an_error_and_not_a_loop() -> None:
    asked: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers["authorization"])
        return httpx.Response(401)

    with pytest.raises(Unauthorized):
        await client_of(handler, tokens=RenewableToken()).request("GET", "/x")
    assert asked == ["Bearer old", "Bearer new"]


async def test_a_token_somebody_else_renewed_meanwhile_is_used_without_another_renewal() -> None:
    tokens = RenewableToken()

    def handler(request: httpx.Request) -> httpx.Response:
        if request.headers["authorization"] == "Bearer new":
            return httpx.Response(200)
        tokens.value = "new"
        return httpx.Response(401)

    assert (await client_of(handler, tokens=tokens).request("GET", "/x")).status == 200
    assert tokens.refreshes == 0


async def test_a_fixed_token_is_not_tried_twice() -> None:
    asked: list[int] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(1)
        return httpx.Response(401)

    with pytest.raises(Unauthorized):
        await client_of(handler).request("GET", "/x")
    assert asked == [1]


async def test_a_401_names_the_audience_it_found_and_the_one_it_needs() -> None:
    payload = base64.urlsafe_b64encode(b'{"aud":"https://management.azure.com"}').decode()
    tokens = FixedToken(f"e30.{payload.rstrip('=')}.sig")
    with pytest.raises(Unauthorized) as caught:
        await client_of(lambda request: httpx.Response(401), tokens=tokens).request("GET", "/x")
    assert "https://management.azure.com" in caught.value.cause
    assert "https://dynamicsessions.io is needed" in caught.value.cause
    assert "az login" in caught.value.fix


async def test_a_401_of_the_local_pool_does_not_talk_of_azure() -> None:
    error = await failure(httpx.Response(401), "http://127.0.0.1:1")
    assert isinstance(error, Unauthorized)
    assert "az login" not in str(error)
    assert "local pool" in error.cause


# -- the table of answers

HTML_404 = "<html><head><title>Azure Container App - Unavailable</title></head></html>"
ENVELOPE = {"error": {"code": "SessionPoolNotFound", "message": "No such pool.", "traceId": "1"}}


@pytest.mark.parametrize(
    ("answer", "kind", "texts"),
    [
        (
            httpx.Response(403, text="Unauthenticated"),
            Forbidden,
            [
                "Azure ContainerApps Session Executor",
                "az role assignment create",
                "up to 5 minutes",
            ],
        ),
        (
            httpx.Response(404, html=HTML_404),
            PoolRouteNotFound,
            ["page for unknown hosts", "deleted", "pool.blueground-16039c7f"],
        ),
        (
            httpx.Response(404, json={"message": "Not Found"}),
            PoolRouteNotFound,
            ["Piston", "target port"],
        ),
        (
            httpx.Response(404, json=ENVELOPE),
            PoolRouteNotFound,
            ["the service itself", "SessionPoolNotFound"],
        ),
        (
            httpx.Response(404, json={"detail": "Not Found"}),
            PoolRouteNotFound,
            ["reached your container", "no such route"],
        ),
        (
            httpx.Response(404, json={"message": "Not Found", "path": "/x"}),
            PoolRouteNotFound,
            ["reached your container", "no such route"],
        ),
        (httpx.Response(404, text="404 page not found"), PoolRouteNotFound, ["no such route"]),
        (httpx.Response(404), PoolRouteNotFound, ["no such route"]),
        (
            httpx.Response(429, text="Error happened when allocating pod for identifier x"),
            PoolFull,
            ["no free session", "--max-sessions"],
        ),
        (httpx.Response(502), PoolUnavailable, ["target port", "listens"]),
        (httpx.Response(504), PoolUnavailable, ["240 s"]),
        (httpx.Response(500, text="boom"), PoolUnavailable, ["500", "boom"]),
        (httpx.Response(413), UnexpectedAnswer, ["too large"]),
        (httpx.Response(400, text="Missing parameter"), UnexpectedAnswer, ["Missing parameter"]),
        (httpx.Response(418, content=b"\x1b[31m\x00teapot"), UnexpectedAnswer, ["teapot"]),
        (
            httpx.Response(400, json={"error": {"code": "DynamicApisNotAllowed", "message": "m"}}),
            UnexpectedAnswer,
            ["custom-container pool", "az containerapp sessionpool show"],
        ),
        (
            httpx.Response(302, headers={"location": "https://login.example/?code=hidden"}),
            UnexpectedAnswer,
            ["redirect (302)", "https://login.example/", "not followed"],
        ),
    ],
)
async def test_each_answer_becomes_the_error_that_explains_it(
    answer: httpx.Response, kind: type[PoolError], texts: list[str]
) -> None:
    error = await failure(answer)
    assert type(error) is kind
    assert error.status == answer.status_code
    for text in texts:
        assert text in str(error)
    assert "hidden" not in str(error)


async def test_the_adapters_own_errors_keep_code_source_and_message() -> None:
    body = {
        "error": {
            "code": "BootMismatch",
            "message": "The boot is not the running one.",
            "source": "azure-session-kernel",
        },
        "boot": "b2",
    }
    error = await failure(httpx.Response(409, json=body))
    assert type(error) is UnexpectedAnswer
    assert (error.status, error.code, error.source) == (409, "BootMismatch", "azure-session-kernel")
    assert "The boot is not the running one." in error.what
    assert json.loads(error.body)["boot"] == "b2"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, UnexpectedAnswer),
        (403, UnexpectedAnswer),
        (404, PoolRouteNotFound),
        (500, PoolUnavailable),
        (503, PoolUnavailable),
    ],
)
async def test_an_answer_of_the_adapter_is_not_blamed_on_azure(
    status: int, kind: type[PoolError]
) -> None:
    body = {"error": {"code": "X", "message": "m", "source": "azure-session-kernel"}}
    error = await failure(httpx.Response(status, json=body))
    assert type(error) is kind
    assert "az " not in str(error)


async def test_the_pools_word_that_it_is_full_counts_whatever_its_status() -> None:
    text = "Error happened when allocating pod for identifier x in pool y"
    for status in (404, 429):
        assert type(await failure(httpx.Response(status, text=text))) is PoolFull
    assert type(await failure(httpx.Response(404, text="not found"))) is PoolRouteNotFound


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500])
async def test_a_container_that_echoes_the_request_leaks_nothing(status: int) -> None:
    text = f"authorization: Bearer {TOKEN} ?identifier={IDENTIFIER}"
    error = await failure(httpx.Response(status, text=text))
    assert "ask-abcd…" in error.body
    await failure(httpx.Response(status, json={"error": {"code": text, "message": text}}))


async def test_a_secret_across_the_cut_is_not_shown_in_part() -> None:
    for start in (1990, 280):
        error = await failure(httpx.Response(400, text="x" * start + TOKEN + IDENTIFIER))
        assert TOKEN[:8] not in str(error) + error.body


async def test_a_body_of_nothing_but_tokens_does_not_show_a_part_of_the_last_one() -> None:
    for filler in range(len(TOKEN)):
        error = await failure(httpx.Response(400, text="x" * filler + TOKEN * 5000))
        assert TOKEN[:3] not in error.body.replace("(token)", "")


async def test_a_huge_error_body_is_cut() -> None:
    error = await failure(httpx.Response(400, text="x" * 5_000_000))
    assert len(error.body) == 2000
    assert len(error.what) < 500


@pytest.mark.parametrize(
    ("value", "expected"),
    [("7", 7.0), ("", None), ("soon", None), ("-1", None), ("Wed, 21 Oct 2015 07:28:00 GMT", None)],
)
async def test_retry_after_is_read_in_seconds(value: str, expected: float | None) -> None:
    error = await failure(httpx.Response(429, headers={"retry-after": value}))
    assert error.retry_after_s == expected


@pytest.mark.parametrize(("retry_at", "expected"), [("00:01:00", 60.0), ("00:00:00", 0.0)])
async def test_retry_after_may_be_a_date_of_the_pools_clock(retry_at: str, expected: float) -> None:
    day, now = "Tue, 01 Jan 2002", "00:00:00"
    headers = {"date": f"{day} {now} GMT", "retry-after": f"{day} {retry_at} GMT"}
    error = await failure(httpx.Response(429, headers=headers))
    assert error.retry_after_s == expected


async def test_whether_a_refused_token_has_expired_is_told_by_the_pools_clock() -> None:
    """A laptop whose clock is behind takes it for a good one."""
    claims = {"aud": "https://dynamicsessions.io", "exp": int(time.time()) + 3600}
    token = (
        "e30." + base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().strip("=") + ".x"
    )
    later = {"date": email.utils.formatdate(time.time() + 7200, usegmt=True)}
    client = client_of(lambda request: httpx.Response(401, headers=later), tokens=FixedToken(token))
    with pytest.raises(Unauthorized) as caught:
        await client.request("GET", "/")
    assert "expired" in caught.value.cause


# -- the network


def caused(error: httpx.TransportError, *causes: BaseException) -> httpx.TransportError:
    current: BaseException = error
    for cause in causes:
        current.__cause__ = cause
        current = cause
    return error


@pytest.mark.parametrize(
    ("error", "sent", "text"),
    [
        (caused(httpx.ConnectError(""), OSError(), socket.gaierror(-2, "x")), False, "DNS"),
        (caused(httpx.ConnectError(""), ConnectionRefusedError()), False, "refuses connections"),
        (caused(httpx.ConnectError(""), ssl.SSLCertVerificationError()), False, "SSL_CERT_FILE"),
        (caused(httpx.ConnectError(""), ssl.SSLError()), False, "TLS failed"),
        (httpx.ConnectTimeout(""), False, "No answer in time"),
        (httpx.PoolTimeout(""), False, "No answer in time"),
        (httpx.ProxyError(""), False, "HTTPS_PROXY"),
        (httpx.ReadTimeout(""), True, "No answer in time"),
        (httpx.ReadError(""), True, "broke off"),
        (httpx.WriteError(""), True, "broke off"),
        (httpx.RemoteProtocolError(f"Bearer {TOKEN}"), True, "broke off"),
        (ConnectionResetError(), True, "broke off"),
    ],
)
async def test_each_network_failure_says_whether_the_request_may_have_arrived(
    error: Exception, sent: bool, text: str
) -> None:
    found = await failure(error)
    assert type(found) is PoolUnreachable
    assert found.sent is sent
    assert found.status is None
    assert text in str(found)


async def test_a_local_pool_that_is_not_running_is_named_with_its_command() -> None:
    client = PoolClient(
        parse_endpoint(f"http://127.0.0.1:{free_port()}"), FixedToken(TOKEN), IDENTIFIER
    )
    with pytest.raises(PoolUnreachable) as caught:
        await client.request("GET", "/health")
    assert (caught.value.sent, caught.value.gone) == (False, True)
    assert "azure-session-kernel pool" in caught.value.fix
    await client.aclose()


async def test_a_local_pool_that_is_slow_to_take_a_connection_is_not_gone() -> None:
    found = await failure(httpx.ConnectTimeout(""), "http://127.0.0.1:1")
    assert (found.sent, found.gone) == (False, False)
    assert "too busy" in found.cause


async def test_a_stream_that_is_refused_is_the_same_error_as_a_request() -> None:
    client = client_of(lambda request: httpx.Response(429))
    with pytest.raises(PoolFull):
        async with client.stream("/read", body=b"{}", idle_timeout_s=1):
            pytest.fail("entered")


async def test_an_error_of_the_reader_itself_is_not_taken_for_the_pools() -> None:
    client = client_of(lambda request: httpx.Response(200, content=b"x"))
    with pytest.raises(ConnectionResetError):
        async with client.stream("/read", body=b"{}", idle_timeout_s=1):
            raise ConnectionResetError("mine")


async def test_a_stream_renews_a_refused_token_too() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        ok = request.headers["authorization"] == "Bearer new"
        return httpx.Response(200 if ok else 401, content=b"x")

    client = client_of(handler, tokens=RenewableToken())
    async with client.stream("/read", body=b"{}", idle_timeout_s=1) as chunks:
        assert [chunk async for chunk in chunks] == [b"x"]


# -- stop, get, list


@pytest.mark.parametrize(
    ("url", "method", "path"),
    [
        (POOL, "POST", "/.management/stopSession"),
        ("http://127.0.0.1:1", "POST", "/.management/stopSession"),
        (BUILTIN, "DELETE", "/session"),
    ],
)
async def test_each_kind_of_pool_is_asked_to_stop_its_way(url: str, method: str, path: str) -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(204)

    assert await client_of(handler, url).stop_session(2) is True
    (request,) = seen
    assert request.method == method
    assert request.url.path.endswith(path)
    assert request.url.params["api-version"] == "2025-02-02-preview"
    assert request.url.params["identifier"] == IDENTIFIER


@pytest.mark.parametrize(
    ("answer", "stopped"),
    [
        (httpx.Response(200, text="Session x in session pool p stopped."), True),
        (httpx.Response(400, text="Failed to stop session, session not found."), True),
        (httpx.Response(400, json={"error": {"code": "SessionWithIdentifierNotFound"}}), True),
        (httpx.Response(404, json={"error": {"code": "SessionNotFound"}}), True),
        (httpx.Response(400, text="Missing api-version"), False),
        (httpx.Response(404, text="session not found on this server"), False),
        (httpx.Response(404, html=HTML_404), False),
        (httpx.Response(500), False),
        (httpx.Response(401), False),
    ],
)
async def test_a_session_counts_as_stopped_only_when_the_pool_says_so(
    answer: httpx.Response, stopped: bool
) -> None:
    assert await client_of(lambda request: answer).stop_session(2) is stopped


@pytest.mark.parametrize("url", [POOL, BUILTIN])
async def test_a_pool_that_knows_only_a_newer_version_is_asked_in_that(url: str) -> None:
    asked: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params["api-version"])
        if asked[-1] == "2025-02-02-preview":
            error = {"code": "UnsupportedApiVersion", "message": "no such API version"}
            return httpx.Response(400, json={"error": error})
        return httpx.Response(200, json={"sessions": []})

    client = client_of(handler, url)
    assert await client.stop_session(2) is True
    assert await client.list_sessions() == []
    assert await client.get_session() is not None
    assert asked == ["2025-02-02-preview", *["2025-10-02-preview"] * 3]


async def test_stopping_never_raises_and_says_why_it_failed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class NoToken:
        async def token(self, *, refresh: bool = False) -> str:
            raise CredentialError("Not signed in.")

    client = client_of(lambda request: httpx.Response(200), tokens=NoToken())
    assert await client.stop_session(2) is False
    assert "Not signed in." in caplog.text


async def test_stopping_keeps_to_its_time_while_a_token_is_awaited() -> None:
    class SlowToken:
        async def token(self, *, refresh: bool = False) -> str:
            await asyncio.sleep(60)
            raise AssertionError

    client = client_of(lambda request: httpx.Response(200), tokens=SlowToken())
    assert await client.stop_session(0.05) is False


async def test_a_session_is_looked_up_without_allocating_one() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/.management/getSession"
        return httpx.Response(200, json={"identifier": "x", "etag": "1"})

    assert await client_of(handler).get_session() == {"identifier": "x", "etag": "1"}
    gone = httpx.Response(400, json={"error": {"code": "SessionWithIdentifierNotFound"}})
    assert await client_of(lambda request: gone).get_session() is None
    with pytest.raises(UnexpectedAnswer):
        await client_of(lambda request: httpx.Response(200, json=[])).get_session()
    with pytest.raises(PoolFull):
        await client_of(lambda request: httpx.Response(429)).get_session()


@pytest.mark.parametrize("url", [POOL, BUILTIN])
@pytest.mark.parametrize("key", ["sessions", "value"])
async def test_a_list_is_followed_over_its_pages_without_naming_a_session(
    url: str, key: str
) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        assert "identifier" not in request.url.params
        skip = int(request.url.params["skip"])
        page: dict[str, Any] = {key: [{"identifier": f"s{skip}"}, "junk"]}
        if skip < 600:
            page["nextLink"] = f"{url}/listSessions?skip={skip + 300}"
        return httpx.Response(200, json=page)

    found = await client_of(handler, url).list_sessions()
    assert [session["identifier"] for session in found] == ["s0", "s300", "s600"]


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/?skip=300",
        "//evil.example/?skip=300",
        POOL.replace("https", "http") + "/?skip=300",
        POOL + ":8443/?skip=300",
        POOL + "@evil.example/?skip=300",
        "https://[",
        7,
    ],
)
async def test_a_next_page_elsewhere_is_refused(link: object) -> None:
    asked: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(200, json={"value": [], "nextLink": link})

    with pytest.raises(UnexpectedAnswer, match="another host"):
        await client_of(handler).list_sessions()
    assert len(asked) == 1


async def test_a_list_without_end_is_given_up() -> None:
    page = {"value": [], "nextLink": f"{POOL}/?skip=1"}
    with pytest.raises(UnexpectedAnswer, match="more than 100 pages"):
        await client_of(lambda request: httpx.Response(200, json=page)).list_sessions()


@pytest.mark.parametrize("body", [b"7", b'"x"', b'{"value": 1}', b"{}", b"null"])
async def test_what_is_not_a_list_is_refused(body: bytes) -> None:
    with pytest.raises(UnexpectedAnswer):
        await client_of(lambda request: httpx.Response(200, content=body)).list_sessions()


# -- against what Azure really answered


async def test_the_recorded_session_is_replayed_exactly() -> None:
    """A forwarded GET, a stop, and the same stop again, as recorded from a custom pool."""
    pool = recording("custom-container")
    waiting = list(pool.calls)

    def handler(request: httpx.Request) -> httpx.Response:
        call = waiting.pop(0)
        assert (request.method, request.url.path) == (call.method, call.path)
        assert request.url.host == pool.host
        assert dict(request.url.params) == call.query
        assert request.content == b""
        if call.method == "POST":
            assert request.headers["content-length"] == "0"
        return httpx.Response(call.status, headers=call.headers, content=call.answer.encode())

    client = PoolClient(
        parse_endpoint(f"https://{pool.host}"),
        FixedToken(TOKEN),
        pool.calls[0].query["identifier"],
        transport=httpx.MockTransport(handler),
    )
    assert (await client.request("GET", "/health")).body == b""
    assert await client.stop_session(2) is True
    assert await client.stop_session(2) is True
    assert waiting == []
