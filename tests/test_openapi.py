"""The service against its own OpenAPI document, with requests that nobody would think of."""

from __future__ import annotations

import re
from typing import Any

import httpx
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.errors import every_error
from tests.service import Service

PROMISES = [
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def test_answers_are_as_documented(service: Service) -> None:
    api = schemathesis.openapi.from_url(f"{service.base_url}/openapi.json")
    for found in api.get_all_operations():
        assert isinstance(found, Ok)
        requests = found.ok().as_strategy()

        @given(case=requests)
        @settings(
            max_examples=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
            database=None,
        )
        def ask(case: Any) -> None:
            answer = case.call_and_validate(checks=PROMISES)
            # A provider without a key is answered as a 500 on purpose; a bug is not.
            assert b"internal_error" not in answer.content

        ask()


def test_every_success_is_told_in_a_sentence(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for status, response in operation["responses"].items():
                assert response["description"] != "Successful Response", (method, path, status)


def test_problems_are_documented_as_they_are_answered(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    told = set()
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if int(status) < 400 or path == "/ready":
                    continue
                ((content_type, content),) = response["content"].items()
                assert content_type == "application/problem+json", path
                for code, example in content["examples"].items():
                    assert example["value"]["status"] == int(status)
                    assert example["value"]["code"] == code
                    told.add(code)
    assert told == {error.code for error in every_error()}


def test_no_reference_in_the_document_leads_nowhere(client: httpx.Client) -> None:
    answer = client.get("/openapi.json")
    schemas = set(answer.json()["components"]["schemas"])
    assert set(re.findall(r"#/components/schemas/(\w+)", answer.text)) <= schemas
    assert "HTTPValidationError" not in schemas
