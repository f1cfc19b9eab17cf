"""Azure Resource Manager as far as setup asks it, played by a real HTTP server on loopback.

What it answers: a pool's PUT as recorded (201 with ``InProgress`` and ``azure-asyncoperation``, a
built-in one 200 at once; ``azure_facts/arm_pool.json`` for the rest); role assignments and errors
as recorded or reported; registrations, groups and a registry's tasks as Microsoft's clients read
them. Whatever is sent is held against ``azure_facts/arm_shapes.json``.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from .. import azure_facts
from ..deploy.templates import faults

SUBSCRIPTION: Final = "11111111-2222-3333-4444-555555555555"
TENANT: Final = "99999999-8888-7777-6666-555555555555"
ME: Final = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
SIGNATURE: Final = "sig=a-signature-nobody-may-see"
_SHAPES: Final = azure_facts.facts("arm_shapes")
_CASE: Final = {name.lower(): name for name in _SHAPES["resources"]}

Json = dict[str, Any]
Reply = tuple[int, Json, dict[str, str]]


def token() -> str:
    """As Entra's are, but for the signature."""
    claims = base64.urlsafe_b64encode(json.dumps({"oid": ME}).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJub25lIn0.{claims}.played"


def error(status: int, code: str, message: str = "") -> Reply:
    return status, {"error": {"code": code, "message": message or f"{code}."}}, {}


@dataclass
class PlayedArm:
    """:ivar things: resources by lower-cased id. :ivar asked: method and path of each request.
    :ivar changed: those that are not GETs. :ivar fail: (method, pattern of a path) -> what is
        answered in turn; None: as ever.
    :ivar cut_after: the connection breaks after so many changes, and no other request is answered.
    :ivar polls: how often something is still under way.
    :ivar pulls: how often the pool fails to pull its image before it can. :ivar pull_state: what
        its provisioning comes to then; which it is in Azure is not known.
    """

    endpoint: str = "https://sessions.env.westeurope.azurecontainerapps.io"
    origin: str = ""
    polls: int = 2
    pulls: int = 0
    pull_state: str = "Failed"
    crashes: int = 0
    cut_after: int | None = None
    run_status: str = "Succeeded"
    regions: tuple[str, ...] = ("West Europe", "East US")
    subscriptions: list[Json] = field(
        default_factory=lambda: [{"subscriptionId": SUBSCRIPTION, "displayName": "Teaching"}]
    )
    registered: set[str] = field(default_factory=set)
    things: dict[str, Json] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    uploads: list[bytes] = field(default_factory=list)
    runs: dict[str, Json] = field(default_factory=dict)
    fail: dict[tuple[str, str], list[Reply | None]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def refuse(self, method: str, pattern: str, *replies: Reply | None) -> None:
        self.fail[method, pattern] = list(replies)

    def forget(self) -> None:
        """Nothing was ever made."""
        kept: tuple[Any, ...] = (self.things, self.runs, self.registered, self.left, self.changed)
        for one in kept:
            one.clear()

    def named(self, ending: str) -> Json:
        [found] = [one for key, one in self.things.items() if key.endswith(ending.lower())]
        return found

    def answer(self, method: str, url: str, body: Json) -> Reply:
        parts = urlsplit(url)
        path, query = parts.path, parse_qs(parts.query)
        for (of, pattern), replies in self.fail.items():
            if of == method and re.search(pattern, path) and replies:
                reply = replies.pop(0)
                if reply is not None:
                    return reply
        if "api-version" not in query:
            return error(400, "MissingApiVersionParameter")
        if method == "PUT":
            self._check(path, query["api-version"][0], body)
        return self._routes(method, path, body)

    def _check(self, path: str, version: str, body: Json) -> None:
        of_type = "/".join(path.split("/")[-3:-1])
        if "/providers/" not in path:
            of_type = "Microsoft.Resources/resourceGroups"
        known = _CASE.get(f"{of_type}@{version}".lower())
        self.wrong += (
            faults(_SHAPES, {"type": known, **body}) if known else [f"{of_type}@{version}"]
        )

    def _routes(self, method: str, path: str, body: Json) -> Reply:
        last = path.rpartition("/")[2]
        if path == "/subscriptions":
            return 200, {"value": self.subscriptions}, {}
        if match := re.fullmatch(
            rf"/subscriptions/{SUBSCRIPTION}/providers/([\w.]+)(/register)?", path
        ):
            return self._provider(match[1], registering=bool(match[2]))
        if "/operationStatuses/" in path:
            return self._operation(path)
        if path.endswith("/resources"):
            return self._listed(path.removesuffix("/resources").lower())
        if last in ("sharedKeys", "listBuildSourceUploadUrl", "scheduleRun", "listLogSasUrl"):
            return getattr(self, f"_{last}")(path, body)  # type: ignore[no-any-return]
        if "/runs/" in path:
            return self._run(last)
        return getattr(self, f"_{method.lower()}")(path, body)  # type: ignore[no-any-return]

    def _provider(self, namespace: str, *, registering: bool) -> Reply:
        if registering:
            self.left[namespace] = self.polls
        elif namespace in self.left:
            self.left[namespace] -= 1
            if self.left[namespace] <= 0:
                self.registered.add(namespace)
        state = "Registered" if namespace in self.registered else "NotRegistered"
        types = [{"resourceType": "sessionPools", "locations": list(self.regions)}]
        return 200, {"namespace": namespace, "registrationState": state, "resourceTypes": types}, {}

    def _get(self, path: str, body: Json) -> Reply:
        found = self.things.get(path.lower())
        if found is None:
            return error(404, "ResourceNotFound")
        self._pass(path.lower())
        return 200, found, {}

    def _pass(self, key: str) -> None:
        """Time passes with each look."""
        if self.left.get(key, 0) > 0:
            self.left[key] -= 1
        elif key in self.left:
            del self.left[key]
            self._ended(key)

    def _ended(self, key: str) -> None:
        found = self.things[key]
        if found["properties"]["provisioningState"] == "Deleting":
            for one in [one for one in self.things if one == key or one.startswith(f"{key}/")]:
                del self.things[one]
            return
        found["properties"]["provisioningState"] = "Succeeded"
        if found["properties"].get("containerType") == "CustomContainer":
            self._pool_ended(found["properties"])

    def _pool_ended(self, properties: Json) -> None:
        failing = self.pulls > 0
        self.pulls -= failing
        template = properties["customContainerTemplate"]
        status = {"expectedCount": 1, "readyCount": 0 if failing or self.crashes else 1}
        status |= {"pendingCount": 0, "imagePullFailCount": int(failing)}
        status |= {"crashCount": self.crashes, "allocatedCount": 0}
        active = {"details": "Running", "status": status, "containers": template["containers"]}
        properties["templateUpdateStatus"] = {"activeTemplate": active}
        properties["nodeCount"] = 1
        if failing:
            properties["provisioningState"] = self.pull_state

    def _put(self, path: str, body: Json) -> Reply:
        key = path.lower()
        parent = key.rpartition("/providers/")[0] or "/".join(key.split("/")[:3])
        if parent not in self.things and parent.count("/") > 2:
            return error(
                404, "ResourceGroupNotFound" if parent.count("/") == 4 else "ParentNotFound"
            )
        new = key not in self.things
        properties = {**body.get("properties", {}), "provisioningState": "Succeeded"}
        thing = {**body, "id": path, "name": path.rpartition("/")[2], "properties": properties}
        self.things[key] = thing
        self._made(thing)
        if not self._slow(key, properties):
            return (201 if new else 200), thing, {}
        properties["provisioningState"] = "InProgress"
        self.left[key] = self.polls
        link = (
            f"{self.origin}/subscriptions/x/operationStatuses/{key.replace('/', '!')}?api-version=1"
        )
        return 201, thing, {"azure-asyncoperation": link, "retry-after": "15"}

    def _made(self, thing: Json) -> None:
        """What Azure adds."""
        of_type, properties = thing["id"].split("/")[-2], thing["properties"]
        if of_type == "workspaces":
            properties["customerId"] = "the-customer"
        elif of_type == "registries":
            properties["loginServer"] = f"{thing['name']}.azurecr.io"
        elif of_type == "userAssignedIdentities":
            properties["principalId"] = "the-pullers-principal"
        elif of_type == "sessionPools":
            properties["poolManagementEndpoint"] = self.endpoint

    def _slow(self, key: str, properties: Json) -> bool:
        return (
            "/managedenvironments/" in key or properties.get("containerType") == "CustomContainer"
        )

    def _operation(self, path: str) -> Reply:
        key = path.rpartition("/")[2].replace("!", "/")
        self._pass(key)
        state = self.things.get(key, {}).get("properties", {}).get("provisioningState", "Succeeded")
        body: Json = {"status": state}
        if state == "Failed":
            body["error"] = {"code": "ContainerAppImagePullFailed", "message": "can't pull image"}
        return 200, body, {"retry-after": "15"}

    def _patch(self, path: str, body: Json) -> Reply:
        self.things[path.lower()].update(body)
        return 200, self.things[path.lower()], {}

    def _delete(self, path: str, body: Json) -> Reply:
        key = path.lower()
        if key not in self.things:
            return 204, {}, {}
        self.things[key]["properties"]["provisioningState"] = "Deleting"
        self.left[key] = self.polls
        return 202, {}, {"location": f"{self.origin}{path}?api-version=1"}

    def _listed(self, group: str) -> Reply:
        pattern = re.compile(rf"{re.escape(group)}/providers/[^/]+/[^/]+/[^/]+")
        found = [thing for key, thing in self.things.items() if pattern.fullmatch(key)]
        return (
            200,
            {"value": [{k: one.get(k) for k in ("id", "name", "tags")} for one in found]},
            {},
        )

    def _sharedKeys(self, path: str, body: Json) -> Reply:  # noqa: N802  # Azure's name
        return 200, {"primarySharedKey": "the-logs-secret"}, {}

    def _listBuildSourceUploadUrl(self, path: str, body: Json) -> Reply:  # noqa: N802
        elsewhere = self.origin.replace("127.0.0.1", "localhost")
        url = f"{elsewhere}/blob/source.tar.gz?{SIGNATURE}"
        return 200, {"uploadUrl": url, "relativePath": "source/source.tar.gz"}, {}

    def _scheduleRun(self, path: str, body: Json) -> Reply:  # noqa: N802
        kind = "Microsoft.ContainerRegistry/registries/scheduleRun@2025-03-01-preview"
        self.wrong += faults(_SHAPES, {**body, "type": kind})
        run = f"cb{len(self.runs) + 1}"
        self.runs[run] = {"runId": run, "status": "Queued", "asked": body, "left": self.polls}
        return 200, {"properties": self.runs[run]}, {}

    def _run(self, run: str) -> Reply:
        found = self.runs.get(run)
        if found is None:
            return error(404, "RunNotFound")
        found["left"] -= 1
        found["status"] = self.run_status if found["left"] <= 0 else "Running"
        return 200, {"properties": found}, {}

    def _listLogSasUrl(self, path: str, body: Json) -> Reply:  # noqa: N802
        elsewhere = self.origin.replace("127.0.0.1", "localhost")
        return 200, {"logLink": f"{elsewhere}/blob/log?{SIGNATURE}"}, {}


@contextmanager
def playing(arm: PlayedArm) -> Iterator[PlayedArm]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(arm))
    arm.origin = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield arm
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert arm.wrong == []


def _handler(arm: PlayedArm) -> type[BaseHTTPRequestHandler]:
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # an answer goes out in one piece, or each waits 40 ms for TCP's sake

        def _do(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            content = self.rfile.read(length)
            with lock:
                self._answer(content)

        def _answer(self, content: bytes) -> None:
            change = self.command != "GET"
            if arm.cut_after is not None and len(arm.changed) >= arm.cut_after:
                self.close_connection = True
                return
            path = urlsplit(self.path).path
            arm.asked.append(f"{self.command} {path}")
            if change:
                arm.changed.append(f"{self.command} {path}")
            if path.startswith("/blob/"):
                self._blob(content)
                return
            if self.headers["authorization"] != f"Bearer {token()}":
                arm.wrong.append(f"no token: {path}")
            reply = arm.answer(self.command, self.path, json.loads(content or b"{}"))
            if arm.cut_after is not None and len(arm.changed) >= arm.cut_after:
                self.close_connection = True  # done, and the answer is lost
                return
            self._send(reply[0], json.dumps(reply[1]).encode(), reply[2])

        def _blob(self, content: bytes) -> None:
            """Storage: the address holds all that is needed, and the token must not come here."""
            if "authorization" in self.headers or SIGNATURE not in self.path:
                arm.wrong.append("the token went to storage")
            if self.command == "PUT":
                if self.headers["x-ms-blob-type"] != "BlockBlob":
                    arm.wrong.append("no x-ms-blob-type")
                arm.uploads.append(content)
                self._send(201, b"", {})
            else:
                self._send(200, b"Step 9\nERROR: no such package: nonesuch\x1b[31m\n", {})

        def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None: ...

    actions: dict[str, Callable[[Any], None]] = {}
    for method in ("GET", "PUT", "POST", "PATCH", "DELETE"):
        actions[f"do_{method}"] = Handler._do
    return type("Played", (Handler,), actions)
