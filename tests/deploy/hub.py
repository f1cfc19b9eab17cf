"""A JupyterHub for two users of one machine, by the commands of ``docs/guides/one-machine.md``.

``python -m tests.deploy.hub``, as root, with npm, PyPI and npm's registry. Everything that the page
names is made in namespaces of its own: users, homes and ``/srv`` are gone with them, and after the
installation there is no network. Then both run the notebook ``work.ipynb``, through the hub, and
each tries to reach what is the other's.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import psutil  # type: ignore[import-untyped,unused-ignore]
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from azure_session_kernel.common.within import within

from . import ROOT

PAGE: Final = ROOT / "docs/guides/one-machine.md"
HUB: Final = Path("/srv/jupyterhub")
URL: Final = "http://127.0.0.1:8000"
USERS: Final = ("alice", "bob")
NOTEBOOK: Final = "work.ipynb"
PASSWORD: Final = secrets.token_hex(8)
_WITHIN_S: Final = 120.0
_NEW_NETWORK: Final = 0x40000000  # sched.h; os.CLONE_NEWNET from Python 3.12 on
_SYSTEM: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: What the program needs beyond the page: to ask the hub for things, and a log-in without PAM.
_ADDED: Final = """
c.JupyterHub.services = [{{"name": "prove", "api_token": "{token}"}}]
scopes = ["admin:users", "admin:servers", "tokens", "access:servers"]
c.JupyterHub.load_roles = [{{"name": "prove", "scopes": scopes, "services": ["prove"]}}]
c.JupyterHub.authenticator_class = "dummy"
c.DummyAuthenticator.password = "{password}"
c.Spawner.start_timeout = c.Spawner.http_timeout = {within_s:g}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--screenshot", type=Path, help="of alice's JupyterLab; needs Chromium")
    parser.add_argument("--keep", type=Path, help="a new folder, or one of an earlier try")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inside is not None:
        _prove(args.inside, args.screenshot)
        return
    if os.geteuid() != 0 or shutil.which("npm") is None:
        raise SystemExit("The hub is not proven: that needs root, and npm.")
    with tempfile.TemporaryDirectory(prefix="ask-hub-") as temporary:
        folder = str(args.keep or temporary)
        command = [sys.executable, "-m", __spec__.name, *sys.argv[1:], "--inside", folder]
        apart = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
        raise SystemExit(subprocess.run([*apart, *command], check=False).returncode)


def _prove(folder: Path, screenshot: Path | None) -> None:
    _make_room(folder)
    _follow_the_page()
    _leave_the_network()
    token = secrets.token_hex(16)
    with (HUB / "jupyterhub_config.py").open("a", encoding="utf-8") as config:
        config.write(_ADDED.format(token=token, password=PASSWORD, within_s=_WITHIN_S))
    with _hub(), httpx.Client(base_url=URL, timeout=_WITHIN_S, trust_env=False) as client:
        people = [_started(client, token, name) for name in USERS]
        checks = list(_checked(client, *people))
        if screenshot is not None:
            _photograph(screenshot)
        checks += _ended(client, token, *people)
    print(f"{len(checks)} passed, 0 failed: what {' and '.join(USERS)} have is their own")


# -- what the page says


def blocks(language: str) -> list[str]:
    """Of the page, in a language; "" are the commands."""
    text = PAGE.read_text(encoding="utf-8")
    return [
        code
        for tag, code in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.S | re.M)
        if tag == language
    ]


def _make_room(folder: Path) -> None:
    """Of their own here: ``/srv``, ``/home``, and an ``/etc`` in which there are two users more."""
    for path in ("home", "etc"):
        shutil.rmtree(folder / path, ignore_errors=True)
    for left in (folder / "srv/jupyterhub").glob("jupyterhub[-_.]*"):
        left.unlink()
    shutil.copytree("/etc", folder / "etc", symlinks=True)
    for path in ("srv", "home"):
        (folder / path).mkdir(mode=0o755, exist_ok=True, parents=True)
    folder.chmod(0o755)
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    for path in ("srv", "home", "etc"):
        subprocess.run(["mount", "--bind", folder / path, f"/{path}"], check=True)
    for name in USERS:
        subprocess.run(["useradd", "--create-home", "--shell", "/bin/bash", name], check=True)


def _follow_the_page() -> None:
    install, start = blocks("")[:2]
    assert "jupyterhub" in start
    began = time.monotonic()
    env = {**os.environ, "PATH": _SYSTEM}
    if not HUB.exists():
        subprocess.run(
            ["sh", "-ec", install], cwd=ROOT, env=env, check=True, stdout=subprocess.DEVNULL
        )
    script = HUB / "bin/server-with-pool"
    script.write_text(blocks("bash")[0], encoding="utf-8")
    script.chmod(0o755)
    (HUB / "jupyterhub_config.py").write_text(blocks("python")[0], encoding="utf-8")
    print(
        f"{time.monotonic() - began:6.1f} s  installed by the commands of {PAGE.name}", flush=True
    )


def _leave_the_network() -> None:
    if ctypes.CDLL(None, use_errno=True).unshare(_NEW_NETWORK) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


@contextlib.contextmanager
def _hub() -> Iterator[None]:
    """By the page's command. All that it leaves ends with this process's namespace."""
    env = {"PATH": _SYSTEM, "HOME": "/root", "LANG": "C.UTF-8"}
    with (HUB / "hub.log").open("wb") as log:
        command = ["sh", "-ec", f"umask 022; {blocks('')[1]}"]
        hub = subprocess.Popen(command, env=env, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        yield
    except BaseException:
        print(*(HUB / "hub.log").read_text(errors="replace").splitlines()[-40:], sep="\n")
        raise
    finally:
        hub.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            hub.wait(30)


# -- two people at work


@dataclass(frozen=True)
class Person:
    name: str
    uid: int
    #: For the hub's API, and for their server.
    token: str
    kernel: str

    @property
    def home(self) -> Path:
        return Path("/home", self.name)

    @property
    def state(self) -> Path:
        return self.home / ".local/share/jupyter/azure-session-kernel"

    @property
    def pool(self) -> dict[str, Any]:
        record: dict[str, Any] = json.loads((self.state / "local-pool.json").read_bytes())
        return record

    @property
    def identifier(self) -> str:
        (lease,) = (self.state / "leases").rglob("*.json")
        return str(json.loads(lease.read_bytes())["identifier"])

    def processes(self) -> list[psutil.Process]:
        """But those that have ended, and that nobody waits for here."""
        found = psutil.process_iter(["uids", "status"])
        running = (one for one in found if one.info["status"] != psutil.STATUS_ZOMBIE)
        return [one for one in running if one.info["uids"].real == self.uid]

    def shell(self, command: str) -> str:
        """What a terminal of theirs would show, both streams."""
        typed = f"export PATH={HUB}/bin:$PATH HOME={self.home}; cd; {command}"
        as_them = ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--init-groups"]
        done = subprocess.run(
            [*as_them, "bash", "-c", typed], text=True, stdout=-1, stderr=subprocess.STDOUT
        )
        return done.stdout

    def run(self, code: str) -> str:
        """What a cell of their notebook prints, through the hub; an error's name and value."""
        return asyncio.run(_run(self, code))


def _wait_for(what: str, ask: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + _WITHIN_S
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError, OSError, ValueError):
            if answer := ask():
                return answer
        time.sleep(0.2)
    raise SystemExit(f"waited {_WITHIN_S:.0f} s for {what}")


def _started(client: httpx.Client, token: str, name: str) -> Person:
    """Their server, with a notebook of the same name as everybody's."""
    admin = {"Authorization": f"token {token}"}
    _wait_for("the hub", lambda: client.get("/hub/api/", headers=admin).is_success)
    client.post(f"/hub/api/users/{name}", headers=admin)
    made = client.post(f"/hub/api/users/{name}/tokens", headers=admin, json={"note": "proof"})
    theirs = {"Authorization": f"token {made.raise_for_status().json()['token']}"}
    client.post(f"/hub/api/users/{name}/server", headers=admin).raise_for_status()
    status = f"/user/{name}/api/status"
    _wait_for("a server", lambda: client.get(status, headers=theirs).status_code == 200)
    kernel = {"name": "azure-session"}
    session = {"path": NOTEBOOK, "name": NOTEBOOK, "type": "notebook", "kernel": kernel}
    opened = client.post(f"/user/{name}/api/sessions", headers=theirs, json=session)
    kernel_id = opened.raise_for_status().json()["kernel"]["id"]
    uid = int(subprocess.run(["id", "-u", name], check=True, stdout=-1).stdout)
    person = Person(name, uid, made.json()["token"], kernel_id)
    _wait_for("a local pool", lambda: person.pool)
    return person


async def _run(person: Person, code: str) -> str:
    url = f"{URL}/user/{person.name}/api/kernels/{person.kernel}/channels"
    headers = {"Authorization": f"token {person.token}"}
    socket = await websocket_connect(HTTPRequest(url.replace("http", "ws", 1), headers=headers))
    msg_id = secrets.token_hex(8)
    header = {"msg_id": msg_id, "msg_type": "execute_request", "version": "5.3"}
    header |= {"username": person.name, "session": msg_id, "date": "2026-01-01T00:00:00Z"}
    request = {"header": header, "parent_header": {}, "metadata": {}, "channel": "shell"}
    content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
    await socket.write_message(json.dumps({**request, "content": content}))
    text = ""
    while True:
        received = await within(socket.read_message(), _WITHIN_S)
        assert received is not None, "the hub has closed the connection"
        message = json.loads(received)
        if message["parent_header"].get("msg_id") != msg_id:
            continue
        content = message["content"]
        text += str(content.get("text", ""))
        if message["msg_type"] == "error":
            text += f"{content['ename']}: {content['evalue']}\n"
        if message["msg_type"] == "status" and content["execution_state"] == "idle":
            socket.close()
            return text


# -- what each can reach


def _check(what: str, holds: object) -> str:
    print(f"{'ok' if holds else 'FAILED':>8}  {what}", flush=True)
    assert holds, what
    return what


def _checked(client: httpx.Client, alice: Person, bob: Person) -> Iterator[str]:
    for person in (alice, bob):
        said = person.run(f"import os; whose = {person.name!r}; print(os.getuid())")
        yield _check(f"{person.name}'s cell runs as {person.name}", said == f"{person.uid}\n")
    both = {alice.run("print(whose)"), bob.run("print(whose)")}
    yield _check(f"two notebooks {NOTEBOOK} have two sessions", both == {"alice\n", "bob\n"})
    yield _check("with two identifiers", alice.identifier != bob.identifier)
    yield _check("in two pools", alice.pool["url"] != bob.pool["url"])
    for person in (alice, bob):
        listed = person.shell("azure-session-kernel sessions list").splitlines()[1:]
        own = [line.startswith(person.identifier[:8]) for line in listed]
        yield _check(f"`sessions list` shows {person.name} their own session only", own == [True])
    yield from _closed_files(alice, bob)
    yield from _closed_sockets(alice, bob)
    yield from _closed_pool(client, alice, bob)


def _closed_files(alice: Person, bob: Person) -> Iterator[str]:
    """Tried from a cell, which is all that a notebook can do, and anything of alice's."""
    record = {path for path in bob.state.rglob("*") if path.is_file()}
    runtime = {p for p in (bob.home / ".local/share/jupyter/runtime").rglob("*") if p.is_file()}
    pools = [p for p in Path("/tmp").glob("session-pool-*") if p.stat().st_uid == bob.uid]
    work = {path for pool in pools for path in (pool, *pool.rglob("*"))}
    environ = {Path(f"/proc/{process.pid}/environ") for process in bob.processes()}
    places = {"secret, lease, pool's token": record, "connection file": runtime}
    places |= {"pool's and session's files": work, "processes' environment": environ}
    for what, paths in places.items():
        tried = [str(path) for path in paths]
        code = f"import os\nprint(sum(os.access(p, os.R_OK) for p in {tried}))"
        yield _check(
            f"a cell of alice's can't read bob's {what} ({len(tried)})",
            tried and alice.run(code) == "0\n",
        )
    lines = " ".join(" ".join(process.cmdline()) for process in bob.processes())
    hidden = bob.pool["token"] not in lines and bob.identifier not in lines
    yield _check("no command line shows bob's identifier or token", hidden)


def _closed_sockets(alice: Person, bob: Person) -> Iterator[str]:
    (server,) = (p for p in bob.processes() if _is(p, "jupyterhub-singleuser"))
    kernels = [p for p in bob.processes() if _is(p, "azure_session_kernel", "-f")]
    yield _check("bob's kernel has no port", kernels and not any(map(_ports, kernels)))
    code = (
        "import urllib.request, urllib.error\n"
        "for url, token in {urls}:\n"
        "    asked = urllib.request.Request(url, headers={{'Authorization': token}})\n"
        "    try: print(urllib.request.urlopen(asked).status)\n"
        "    except urllib.error.HTTPError as error: print(error.code)"
    )
    api = f"http://127.0.0.1:{_ports(server)[0]}/user/bob/api/kernels"
    said = alice.run(code.format(urls=[(api, f"token {alice.token}")]))
    yield _check("bob's server refuses alice's token", said == "403\n")
    url = f"{bob.pool['url']}/jupyter/hello?identifier={bob.identifier}"
    tokens = ["", f"Bearer {alice.pool['token']}"]
    said = alice.run(code.format(urls=[(url, token) for token in tokens]))
    yield _check("bob's pool refuses her, also when she knows his identifier", said == "401\n401\n")


def _is(process: psutil.Process, *words: str) -> bool:
    line = " ".join(process.cmdline())
    return " ".join(words) in line and "/container/" not in line


def _ports(process: psutil.Process) -> list[int]:
    """Those at which it listens."""
    connections = process.net_connections("inet")
    return [one.laddr.port for one in connections if one.status == psutil.CONN_LISTEN]


def _closed_pool(client: httpx.Client, alice: Person, bob: Person) -> Iterator[str]:
    said = alice.shell(f"azure-session-kernel sessions stop {bob.identifier[:12]}")
    yield _check("`sessions stop` knows no session of bob's", "No session begins with" in said)
    mine = {"Authorization": f"Bearer {alice.pool['token']}"}
    stop = f"{alice.pool['url']}/.management/stopSession?identifier={bob.identifier}"
    client.post(stop, headers=mine)
    same = bob.run("print(whose)") == "bob\n"
    yield _check("stopping his identifier in her own pool leaves his session as it is", same)


def _ended(client: httpx.Client, token: str, alice: Person, bob: Person) -> list[str]:
    def stop(person: Person) -> list[Path]:
        """What is left of their sessions when all their processes have ended."""
        admin = {"Authorization": f"token {token}"}
        client.delete(f"/hub/api/users/{person.name}/server", headers=admin).raise_for_status()
        _wait_for(f"the end of all that is {person.name}'s", lambda: not person.processes())
        return list((person.state / "leases").rglob("*.json"))

    return [
        _check("with alice's server, her session and her pool end", stop(alice) == []),
        _check("and bob's do not", bob.run("print(whose)") == "bob\n"),
        _check("until his server does", stop(bob) == []),
    ]


def _photograph(path: Path) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1200, "height": 700})
        page.goto(f"{URL}/hub/login")
        page.fill("#username_input", "alice")
        page.fill("#password_input", PASSWORD)
        page.click("#login_submit")
        page.wait_for_url("**/user/alice/**")
        page.click(".jp-LauncherCard[data-category=Notebook]:has-text('session pool')")
        page.click(".jp-Notebook .cm-content")
        page.keyboard.type("import getpass; print(getpass.getuser())")
        page.keyboard.press("Shift+Enter")
        page.wait_for_selector(".jp-OutputArea-output:has-text('alice')")
        page.screenshot(path=str(path))
        browser.close()


if __name__ == "__main__":
    main()
