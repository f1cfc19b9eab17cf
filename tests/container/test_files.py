"""Files in and out of a session: in numbered pieces for kernels, and by Azure's own routes."""

from __future__ import annotations

import base64
import errno
import hashlib
import http.client
import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from azure_session_kernel.container.files.calls import FILE_REFUSALS
from azure_session_kernel.container.files.store import FileStore, Unreadable, Upload
from azure_session_kernel.container.files.workdir import BadName, WorkDir
from azure_session_kernel.wire import PART_BYTES

from ..azure_facts import specification
from .adapter_process import AdapterProcess, Kernel, running_adapter

VERSIONS = ("2025-02-02-preview", "2025-10-02-preview")


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def write(kernel: Kernel, name: str, data: bytes, offset: int = 0, **fields: Any) -> httpx.Response:
    body = {"id": "ab" * 16, "name": name, "offset": offset, "data": b64(data), **fields}
    return kernel.post("files/write", **body)


def commit(kernel: Kernel, name: str, data: bytes, **fields: Any) -> httpx.Response:
    sha256 = hashlib.sha256(data).hexdigest()
    body = {"id": "ab" * 16, "name": name, "size": len(data), "sha256": sha256, **fields}
    return kernel.post("files/commit", **body)


def code_of(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["code"])


@pytest.fixture
def upload_id(request: pytest.FixtureRequest) -> str:
    return hashlib.sha256(request.node.name.encode()).hexdigest()[:32]


# -- in numbered pieces ---------------------------------------------------------------------------


def test_pieces_become_a_file_when_it_is_committed(kernel: Kernel, upload_id: str) -> None:
    data = bytes(range(256)) * 4096
    first, rest = data[:PART_BYTES], data[PART_BYTES:]
    workdir = kernel.adapter.workdir
    assert write(kernel, "new/big.bin", first, id=upload_id).json() == {"received": len(first)}
    again = write(kernel, "new/big.bin", first, id=upload_id)
    assert again.json() == {"received": len(first)}, "a piece that is sent again is harmless"
    assert not (workdir / "new/big.bin").exists(), "no half file is seen under its name"
    last = write(kernel, "new/big.bin", rest, len(first), id=upload_id)
    assert last.json() == {"received": len(data)}
    for _ in range(2):
        assert commit(kernel, "new/big.bin", data, id=upload_id).status_code == 200
    assert (workdir / "new/big.bin").read_bytes() == data
    assert [path.name for path in (workdir / "new").iterdir()] == ["big.bin"]


def test_a_piece_that_leaves_a_hole_says_where_to_go_on(kernel: Kernel, upload_id: str) -> None:
    write(kernel, "hole.bin", b"12345", id=upload_id)
    answer = write(kernel, "hole.bin", b"x", 9, id=upload_id)
    assert (answer.status_code, code_of(answer)) == (409, "OutOfOrder")
    assert answer.json()["received"] == 5
    kernel.post("files/abandon", id=upload_id, name="hole.bin")


def test_content_that_is_not_what_was_announced_is_removed(kernel: Kernel, upload_id: str) -> None:
    write(kernel, "wrong.bin", b"right", id=upload_id)
    answer = commit(kernel, "wrong.bin", b"wrong", id=upload_id)
    assert (answer.status_code, code_of(answer)) == (409, "ContentMismatch")
    assert not list(kernel.adapter.workdir.glob("*wrong*"))
    assert not list(kernel.adapter.workdir.glob(".ask-*"))


def test_an_abandoned_upload_leaves_nothing_and_late_pieces_do_not_revive_it(
    kernel: Kernel, upload_id: str
) -> None:
    write(kernel, "gone.bin", b"data", id=upload_id)
    kernel.post("files/abandon", id=upload_id, name="gone.bin")
    assert code_of(write(kernel, "gone.bin", b"data", id=upload_id)) == "OutOfOrder"
    assert not list(kernel.adapter.workdir.glob(".ask-*"))


def test_a_file_is_read_in_pieces(kernel: Kernel) -> None:
    (kernel.adapter.workdir / "read.bin").write_bytes(b"0123456789")

    def read(offset: int) -> bytes:
        answer = kernel.post("files/read", name="read.bin", offset=offset, length=4)
        return base64.b64decode(answer.json()["data"])

    assert [read(offset) for offset in (0, 4, 8, 12)] == [b"0123", b"4567", b"89", b""]


def test_files_are_listed_and_told_apart_by_their_hash(kernel: Kernel) -> None:
    folder = kernel.adapter.workdir / "listed"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "deep" / "b.csv").write_text("b")
    (folder / ".ask-abababab.part").write_text("unfinished")
    answer = kernel.post("files/list", directory="listed", recursive=True).json()
    found = [(f["directory"], f["name"], f["type"]) for f in answer["value"]]
    assert found == [("", "a.txt", "file"), ("", "deep", "directory"), ("deep", "b.csv", "file")]
    assert answer["truncated"] is False
    stat = kernel.post("files/stat", names=["listed/a.txt", "listed/none"]).json()["value"]
    sha256 = hashlib.sha256(b"a").hexdigest()
    mtime_ns = (folder / "a.txt").stat().st_mtime_ns
    known = {"size": 1, "sha256": sha256, "executable": False, "mtime_ns": mtime_ns}
    assert stat == [{"name": "listed/a.txt", **known}]


def test_files_go_into_no_other_boot_than_the_one_named(kernel: Kernel) -> None:
    kernel.boot = "b-another"
    assert code_of(write(kernel, "x", b"x")) == "BootMismatch"
    assert not (kernel.adapter.workdir / "x").exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"offset": -1},
        {"offset": "0"},
        {"data": "not base64!"},
        {"data": b64(bytes(PART_BYTES + 1))},
        {"id": "../x"},
        {"name": 7},
    ],
    ids=str,
)
def test_a_malformed_piece_is_refused(kernel: Kernel, fields: dict[str, Any]) -> None:
    body = {"id": "ab" * 16, "name": "bad", "offset": 0, "data": "", **fields}
    assert kernel.post("files/write", **body).status_code == 400


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../x", "a/../../x", "a\0b", ".", "out/x"])
def test_no_name_leads_outside_the_working_directory(kernel: Kernel, name: str) -> None:
    link = kernel.adapter.workdir / "out"
    if not link.is_symlink():
        link.symlink_to(kernel.adapter.home)
    for answer in (
        write(kernel, name, b"x"),
        kernel.post("files/read", name=name, offset=0, length=1),
    ):
        assert (answer.status_code, code_of(answer)) == (400, "BadName")
    (stat,) = kernel.post("files/stat", names=[name]).json()["value"]
    assert (stat["name"], stat["error"]["code"]) == (name, "BadName")
    assert set(stat) == {"name", "error"}


@given(st.text(alphabet="ab./\\\0:~ \u2028é", max_size=12))
def test_whatever_the_name_its_place_is_below_the_working_directory(name: str) -> None:
    root = Path("/nowhere/work")
    try:
        path = WorkDir(root).place(name)
    except BadName:
        return
    assert path.is_relative_to(root)
    assert path != root


# -- many in one call -----------------------------------------------------------------------------


def item(name: str, data: bytes, **fields: Any) -> dict[str, Any]:
    sha256 = hashlib.sha256(data).hexdigest()
    return {"name": name, "size": len(data), "sha256": sha256, "data": b64(data), **fields}


def test_many_files_are_put_and_had_in_one_call(kernel: Kernel, upload_id: str) -> None:
    files = [item(f"many/{n}/f", bytes([n]) * n, mtime_ns=5 * 10**9) for n in range(200)]
    files[3]["executable"] = True
    told = kernel.post("files/put", id=upload_id, files=files).json()["value"]
    assert told == [{"name": file["name"]} for file in files]
    folder = kernel.adapter.workdir / "many"
    assert [(folder / str(n) / "f").read_bytes() for n in range(200)] == [
        bytes([n]) * n for n in range(200)
    ]
    assert not list(folder.rglob(".ask-*"))
    answer = kernel.post("files/get", names=[*(f["name"] for f in files), "many", "none"]).json()
    refused = {one["name"]: one["error"]["code"] for one in answer["value"][200:]}
    assert refused == {"many": "NotAFile", "none": "FileNotFound"}
    assert answer["answered"] == 202
    assert answer["value"][3] == files[3]
    assert answer["value"][4] == {**files[4], "executable": False}


def test_a_batch_that_is_sent_again_does_not_undo_what_has_come_since(
    kernel: Kernel, upload_id: str
) -> None:
    sent = {"id": upload_id, "files": [item("again", b"first")]}
    first = kernel.post("files/put", **sent).json()
    (kernel.adapter.workdir / "again").write_bytes(b"written there")
    assert kernel.post("files/put", **sent).json() == first
    assert (kernel.adapter.workdir / "again").read_bytes() == b"written there"


@pytest.mark.parametrize(
    ("name", "fields", "code"),
    [
        ("../x", {}, "BadName"),
        ("/tmp/x", {}, "BadName"),
        ("out-link/x", {}, "BadName"),
        ("batch-folder", {}, "NotAFile"),
        ("x", {"sha256": "0" * 64}, "ContentMismatch"),
    ],
)
def test_a_file_that_is_refused_ends_its_batch(
    kernel: Kernel, name: str, fields: dict[str, Any], code: str
) -> None:
    workdir = kernel.adapter.workdir
    (workdir / "batch-folder").mkdir(exist_ok=True)
    if not (workdir / "out-link").is_symlink():
        (workdir / "out-link").symlink_to(kernel.adapter.home)
    files = [item("before", b"1"), item(name, b"2", **fields), item("behind", b"3")]
    batch = hashlib.sha256(f"{name}{code}".encode()).hexdigest()[:32]
    told = kernel.post("files/put", id=batch, files=files).json()["value"]
    assert told[0] == {"name": "before"}
    assert (told[1]["name"], told[1]["error"]["code"]) == (name, code)
    assert len(told) == 2
    assert not (workdir / "behind").exists()
    assert not (kernel.adapter.home / "x").exists()
    assert not (workdir / "x").exists()


@pytest.mark.parametrize("fields", [{"size": 7}, {"data": "?"}, {"name": 1}, {"mtime_ns": -1}])
def test_a_malformed_batch_stores_nothing(kernel: Kernel, fields: dict[str, Any]) -> None:
    files = [item("malformed", b"1"), {**item("other", b"2"), **fields}]
    assert kernel.post("files/put", id="ef" * 16, files=files).status_code == 400
    assert not (kernel.adapter.workdir / "malformed").exists()


def test_a_stat_in_part_says_how_far_it_has_come(kernel: Kernel) -> None:
    folder = kernel.adapter.workdir / "large"
    folder.mkdir()
    names = [f"large/{n}" for n in range(4)]
    for name in names:
        with (kernel.adapter.workdir / name).open("wb") as file:
            file.truncate(40 * 1024 * 1024)
    answer = kernel.post("files/stat", names=names, partly=True).json()
    assert (len(answer["value"]), answer["answered"]) == (2, 2)
    assert len(kernel.post("files/stat", names=names).json()["value"]) == 4


def test_a_folder_is_no_file(kernel: Kernel) -> None:
    (kernel.adapter.workdir / "folder").mkdir(exist_ok=True)
    assert code_of(write(kernel, "folder", b"x", id="cd" * 16)) == "NotAFile"
    assert code_of(kernel.post("files/list", directory="plain")) == "FileNotFound"
    (kernel.adapter.workdir / "plain").write_text("")
    assert code_of(kernel.post("files/list", directory="plain")) == "NotAFile"


def test_one_name_that_is_no_file_does_not_keep_the_others_from_being_told(
    kernel: Kernel,
) -> None:
    folder = kernel.adapter.workdir / "mixed"
    (folder / "deep").mkdir(parents=True)
    (folder / "a").write_text("a")
    (folder / "link").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe")
    names = [f"mixed/{name}" for name in ("a", "deep", "link", "pipe", "none")]
    told = {
        item.pop("name"): item for item in kernel.post("files/stat", names=names).json()["value"]
    }
    assert told.pop("mixed/a")["size"] == 1
    assert told.pop("mixed/deep") == {"type": "directory"}
    codes = {name: item["error"]["code"] for name, item in told.items()}
    assert codes == {"mixed/link": "BadName", "mixed/pipe": "NotAFile"}


LONG = "x" * 300


@pytest.mark.parametrize("name", [LONG, f"{LONG}/f.csv", f"d/{LONG}/f.csv"])
def test_a_name_that_the_system_can_not_have_is_refused(
    kernel: Kernel, name: str, upload_id: str
) -> None:
    (kernel.adapter.workdir / "d").mkdir(exist_ok=True)
    for answer in (
        write(kernel, name, b"x", id=upload_id),
        kernel.post("files/read", name=name, offset=0, length=1),
        kernel.post("files/list", directory=name),
        kernel.adapter.client.get(f"/files/{name}"),
        kernel.adapter.client.delete(f"/files/{name}"),
    ):
        assert (answer.status_code, code_of(answer)) == (400, "BadName")
        assert "too long" in answer.json()["error"]["message"]


def test_what_can_not_be_read_says_why_and_is_not_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FileStore(tmp_path)
    (tmp_path / "a").write_text("a")
    (tmp_path / "d").mkdir()

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(os, "scandir", refuse)
    for look in (
        lambda: store.fingerprint("a"),
        lambda: store.read("a", 0, 1),
        lambda: store.list("d", recursive=False),
    ):
        with pytest.raises(Unreadable, match="Permission denied"):
            look()
    status, code, _ = FILE_REFUSALS[Unreadable]
    assert (status, code) == (409, "Unreadable")


def test_a_full_disk_is_507_and_the_unfinished_file_is_removed(upload_id: str) -> None:
    limit = 300_000
    with running_adapter() as adapter:
        kernel = Kernel(adapter)
        kernel.hello()
        resource.prlimit(adapter.process.pid, resource.RLIMIT_FSIZE, (limit, limit))
        assert write(kernel, "full.bin", bytes(limit), id=upload_id).status_code == 200
        answer = write(kernel, "full.bin", b"more", limit, id=upload_id)
        assert (answer.status_code, code_of(answer)) == (507, "DiskFull")
        assert list(adapter.workdir.iterdir()) == []
        answer = adapter.client.post("/files", files={"file": ("x.bin", bytes(limit + 1))})
        assert (answer.status_code, code_of(answer)) == (507, "DiskFull")
        assert list(adapter.workdir.iterdir()) == []


def test_unfinished_uploads_are_removed_when_the_adapter_ends(upload_id: str) -> None:
    with running_adapter() as adapter:
        kernel = Kernel(adapter)
        kernel.hello()
        write(kernel, "half.bin", b"half", id=upload_id)
        adapter.stop()
        assert list(adapter.workdir.iterdir()) == []


def test_a_name_taken_by_a_folder_meanwhile_is_refused(tmp_path: Path) -> None:
    store, upload = FileStore(tmp_path), Upload("ab" * 8, "x")
    store.write(upload, 0, b"1")
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "y").write_text("")
    with pytest.raises(Exception, match="x"):
        store.commit(upload, 1, hashlib.sha256(b"1").hexdigest())
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


# -- Azure's own routes ---------------------------------------------------------------------------


@pytest.fixture(params=VERSIONS)
def conforms(request: pytest.FixtureRequest) -> Callable[[Any, str], None]:
    """Checks an answer against a shape of the published specification."""
    return specification(request.param).conforms


def test_azures_routes_have_azures_shapes(
    shared_adapter: AdapterProcess, conforms: Callable[[Any, str], None]
) -> None:
    client = shared_adapter.client
    query = {"identifier": "i", "api-version": "2025-10-02-preview", "path": "azure"}
    sent = client.post("/files", params=query, files={"file": ("a b.csv", b"x,y\n1,2\n")})
    assert sent.status_code == 200, sent.text
    conforms(sent.json(), "SessionResourceFile")
    assert (sent.json()["name"], sent.json()["sizeInBytes"]) == ("a b.csv", 8)
    listed = client.get("/files", params=query).json()
    conforms(listed, "PagedSessionResourceFile")
    assert [file["name"] for file in listed["value"]] == ["a b.csv"]
    one = client.get("/files/a%20b.csv", params=query)
    conforms(one.json(), "SessionResourceFile")
    content = client.get("/files/a%20b.csv/content", params=query)
    assert content.content == b"x,y\n1,2\n"
    assert content.headers["content-type"] == "application/octet-stream"
    assert client.delete("/files/a%20b.csv", params=query).status_code == 204
    missing = client.get("/files/a%20b.csv", params=query)
    assert (missing.status_code, missing.headers["x-ms-error-code"]) == (404, "FileNotFound")
    conforms(missing.json(), "ErrorResponse")


def test_without_a_query_string_the_routes_mean_the_working_directory(
    shared_adapter: AdapterProcess,
) -> None:
    client = shared_adapter.client
    assert client.post("/files", files={"file": ("plain.txt", b"hi")}).status_code == 200
    assert (shared_adapter.workdir / "plain.txt").read_text() == "hi"
    names = [file["name"] for file in client.get("/files").json()["value"]]
    assert "plain.txt" in names
    assert client.get("/files/plain.txt/content").text == "hi"


def test_a_download_can_be_resumed_by_range(shared_adapter: AdapterProcess) -> None:
    (shared_adapter.workdir / "range.bin").write_bytes(b"0123456789")
    answer = shared_adapter.client.get("/files/range.bin/content", headers={"range": "bytes=4-6"})
    assert (answer.status_code, answer.content) == (206, b"456")


@pytest.mark.parametrize("name", ["../up.txt", "/etc/cron.d/x"])
def test_an_upload_can_not_leave_the_working_directory(
    shared_adapter: AdapterProcess, name: str
) -> None:
    answer = shared_adapter.client.post("/files", files={"file": (name, b"x")})
    assert (answer.status_code, code_of(answer)) == (400, "BadName")


def test_what_is_no_multipart_body_is_refused(shared_adapter: AdapterProcess) -> None:
    bodies: list[dict[str, Any]] = [{"json": {}}, {"data": {"file": "text"}}, {"content": b"x"}]
    for body in bodies:
        answer = shared_adapter.client.post("/files", **body)
        assert (answer.status_code, code_of(answer)) == (400, "InvalidRequest")


def test_more_than_azure_takes_is_413(shared_adapter: AdapterProcess) -> None:
    url = shared_adapter.client.base_url
    connection = http.client.HTTPConnection(url.host, url.port or 80, timeout=60)
    connection.putrequest("POST", "/files")
    connection.putheader("content-type", "multipart/form-data; boundary=x")
    connection.putheader("content-length", str(200 * 1024**2))
    connection.endheaders()
    assert connection.getresponse().status == 413, "before a byte of it is sent"
    connection.close()


# -- environment ----------------------------------------------------------------------------------


def test_a_hellos_variables_are_real_ones_also_after_a_restart(kernel: Kernel) -> None:
    def hello(env: dict[str, str] | None) -> httpx.Response:
        body = {"reader": kernel.reader, "wait_s": 30}
        return kernel.adapter.post("hello", body if env is None else {**body, "env": env})

    code = (
        "import os, subprocess; print(os.getenv('ASK_TEST', 'unset'), "
        "subprocess.check_output('echo ${ASK_TEST-unset}', shell=True, text=True).strip())"
    )
    # Other tests have used this interpreter, by Azure's routes, too.
    inputs = int(kernel.run("print(len(In))"))
    assert hello({"ASK_TEST": "a b"}).status_code == 200
    assert kernel.run(code) == "a b a b\n"
    assert int(kernel.run("print(len(In))")) == inputs + 2, "nothing was run for it"
    kernel.post("restart", reason="restart", wait_s=30)
    kernel.hello()
    assert kernel.run(code) == "a b a b\n"
    assert hello({}).status_code == 200
    assert kernel.run(code) == "unset unset\n"


@pytest.mark.parametrize(
    "env", [{"A=B": "x"}, {"": "x"}, {"A": 1}, {"A": "\0"}, [], {"A": "x" * 200_000}]
)
def test_variables_that_can_not_be_set_are_refused(kernel: Kernel, env: Any) -> None:
    answer = kernel.adapter.post("hello", {"reader": kernel.reader, "env": env})
    assert (answer.status_code, code_of(answer)) == (400, "InvalidRequest")
