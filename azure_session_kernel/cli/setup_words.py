"""How ``setup`` says a plan: what will be made, what it costs, and as a command."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator

from ..azure_setup import cost
from ..azure_setup.plan import Plan


def described(plan: Plan) -> Iterator[str]:
    """What will be made, and what it costs."""
    kind = "custom containers with our adapter" if plan.custom else "Azure's built-in PythonLTS"
    ready = f", {plan.ready_sessions} of them ready at all times" if plan.custom else ""
    yield "\nPlan"
    yield f"  where     {plan.region}, resource group {plan.group}"
    yield f"            subscription {plan.subscription}"
    yield f"  pool      {plan.name}: {kind}"
    yield f"  sessions  {plan.max_sessions} at most{ready}; end after {plan.cooldown_s} s unused"
    yield f"  internet  {'sessions reach it' if plan.egress else 'sessions do not reach it'}"
    if plan.custom:
        yield f"  packages  {plan.packages or 'those of the image'}"
    yield "\nCost"
    yield from (f"  {line}" for line in cost.lines(plan))


def as_typed(plan: Plan, args: argparse.Namespace) -> str:
    """The command that asks nothing and means the same."""
    words = ["azure-session-kernel", "setup", "--subscription", plan.subscription]
    words += ["--resource-group", plan.group, "--region", plan.region, "--kind", plan.kind]
    given = {
        "--name": args.name,
        "--max-sessions": args.max_sessions,
        "--ready-sessions": args.ready_sessions if plan.custom else None,
        "--cooldown": args.cooldown,
        "--packages": plan.packages,
        "--source": args.source,
        "--image-tag": args.image_tag,
        "--kernel": args.kernel,
    }
    for option, value in given.items():
        words += [option, str(value)] if value else []
    words += ["--egress"] if plan.egress else []
    for user in plan.users:
        words += ["--user", user]
    words += ["--users-are", plan.users_are] if plan.users and plan.users_are != "User" else []
    return shlex.join(words)
