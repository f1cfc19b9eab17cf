"""``azure-session-kernel setup``: a session pool in Azure, from a subscription to a kernel.

Without ``--apply`` nothing is changed: it shows the plan, what it costs, and the commands.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import os
import shlex
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

from ..azure_setup import removal
from ..azure_setup.arm import Arm, Refused
from ..azure_setup.names import Names, read_names
from ..azure_setup.plan import Plan, fault, in_azures_words
from ..azure_setup.questions import Subscription
from ..azure_setup.refusals import explained
from ..azure_setup.resources import State
from ..azure_setup.roles import who_am_i
from ..azure_setup.screen import Screen
from ..azure_setup.source import find_source, read_source
from ..azure_setup.steps import Step, steps
from ..azure_setup.waiting import RealClock
from ..common.errors import SessionKernelError
from ..doctor.management_plane import ARM_SCOPE
from ..pool.credentials import AzureToken
from ..session.settings import CREDENTIAL
from . import setup_answers, setup_kernel, setup_words, signals
from .setup_answers import Surroundings
from .shipped import shipped

T = TypeVar("T")
_INTERRUPTED: Final = """Interrupted. What is made stays.
  To go on:      the same command again
  To remove it:  azure-session-kernel setup --remove"""


def register(parser: argparse.ArgumentParser) -> None:
    setup_answers.register(parser, read_names(shipped("deploy")))
    add = parser.add_argument
    add("--apply", action="store_true", help="do it; without this, it is only shown")
    add("--remove", action="store_true", help="take away what setup has made in the group")
    add("--kernel", default="", metavar="NAME", help="the kernel's name (default: azure-session)")


def run(args: argparse.Namespace) -> int:
    """Exit codes: 0 shown or done, 1 it failed or doctor has found something, 2 wrong usage."""
    work = Setup(args)
    try:
        return work.remove() if args.remove else work.run()
    except KeyboardInterrupt:
        if args.apply:
            work.screen.broken()
            print(_INTERRUPTED, file=sys.stderr)
        raise


def connect() -> Arm:
    """Tests put another one in its place."""
    return Arm(_tokens(os.environ.get(CREDENTIAL) or "default"), RealClock())


@functools.cache
def _tokens(credential: str) -> AzureToken:
    """One for all conversations: ``az`` takes some seconds for a token."""
    return AzureToken(credential, ARM_SCOPE)


class Setup:
    """One call of the command."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._refuse: Callable[[str], NoReturn] = args.refuse
        self._names: Names = read_names(shipped("deploy"))
        self.screen = Screen(RealClock())

    def run(self) -> int:
        me, known = self._talk(self._account)
        plan = setup_answers.plan(self._args, self._names, known, self._around)
        if wrong := fault(plan):
            self._refuse(wrong)
        files = {}
        if plan.custom and not plan.image_tag:
            files = read_source(find_source(_places(self._args.source)), plan.packages)
        return self._talk(lambda arm: self._plan_and_make(arm, plan, steps(arm, plan, files, me)))

    async def _account(self, arm: Arm) -> tuple[str, list[Subscription]]:
        me = await who_am_i(arm)
        return me, await setup_answers.subscriptions(arm)

    def _around(self, subscription: str, group: str) -> Surroundings:
        return self._talk(lambda arm: setup_answers.surroundings(arm, subscription, group))

    async def _plan_and_make(self, arm: Arm, plan: Plan, todo: list[Step]) -> int:
        self.screen = Screen(arm.clock)
        say = self.screen.say
        for line in setup_words.described(plan):
            say(line)
        if not self._args.apply:
            await self._show(todo)
            again = setup_words.as_typed(plan, self._args)
            say(f"\nNothing was changed. To make it:\n    {again} --apply")
            return 0
        say()
        for number, step in enumerate(todo, 1):
            await self._one(number, len(todo), step)
        return await setup_kernel.finish(arm, plan, self._args.kernel, self.screen)

    async def _show(self, todo: list[Step]) -> None:
        self.screen.say("\nSteps")
        for number, step in enumerate(todo, 1):
            self.screen.begin(number, len(todo), step.title)
            with _explained(f"look at the {step.title}", self._args):
                state = await step.look()
            self.screen.end(state.value)
        self.screen.say("\nThe same with az (in a copy of the repository):")
        for step in todo:
            for command in step.commands:
                self.screen.say(f"    {command}")

    async def _one(self, number: int, of: int, step: Step) -> None:
        self.screen.begin(number, of, step.title)
        try:
            with _explained(f"make the {step.title}", self._args):
                state = await step.look()
                if state is not State.THERE:
                    await step.make(self.screen.now)
        except SessionKernelError:
            self.screen.end("FAILED")
            raise
        self.screen.end(_DONE.get(state, "done"))

    def remove(self) -> int:
        _, known = self._talk(self._account)
        subscription, group = setup_answers.where(self._args, known)
        return self._talk(lambda arm: self._remove(arm, subscription, group))

    async def _remove(self, arm: Arm, subscription: str, group: str) -> int:
        self.screen = Screen(arm.clock)
        say = self.screen.say
        found = await removal.look(arm, subscription, group)
        if found.empty:
            say(
                f"Nothing in the resource group {group} was made by setup."
                if found.exists
                else f"There is no resource group {group}."
            )
            return 0
        say(f"Of the resource group {group}, setup has made:")
        for title in found.titles():
            say(f"    {title}")
        kernels = setup_kernel.kernels_of(found.endpoints)
        for name in kernels:
            say(f"    the kernel {name!r} on this machine, which uses that pool")
        if found.others:
            say(f"What else is there stays, and so does the group: {', '.join(found.others)}")
        if not self._args.apply:
            say("\nThe same with az:")
            for command in found.commands():
                say(f"    {command}")
            typed = f"--subscription {subscription} --resource-group {shlex.quote(group)}"
            say("\nNothing was removed. To remove it, with all that is in the sessions:")
            say(f"    azure-session-kernel setup --remove {typed} --apply")
            return 0
        for name in kernels:  # first: afterwards nothing tells any more whose they were
            setup_kernel.forget(name)
            say(f"Removed the kernel {name!r}.")
        await removal.remove(arm, found, self.screen)
        return 0

    def _talk(self, talk: Callable[[Arm], Coroutine[Any, Any, T]]) -> T:
        """One conversation with Azure. :raises SetupFailed:"""

        async def whole() -> T:
            arm = connect()
            try:
                with _explained("answer", self._args):
                    return await talk(arm)
            finally:
                await arm.aclose()

        return signals.run(whole())


_DONE: Final = {State.THERE: "is there", State.DIFFERS: "changed"}


@contextlib.contextmanager
def _explained(doing: str, args: argparse.Namespace) -> Iterator[None]:
    """:raises SetupFailed: for what Azure refuses within."""
    try:
        yield
    except Refused as refused:
        raise explained(refused, doing, **_fields(args)) from None


def _fields(args: argparse.Namespace) -> dict[str, str]:
    subscription = args.subscription or "SUBSCRIPTION"
    group = args.resource_group or "GROUP"
    return {
        "subscription": subscription,
        "group": group,
        "region": in_azures_words(args.region or "REGION"),
        "scope": f"/subscriptions/{subscription}",
    }


def _places(given: str) -> tuple[Path, ...]:
    if given:
        return (Path(given),)
    return (Path.cwd(), shipped("deploy").parent)
