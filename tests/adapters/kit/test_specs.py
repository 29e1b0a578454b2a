"""Specs and configuration refuse what contradicts itself."""

from typing import Any

import numpy as np
import pytest

from adapters.kit.gateway_config import GatewayConfig
from adapters.kit.resource_spec import TERMS_OF, StorageTerms
from adapters.registry import standard_adapters
from tests.adapters.gateway_rig import process
from vpp.domain.errors import InputError
from vpp.domain.fleet import ResourceKind


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"terms": StorageTerms()}, "resource 'r1' of kind 'factory_process' has StorageTerms, not LoadTerms"),
        ({"device_count": 0}, "resource 'r1': 0 devices from index 0; it needs at least 1 from index 0 on"),
        ({"rated_kw": 0.0}, "resource 'r1': rated power 0.0 kW is not > 0"),
        ({"profile_kw": np.zeros(24)}, r"resource 'r1': profile of shape \(24,\), not \(96,\)"),
    ],
)
def test_resource_spec__refuses(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        process(**changes)


@pytest.mark.parametrize(
    ("specs", "message"),
    [
        ((process(), process()), "gateway 'g': resource id 'r1' is used twice"),
        ((process(), process("r2", 1)), "gateway 'g': device 1 belongs to 'r1' and 'r2'"),
        ((process("r1", 3),), "gateway 'g': resource 'r1' names device 4, but there are 4"),
    ],
)
def test_gateway_config__refuses(specs: tuple[Any, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        GatewayConfig("g", specs, 4)


def test_registry__every_kind_has_an_adapter_and_terms() -> None:
    assert set(standard_adapters()) == set(TERMS_OF) == set(ResourceKind)
