"""The OpenAPI document itself, and the page that leads into it."""

from pathlib import Path

from tests.vpp.api.api_rig import Api

PAGE = Path(__file__).parents[3] / "docs" / "api.md"


def test_openapi__every_operation_is_described(api: Api) -> None:
    document = api.app.openapi()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation["summary"], where
            assert operation["description"], where
            assert operation["tags"], where
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    assert list(response["content"]) == ["application/problem+json"], (where, status)


def test_openapi__names_the_refusals_of_everything_that_needs_a_caller(api: Api) -> None:
    document = api.app.openapi()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if "security" in operation:
                assert {"401", "503"} <= operation["responses"].keys(), (method, path)
            if "{" in path and "security" in operation:
                assert "422" in operation["responses"], (method, path)


def test_openapi__money_is_text_and_instants_are_date_times(api: Api) -> None:
    schemas = api.app.openapi()["components"]["schemas"]

    assert schemas["StatementShown"]["properties"]["payment_cny"]["type"] == "string"
    assert schemas["BidAsked"]["properties"]["price_cny_per_kwh"]["anyOf"][0]["type"] == "string"
    assert schemas["EventAsked"]["properties"]["start"]["format"] == "date-time"
    assert schemas["EventAsked"]["additionalProperties"] is False


def test_page__lists_every_route(api: Api) -> None:
    listed = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    served = [
        f"| `{method.upper()} {path}` | {operation['summary']} |"
        for path, operations in api.app.openapi()["paths"].items()
        for method, operation in operations.items()
    ]

    assert sorted(listed) == sorted(served)
