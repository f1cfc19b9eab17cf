"""What ``setup`` is asked for: options, the questions in their place, and both as a plan."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from ..azure_setup.arm import Arm
from ..azure_setup.names import RESOURCES, SUBSCRIPTIONS, Names
from ..azure_setup.plan import COOLDOWN_S, CUSTOM, KINDS, MOST_SESSIONS, Plan, in_azures_words
from ..azure_setup.providers import regions
from ..azure_setup.questions import (
    Subscription,
    ask_group,
    ask_kind,
    ask_number,
    ask_packages,
    ask_region,
    ask_subscription,
)
from ..common.errors import SetupFailed

_GROUP = "course-sessions"
_REGION = "westeurope"


def register(parser: argparse.ArgumentParser, names: Names) -> None:
    add = parser.add_argument
    add(
        "--subscription",
        default=os.environ.get("AZURE_SUBSCRIPTION_ID", ""),
        metavar="ID",
        help="the subscription (default: AZURE_SUBSCRIPTION_ID, or asked)",
    )
    add("--resource-group", default="", metavar="NAME", help="made if it is not there")
    add("--region", default="", metavar="NAME", help="such as westeurope")
    add("--kind", choices=KINDS, help="containers with our adapter, or Azure's own PythonLTS")
    add("--name", default="", help=f"of the pool (default: {names.base}, or {names.builtin_pool})")
    add("--max-sessions", type=int, metavar="N", help=f"at a time (default: {names.max_sessions})")
    add(
        "--ready-sessions",
        type=int,
        metavar="N",
        help=f"that wait for a kernel, custom only (default: {names.ready_sessions})",
    )
    add(
        "--cooldown",
        type=int,
        metavar="S",
        help=f"seconds without a request after which a session ends (default: {names.cooldown_s})",
    )
    add("--packages", metavar="FILE", help="the course's requirements.txt or environment.yml")
    add("--egress", action="store_true", help="let sessions reach the internet")
    add("--user", action="append", default=[], metavar="ID", help="object id of who may use it too")
    add(
        "--users-are",
        choices=("User", "Group", "ServicePrincipal"),
        default="User",
        help="what --user names",
    )
    add("--source", default="", metavar="DIR", help="a copy of this project's repository")
    add("--image-tag", default="", metavar="TAG", help="take this image, which is there already")


async def subscriptions(arm: Arm) -> list[Subscription]:
    """Those that the account sees.

    :raises Refused: :raises SetupFailed: there is none.
    """
    found = await arm.values("/subscriptions", SUBSCRIPTIONS)
    known = [
        Subscription(str(one["subscriptionId"]), str(one.get("displayName") or "without a name"))
        for one in found
        if one.get("subscriptionId")
    ]
    if not known:
        raise SetupFailed(
            "Your account sees no Azure subscription.",
            cause="You are signed in to a tenant without one, or have no role in it.",
            fix="Sign in to the right tenant, or get a subscription (Azure for Students is one):\n"
            "az login --tenant TENANT\naz account list --all --output table",
        )
    return known


@dataclass(frozen=True)
class Surroundings:
    """:ivar location: of the group, if it is there. :ivar regions: that have session pools."""

    location: str
    regions: Sequence[str]


async def surroundings(arm: Arm, subscription: str, group: str) -> Surroundings:
    """:raises Refused:"""
    there = await arm.get(f"/subscriptions/{subscription}/resourceGroups/{group}", RESOURCES)
    location = str((there or {}).get("location") or "")
    return Surroundings(location, await regions(arm, subscription))


def where(args: argparse.Namespace, known: Sequence[Subscription]) -> tuple[str, str]:
    """Subscription and group, for what needs no more. They are kept in ``args``, too.

    :raises SetupFailed: the account does not see that subscription.
    """
    one = len(known) == 1
    _ask_on_a_terminal(args, () if one else ("subscription",), ("resource_group",))
    if not args.subscription:
        args.subscription = ask_subscription(known)
    elif args.subscription not in [one.id for one in known]:
        raise SetupFailed(
            f"Your account does not see the subscription {args.subscription}.",
            cause="It is of another tenant than the one you are signed in to, or mistyped.",
            fix="See which there are, and sign in to the right tenant:\n"
            "az account list --all --output table\naz login --tenant TENANT",
        )
    if not args.resource_group:
        args.resource_group = ask_group(_GROUP, "" if args.remove else " (made if it is not there)")
    return args.subscription, args.resource_group


def plan(
    args: argparse.Namespace,
    names: Names,
    known: Sequence[Subscription],
    around: Callable[[str, str], Surroundings],
) -> Plan:
    """:param around: what Azure says of a subscription and a group in it."""
    asking = sys.stdin.isatty() and not (args.region and args.kind)
    _ask_on_a_terminal(args, ("resource_group", "region", "kind"))
    subscription, group = where(args, known)
    if not args.region:
        there = around(subscription, group)
        args.region = ask_region(there.location or _REGION, there.regions)
    if not args.kind:
        args.kind = ask_kind(KINDS)
    custom = args.kind == CUSTOM
    if asking:
        _sizes(args, names, custom)
    return Plan(
        names=names,
        subscription=subscription,
        group=group,
        region=in_azures_words(args.region),
        kind=args.kind,
        name=args.name or (names.base if custom else names.builtin_pool),
        max_sessions=_given(args.max_sessions, names.max_sessions),
        ready_sessions=_given(args.ready_sessions, names.ready_sessions) if custom else 0,
        cooldown_s=_given(args.cooldown, names.cooldown_s),
        egress=args.egress,
        packages=Path(args.packages) if args.packages else None,
        image_tag=args.image_tag,
        users=tuple(args.user),
        users_are=args.users_are,
    )


def _sizes(args: argparse.Namespace, names: Names, custom: bool) -> None:
    """They have defaults, so they are asked only of somebody who is being asked anyway."""
    if args.max_sessions is None:
        question = "Sessions at a time, at most (one for each open notebook)"
        args.max_sessions = ask_number(question, names.max_sessions, 1 + custom, MOST_SESSIONS)
    if custom and args.ready_sessions is None:
        question = "Sessions that always wait, so that a kernel starts at once"
        args.ready_sessions = ask_number(
            question, names.ready_sessions, 1, max(1, args.max_sessions - 1)
        )
    if args.cooldown is None:
        question = "Seconds after which an unused session ends"
        args.cooldown = ask_number(question, names.cooldown_s, *COOLDOWN_S)
    if custom and not args.packages and not args.image_tag:
        packages = ask_packages()
        args.packages = str(packages) if packages else None


def _given(value: int | None, default: int) -> int:
    return default if value is None else value


def _ask_on_a_terminal(args: argparse.Namespace, *options: Sequence[str]) -> None:
    """Without one, whatever is missing is named."""
    refuse: Callable[[str], NoReturn] = args.refuse
    missing = [one for names in options for one in names if not getattr(args, one)]
    if missing and not sys.stdin.isatty():
        named = ", ".join(f"--{one.replace('_', '-')}" for one in missing)
        refuse(f"{named}: missing, and there is no terminal to ask on")
