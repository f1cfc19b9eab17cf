"""``azure-session-kernel run``: many notebooks, each in a session of its own."""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

from ..common.errors import SettingsError
from ..runs.dry_run import plan_lines
from ..runs.folder import history_of, make_folder, remove_unfinished
from ..runs.inputs import absolute, find_inputs
from ..runs.journal import Journal, read_history
from ..runs.log import LOG, log_kept
from ..runs.merge import merge
from ..runs.parameters import read_parameters
from ..runs.plan import RunSettings, Shard, make_plan, names_digest, parse_shard
from ..runs.pool import pool_of
from ..runs.progress import Progress, client_cost
from ..runs.record import Record
from ..runs.results import REPORT, counts_of, exit_code, write_results
from ..runs.run import Run
from ..runs.unusable import RunUnusable
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
    except ValueError as error:  # RunUnusable, and which kernel is meant
        refuse(str(error))
    except SettingsError as error:
        refuse(in_lines(error))
    except OSError as error:
        refuse(f"{error.filename or 'the results'}: {error.strerror}")


# -- running --------------------------------------------------------------------------------------


def _run(args: argparse.Namespace, output: Path) -> int:
    inputs = find_inputs(args.notebooks, output)
    told = _settings(args)
    history = history_of(output, told, args.shard, args.resume or args.dry_run)
    plan = make_plan(args.shard.of(inputs), history, output)
    if args.dry_run:
        earlier = history.records if history else {}
        print("\n".join(plan_lines(plan, told, args.jobs, earlier)))
        return 0
    with environment_of(kernel_choice.choose(args).env):
        pool = pool_of(os.environ, told)
        make_folder(output)
        with contextlib.closing(Journal(output)) as journal, log_kept(output / LOG):
            remove_unfinished(output)
            journal.begin(
                told.as_told(), shard=str(args.shard), total=len(inputs), names=names_digest(inputs)
            )
            jobs = min(args.jobs, pool.most or args.jobs)
            progress = Progress()
            work = Run(plan, told, journal, output, jobs, pool, progress)
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
    make_folder(output)
    journal = Journal(output)
    with contextlib.closing(journal):
        merged = merge(folders, output, journal)
        early = f"no results of shard {', '.join(merged.missing)}" if merged.missing else ""
        code = _conclude(output, merged.records, early, 0)
    return 2 if early else code
