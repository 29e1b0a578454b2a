"""The OpenAPI document taken at its word: whatever it allows or forbids, no answer is a 5xx or undocumented."""

from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.vpp.api.api_rig import Api
from tests.vpp.api.district_at_work import DRAFT, INVITED, RUNNING, SETTLED, Caught
from tests.vpp.api.serving import Serving, served

EXAMPLES = {GenerationMode.POSITIVE: 4, GenerationMode.NEGATIVE: 2}
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
# Nothing is connected in these tests, and that is what it says.
NOT_READY = "/readyz"


@pytest.fixture(scope="module")
def serving(caught: Caught, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with served(caught, tmp_path_factory.mktemp("fuzzed") / "store", stopping=True) as running:
        yield running


def known_values(api: Api) -> dict[str, st.SearchStrategy[Any]]:
    """What parameters of these names may hold so that something is found."""
    events = st.sampled_from([SETTLED, RUNNING, INVITED, DRAFT])
    people = st.sampled_from([api.a, api.b])
    resources = st.sampled_from([api.controller.registry.fleet.by_participant[p][0] for p in (api.a, api.b)])
    return {
        "event_id": events,
        "event": events,
        "participant_id": people,
        "participant": people,
        "resource_id": resources,
        "resource": resources,
        "site_id": st.sampled_from([api.controller.registry.fleet.resource(f"{api.a[2:]}-lines-a").site_id]),
        "gateway_id": st.just("gw-factory-01"),
        "program_id": st.just("beichen-demo"),
        "program": st.just("beichen-demo"),
        "start": st.sampled_from(["2026-07-22T06:00:00Z", "2026-07-22T09:00:00+00:00"]),
        "end": st.sampled_from(["2026-07-22T07:00:00Z", "2026-07-22T10:00:00Z"]),
    }


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_api__whatever_the_document_allows(serving: Serving) -> None:
    document = serving.api.app.openapi()
    schema = schemathesis.openapi.from_dict(document)
    known = known_values(serving.api)
    callers = [{}, *({"X-API-Key": serving.api.keys[who]} for who in ("operator", "admin", "a"))]
    asked = 0
    wrong: list[str] = []
    with requests.Session() as session:
        for result in schema.get_all_operations():
            assert isinstance(result, Ok)
            operation = result.ok()
            if operation.path == NOT_READY:
                continue
            for mode, examples in EXAMPLES.items():
                try:
                    asked += _fuzz(operation, mode, examples, known, (session, serving.url, callers))
                except* Exception as group:  # noqa: BLE001 - every operation is asked before anything is said
                    wrong += [f"{operation.label}: {error}" for error in group.exceptions]

    assert wrong == []
    assert asked > 15 * len(document["paths"])


def _fuzz(
    operation: Any, mode: GenerationMode, examples: int, known: dict[str, Any], to: tuple[requests.Session, str, Any]
) -> int:
    session, url, callers = to
    asked = 0

    @seed(3)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), data=st.data())
    def ask(case: Any, data: st.DataObject) -> None:
        nonlocal asked
        for values in (case.path_parameters, case.query):
            for name in values if isinstance(values, dict) else ():
                if name in known and data.draw(st.booleans()):
                    values[name] = data.draw(known[name])
        for headers in callers:
            response = case.call(base_url=url, session=session, headers=headers, timeout=30)
            asked += 1
            case.validate_response(response, checks=CHECKS)

    try:
        ask()
    except hypothesis.errors.Unsatisfiable:
        # Nothing can be wrong with a request that has no parameters.
        assert mode is GenerationMode.NEGATIVE
    return asked
