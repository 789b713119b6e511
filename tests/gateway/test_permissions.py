"""Which role reaches which route: everything that the interface's document says is what the edge does."""

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest
from tests.gateway.conftest import NewPerson
from tests.harness import Person, Server


class Operation(NamedTuple):
    method: str
    path: str
    permission: str


class Cast(NamedTuple):
    """A person of each role, and what the server says the role permits."""

    people: dict[str, Person]
    permissions: dict[str, set[str]]


async def operations(owner: Person) -> list[Operation]:
    """Those for people who are signed in; ids in paths are nobody's."""
    document = await owner.get("/openapi.json")
    return [
        Operation(method.upper(), _filled(path, operation), operation.get("x-permission", ""))
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if operation["security"]
    ]


def _filled(path: str, operation: dict[str, Any]) -> str:
    for parameter in operation.get("parameters", []):
        path = path.replace(f"{{{parameter['name']}}}", "nobody")
    return path


async def code_of(person: Person, operation: Operation) -> str:
    body: dict[str, str] | None = {} if operation.method == "POST" else None
    answer = await person.http.request(operation.method, operation.path, json=body)
    return "" if answer.is_success else str(answer.json()["code"])


@pytest.fixture
async def cast(owner: Person, new_person: NewPerson) -> AsyncIterator[Cast]:
    roles = (await owner.get("/v1/auth/roles"))["roles"]
    people = {}
    for role in roles:
        people[role["name"]] = person = await new_person()
        await owner.post(f"/v1/auth/people/{person.id}/roles", role=role["name"])
        await person.refresh()
    yield Cast(people, {role["name"]: set(role["permissions"]) for role in roles})


@pytest.mark.asvs("8.2.1", "8.3.1")
async def test_a_role_reaches_what_it_permits_and_nothing_else(owner: Person, cast: Cast) -> None:
    routes = await operations(owner)
    assert {route.permission for route in routes} - {""} <= cast.permissions["owner"]

    for role, person in cast.people.items():
        for route in routes:
            allowed = not route.permission or route.permission in cast.permissions[role]

            assert (await code_of(person, route) == "missing_permission") is not allowed, (role, route)


@pytest.mark.asvs("7.2.1", "8.2.1")
async def test_nobody_reaches_only_what_is_public(server: Server, owner: Person) -> None:
    stranger = Person(server.url, "stranger")

    codes = {route: await code_of(stranger, route) for route in await operations(owner)}

    assert set(codes.values()) == {"unauthenticated"}
    await stranger.close()


@pytest.mark.asvs("8.3.2")
async def test_a_token_of_before_the_change_is_refused_at_once(owner: Person, new_person: NewPerson) -> None:
    anna = await new_person()
    roles = Operation("GET", "/v1/auth/roles", "auth.manage_roles")
    assert await code_of(anna, roles) == "missing_permission"

    await owner.post(f"/v1/auth/people/{anna.id}/roles", role="admin")

    assert await code_of(anna, roles) == "token_expired"
    await anna.refresh()
    assert await code_of(anna, roles) == ""

    await owner.http.delete(f"/v1/auth/people/{anna.id}/roles/admin")

    assert await code_of(anna, roles) == "token_expired"
    await anna.refresh()
    assert await code_of(anna, roles) == "missing_permission"
