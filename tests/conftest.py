"""What every test lives under: loopback only, and no deadline that a busy machine could break."""

import ipaddress
import sys

import pytest
from hypothesis import settings

# Shared by tests of several folders, whichever of them is collected first.
pytest.register_assert_rewrite(
    "tests.e2e.soundness",
    "tests.e2e.virtual_district",
    "tests.e2e.field",
    "tests.vpp.api.api_rig",
    "tests.vpp.api.district_at_work",
)
settings.register_profile("beichen", deadline=None, print_blob=True)
settings.load_profile("beichen")


def _refuse_other_hosts(event: str, args: tuple[object, ...]) -> None:
    """An audit hook: it also sees connections that libraries open, and needs no patching."""
    if event == "socket.connect" and isinstance(address := args[1], tuple) and not _is_loopback(str(address[0])):
        raise ConnectionRefusedError(f"tests connect to loopback only, not to {address[0]}")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


sys.addaudithook(_refuse_other_hosts)
