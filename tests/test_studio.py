"""The pages as they are served: small, kept by browsers, and strict about what they load."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

PACKED = {"Accept-Encoding": "gzip"}


def linked(client: httpx.Client, page: str) -> list[str]:
    """What a page loads before it can be used."""
    return re.findall(r'(?:href|src)="([\w/-]+\.(?:js|css|svg))"', client.get(page).text)


def weight(client: httpx.Client, path: str) -> int:
    """Bytes over the wire, headers left out."""
    with client.stream("GET", path, headers=PACKED) as answer:
        assert answer.status_code == 200, path
        return sum(len(data) for data in answer.iter_raw())


def rules(answer: httpx.Response) -> dict[str, str]:
    policy = answer.headers["content-security-policy"]
    return dict(rule.split(" ", 1) for rule in policy.split("; "))


def test_the_studio_and_all_it_loads_weigh_little(client: httpx.Client) -> None:
    paths = {"", *linked(client, "/")}
    assert len(paths) > 10
    assert sum(weight(client, f"/{path}") for path in paths) <= 60_000


@pytest.mark.parametrize("path", ["/providers", "/text-to-speech/voices", "/openapi.json"])
def test_long_lists_are_packed_too(client: httpx.Client, path: str) -> None:
    packed = client.get(path, headers=PACKED)
    assert packed.headers["content-encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["vary"]
    assert packed.json() == client.get(path, headers={"Accept-Encoding": "identity"}).json()
    assert weight(client, path) < len(packed.content) / 3


def test_every_module_is_loaded_ahead(client: httpx.Client) -> None:
    named = linked(client, "/")
    for path in [path for path in named if path.endswith(".js")]:
        for module in re.findall(r'from "\./([\w-]+\.js)"', client.get(f"/{path}").text):
            assert f"studio/{module}" in named


@pytest.mark.parametrize("page", ["/", "/docs"])
def test_a_page_runs_no_script_but_its_own(client: httpx.Client, page: str) -> None:
    answer = client.get(page)
    told = rules(answer)
    assert told["default-src"] == "'none'"
    assert told["script-src"] == "'self'"
    assert told["connect-src"] == "'self'"
    assert told["frame-ancestors"] == "'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "microphone=(self)" in answer.headers["permissions-policy"]
    # A script between tags would be refused, and so would a handler or a style in an attribute.
    assert not re.search(r"<script(?![^>]+src=)|\son\w+=|\sstyle=|<style", answer.text)


@pytest.mark.parametrize("page", ["/", "/docs", "/studio/theme.css"])
def test_a_browser_that_has_a_page_is_not_sent_it_again(client: httpx.Client, page: str) -> None:
    answer = client.get(page)
    known = {"If-None-Match": answer.headers["etag"]}
    again = client.get(page, headers=known)
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(page, headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_page_is_packed_for_those_who_can_unpack_it(client: httpx.Client) -> None:
    plain = client.get("/studio/theme.css", headers={"Accept-Encoding": "identity"})
    packed = client.get("/studio/theme.css", headers=PACKED)
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content
    assert "Accept-Encoding" in packed.headers["vary"]


@pytest.mark.parametrize(
    "path", ["/studio/none.js", "/studio/..%2F__init__.py", "/studio/", "/docs/assets/none.js"]
)
def test_nothing_else_is_served(client: httpx.Client, path: str) -> None:
    assert client.get(path).json()["code"] == "not_found"


def test_the_sample_is_a_photo(client: httpx.Client) -> None:
    answer = client.get("/studio/sample.jpg")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.content.startswith(b"\xff\xd8")


def test_a_page_answers_head(client: httpx.Client) -> None:
    answer = client.head("/")
    assert (answer.status_code, answer.content) == (200, b"")


def test_everything_in_the_document_is_described(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    silent = [
        f"{name}.{field}"
        for name, schema in document["components"]["schemas"].items()
        for field, facts in schema.get("properties", {}).items()
        if not facts.get("description")
    ]
    assert silent == []
    tags = {tag["name"] for tag in document["tags"]}
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation["summary"], path
            assert operation["description"], path
            assert set(operation["tags"]) <= tags, path
            assert all(given["description"] for given in operation.get("parameters", [])), path
            assert problems_without_example(operation) == [], path


def problems_without_example(operation: dict[str, Any]) -> list[str]:
    return [
        status
        for status, response in operation["responses"].items()
        if status >= "400" and "content" in response
        for kind, content in response["content"].items()
        if kind != "application/json" and not content.get("examples")
    ]


def test_a_problem_has_one_type_in_the_document(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for response in operation["responses"].values():
                kinds = list(response.get("content", {}))
                assert "application/problem+json" not in kinds or len(kinds) == 1, path
