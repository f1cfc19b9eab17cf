"""How figures grow: with cells, messages, bytes and sessions; and the constants fitted to that."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path

from azure_session_kernel.common.private_files import write_private
from azure_session_kernel.session.identity import Scope
from azure_session_kernel.session.lease import Lease, LeaseStore

from .cells import run, run_all
from .column import LOCAL, Column
from .kernels import Kernel
from .places import Places, places
from .processes import MB, cpu_s, machine, memory_mb
from .results import on

OURS = Column("ours")
CELLS, DISPLAYS = (10, 50, 200), (1, 10, 100, 1000)
BYTES = (1_000, 100_000, 1_000_000, 10_000_000, 50_000_000)
SESSIONS, IDLE_S = (1, 5, 20), 10.0
LEASES = (100, 1_000, 10_000)
#: Of which the second is one process for all kernels.
ROLES = ("kernel", "pool's front", "adapter", "interpreter")

#: By size: seconds, or whatever is counted.
Measured = dict[float, float]


def fitted(values: Mapping[float, float]) -> tuple[float, float]:
    """Least squares of relative errors, (constant, what each one more adds): the small count as
    much as the large."""
    points = [(size, value, 1 / max(value, 1e-9) ** 2) for size, value in values.items()]
    weight = sum(w for _, _, w in points)
    middle = sum(w * size for size, _, w in points) / weight
    mean = sum(w * value for _, value, w in points) / weight
    spread = sum(w * (size - middle) ** 2 for size, _, w in points)
    slope = sum(w * (size - middle) * (value - mean) for size, value, w in points) / spread
    return mean - slope * middle, slope


def growth(scale: float) -> Iterator[str]:
    """Lines of Markdown. :param scale: of the largest sizes, and of how often each is measured."""
    repeats = max(1, round(5 * scale))
    yield on({**machine(), "scale": str(scale)})
    yield ""
    with (
        tempfile.TemporaryDirectory(prefix="cmp-", ignore_cleanup_errors=True) as directory,
        places(Path(directory), [LOCAL, OURS]) as there,
    ):
        kernels = {column: there.start(column) for column in (OURS, LOCAL)}
        for column, kernel in kernels.items():
            there.find_processes(kernel, column)
        there.settle()
        yield "| | | ours: ms | CPU ms | ipykernel: ms | CPU ms |"
        yield "| --- | --- | ---: | ---: | ---: | ---: |"
        for what, one, sizes, work in (
            ("cells of Run All", "cell", CELLS, run_all),
            ("displays of a cell", "display", DISPLAYS, _displayed),
            ("bytes of an output", "MB", BYTES, _printed),
        ):
            yield from _grown(what, one, _up_to(sizes, scale), work, kernels, repeats)
        for kernel in kernels.values():
            kernel.end()
        yield ""
        yield from _sessions(there, _up_to(SESSIONS, scale))
        yield ""
        yield from _leases(LeaseStore(Path(directory) / "leases"), _up_to(LEASES, scale))


def _up_to(sizes: Sequence[int], scale: float) -> Sequence[int]:
    return [size for size in sizes if size <= max(sizes) * scale or size == min(sizes)]


def _grown(
    what: str,
    one: str,
    sizes: Sequence[int],
    work: Callable[[Kernel, int], float],
    kernels: Mapping[Column, Kernel],
    repeats: int,
) -> Iterator[str]:
    took: dict[Column, Measured] = {column: {} for column in kernels}
    used: dict[Column, Measured] = {column: {} for column in kernels}
    for size in sizes:
        each: dict[Column, list[tuple[float, float]]] = {column: [] for column in kernels}
        for _ in range(repeats):
            for column, kernel in kernels.items():
                before = _cpu_s(kernel)
                took_s = work(kernel, size)
                each[column].append((took_s, _cpu_s(kernel) - before))
        for column, pairs in each.items():
            took[column][size] = statistics.median(pair[0] for pair in pairs)
            used[column][size] = statistics.median(pair[1] for pair in pairs)
        cells = (values[column][size] * 1e3 for column in kernels for values in (took, used))
        yield f"| {what} | {size:,} | " + " | ".join(f"{value:.1f}" for value in cells) + " |"
    if len(sizes) > 1:
        fits = [fitted(values[column]) for column in kernels for values in (took, used)]
        unit = 1e3 * (MB if one == "MB" else 1)
        for name, numbers in (
            ("constant", [c * 1e3 for c, _ in fits]),
            (f"for each {one}", [s * unit for _, s in fits]),
        ):
            yield f"| | {name} | " + " | ".join(f"**{number:.2f}**" for number in numbers) + " |"


def _cpu_s(kernel: Kernel) -> float:
    return sum(map(cpu_s, kernel.processes.values()))


def _displayed(kernel: Kernel, count: int) -> float:
    show = "display({'text/plain': str(i)}, raw=True)"
    code = f"from IPython.display import display\nfor i in range({count}): {show}"
    cell = run(kernel, code)
    if cell.characters["text/plain"] != sum(len(str(i)) for i in range(count)):
        raise SystemExit(f"{kernel.processes}: displays are missing")
    return cell.over_s


def _printed(kernel: Kernel, size: int) -> float:
    cell = run(kernel, f"print('x' * {size - 1})")
    if cell.characters["stdout"] != size:
        raise SystemExit(f"{kernel.processes}: {cell.characters} instead of {size} characters")
    return cell.over_s


def _sessions(there: Places, counts: Sequence[int]) -> Iterator[str]:
    """With so many kernels open at once: what their processes take, idle and for a cell in each."""
    found: dict[str, Measured] = {}
    opened: list[Kernel] = []
    for count in counts:
        started = [_started(there) for _ in range(count - len(opened))]
        opened += started
        there.settle()
        for role in ROLES:
            pids = {kernel.processes[role] for kernel in opened}
            memory = sum(memory_mb(pid)[1] for pid in pids)
            found.setdefault(f"{role}: PSS, MB", {})[count] = memory
        for role, ms in _used_ms(opened, partial(time.sleep, IDLE_S)).items():
            found.setdefault(f"{role}: CPU while idle, ms a minute", {})[count] = ms * 60 / IDLE_S
        began = time.perf_counter()
        used_ms = _used_ms(opened, partial(_a_cell_in_each, opened))
        found.setdefault("a cell in each at once, ms", {})[count] = (
            time.perf_counter() - began
        ) * 1e3
        for role, ms in used_ms.items():
            found.setdefault(f"{role}: CPU for these, ms", {})[count] = ms
    yield "| kernels open at once |" + "".join(f" {count} |" for count in counts) + " each more |"
    yield "| --- |" + " ---: |" * (len(counts) + 1)
    for what, values in found.items():
        each = f"**{fitted(values)[1]:.2f}**" if len(values) > 1 else ""
        cells = (f"{value:.1f}" for value in values.values())
        yield f"| {what} | " + " | ".join([*cells, each]) + " |"
    for kernel in opened:
        kernel.end()


def _started(there: Places) -> Kernel:
    there.settle()
    kernel = there.start(OURS)
    there.find_processes(kernel, OURS)
    return kernel


def _used_ms(kernels: Sequence[Kernel], work: Callable[[], None]) -> dict[str, float]:
    """CPU by role meanwhile, of all kernels together."""
    pids = {role: {kernel.processes[role] for kernel in kernels} for role in ROLES}
    before = {role: sum(map(cpu_s, each)) for role, each in pids.items()}
    work()
    return {role: (sum(map(cpu_s, each)) - before[role]) * 1e3 for role, each in pids.items()}


def _a_cell_in_each(kernels: Sequence[Kernel]) -> None:
    with ThreadPoolExecutor(len(kernels)) as pool:
        for cell in pool.map(lambda kernel: run(kernel, "1 + 1"), kernels):
            if cell.text != "2":
                raise SystemExit(f"1 + 1 is {cell.text!r}")


def _leases(store: LeaseStore, counts: Sequence[int]) -> Iterator[str]:
    """What a session's opening costs where so many others are known to its user."""
    took: Measured = {}
    for count in counts:
        for n in range(count):
            lease = Lease.new(f"session-{n}", "https://pool", Scope("kernel", str(n)))
            write_private(store.record(lease), json.dumps(asdict(lease)).encode())
        before = time.thread_time()
        if len(store.find("https://pool", Scope("kernel", "0").digest)) != 1:
            raise SystemExit("a lease is missing")
        took[count] = (time.thread_time() - before) * 1e3
    yield "| leases of one user |" + "".join(f" {count:,} |" for count in counts) + " each more |"
    yield "| --- |" + " ---: |" * (len(counts) + 1)
    each = f"**{fitted(took)[1]:.3f}**" if len(took) > 1 else ""
    cells = (f"{value:.1f}" for value in took.values())
    yield "| CPU of finding a session's own, ms | " + " | ".join([*cells, each]) + " |"
