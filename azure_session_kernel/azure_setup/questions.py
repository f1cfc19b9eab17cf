"""What was not given is asked, with what Enter takes; on a terminal only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .plan import in_azures_words, is_group

Check = Callable[[str], str]


@dataclass(frozen=True)
class Subscription:
    id: str
    name: str


def ask(question: str, default: str, check: Check = str) -> str:
    """:param check: raises ValueError with what is wrong; then the question comes again."""
    shown = f"{question} [{default}]: " if default else f"{question}: "
    while True:
        typed = input(shown).strip() or default
        try:
            return check(typed)
        except ValueError as error:
            print(f"  {error}")


def ask_subscription(known: Sequence[Subscription]) -> str:
    """One of those that the account sees."""
    if len(known) == 1:
        print(f"Subscription: {known[0].name} ({known[0].id})")
        return known[0].id
    print("Your subscriptions:")
    for number, one in enumerate(known, 1):
        print(f"  {number}  {one.name} ({one.id})")

    def chosen(typed: str) -> str:
        if typed.isdecimal() and 1 <= int(typed) <= len(known):
            return known[int(typed) - 1].id
        if typed in [one.id for one in known]:
            return typed
        raise ValueError(f"a number from 1 to {len(known)}")

    return ask("Which one?", "1", chosen)


def ask_group(default: str, hint: str) -> str:
    def group(typed: str) -> str:
        if not is_group(typed):
            raise ValueError("letters, digits, - _ . ( ), and no more")
        return typed

    return ask(f"Resource group{hint}", default, group)


def ask_region(default: str, known: Sequence[str]) -> str:
    """:param known: those that have session pools; [] if that is not known."""

    def region(typed: str) -> str:
        typed = in_azures_words(typed)
        if known and typed not in known:
            raise ValueError(f"one that has session pools: {', '.join(known)}")
        return typed

    return ask("Region", default, region)


def ask_kind(kinds: Sequence[str]) -> str:
    print("Kinds of pool:")
    print("  1  custom   containers with our adapter: everything works, packages of your choice")
    print("  2  builtin  Azure's own PythonLTS: nothing to build, with Azure's packages")

    def chosen(typed: str) -> str:
        if typed.lower() in kinds:
            return typed.lower()
        if typed.isdecimal() and 1 <= int(typed) <= len(kinds):
            return kinds[int(typed) - 1]
        raise ValueError(f"1 or 2, {' or '.join(kinds)}")

    return ask("Which one?", "1", chosen)


def ask_number(question: str, default: int, lowest: int, highest: int) -> int:
    def number(typed: str) -> str:
        if not typed.isdecimal() or not lowest <= int(typed) <= highest:
            raise ValueError(f"a number from {lowest} to {highest}")
        return typed

    return int(ask(question, str(default), number))


def ask_packages() -> Path | None:
    def file(typed: str) -> str:
        if typed and not Path(typed).expanduser().is_file():
            raise ValueError(f"there is no file {typed}")
        return typed

    question = "Packages of the course (requirements.txt or environment.yml; Enter: none)"
    typed = ask(question, "", file)
    return Path(typed).expanduser() if typed else None
