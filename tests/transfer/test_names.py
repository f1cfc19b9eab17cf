"""Which local files patterns mean, what is left out, and what a session can't make us write."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from azure_session_kernel.common.errors import (
    FileMissing,
    FileRefused,
    FileTooLarge,
    FileTransferError,
    MagicUsage,
)
from azure_session_kernel.kernel.magics.parse import Arguments
from azure_session_kernel.transfer.choose import choose
from azure_session_kernel.transfer.ignore import IgnoreRules
from azure_session_kernel.transfer.limits import Limits, shown
from azure_session_kernel.transfer.local_names import Places, checked, refuse_clashes
from azure_session_kernel.transfer.quoting import quoted
from azure_session_kernel.transfer.wanted import wanted

from .session_in_memory import SessionInMemory

PARTS = st.sampled_from(
    ["..", ".", "", "a", "A", "con", "nul.txt", "x.", " y", "\0", "c:", "\\", "é"]
)


@given(st.one_of(st.text(max_size=30), st.lists(PARTS, max_size=6).map("/".join)))
def test_no_name_from_a_session_becomes_a_path_outside_the_folder(name: str) -> None:
    folder = Path("/nowhere/notebook")
    try:
        path = Places(folder).of(name)
    except FileRefused:
        return
    assert os.path.normpath(path) == str(path)
    assert path.is_relative_to(folder)
    assert path != folder
    assert "\\" not in name
    assert ":" not in name
    assert name.isprintable()
    assert not any(part.startswith(".") or part.endswith((".", " ")) for part in name.split("/"))


@pytest.mark.parametrize(
    "name",
    [
        *("", "/x", "//x", "a//b", "a/", "../x", "a/../x", "C:/x", "C:x", "\\\\host\\x", "a\\b"),
        *("CON", "con.txt", "a/NUL", "COM1.csv", "lpt\u00b9", "CONIN$", "AUX.tar.gz"),
        *("AUX .txt", "nul  .a.b", "COM\u00b2 .x", "conout$ ."),
        *("x.", "x ", "a./b", " x", ".bashrc", ".ssh/authorized_keys", "a/.git/hooks/x"),
        *("a\nb", "a\0b", "a\x7fb", "a\u202etxt.exe", "a\ud800", "x" * 256, "é" * 128),
        *("a?b", "a*b", "a|b", "a<b", 'a"b', "/".join("a" * 33)),
    ],
)
def test_a_name_that_is_special_on_some_system_is_refused(name: str) -> None:
    with pytest.raises(FileRefused):
        checked(name)


@pytest.mark.parametrize(
    "name", ["a.csv", "a b/c-d_e.tar.gz", "Übung/été.txt", "console.log", "x.y."[:3]]
)
def test_ordinary_names_are_kept(name: str) -> None:
    assert checked(name) == name


def test_a_name_that_this_machine_has_already_it_can_have(tmp_path: Path) -> None:
    for name in ("a*b", "d?/x\ty", ".hidden", "\u200c.git"):
        make(tmp_path, name)
    for name in ("a*b", "d?/x\ty"):
        assert Places(tmp_path).of(name) == tmp_path / name
    for name in ("a?b", "d?/a*b", ".hidden", "\u200c.git"):
        with pytest.raises(FileRefused):
            Places(tmp_path).of(name)


@pytest.mark.parametrize(
    "names", [("a", "A"), ("d/x", "D/y"), ("\u00e9", "e\u0301"), ("stra\u00dfe", "STRASSE")]
)
def test_names_that_some_file_systems_take_for_one_are_refused(names: tuple[str, str]) -> None:
    with pytest.raises(FileRefused):
        refuse_clashes(names)


def test_names_that_differ_are_no_clash() -> None:
    refuse_clashes(["a", "b", "d/a", "d/b", "a"])


# -- what is left out -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        ".env",
        "sub/.env.local",
        "server.pem",
        "ID_RSA",
        "id_rsa.pub",
        ".ssh/config",
        ".AWS/x",
        "a.KEY",
    ],
)
def test_secrets_are_never_uploaded_whatever_the_ignore_file_says(name: str) -> None:
    assert "secret" in IgnoreRules([f"!{name}", "!*"]).reason(name)


def test_clutter_is_left_out_unless_the_ignore_file_takes_it_back() -> None:
    assert IgnoreRules().reason(".git/config")
    assert IgnoreRules().reason("a/__pycache__/b.pyc")
    assert not IgnoreRules(["!venv/"]).reason("venv/x.py")
    assert IgnoreRules(["*.csv", "!keep.csv"]).reason("a.csv")
    assert not IgnoreRules(["*.csv", "!keep.csv"]).reason("keep.csv")


def test_the_ignore_files_rules_are_gits(tmp_path: Path) -> None:
    lines = [
        "*.log",
        "!keep.log",
        "/top.txt",
        "build/",
        "docs/**/*.tmp",
        "[ab].x",
        "# c",
        "\\#x",
        "s ",
    ]
    names = ["a.log", "keep.log", "x/keep.log", "top.txt", "x/top.txt", "build/y", "x/build/y"]
    names += ["docs/a/b.tmp", "docs/c.tmp", "a.x", "c.x", "# c", "#x", "s", "t"]
    (tmp_path / ".gitignore").write_text("\n".join(lines))
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    command = ["git", "-C", str(tmp_path), "check-ignore", "--no-index", "--stdin", "-z"]
    git = subprocess.run(command, input="\0".join(names).encode(), capture_output=True, check=False)
    ignored = set(git.stdout.decode().split("\0")) - {""}
    rules = IgnoreRules(lines)
    assert {name for name in names if rules.reason(name)} == ignored


def test_an_ignore_file_that_can_not_be_read_stops_the_upload(tmp_path: Path) -> None:
    (tmp_path / ".sessionignore").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "a").write_text("x")
    with pytest.raises(FileTransferError, match="nothing was uploaded"):
        choose(tmp_path, ["a"])


# -- patterns -------------------------------------------------------------------------------------


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def chosen(folder: Path, pattern: str) -> set[str]:
    """Nothing when it is refused."""
    try:
        return {choice.name for choice in choose(folder, [pattern])}
    except FileTransferError:
        return set()


FILES = ("a.csv", "b.txt", "d/a.csv", "d/e/f.csv", ".hidden.csv", "d/.h/x.csv", "[1].csv")
ODD = ("e*/g.csv", "e\\/g.csv", "ee/g.csv")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("[[]1].csv", {"[1].csv"}),
        ("e[*]/**", {"e*/g.csv"}),
        ("e[\\]/*", {"e\\/g.csv"}),
        ("d\\e/*.csv", {"d/e/f.csv"}),
        ("e\\/g.csv", {"e\\/g.csv"}),
        ("*.csv", {"a.csv", "[1].csv"}),
        ("**/*.csv", {"a.csv", "[1].csv", "d/a.csv", "d/e/f.csv"}),
        ("d/**", {"d/a.csv", "d/e/f.csv"}),
        ("d/*", {"d/a.csv"}),
        ("?.txt", {"b.txt"}),
        ("[1].csv", {"[1].csv"}),
        ("[a].csv", {"a.csv"}),
        ("**", {"a.csv", "b.txt", "[1].csv", "d/a.csv", "d/e/f.csv"}),
    ],
)
async def test_patterns_mean_the_same_here_and_in_the_session(
    tmp_path: Path, pattern: str, expected: set[str]
) -> None:
    odd = ODD if "e" in pattern else ()
    make(tmp_path, *FILES, *odd)
    assert {choice.name for choice in choose(tmp_path, [pattern])} == expected
    session = SessionInMemory(**dict.fromkeys([*FILES, *odd], b""))
    assert set(await wanted(session, [pattern])) == expected


async def test_many_files_elsewhere_do_not_keep_a_pattern_from_its_folder() -> None:
    session = SessionInMemory(**dict.fromkeys([*(f"img/{n}" for n in range(20)), "r/a.csv"], b""))
    session.content |= {"top.csv": b"", "r/s/b.csv": b"", "r/[1]": b""}
    session.most = 10
    assert list(await wanted(session, ["r/*.csv", "*.csv"])) == ["r/a.csv", "top.csv"]
    assert list(await wanted(session, ["r/**/*.csv"])) == ["r/a.csv", "r/s/b.csv"]
    assert await wanted(session, ["r/[1]"]) == {"r/[1]": True}
    with pytest.raises(FileTooLarge) as found:
        await wanted(session, ["**/*.csv"])
    assert "%download FOLDER/" in found.value.fix


def test_patterns_do_not_follow_links_out_of_the_folder(tmp_path: Path) -> None:
    make(tmp_path, "outside/secret.csv", "notebook/mine.csv")
    folder = tmp_path / "notebook"
    (folder / "link").symlink_to(tmp_path / "outside")
    (folder / "link.csv").symlink_to(tmp_path / "outside" / "secret.csv")
    assert [choice.name for choice in choose(folder, ["**/*.csv"])] == ["mine.csv"]
    with pytest.raises(FileRefused):
        choose(folder, ["link.csv"])


@pytest.mark.parametrize(
    ("link", "leads_to", "pattern"),
    [
        ("data.csv", ".env", "data.csv"),
        ("data.csv", ".env", "*.csv"),
        ("data.csv", ".env", "**"),
        ("keys", ".ssh", "keys/mine"),
        ("keys", ".ssh", "keys/*"),
        ("d/a.txt", ".git/config", "d/*"),
    ],
)
def test_a_link_does_not_give_a_secret_another_name(
    tmp_path: Path, link: str, leads_to: str, pattern: str
) -> None:
    make(tmp_path, "d/readme", ".env", ".ssh/mine", ".git/config")
    (tmp_path / link).symlink_to(tmp_path / leads_to)
    assert chosen(tmp_path, pattern) <= {"d/readme"}


def test_a_link_that_is_left_out_for_what_it_leads_to_says_so(tmp_path: Path) -> None:
    make(tmp_path, ".env")
    (tmp_path / "data.csv").symlink_to(".env")
    with pytest.raises(FileRefused, match=r"leads to '\.env', and it may hold a secret"):
        choose(tmp_path, ["data.csv"])


def test_a_link_to_an_ordinary_file_of_the_folder_is_uploaded(tmp_path: Path) -> None:
    make(tmp_path, "cache/1", "d/x.csv")
    (tmp_path / "data.csv").symlink_to("cache/1")
    assert [choice.name for choice in choose(tmp_path, ["data.csv"])] == ["data.csv"]
    assert [choice.name for choice in choose(tmp_path, ["*.csv"])] == ["data.csv"]


def test_a_pattern_that_means_only_what_is_left_out_says_so(tmp_path: Path) -> None:
    make(tmp_path, "x.pem")
    with pytest.raises(FileMissing) as found:
        choose(tmp_path, ["*.pem"])
    assert "leave out" in found.value.cause


@given(
    st.text(alphabet="ab'\"#- ./", min_size=1, max_size=8).filter(lambda name: name.strip() != "")
)
@example("-d.csv")
@example('q"q.csv')
@example("a'b\"c d.csv")
@example('"')
@example("--to")
def test_a_command_that_is_advised_means_the_file(name: str) -> None:
    arguments = Arguments("%upload PATTERN...")
    arguments.add_argument("patterns", nargs="+")
    (pattern,) = arguments.parse(quoted(name)).patterns
    assert pattern in (name, f"./{name}")


# -- sizes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "size"),
    [("5", 5), ("2K", 2048), ("3m", 3 * 1024**2), ("1GiB", 1024**3), ("7 MB", 7 * 1024**2)],
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert Limits.parse(text).file == size


@pytest.mark.parametrize("text", ["", "x", "-1", "1T", "1.5G"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(MagicUsage):
        Limits.parse(text)


def test_sizes_are_shown_for_people() -> None:
    assert [shown(n) for n in (0, 999, 1024, 1536 * 1024)] == [
        "0 bytes",
        "999 bytes",
        "1.0 kB",
        "1.5 MB",
    ]
