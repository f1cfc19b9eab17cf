"""Files between the notebook's folder and its session, with a real kernel and a real pool."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..conftest import RunningPool
from .live_kernel import Cell, LiveKernel, wait_until, waits_for


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The notebook's."""
    return tmp_path_factory.mktemp("notebook")


@pytest.fixture(scope="module")
def kernel(local_pool: RunningPool, folder: Path) -> Iterator[LiveKernel]:
    env = {
        **local_pool.env,
        "NBGRADER_STUDENT": "Zo\u00eb",
        "COURSE": "a b",
        "EXAM_1": "x",
        "EXAM_KEY": "s3cret",
        "AZURE_SESSION_ENV": "COURSE, EXAM_*",
    }
    live = LiveKernel(env, folder.parent / "kernel.log", cwd=str(folder))
    try:
        yield live.wait_until_ready()
        assert "Traceback" not in live.logged()
    finally:
        live.stop()


def shown(cell: Cell) -> str:
    """The plain text of its display, as it was at the end."""
    assert cell.status == "ok", cell.content
    assert cell.output_types[0] == "display_data"
    assert set(cell.output_types) <= {"display_data", "update_display_data"}
    display = cell.outputs[-1]["content"]["data"]
    assert "text/html" in display
    return str(display["text/plain"])


def parts_in(folder: Path) -> list[Path]:
    return list(folder.rglob(".ask-*"))


def test_an_uploaded_file_can_be_opened_in_the_session(kernel: LiveKernel, folder: Path) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "a b.csv").write_bytes(b"x,y\n1,2\n")
    assert shown(kernel.run("%upload data/*.csv")) == "Done: data/a b.csv uploaded."
    assert kernel.run("print(open('data/a b.csv').read())").text() == "x,y\n1,2\n\n"
    assert shown(kernel.run("%upload data/*.csv")) == "Done: data/a b.csv unchanged."
    shown(kernel.run('%upload "data/a b.csv" --to copies/deep'))
    assert kernel.run("import os; os.path.exists('copies/deep/data/a b.csv')").result == "True"


def test_a_changed_file_is_uploaded_again(kernel: LiveKernel, folder: Path) -> None:
    (folder / "changes.txt").write_text("old")
    shown(kernel.run("%upload changes.txt"))
    (folder / "changes.txt").write_text("new")
    assert shown(kernel.run("%upload changes.txt")) == "Done: changes.txt uploaded."
    assert kernel.run("open('changes.txt').read()").result == "'new'"


def test_large_and_empty_files_arrive_whole(kernel: LiveKernel, folder: Path) -> None:
    data = os.urandom(3 * 512 * 1024) + b"end"
    for name, content in (("big.bin", data), ("even.bin", data[: 1024 * 1024]), ("empty", b"")):
        (folder / name).write_bytes(content)
        shown(kernel.run(f"%upload {name}"))
        assert kernel.run(f"len(open('{name}', 'rb').read())").result == str(len(content))
        shown(kernel.run(f"%download {name} --to back"))
        assert (folder / "back" / name).read_bytes() == content
    assert parts_in(folder) == []
    assert kernel.run("[n for n in os.listdir() if n.startswith('.ask')]").result == "[]"


def test_what_follows_the_first_line_runs_in_the_session(kernel: LiveKernel, folder: Path) -> None:
    (folder / "inline.txt").write_text("hello")
    before = int(kernel.run("1").content["execution_count"])
    code = "%upload inline.txt\n# and then\nprint(open('inline.txt').read() + '\\n', end='')\n1/0"
    cell = kernel.run(code)
    assert cell.text() == "hello\n"
    assert cell.output_types == ["display_data", "stream", "error"]
    assert "line 4" in re.sub("\x1b\\[[0-9;]*m", "", cell.error_text)
    (told,) = cell.of_type("execute_input")
    assert (told["code"], told["execution_count"]) == (code, before + 1)
    assert cell.content["execution_count"] == before + 1


def test_a_magic_looks_like_a_cell(kernel: LiveKernel) -> None:
    before = kernel.run("1").content["execution_count"]
    cell = kernel.run("%files\n\n# nothing else")
    assert cell.messages[0]["content"] == {"execution_state": "busy"}
    assert [m["msg_type"] for m in cell.messages][1:-1] == ["execute_input", "display_data"]
    assert cell.content == {
        "status": "ok",
        "execution_count": before + 1,
        "user_expressions": {},
        "payload": [],
    }


def test_every_magic_has_a_number_of_its_own_and_a_place_in_the_sessions_history(
    kernel: LiveKernel,
) -> None:
    before = int(kernel.run("1").content["execution_count"])
    codes = ["%files", "%session help", "%files --no-such-option", "%download missing\n2", "2 + 2"]
    cells = [kernel.run(code) for code in codes]
    numbers = list(range(before + 1, before + 6))
    assert [cell.content["execution_count"] for cell in cells] == numbers
    shown = [cell.of_type("execute_input")[0]["execution_count"] for cell in cells]
    assert shown == numbers
    assert [cell.status for cell in cells] == ["ok", "ok", "error", "error", "ok"]
    assert cells[-1].of_type("execute_result")[0]["execution_count"] == numbers[-1]
    assert kernel.run(f"print(In[{before + 1}:{before + 6}])").text() == f"{codes}\n"
    assert kernel.run(f"Out[{numbers[-1]}]").result == "4"


def test_a_magic_without_history_takes_no_number(kernel: LiveKernel) -> None:
    before = kernel.run("1").content["execution_count"]
    assert kernel.run("%files", store_history=False).content["execution_count"] == before + 1
    assert kernel.run("1").content["execution_count"] == before + 1


@pytest.mark.parametrize("code", ["x = 1\n%files", "%%files\nx", "%filesystem", " %files"])
def test_everything_else_is_left_to_ipython(kernel: LiveKernel, code: str) -> None:
    assert "UsageError" in kernel.run(code).text("stderr")


def test_ipythons_magics_still_work(kernel: LiveKernel) -> None:
    assert kernel.run("%pwd").status == "ok"
    assert "Wall time" in kernel.run("%%time\n1").text()


def test_files_lists_what_is_there(kernel: LiveKernel) -> None:
    kernel.run("import pathlib; pathlib.Path('seen').mkdir(); open('seen/one.txt','w').write('12')")
    assert "seen/" in shown(kernel.run("%files"))
    assert re.search(r"seen/one\.txt +2 bytes", shown(kernel.run("%files seen")))
    assert kernel.run("%files nowhere").error["ename"] == "FileMissing"


def test_a_download_never_replaces_a_file_unasked(kernel: LiveKernel, folder: Path) -> None:
    (folder / "mine.txt").write_text("mine")
    kernel.run("open('mine.txt', 'w').write('theirs')")
    cell = kernel.run("%download mine.txt")
    assert cell.error["ename"] == "FileInTheWay"
    assert "--force" in cell.error_text
    assert (folder / "mine.txt").read_text() == "mine"
    assert shown(kernel.run("%download mine.txt --force")) == "Done: mine.txt downloaded."
    assert (folder / "mine.txt").read_text() == "theirs"
    assert shown(kernel.run("%download mine.txt")) == "Done: mine.txt unchanged."


def test_patterns_find_files_in_the_session(kernel: LiveKernel, folder: Path) -> None:
    kernel.run(
        "for n in ('r/a.csv', 'r/s/b.csv', 'r/.hidden.csv', 'r/c.txt'):\n"
        "    p = pathlib.Path(n); p.parent.mkdir(parents=True, exist_ok=True); p.write_text(n)"
    )
    assert shown(kernel.run("%download r/**/*.csv --to got")).startswith("Done: r/")
    got = sorted(
        path.relative_to(folder / "got").as_posix() for path in (folder / "got").rglob("*.*")
    )
    assert got == ["r/a.csv", "r/s/b.csv"]


def test_many_files_in_one_folder_do_not_keep_others_from_being_found(kernel: LiveKernel) -> None:
    kernel.run(
        "os.makedirs('img'); os.makedirs('res', exist_ok=True); open('res/a.csv', 'w').close()\n"
        "for n in range(10_050): open(f'img/{n}', 'w').close()"
    )
    assert shown(kernel.run("%download res/*.csv --to many")) == "Done: res/a.csv downloaded."
    listed = shown(kernel.run("%files img"))
    assert listed.endswith("and more than 9800 more")
    assert listed.count("\n") == 201
    assert kernel.run("%download **/a.csv --to many").error["ename"] == "FileTooLarge"
    kernel.run("import shutil; shutil.rmtree('img')")


LONG = "x" * 300


@pytest.mark.parametrize(
    ("line", "ename", "said"),
    [
        ("%upload nowhere.csv", "FileMissing", "no 'nowhere.csv' beside the notebook"),
        ("%upload *.nothing", "FileMissing", "matches"),
        ("%upload somewhere", "FileRefused", "%upload somewhere/**"),
        ("%upload ../x", "FileRefused", "not in the notebook's folder"),
        ("%upload /etc/passwd", "FileRefused", "not in the notebook's folder"),
        ("%upload ~/x", "FileRefused", "not in the notebook's folder"),
        ("%upload link/passwd", "FileRefused", "not in the notebook's folder"),
        ("%upload .env", "FileRefused", "secret"),
        ("%upload huge.bin", "FileTooLarge", "--max-size 10240M"),
        ("%upload huge.bin --max-size 1X", "UsageError", "--max-size 500M"),
        ("%upload pipe", "FileRefused", "not a regular file"),
        ("%upload", "UsageError", "%upload PATTERN"),
        ("%upload 'x", "UsageError", "quotation mark"),
        ("%upload inline.txt --to ../up", "FileRefused", "'..'"),
        ("%upload inline.txt --to inline.txt/x", "FileRefused", "inline.txt/x"),
        ("%download nowhere.csv", "FileMissing", "in the session"),
        ("%download *.nothing", "FileMissing", "%files"),
        ("%download seen", "FileRefused", "%download seen/**"),
        ("%files seen/one.txt", "FileRefused", "is a file, not a folder"),
        ("%download ../x", "FileRefused", "leads elsewhere"),
        ("%download .bashrc", "FileRefused", "hidden files"),
        ("%download mine.txt --to ../up", "FileRefused", "not in the notebook's folder"),
        ("%download mine.txt --to link", "FileRefused", "not in the notebook's folder"),
        (f"%upload inline.txt --to {LONG}", "FileRefused", "too long"),
        (f"%download {LONG}", "FileRefused", "its name is too long"),
        (f"%files {LONG}", "FileRefused", "too long"),
        ("%files a b", "UsageError", "%files [FOLDER]"),
        ("%session nonsense", "UsageError", "%session [last [NUMBER] | restore | help]"),
    ],
)
def test_a_magic_that_can_not_work_says_why(
    kernel: LiveKernel, folder: Path, line: str, ename: str, said: str
) -> None:
    _make_bad_input(folder)
    cell = kernel.run(line)
    assert cell.error["ename"] == ename, cell.error_text
    assert said in cell.error_text
    assert cell.output_types == ["error"]
    assert kernel.run("1").result == "1"


def _make_bad_input(folder: Path) -> None:
    if (folder / "pipe").exists():
        return
    (folder / "somewhere").mkdir()
    (folder / "somewhere" / "x.txt").write_text("x")
    (folder / "link").symlink_to("/etc")
    (folder / ".env").write_text("SECRET=1")
    with (folder / "huge.bin").open("wb") as file:
        file.truncate(10 * 1024**3)  # sparse
    (folder / "inline.txt").write_text("hello")
    os.mkfifo(folder / "pipe")


def test_hostile_names_from_the_session_stay_inside_the_folder(
    kernel: LiveKernel, folder: Path
) -> None:
    kernel.run(
        "os.makedirs('evil', exist_ok=True)\n"
        "for n in ('CON.txt', 'end.', 'A.csv', 'a.csv', 'line\\nbreak', 'a:b'):\n"
        "    open('evil/' + n, 'w').write(n)"
    )
    for name in ("evil/CON.txt", "evil/end.", "evil/line*", "evil/a:b", "evil/?.csv"):
        assert kernel.run(f"%download {name}").error["ename"] == "FileRefused"
    assert not (folder / "evil").exists()


def test_a_link_out_of_the_session_is_left_out_and_said_to_be(
    kernel: LiveKernel, folder: Path
) -> None:
    kernel.run(
        "os.makedirs('links'); os.symlink('/etc/passwd', 'links/b.csv'); os.mkfifo('links/p')"
    )
    assert kernel.run("%download links/b.csv").error["ename"] == "FileRefused"
    assert kernel.run("%download links/*").error["ename"] == "FileRefused"
    kernel.run("open('links/a.csv', 'w').write('1')")
    said = shown(kernel.run("%download links/*.csv --to linked"))
    assert said.startswith("Done: links/a.csv downloaded. Left out: links/b.csv (it leads out")
    assert [path.name for path in (folder / "linked" / "links").iterdir()] == ["a.csv"]


@pytest.mark.parametrize("silent", [False, True])
def test_a_silent_magic_shows_nothing(kernel: LiveKernel, silent: bool) -> None:
    cell = kernel.run("%files", silent=silent)
    assert bool(cell.outputs) is not silent
    assert cell.status == "ok"


def test_session_tells_what_is_known(kernel: LiveKernel) -> None:
    text = shown(kernel.run("%session"))
    for row in ("pool", "executor", "session", "interpreter", "age", "ends after", "memory", "CPU"):
        assert re.search(rf"^{row} +\S", text, re.MULTILINE), row
    assert "unknown" not in text
    assert re.search(r"latency +\d+ ms", text)
    assert kernel.identifier not in text
    assert "%upload PATTERN" in shown(kernel.run("%session help"))


def test_named_variables_are_real_ones_in_the_session(kernel: LiveKernel) -> None:
    code = "[os.environ.get(n) for n in ('NBGRADER_STUDENT', 'COURSE', 'EXAM_1', 'EXAM_KEY')]"
    assert kernel.run(f"import os; {code}").result == "['Zo\u00eb', 'a b', 'x', None]"
    assert kernel.run("!echo $COURSE").text().strip() == "a b"


# -- the hint -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "command"),
    [
        ("open('only here.csv')", '%upload "only here.csv"'),
        ("open('./only/x.txt')", "%upload ./only/x.txt"),
        ("import helpers_here", "%upload helpers_here.py"),
        ("import package_here.deep", "%upload package_here/**/*.py"),
        ("open('results[final].csv')", "%upload results[final].csv"),
        ('open("quote\'d.csv")', '%upload "quote\'d.csv"'),
        ("open('a*b.csv')", "%upload a*b.csv"),
        ("open('tab\\tbed.csv')", "%upload $'tab\\tbed.csv'"),
        ("open('back\\\\slash.csv')", "%upload back\\slash.csv"),
        ("open(b'not\\xfftext')", "%upload $'not\\udcfftext'"),
        ("import os; os.listdir('d[1]')", "%upload d[[]1]/**"),
    ],
)
def test_a_cell_that_misses_a_local_file_is_told_how_to_upload_it(
    kernel: LiveKernel, folder: Path, code: str, command: str
) -> None:
    named = ("only here.csv", "only/x.txt", "helpers_here.py", "package_here/deep.py")
    odd = (
        "results[final].csv",
        "quote'd.csv",
        "a*b.csv",
        "tab\tbed.csv",
        "back\\slash.csv",
        "d[1]/x",
    )
    for name in (*named, *odd, "not\udcfftext"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("y = 1")
    cell = kernel.run(code)
    last = cell.error["traceback"][-1]
    assert last.endswith(f"run: {command}")
    assert "on your machine, not in the session" in last
    shown(kernel.run(command))
    assert kernel.run(code).status == "ok"


@pytest.mark.parametrize(
    "code",
    [
        "open('really nowhere.csv')",
        "open('/etc/hostname-not')",
        "open('../' + os.path.basename(os.getcwd()) + '/inline.txt.not')",
        "open('link/passwd')",
        "open('.env')",
        "import nothing_like_this",
        "raise FileNotFoundError('inline.txt')",
        "raise ValueError(\"[Errno 2] No such file or directory: 'inline.txt'\")",
    ],
)
def test_nothing_is_added_to_other_errors(kernel: LiveKernel, folder: Path, code: str) -> None:
    _make_bad_input(folder)
    assert "%upload" not in kernel.run(f"import os\n{code}").error_text


def test_a_missing_folder_of_any_size_costs_no_time(kernel: LiveKernel, folder: Path) -> None:
    many = folder / "a big folder"
    many.mkdir()
    for number in range(5000):
        (many / f"{number}.csv").touch()
    cell = kernel.run("import os\nos.listdir('a big folder')")
    assert cell.error["traceback"][-1].endswith('run: %upload "a big folder/**"')


# -- the network, and interrupts ------------------------------------------------------------------


def test_an_interrupted_transfer_stops_and_leaves_no_part(kernel: LiveKernel, folder: Path) -> None:
    with (folder / "slow.bin").open("wb") as file:
        file.truncate(250 * 1024 * 1024)
    cell = kernel.execute("%upload slow.bin")
    kernel.wait_for(cell, lambda m: m["msg_type"] == "display_data")
    kernel.interrupt()
    ended = kernel.finish(cell)
    assert ended.error["ename"] == "KeyboardInterrupt"
    assert "unfinished ones were removed" in ended.error["evalue"]
    assert kernel.run("os.path.exists('slow.bin')").result == "False"
    gone = "[n for n in os.listdir() if n.startswith('.ask')]"
    wait_until(lambda: kernel.run(gone).result == "[]")

    kernel.run("with open('slow2.bin', 'wb') as f: f.truncate(250 * 1024 * 1024)")
    cell = kernel.execute("%download slow2.bin")
    kernel.wait_for(cell, lambda m: m["msg_type"] == "display_data")
    kernel.interrupt()
    assert kernel.finish(cell).error["ename"] == "KeyboardInterrupt"
    wait_until(lambda: parts_in(folder) == [])
    assert not (folder / "slow2.bin").exists()


def test_cells_behind_a_failed_magic_are_aborted(kernel: LiveKernel, tmp_path: Path) -> None:
    # Both wait behind a cell that runs, so that the second is there when the first fails.
    gate = tmp_path / "gate"
    running = kernel.execute(waits_for(gate))
    first, second = kernel.execute("%upload nowhere"), kernel.execute("1")
    gate.touch()
    assert kernel.finish(running).status == "ok"
    assert kernel.finish(first).status == "error"
    assert kernel.finish(second).status == "aborted"
