"""``azure-session-kernel run``: many notebooks, each in a session of its own."""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from ..common.errors import SessionKernelError
from ..pool.local_record import read_record
from ..runs.dry_run import plan_lines
from ..runs.inputs import Input, absolute, find_inputs
from ..runs.journal import JOURNAL, History, Journal, is_run_folder, read_history
from ..runs.merge import merge
from ..runs.parameters import read_parameters
from ..runs.plan import (
    Plan,
    RunSettings,
    Shard,
    check_same_settings,
    make_plan,
    names_digest,
    parse_shard,
)
from ..runs.progress import Progress, client_cost
from ..runs.record import Record
from ..runs.results import REPORT, counts_of, exit_code, write_results
from ..runs.run import Run
from ..runs.unusable import RunUnusable
from ..session import settings
from ..session.environment import SETTING as ENV
from ..session.opening import connect_to
from . import kernel_choice, signals
from .kernelspecs import environment_of
from .usage import in_lines

_TIMEOUT_S = 3600


def register(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "notebooks",
        nargs="*",
        metavar="NOTEBOOK|DIR|GLOB",
        help="what to run; a folder stands for all notebooks below it. With --merge: the folders",
    )
    add("--output-dir", metavar="DIR", help="for executed notebooks and results; needed")
    add("--jobs", type=_positive, default=8, metavar="N", help="notebooks at a time")
    add("--resume", action="store_true", help="go on with what an earlier run has not done")
    add("--dry-run", action="store_true", help="show what would be run, and run nothing")
    kernel_choice.register(parser)
    _register_notebooks(parser)
    _register_machines(parser)


def _register_notebooks(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("each notebook").add_argument
    add("--cell-timeout", type=_limit, default=0, metavar="S", help="seconds; 0: no limit")
    add(
        "--timeout",
        type=_limit,
        default=_TIMEOUT_S,
        metavar="S",
        help="seconds that it may have its session; 0: no limit",
    )
    add("--allow-errors", action="store_true", help="go on after a cell that fails")
    add(
        "--with",
        dest="files",
        action="append",
        default=[],
        metavar="PATTERN",
        help="files beside it to bring, such as 'data/*.csv'; may be given again",
    )
    add(
        "--env",
        action="append",
        default=[],
        metavar="NAME[=VALUE]",
        help="a variable for its session, this shell's value by default; may be given again",
    )
    add("--parameters", metavar="FILE", help="YAML or JSON: values for its variables")
    add(
        "-p",
        dest="pairs",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        help="one such value; may be given again",
    )


def _register_machines(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("more than one machine")
    group.add_argument(
        "--shard", type=_shard, default=Shard(), metavar="I/N", help="only the I-th part of N"
    )
    group.add_argument(
        "--merge", action="store_true", help="join the results of shards instead of running"
    )


def run(args: argparse.Namespace) -> int:
    """0 all notebooks are ok, 1 some failed, 2 wrong usage or not everything was run."""
    refuse: Callable[[str], NoReturn] = args.refuse
    try:
        if not args.output_dir:
            raise RunUnusable("--output-dir DIR is needed: inputs are never changed")
        output = absolute(args.output_dir)
        return _merge(args, output) if args.merge else _run(args, output)
    except RunUnusable as error:
        refuse(str(error))
    except OSError as error:  # of a folder that can't be made, say
        refuse(f"{error.filename or 'the results'}: {error.strerror}")


# -- running --------------------------------------------------------------------------------------


def _run(args: argparse.Namespace, output: Path) -> int:
    inputs = find_inputs(args.notebooks, output)
    told = _settings(args)
    history = _history(output, args, told)
    plan = make_plan(args.shard.of(inputs), history, output)
    if args.dry_run:
        earlier = history.records if history else {}
        print("\n".join(plan_lines(plan, told, args.jobs, earlier)))
        return 0
    try:
        choice = kernel_choice.choose(args)
    except ValueError as error:
        raise RunUnusable(str(error)) from None
    with environment_of({**choice.env, **_kernel_env(told, args)}):
        os.environ.pop(settings.IDENTIFIER, None)
        pool = _pool()
        _make_folder(output)
        return _run_plan(args, output, told, plan, inputs, pool)


@dataclass(frozen=True)
class _Pool:
    """:ivar most: sessions it can have; None where that is not known."""

    open_timeout_s: float
    most: int | None


def _pool() -> _Pool:
    """By the environment. :raises RunUnusable: something in it is wrong."""
    try:
        of_kernel = settings.Settings.from_environ(os.environ)
        connect_to(of_kernel)
    except SessionKernelError as error:
        raise RunUnusable(in_lines(error)) from None
    most = None
    if of_kernel.endpoint == settings.LOCAL:
        with contextlib.suppress(SessionKernelError):
            most = read_record().max_sessions or None
    return _Pool(of_kernel.open_timeout_of(person=False), most)


def _run_plan(
    args: argparse.Namespace,
    output: Path,
    told: RunSettings,
    plan: Plan,
    inputs: Sequence[Input],
    pool: _Pool,
) -> int:
    journal = Journal(output)
    with contextlib.closing(journal):
        journal.begin(
            told.as_told(), shard=str(args.shard), total=len(inputs), names=names_digest(inputs)
        )
        progress = Progress()
        # The queue waits for a place, and not each kernel.
        env = {**os.environ, settings.OPEN_TIMEOUT: "0"}
        jobs = min(args.jobs, pool.most or args.jobs)
        work = Run(plan, told, journal, output, jobs, env, pool.open_timeout_s, progress)
        for note in plan.notes:
            progress.say(note)
        if jobs < args.jobs:
            progress.say(f"{jobs} at a time: the pool can't have more sessions")
        with progress.of(work):
            signals.run_told(work.run(), _Signals(work, progress).came)
        return _conclude(output, work.records, work.queue.early, _ran(work))


def _ran(work: Run) -> int:
    return sum(
        record.ran > 0 for name, record in work.records.items() if name not in work.plan.kept
    )


class _Signals:
    """Ctrl-C once: nothing more is started. Again, or SIGTERM: what runs is stopped, too."""

    def __init__(self, work: Run, progress: Progress) -> None:
        self._work, self._progress = work, progress
        self._came = 0

    def came(self, number: int) -> None:
        self._came += 1
        if number == signal.SIGINT and self._came == 1:
            running = self._work.places.with_session + self._work.places.asking
            self._progress.say(f"Finishing the {running} that run. Ctrl-C again stops them.")
            self._work.queue.drain("the run was stopped (Ctrl-C)")
        else:
            self._progress.say("Stopping the sessions.")
            self._work.queue.stop("the run was stopped")


def _conclude(output: Path, records: Mapping[str, Record], early: str, ran: int) -> int:
    counts = counts_of(records.values())
    told = [f"{number} {status}" for status, number in counts.items() if number]
    summary = f"{len(records)} notebooks: {', '.join(told)}" if told else "No notebooks"
    about = [f"Not everything was run: {early}."] if early else []
    written = True
    try:
        write_results(output, records, about)
    except OSError as error:
        written = False
        print(f"The results can't be written: {error.strerror} ({output})", file=sys.stderr)
    for line in about:
        print(line)
    print(summary)
    if cost := client_cost(ran):
        print(cost)
    code = exit_code(counts) if written else 2
    if early or counts["cut off"]:
        print("To do the rest, type the same command with --resume.")
    if written:
        print(f"Report: {output / REPORT}")
    return code


# -- what was typed -------------------------------------------------------------------------------


def _settings(args: argparse.Namespace) -> RunSettings:
    """:raises RunUnusable: a variable or a parameter is none."""
    env = {}
    for one in args.env:
        name, given, value = one.partition("=")
        if not given and name not in os.environ:
            raise RunUnusable(f"--env {name}: this shell has no such variable; use {name}=VALUE")
        env[name] = value if given else os.environ[name]
    return RunSettings(
        read_parameters(args.parameters, [(name, value) for name, value in args.pairs]),
        tuple(args.files),
        env,
        args.cell_timeout,
        args.timeout,
        args.allow_errors,
    )


def _kernel_env(told: RunSettings, args: argparse.Namespace) -> dict[str, str]:
    """What the run decides, whatever a kernelspec says: a session for each, stopped at its end."""
    env = {settings.SCOPE: "kernel", settings.ON_SHUTDOWN: "stop", **told.env}
    if told.env:
        env[ENV] = ",".join([*filter(None, [os.environ.get(ENV)]), *told.env])
    return env


def _history(output: Path, args: argparse.Namespace, told: RunSettings) -> History | None:
    """:raises RunUnusable: an earlier run is there and not meant to be, or the other way round."""
    if is_run_folder(output):
        if not args.resume and not args.dry_run:
            raise RunUnusable(
                f"--output-dir {output} has the results of an earlier run.\n"
                "  What to do:   add --resume to go on with it, or choose another folder"
            )
        history = read_history(output)
        check_same_settings(history, told)
        if history.run.get("shard") != str(args.shard):
            raise RunUnusable(
                f"the earlier run was of --shard {history.run.get('shard')}, not {args.shard}.\n"
                "  What to do:   give the same one, or choose another --output-dir"
            )
        return history
    if output.is_dir() and any(one.name != JOURNAL for one in output.iterdir()):
        raise RunUnusable(
            f"--output-dir {output} has other files, and no run's results.\n"
            "  What to do:   choose a new folder"
        )
    return None


def _make_folder(output: Path) -> None:
    """:raises RunUnusable: it can't be."""
    try:
        output.mkdir(parents=True, exist_ok=True)
        if not os.access(output, os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied")
    except OSError as error:
        raise RunUnusable(
            f"--output-dir {output} can't be written to ({error.strerror}).\n"
            "  What to do:   choose a folder that you may write to"
        ) from None


def _positive(text: str) -> int:
    value = _limit(text)
    if value < 1:
        raise argparse.ArgumentTypeError("at least 1 is needed")
    return value


def _limit(text: str) -> int:
    value = float(text) if text.isascii() and text.isdigit() else math.inf
    if value > 10_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 0")
    return int(value)


def _shard(text: str) -> Shard:
    try:
        return parse_shard(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


# -- merging --------------------------------------------------------------------------------------


def _merge(args: argparse.Namespace, output: Path) -> int:
    folders = [absolute(one) for one in args.notebooks]
    if not folders or output in folders:
        raise RunUnusable("--merge needs the shards' folders, and another one as --output-dir")
    if output.exists() and any(output.iterdir()):
        raise RunUnusable(f"--output-dir {output} is not empty: choose a new folder")
    for folder in folders:
        read_history(folder)
    _make_folder(output)
    journal = Journal(output)
    with contextlib.closing(journal):
        merged = merge(folders, output, journal)
        early = f"no results of shard {', '.join(merged.missing)}" if merged.missing else ""
        code = _conclude(output, merged.records, early, 0)
    return 2 if early else code
