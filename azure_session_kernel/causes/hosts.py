"""What a host's name tells: whether it is this machine, and Azure's region, also a misspelled one.

New regions come up, so a name that is not here proves nothing; one that is nearly here tells much.
"""

from __future__ import annotations

import difflib
import ipaddress
from typing import Final

_NAMES: Final = """
    australiacentral australiacentral2 australiaeast australiasoutheast austriaeast
    belgiumcentral brazilsouth brazilsoutheast canadacentral canadaeast centralindia centralus
    centraluseuap chilecentral eastasia eastus eastus2 eastus2euap francecentral francesouth
    germanynorth germanywestcentral indonesiacentral israelcentral italynorth japaneast
    japanwest jioindiacentral jioindiawest koreacentral koreasouth malaysiawest mexicocentral
    newzealandnorth northcentralus northeurope norwayeast norwaywest polandcentral qatarcentral
    southafricanorth southafricawest southcentralus southeastasia southindia spaincentral
    swedencentral swedensouth switzerlandnorth switzerlandwest uaecentral uaenorth uksouth
    ukwest westcentralus westeurope westindia westus westus2 westus3
"""
REGIONS: Final = frozenset(_NAMES.split())


def is_loopback(host: str) -> bool:
    """``localhost``, ``127.0.0.0/8`` or ``::1``, spelled out; other spellings do not count."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def region_of(host: str) -> str:
    """``eastasia`` of ``eastasia.dynamicsessions.io`` or ``pool.env.eastasia.azure…``; or ""."""
    labels = host.split(".")
    if host.endswith(".dynamicsessions.io"):
        return labels[0]
    return labels[-3] if host.endswith(".azurecontainerapps.io") and len(labels) >= 5 else ""


def meant_region(host: str) -> str:
    """The region whose name is misspelled in ``host``; "" when it is right or unlike any."""
    region = region_of(host)
    if not region or region in REGIONS:
        return ""
    return next(iter(difflib.get_close_matches(region, sorted(REGIONS), 1, 0.8)), "")
