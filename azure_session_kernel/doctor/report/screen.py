"""A report for people: a table with rich where it is installed, plain lines where it is not."""

from __future__ import annotations

import io
import shutil
import sys
import textwrap
from collections.abc import Iterator
from typing import Final, TextIO

from ...causes.diagnosis import Finding
from ...causes.table.row import CHECKS
from ...common.errors import in_a_terminal
from .result import NOT_REACHED, OK, PROBLEM, UNDONE, WARNING, Report, Result
from .wording import in_a_line

_MARKS: Final = {OK: "ok", WARNING: "note", PROBLEM: "FAILED", UNDONE: "-"}
_COLOURS: Final = {OK: "green", WARNING: "yellow", PROBLEM: "bold red", UNDONE: "dim"}
_MOST_COLUMNS: Final = 110
_MOST_REPLIES: Final = 4
_SURE: Final = {"high": "The cause", "medium": "Likely", "low": "Possible"}


def show(report: Report, *, verbose: bool, out: TextIO | None = None) -> None:
    """Print it. Colour only on a terminal; never wider than it, but for commands."""
    out = out or sys.stdout
    if isinstance(out, io.TextIOWrapper):
        out.reconfigure(errors="replace")
    width = min(shutil.get_terminal_size((80, 24)).columns, _MOST_COLUMNS)
    terminal = out.isatty()
    try:
        if terminal:
            _show_rich(report, verbose, out, width)
            return
    except ModuleNotFoundError:
        pass
    for line in plain_lines(report, verbose=verbose, width=width):
        print(line, file=out)


def plain_lines(report: Report, *, verbose: bool, width: int) -> Iterator[str]:
    for result in _worth_a_line(report, verbose):
        head = f"{_MARKS[result.verdict]:<7}{CHECKS[result.check]:<13}"
        yield from _wrapped(head, result.text, width)
        for detail in _details(result, verbose):
            yield from _wrapped(" " * 22, detail, width)
    if skipped := _skipped(report, verbose):
        yield from _wrapped(f"{_MARKS[UNDONE]:<7}", skipped, width)
    yield ""
    for _, text in conclusion(report, verbose=verbose):
        yield from _block(text, width)


def conclusion(report: Report, *, verbose: bool) -> Iterator[tuple[str, str]]:
    """What it comes to, as (style, text): the cause or causes, and what to do."""
    took = f"{report.took_s:.1f} s"
    if report.healthy:
        notes = [r for r in report.results if r.verdict == WARNING]
        yield "bold green", f"Healthy ({report.kind}, {took})." + (" See the notes." * bool(notes))
        return
    if not report.findings:
        yield "bold red", f"A check failed, and no cause is known for it ({took})."
        yield "", "What to do: azure-session-kernel doctor --verbose, and azure-session-kernel logs"
    shown = report.findings if verbose else report.likely
    for finding in shown:
        yield from _finding(finding)
    for text in report.untold:
        yield "", text


def _finding(finding: Finding) -> Iterator[tuple[str, str]]:
    title = f"{_SURE[finding.confidence]}: {finding.cause.title} [{finding.id}]"
    yield "bold red" if finding.confidence == "high" else "bold yellow", title
    yield "", finding.explanation
    yield "dim", f"Seen: {finding.sign.when}."
    for reply in finding.seen[:_MOST_REPLIES]:
        yield "dim", f"  {in_a_line(reply)}"
    yield "bold", f"What to do: {in_a_terminal(finding.fix)}"
    yield "", ""


def _worth_a_line(report: Report, verbose: bool) -> list[Result]:
    return [r for r in report.results if verbose or r.text != NOT_REACHED]


def _skipped(report: Report, verbose: bool) -> str:
    """The checks that were not reached, in one line."""
    names = [CHECKS[r.check] for r in report.results if r.text == NOT_REACHED]
    return "" if verbose or not names else f"Not done: {', '.join(names)}"


def _details(result: Result, verbose: bool) -> tuple[str, ...]:
    return result.details if verbose or result.verdict in (PROBLEM, WARNING) else ()


def _wrapped(head: str, text: str, width: int) -> list[str]:
    clean = "".join(c if c.isprintable() else " " for c in text)
    lines = textwrap.wrap(clean, max(20, width - len(head)), break_on_hyphens=False) or [""]
    return [f"{head}{lines[0]}".rstrip(), *(" " * len(head) + line for line in lines[1:])]


def _block(text: str, width: int) -> Iterator[str]:
    """Prose is wrapped; a command on a line of its own stays whole, so that it can be copied."""
    first, *commands = text.split("\n")
    if first.startswith("  "):  # what was answered, whatever that is
        yield from textwrap.wrap(first, width, subsequent_indent="    ", break_on_hyphens=False)
        return
    yield from textwrap.wrap(first, width, break_long_words=False, break_on_hyphens=False) or [""]
    for line in commands:
        if _is_command(line):
            yield f"    {line}"
        else:
            yield from textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False)


def _is_command(line: str) -> bool:
    return line.startswith(("az ", "azure-session-kernel ", "pip "))


def _show_rich(report: Report, verbose: bool, out: TextIO, width: int) -> None:
    """:raises ModuleNotFoundError: rich is not installed."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=out, width=width, highlight=False)
    table = Table(box=None, padding=(0, 1), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for result in _worth_a_line(report, verbose):
        colour = _COLOURS[result.verdict]
        text = "\n".join((result.text, *_details(result, verbose)))
        table.add_row(
            Text(_MARKS[result.verdict], colour),
            Text(CHECKS[result.check], "dim" if result.verdict == UNDONE else ""),
            Text(text, "dim" if result.verdict == UNDONE else ""),
        )
    console.print(table)
    if skipped := _skipped(report, verbose):
        console.print(Text(f" {skipped}", "dim"))
    console.print()
    for style, text in conclusion(report, verbose=verbose):
        for line in _block(text, width):
            console.print(Text(line, style), soft_wrap=True)
