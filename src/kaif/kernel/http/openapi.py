"""The OpenAPI 3.1 document, made from the same table that serves."""

import inspect
from collections.abc import Iterable
from typing import Any, get_type_hints

import msgspec

from kaif.kernel.http.routes import Route

_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "code", "detail", "instance"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Stable: programs decide by it."},
        "detail": {"type": "string", "description": "For people."},
        "instance": {"type": "string", "description": "The request's id."},
        "path": {"type": "string", "description": "The field that was wrong, as $.field."},
        "retry_after_ms": {"type": "integer"},
    },
}

_SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "api_key": {"type": "http", "scheme": "bearer", "bearerFormat": "kaif_…"},
}


def openapi_document(routes: Iterable[Route], title: str, version: str, description: str) -> dict[str, Any]:
    routes = list(routes)
    types = [kind for route in routes for kind in (_request(route), _result(route))]
    _, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, components)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "description": description},
        "paths": paths,
        "components": {
            "schemas": {**dict(sorted(_used(components, paths).items())), "Problem": _PROBLEM},
            "securitySchemes": _SECURITY_SCHEMES,
        },
    }


def _operation(route: Route, components: dict[str, Any]) -> dict[str, Any]:
    summary, _, description = (inspect.getdoc(route.use_case) or "").partition("\n")
    operation: dict[str, Any] = {
        "operationId": route.use_case.__name__,
        "tags": [route.path.split("/")[2] if route.path.startswith("/v1/") else "server"],
        "summary": summary or route.use_case.__name__.replace("_", " ").capitalize() + ".",
        "responses": {str(route.status): _success(route), "default": _failure()},
        "security": _security(route),
        "x-limit": {"per_minute": route.limit.per_minute, "burst": route.limit.burst},
    }
    if route.needs:
        operation["x-permission"] = route.needs
    if description.strip():
        operation["description"] = description.strip()
    schema = components[_request(route).__name__]
    if parameters := _parameters(route, schema):
        operation["parameters"] = parameters
    if route.takes_body:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": _body(route, schema)}}}
    return operation


def _security(route: Route) -> list[dict[str, list[str]]]:
    """Which proofs will do, one of them; of an API key also the scope that it needs."""
    if route.public:
        return []
    return [{"bearer": []}, {"api_key": [route.scope]}] if route.scope else [{"bearer": []}]


def _parameters(route: Route, schema: dict[str, Any]) -> list[dict[str, Any]]:
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": schema["properties"][name]}
        for name in route.path_params
    ]
    if route.takes_body:
        return in_path
    return in_path + [
        {"name": name, "in": "query", "required": name in schema.get("required", []), "schema": kind}
        for name, kind in schema["properties"].items()
        if name not in route.path_params
    ]


def _body(route: Route, schema: dict[str, Any]) -> dict[str, Any]:
    """The request without what the path already says."""
    if not route.path_params:
        return {"$ref": f"#/components/schemas/{_request(route).__name__}"}
    return {
        **schema,
        "properties": {name: kind for name, kind in schema["properties"].items() if name not in route.path_params},
        "required": [name for name in schema.get("required", []) if name not in route.path_params],
    }


def _success(route: Route) -> dict[str, Any]:
    if route.status == 204:
        return {"description": "Done."}
    schema = {"$ref": f"#/components/schemas/{_result(route).__name__}"}
    return {"description": "Done.", "content": {"application/json": {"schema": schema}}}


def _failure() -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": "Refused.", "content": {"application/problem+json": {"schema": schema}}}


def _used(components: dict[str, Any], paths: dict[str, Any]) -> dict[str, Any]:
    """Only the schemas that the document refers to, directly or through another."""
    used: dict[str, Any] = {}
    text = [msgspec.json.encode(paths).decode()]
    while text:
        found = text.pop()
        for name, schema in components.items():
            if name not in used and f'"#/components/schemas/{name}"' in found:
                used[name] = schema
                text.append(msgspec.json.encode(schema).decode())
    return used


def _request(route: Route) -> Any:
    return get_type_hints(route.use_case)["request"]


def _result(route: Route) -> Any:
    return get_type_hints(route.use_case)["return"]
