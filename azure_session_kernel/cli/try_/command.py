"""``azure-session-kernel try``: a notebook in a local session pool, from one command."""

from __future__ import annotations

import argparse
import contextlib
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from rich.console import Console

from ...common.our_kernelspec import DEFAULT_NAME
from ...common.pip_hint import pip_install
from ...emulator import NO_SANDBOX
from .. import signals
from .lab import lab_is_installed, run_lab
from .notebook import (
    NotebookUnusable,
    comes_along,
    copy_path,
    find_notebook,
    list_notebooks,
    read_notebook,
    save,
)
from .runner import Outcome, run_notebook
from .screen import Screen
from .surroundings import KernelUnusable, Surroundings, trial_surroundings

if TYPE_CHECKING:
    from nbformat import NotebookNode

_AZURE = "To run in Azure instead: azure-session-kernel install --endpoint URL"


def register(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "notebook",
        nargs="?",
        help="the notebook to run: a file, or a name of --list (default: the quickstart)",
    )
    parser.add_argument(
        "--list", action="store_true", help="show the notebooks that come along, and run none"
    )
    parser.add_argument("--output", metavar="FILE", help="where the copy with outputs is saved")
    parser.add_argument("--lab", action="store_true", help="open JupyterLab on it instead")
    parser.add_argument(
        "--lab-option",
        action="append",
        default=[],
        metavar="OPTION",
        help="an option for JupyterLab, such as --lab-option=--no-browser; may be repeated",
    )
    parser.add_argument(
        "--kernel-name", default=DEFAULT_NAME, metavar="NAME", help="the kernel to run it with"
    )


def run(args: argparse.Namespace) -> int:
    """0 every cell ran, 1 one failed or nothing could be started, 2 the notebook is unusable."""
    refuse: Callable[[str], NoReturn] = args.refuse
    if args.list:
        print("\n".join(f"{name:<15}{title}" for name, title in list_notebooks()))
        print("Run one here:                  azure-session-kernel try NAME")
        print("Where it can ask and be moved: azure-session-kernel try --lab NAME")
        return 0
    try:
        path = find_notebook(args.notebook)
        notebook = read_notebook(path)
        copy = copy_path(path, args.output, ".lab.ipynb" if args.lab else ".executed.ipynb")
        with signals.heeded():
            return _lab(args, notebook, copy) if args.lab else _run(args, path, notebook, copy)
    except (NotebookUnusable, KernelUnusable) as error:
        refuse(str(error))


def _run(args: argparse.Namespace, path: Path, notebook: NotebookNode, copy: Path) -> int:
    screen = Screen(Console(highlight=False))
    outcome = Outcome()
    try:
        with contextlib.ExitStack() as stack:
            with screen.starting("Starting a local session pool …"):
                surroundings = stack.enter_context(trial_surroundings(args.kernel_name))
            screen.header(path, surroundings.kernel_name)
            # The notebook's files are beside it; those of a shipped one, where the user is.
            own = args.notebook and not comes_along(path)
            folder = path.resolve().parent if own else Path.cwd()
            signals.run(run_notebook(notebook, surroundings, screen, outcome, folder))
    except KeyboardInterrupt:
        outcome.problem = "interrupted"
        raise
    finally:
        if outcome.ran or outcome.problem:
            save(notebook, copy)
            summary(screen, outcome, copy, comes_along(path), args.notebook or path.stem)
    return 1 if outcome.problem else 0


def summary(screen: Screen, outcome: Outcome, copy: Path, ours: bool, named: str) -> None:
    """
    :param ours: the notebook comes along, so it is known what it needs.
    :param named: the notebook, as it was typed.
    """
    screen.say("")
    if outcome.problem:
        screen.say(f"Stopped: {outcome.problem}", "bold red")
    if outcome.problem.startswith("ModuleNotFoundError:"):
        screen.say("The sessions of a local pool have the packages of the Python that runs this.")
        missing = "azure-session-kernel[local]" if ours else "PACKAGE"
        screen.say(f"  What to do:   {pip_install(missing)}")
    if outcome.problem.startswith("StdinNotImplementedError:"):
        screen.say("A cell asks for input, and nobody is asked here.")
        screen.say(f"  What to do:   azure-session-kernel try --lab {shlex.quote(named)}")
    counts = (
        f"{outcome.ran} {'cell' if outcome.ran == 1 else 'cells'} ran in {outcome.elapsed_s:.1f} s"
    )
    if outcome.expected_errors:
        counts += f", {outcome.expected_errors} of them with an error that is meant to be there"
    if outcome.left:
        counts += f"; {outcome.left} did not run"
    screen.say(f"{counts}.", "bold")
    screen.say("They ran in a local session pool on this machine, not in Azure. It is stopped now.")
    screen.say(_AZURE)
    screen.say(f"Saved with its outputs: {copy}")


def _lab(args: argparse.Namespace, notebook: NotebookNode, copy: Path) -> int:
    if not lab_is_installed():
        print(
            f"JupyterLab is not installed.\n  What to do:   {pip_install('jupyterlab')}",
            file=sys.stderr,
        )
        return 1
    with trial_surroundings(args.kernel_name) as surroundings:
        prepare_copy(notebook, copy, surroundings)
        print(f"JupyterLab on {copy}, in a local session pool on this machine. Ctrl-C ends both.")
        print(NO_SANDBOX)
        print(_AZURE, flush=True)
        return run_lab(copy, surroundings, args.lab_option)


def prepare_copy(notebook: NotebookNode, copy: Path, surroundings: Surroundings) -> None:
    """A copy from an earlier time holds somebody's work: it is opened as it is."""
    if not copy.exists():
        name = surroundings.kernel_name
        notebook.metadata["kernelspec"] = {"name": name, "display_name": name, "language": "python"}
        save(notebook, copy)
