"""The pool of a run, and the environment of its kernels."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

from ..common.errors import SettingsError
from ..pool.local_record import read_record
from ..session import settings
from ..session.environment import SETTING as ENV
from ..session.opening import connect_to
from .plan import RunSettings


@dataclass(frozen=True)
class Pool:
    """:ivar env: the kernels'. :ivar open_timeout_s: how long a full pool is waited for.

    :ivar most: sessions that it can have; None where that is not known.
    """

    env: Mapping[str, str]
    open_timeout_s: float
    most: int | None


def pool_of(environ: Mapping[str, str], told: RunSettings) -> Pool:
    """:param environ: with the settings of the kernel whose pool it is.

    :raises SettingsError: no pool is configured, or something in it is wrong.
    """
    env = {**environ, **told.env, settings.SCOPE: "kernel", settings.ON_SHUTDOWN: "stop"}
    env.pop(settings.IDENTIFIER, None)
    if told.env:
        env[ENV] = ",".join([*filter(None, [environ.get(ENV)]), *told.env])
    checked = settings.Settings.from_environ(env)
    connect_to(checked)
    most = None
    if checked.endpoint == settings.LOCAL:
        with contextlib.suppress(SettingsError):
            most = read_record().max_sessions or None
    env[settings.OPEN_TIMEOUT] = "0"  # the queue waits for a place, and not each kernel
    return Pool(env, checked.open_timeout_of(person=False), most)
