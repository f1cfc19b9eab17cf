"""``azure-session-kernel try``, as a person starts it: the real kernel in a real local pool."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import nbformat
import psutil  # type: ignore[import-untyped,unused-ignore]
import pytest
from nbformat import NotebookNode, v4

from azure_session_kernel.cli.main import main
from azure_session_kernel.cli.shipped import shipped
from azure_session_kernel.cli.try_.command import prepare_copy
from azure_session_kernel.cli.try_.notebook import find_notebook
from azure_session_kernel.cli.try_.surroundings import Surroundings
from azure_session_kernel.container.data_folder import DATA, can_make_own

TRY = (
    sys.executable,
    "-c",
    "from azure_session_kernel.cli.main import main; raise SystemExit(main())",
)
ENDS_WITHIN_S = 100.0


def _heed_signals() -> None:
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@dataclass
class Person:
    """Somebody at a terminal, in an empty directory.

    :ivar temporary: the TMPDIR of everything they start.
    """

    directory: Path
    temporary: Path
    environ: dict[str, str]

    @contextmanager
    def start(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """``azure-session-kernel try ARGUMENTS``, checked to leave nothing behind."""
        process = subprocess.Popen(
            [*TRY, "try", *arguments],
            cwd=self.directory,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            # In the background of a script Ctrl-C is ignored, under nohup a closed terminal.
            preexec_fn=_heed_signals if os.name == "posix" else None,
        )
        try:
            yield process
            process.wait(ENDS_WITHIN_S)
            assert not self.processes()
            assert not list(self.temporary.iterdir())
        finally:
            for left in [process, *self.processes()]:
                left.kill()
            process.communicate()

    def tries(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, stdout, stderr."""
        with self.start(*arguments) as process:
            out, err = process.communicate(timeout=200)
        return process.returncode, out, err

    def processes(self) -> list[psutil.Process]:
        """Everything that still runs below ``temporary``: kernels, pools, sessions."""
        return [p for p in psutil.process_iter() if self._is_theirs(p)]

    def _is_theirs(self, process: psutil.Process) -> bool:
        try:
            text = [*process.cmdline(), *process.environ().values()]
        except (psutil.Error, OSError):
            return False
        return process.pid != os.getpid() and any(str(self.temporary) in part for part in text)

    def writes(self, name: str, *cells: str | NotebookNode) -> Path:
        path = self.directory / name
        path.write_text(json.dumps(notebook_of(*cells)), encoding="utf-8")
        return path

    def reads(self, name: str) -> NotebookNode:
        return read_valid(self.directory / name)


def notebook_of(*cells: str | NotebookNode) -> NotebookNode:
    """A notebook of ``cells``; text becomes a code cell."""
    nodes = [code(cell) if isinstance(cell, str) else cell for cell in cells]
    notebook: NotebookNode = v4.new_notebook(cells=nodes)  # type: ignore[no-untyped-call]
    return notebook


def code(source: str, *tags: str) -> NotebookNode:
    metadata = {"tags": list(tags)}
    cell: NotebookNode = v4.new_code_cell(source, metadata=metadata)  # type: ignore[no-untyped-call]
    return cell


def read_valid(path: Path) -> NotebookNode:
    notebook: NotebookNode = nbformat.read(path, as_version=nbformat.NO_CONVERT)  # type: ignore[no-untyped-call]
    nbformat.validate(notebook)
    return notebook


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    # Not pytest's directory: the path of a unix socket has to be short.
    with tempfile.TemporaryDirectory(prefix="ask-") as temporary:
        environ = os.environ | {
            "TMPDIR": temporary,
            "PYTHONUNBUFFERED": "1",
            "PYTHONUTF8": "1",
            "AZURE_SESSION_POOL_ENDPOINT": "https://other.westeurope.azurecontainerapps.io",
        }
        yield Person(tmp_path, Path(temporary), environ)


def texts(cell: NotebookNode) -> str:
    return "".join(output.get("text", "") for output in cell.outputs)


def test_the_quickstart_runs_in_a_session_and_its_copy_is_saved(person: Person) -> None:
    status, out, err = person.tries()

    assert (status, err) == (0, "")
    assert "4 fruits: apple, banana, cherry, date" in out
    assert "ZeroDivisionError: division by zero" in out
    assert re.search(r"\[image/svg\+xml, [\d.]+ kB]", out)
    assert "9 cells ran" in out
    assert "1 of them with an error that is meant to be there" in out
    assert "not in Azure" in out
    assert "not a sandbox" in out
    assert "\x1b" not in out, "no colours in a pipe"
    copy = person.reads("quickstart.executed.ipynb")
    assert copy.metadata.kernelspec.name == "azure-session"
    cells = {cell.id: cell for cell in copy.cells}
    folder = DATA if can_make_own() else person.temporary
    assert f"Folder:   {folder}" in texts(cells["where"])
    assert "<svg" in cells["picture"].outputs[0].data["image/svg+xml"]
    assert cells["error"].outputs[0].ename == "ZeroDivisionError"


def test_text_of_one_stream_is_one_output_and_a_byte_order_mark_is_none_of_the_notebook(
    person: Person,
) -> None:
    """nbclient's own ``coalesce_streams`` takes minutes for a progress bar in one long line."""
    bar = "for n in range(200):\n    print(f'\\r{n}' + 'x' * 1000, end='', flush=True)"
    path = person.writes("bar.ipynb", bar)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert person.tries("bar.ipynb")[0] == 0
    (output,) = person.reads("bar.executed.ipynb").cells[0].outputs
    assert output.text == "".join(f"\r{n}" + "x" * 1000 for n in range(200))


def test_a_clones_own_quickstart_comes_first(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(person.directory)
    assert find_notebook(None) == shipped("notebooks") / "quickstart.ipynb"
    (person.directory / "notebooks").mkdir()
    person.writes("notebooks/quickstart.ipynb", "print('the one of the clone')")
    assert find_notebook(None) == Path("notebooks/quickstart.ipynb")


def test_those_that_come_along_are_listed_and_found_by_name(person: Person) -> None:
    status, listed, err = person.tries("--list")
    assert (status, err) == (0, "")
    names = {path.stem for path in shipped("notebooks").glob("*.ipynb")}
    first, *rest = [line.split()[0] for line in listed.splitlines()[: len(names)]]
    assert first == "quickstart"
    assert {first, *rest} == names
    assert "More than text" in listed
    assert not list(person.directory.iterdir())
    along = shipped("notebooks") / "rich_output.ipynb"
    assert find_notebook("rich_output.ipynb") == find_notebook("rich_output") == along


def test_a_file_of_ones_own_comes_before_one_that_comes_along(person: Person) -> None:
    person.writes("rich_output.ipynb", "1")
    assert find_notebook(str(person.directory / "rich_output.ipynb")).parent == person.directory
    assert find_notebook("../rich_output.ipynb") == Path("../rich_output.ipynb")


def test_output_is_shown_while_the_cell_still_runs(person: Person) -> None:
    go = person.directory / "go"
    person.writes(
        "live.ipynb",
        "import pathlib, time\n"
        "print('waiting')\n"
        f"while not pathlib.Path({str(go)!r}).exists(): time.sleep(0.01)\n"
        "print('gone on')",
    )
    with person.start("live.ipynb") as process:
        assert process.stdout
        for line in process.stdout:
            if "│ waiting" in line:
                go.touch()  # had the line come at the end of the cell, this would never happen
                break
        assert "│ gone on" in process.stdout.read()
    assert process.returncode == 0


def test_an_error_ends_the_run_and_the_copy_holds_what_ran(person: Person) -> None:
    """Here that of a question, which nobody can answer."""
    original = person.writes("wrong.ipynb", "print('one')", "input('who? ')", "print('never')")
    before = original.read_bytes()

    status, out, err = person.tries("wrong.ipynb", "--output", "copy.ipynb")

    assert (status, err) == (1, "")
    assert "Stopped: StdinNotImplementedError: " in out
    assert "1 did not run" in out
    assert "What to do:   azure-session-kernel try --lab wrong.ipynb" in out
    first, failed, never = person.reads("copy.ipynb").cells
    assert texts(first) == "one\n"
    assert failed.outputs[0].ename == "StdinNotImplementedError"
    assert (never.outputs, never.execution_count) == ([], None)
    assert original.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["missing.ipynb"],
            "missing.ipynb does not exist.\n  What to do:   azure-session-kernel try",
        ),
        (["folder"], "folder is a directory"),
        (["text.ipynb"], "text.ipynb is not a notebook"),
        (["json.ipynb"], "json.ipynb is not a notebook"),
        (["binary.ipynb"], "binary.ipynb is not a notebook"),
        (["good.ipynb", "--output", "good.ipynb"], "would replace good.ipynb itself"),
        (["good.ipynb", "--output", "missing/copy.ipynb"], "can't be written"),
        (["good.ipynb", "--kernel-name", "python3"], "doesn't run its cells in a session pool"),
        (["good.ipynb", "--kernel-name", "nope"], "no kernel named 'nope'"),
    ],
)
def test_unusable_input_is_explained_and_nothing_is_started(
    person: Person,
    arguments: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In this process: of all that, starting another one takes longest."""
    for name, value in person.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(person.directory)
    (person.directory / "folder").mkdir()
    (person.directory / "text.ipynb").write_text("just text")
    (person.directory / "json.ipynb").write_text('{"cells": 3}')
    (person.directory / "binary.ipynb").write_bytes(b"\xff\xfe\x00")
    person.writes("good.ipynb", "1")
    before = sorted(person.directory.iterdir())

    with pytest.raises(SystemExit) as ended:
        main(["try", *arguments])

    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (2, "")
    assert said in err
    assert sorted(person.directory.iterdir()) == before
    assert not person.processes()


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_stops_everything_and_saves_what_ran(person: Person, name: str) -> None:
    person.writes("endless.ipynb", "print('one')", "while True: print('on and on', flush=True)")
    with person.start("endless.ipynb") as process:
        assert process.stdout
        assert process.stderr
        next(line for line in process.stdout if "│ on and on" in line)
        process.send_signal(getattr(signal, name))
        assert "Stopped: interrupted" in process.stdout.read()
        assert process.stderr.read() == ""
    assert process.returncode == 130
    assert texts(person.reads("endless.executed.ipynb").cells[0]) == "one\n"


def test_a_reader_that_goes_away_stops_everything(person: Person) -> None:
    person.writes("endless.ipynb", "while True: print('on and on', flush=True)")
    with person.start("endless.ipynb") as process:
        assert process.stdout
        next(line for line in process.stdout if "│ on and on" in line)
        process.stdout.close()
    assert process.returncode == 1


def test_lab_opens_on_a_copy_with_the_kernel_of_the_pool(person: Person) -> None:
    config = person.directory / "config"
    config.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = {"open_browser": False, "allow_root": True, "port": port}
    (config / "jupyter_server_config.json").write_text(json.dumps({"ServerApp": server}))
    person.environ["JUPYTER_CONFIG_DIR"] = str(config)
    person.writes("mine.ipynb", "1 + 1")

    with person.start("mine.ipynb", "--lab") as process:
        assert process.stderr
        url = next(
            found
            for line in process.stderr
            if (found := re.search(r"(http://localhost:\d+)/lab\S*\?(token=\w+)", line))
        )
        # JupyterLab prints its address a moment before it listens.
        with httpx.Client(transport=httpx.HTTPTransport(retries=8), timeout=100) as client:
            specs = client.get(f"{url[1]}/api/kernelspecs?{url[2]}").json()
        process.send_signal(signal.SIGINT)
        process.stderr.read()

    assert process.returncode == 0
    assert specs["default"] == "azure-session"
    environ = specs["kernelspecs"]["azure-session"]["spec"]["env"]
    assert environ == {"AZURE_SESSION_POOL_ENDPOINT": "local"}
    assert person.reads("mine.lab.ipynb").metadata.kernelspec.name == "azure-session"


def test_lab_opens_an_earlier_copy_as_it_was_left(person: Person) -> None:
    original = read_valid(person.writes("mine.ipynb", "1 + 1"))
    copy = person.writes("mine.lab.ipynb", "'hours of work'")
    before = copy.read_bytes()
    surroundings = Surroundings({}, person.directory, "azure-session")
    prepare_copy(original, copy, surroundings)
    assert copy.read_bytes() == before


@pytest.mark.parametrize("path", sorted(shipped("notebooks").glob("*.ipynb")), ids=lambda p: p.stem)
def test_a_shipped_notebook_is_valid_and_holds_no_outputs(path: Path) -> None:
    notebook = read_valid(path)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "azure-session"
    for cell in notebook.cells:
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None
