"""The file calls of the local pool's built-in kind (docs/azure.md 6.7), checked as published."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from ..conftest import PoolOfKind, StartPool
from .data_plane import DataPlane, data_plane


@pytest.fixture(scope="module")
def plane(pool_of_kind: PoolOfKind) -> Iterator[DataPlane]:
    """One session for the tests of this file."""
    with data_plane(pool_of_kind("interpreter"), "files-0001") as plane:
        yield plane


def test_a_file_goes_up_and_comes_down_again(plane: DataPlane) -> None:
    data = bytes(range(256)) * 3000
    sent = plane.upload("data.bin", data).json()
    assert (sent["name"], sent["sizeInBytes"], sent["type"]) == ("data.bin", len(data), "file")
    assert plane.get("/files/data.bin").json() == sent
    assert plane.get("/files/data.bin/content").content == data
    assert plane.call("DELETE", "/files/data.bin").status_code == 204
    gone = plane.get("/files/data.bin")
    assert (gone.status_code, gone.json()["error"]["message"]) == (
        404,
        "ERR_FILE_NOT_FOUND: File not found",
    )


def test_the_kernel_works_in_the_folder_of_the_files(plane: DataPlane) -> None:
    plane.upload("to-kernel.txt", b"hello")
    assert plane.run("open('to-kernel.txt').read()")["executionResult"] == "hello"
    plane.run("open('from-kernel.txt', 'w').write('bye')")
    assert plane.get("/files/from-kernel.txt/content").content == b"bye"
    assert plane.run("import os; os.getcwd()")["executionResult"].endswith("/mnt/data")


def test_folders_are_named_by_path_and_listed_with_their_files(plane: DataPlane) -> None:
    plane.upload("top.txt", b"1", path="tree")
    plane.upload("deep.txt", b"22", path="/tree/a/b/")
    found = plane.get("/files", path="tree").json()["value"]
    assert [(f["directory"], f["name"], f["type"]) for f in found] == [
        ("", "a", "directory"),
        ("", "top.txt", "file"),
    ]
    found = plane.get("/files", path="tree", recursive="true").json()["value"]
    assert [(f["directory"], f["name"]) for f in found] == [
        ("", "a"),
        ("a", "b"),
        ("a/b", "deep.txt"),
        ("", "top.txt"),
    ]
    assert plane.get("/files/deep.txt/content", path="tree/a/b").content == b"22"
    assert plane.get("/files", path="nowhere").status_code == 404


@pytest.mark.parametrize("version", ["2024-10-02-preview", "2025-02-02-preview"])
def test_before_2025_10_files_have_no_directory(plane: DataPlane, version: str) -> None:
    older = DataPlane(plane.client, plane.identifier, version)
    older.upload("older.txt", b"x", path="older")
    (listed,) = older.get("/files", path="older").json()["value"]
    assert "directory" not in listed
    assert listed["contentType"] == "text/plain; charset=utf-8"
    moment = datetime.fromisoformat(listed["lastModifiedAt"].replace("Z", "+00:00"))
    assert moment.tzinfo is not None


def test_a_file_is_answered_where_it_is(plane: DataPlane) -> None:
    sent = plane.upload("it.txt", b"1", path="where/it").json()
    assert (sent["directory"], sent["name"]) == ("where/it", "it.txt")
    assert plane.get("/files/it.txt", path="where/it").json() == sent


def test_names_are_decoded_again_where_the_pool_is_told_to(
    plane: DataPlane, start_pool: StartPool
) -> None:
    """As a client expects that sends names percent-encoded, as to Microsoft's published proxy."""
    decoding = start_pool("--kind", "interpreter", "--habit", "decode-names")
    with data_plane(decoding, "names-0001") as twice:
        for pool, stored in ((plane, "a%20b.txt"), (twice, "a b.txt")):
            assert pool.upload("a%20b.txt", b"x").json()["name"] == stored
        assert twice.get("/files/a%2520b.txt/content").content == b"x"
        assert twice.get("/files/a+b.txt/content").content == b"x"


@pytest.mark.parametrize("name", ["/mnt/data/absolute.txt", "absolute.txt"])
def test_the_data_folders_own_name_may_stand_in_front(plane: DataPlane, name: str) -> None:
    """As llama-index and semantic-kernel send it (docs/azure.md 5)."""
    plane.upload(name, b"x", path="/mnt/data" if name == "absolute.txt" else "")
    assert plane.get("/files/absolute.txt").status_code == 200
    assert plane.get("/files/absolute.txt", path="/mnt/data/").status_code == 200
    plane.call("DELETE", "/files/absolute.txt")


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("../up.txt", ""),
        ("up.txt", "../.."),
        ("up.txt", "a/../../b"),
        ("/etc/x", ""),
        ("a:b.txt", ""),
        ("a\\b.txt", ""),
        ("x" * 256, ""),
        ("deep.txt", "1/2/3/4/5/6"),
    ],
)
def test_a_name_that_azure_refuses_is_refused(plane: DataPlane, name: str, path: str) -> None:
    answer = plane.upload(name, b"x", path=path)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["code"] == "SessionRequestValidationFailed"


def test_five_folders_deep_is_deep_enough(plane: DataPlane) -> None:
    assert plane.upload("deep.txt", b"x", path="1/2/3/4/5").status_code == 200
    assert plane.get("/files/deep.txt", path="1/2/3/4/5").status_code == 200


def test_links_are_refused_and_folders_are_no_files(plane: DataPlane) -> None:
    plane.run(
        "import os\nos.mkdir('folder')\n"
        "os.symlink('/etc/hostname', 'link')\nos.symlink('/etc', 'etc')"
    )
    assert plane.get("/files/link/content").status_code == 400
    assert plane.get("/files/hostname/content", path="etc").status_code == 400
    assert plane.upload("link", b"x").status_code == 400
    assert plane.get("/files/folder/content").status_code == 400
    assert plane.call("DELETE", "/files/folder").status_code == 400


@pytest.mark.parametrize(
    ("wanted", "status", "body", "described"),
    [
        ("bytes=4-6", 206, b"456", "bytes 4-6/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=8-100", 206, b"89", "bytes 8-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=0-1,4-5", 200, b"0123456789", None),
        ("lines=1-2", 200, b"0123456789", None),
    ],
)
def test_a_part_of_a_file_can_be_had(
    plane: DataPlane, wanted: str, status: int, body: bytes, described: str | None
) -> None:
    plane.upload("range.txt", b"0123456789")
    query = {"identifier": plane.identifier, "api-version": plane.version}
    answer = plane.client.get("/files/range.txt/content", params=query, headers={"range": wanted})
    assert (answer.status_code, answer.content) == (status, body)
    assert answer.headers.get("content-range") == described


def test_more_than_128_mb_is_413_before_all_of_it_is_sent(plane: DataPlane) -> None:
    url = plane.client.base_url
    connection = http.client.HTTPConnection(url.host, url.port or 80, timeout=100)
    query = f"identifier={plane.identifier}&api-version={plane.version}"
    connection.putrequest("POST", f"{url.path}files?{query}")
    connection.putheader("authorization", plane.client.headers["authorization"])
    connection.putheader("content-type", "multipart/form-data; boundary=x")
    connection.putheader("content-length", str(129 * 1024**2))
    connection.endheaders(b"--x")
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("x-ms-error-code")) == (413, "FileTooLarge")
    connection.close()


def test_a_body_that_is_no_upload_is_refused(plane: DataPlane) -> None:
    bodies: list[dict[str, Any]] = [{"json": {}}, {"content": b"x"}]
    for body in bodies:
        assert plane.call("POST", "/files", **body).status_code == 400
