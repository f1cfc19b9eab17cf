"""Which suites are run, which of their tests are left out, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True)
class Suite:
    """The tests in the source distribution of a project on PyPI.

    :ivar files: those that start a ``python3`` kernel, seen from the distribution's folder.
    :ivar needs: what they import that an environment for this project's tests does not have.
    :ivar settings: this kernel's settings, for what works with them only.
    :ivar left_out: node ids as pytest's ``--deselect`` takes them, and why.
    :ivar changed: a line of a file, what stands there instead, and why.
    """

    project: str
    version: str
    files: tuple[str, ...]
    needs: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    changed: Mapping[tuple[str, str], tuple[str, str]] = field(default_factory=dict)


_FILES_ARE_HERE: Final = (
    "A session has a file system of its own, and no file beside the notebook is in it that was "
    "not uploaded (`%upload`, `AZURE_SESSION_UPLOAD`)."
)
_KERNEL_LIVES: Final = (
    "A cell kills its process. That is the session's interpreter, and the kernel lives on: the "
    "cell fails with `InterpreterDied`, the next one starts in a new interpreter."
)

SUITES: Final = (
    Suite(
        "nbclient",
        "0.11.0",
        files=("tests/test_client.py",),
        needs=("flaky", "testpath", "xmltodict"),
        # A session has none of the client's environment but what this names.
        settings={"AZURE_SESSION_ENV": "IPYKERNEL_CELL_NAME,NBEXECUTE_TEST_PARALLEL_TMPDIR"},
        left_out={
            "tests/test_client.py::test_run_all_notebooks[Inline Image.ipynb-opts5]": (
                _FILES_ARE_HERE
            ),
            "tests/test_client.py::TestExecute::test_error_notebook_hook": _KERNEL_LIVES,
            "tests/test_client.py::TestExecute::test_kernel_death_during_execution": _KERNEL_LIVES,
        },
    ),
    Suite(
        "ipykernel",
        "7.4.0",
        files=(
            "tests/test_message_spec.py",
            "tests/test_kernel.py",
            "tests/test_async.py",
            "tests/test_subshells.py",
            "tests/test_debugger.py",
        ),
        needs=("flaky", "pytest-cov", "trio"),
        left_out={
            "tests/test_kernel.py::test_parent_header_and_ident": (
                "`_parent_ident`, private, is the address of the adapter's socket there: "
                "one for all front ends."
            ),
        },
        changed={
            ("tests/test_message_spec.py", 'implementation_version = Version(min="2.1")'): (
                'implementation_version = Version(min="0")',
                "The version is this kernel's own, not IPython's.",
            ),
        },
    ),
    Suite(
        "jupyter_client",
        "8.10.0",
        files=("tests/test_multikernelmanager.py",),
        needs=("msgpack", "pytest-jupyter"),
    ),
    Suite(
        "nbconvert",
        "7.17.2",
        files=("tests/preprocessors/test_execute.py",),
        needs=("flaky",),
    ),
    Suite(
        "papermill",
        "2.7.0",
        files=("papermill/tests/test_execute.py",),
        needs=("papermill",),
        left_out={
            "papermill/tests/test_execute.py::TestCWD::test_execution_respects_cwd_assignment": (
                _FILES_ARE_HERE
            ),
            "papermill/tests/test_execute.py::TestCWD::test_pathlib_paths": _FILES_ARE_HERE,
            "papermill/tests/test_execute.py::TestBrokenNotebook2::test": (
                "Its notebook imports what IPython 9 does not have: ipykernel fails likewise."
            ),
        },
    ),
    Suite(
        "nbmake",
        "1.5.5",
        files=("tests/test_nb_run.py", "tests/test_pytest_plugin.py"),
        needs=("nbmake",),
        left_out={
            "tests/test_nb_run.py::TestNotebookRun::test_when_runs_then_cwd_is_nb_location": (
                "A session's working directory is `/mnt/data`, never a folder of this machine."
            ),
        },
    ),
)
