"""The routing table, bound to the services that answer."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Generic, Protocol, TypeVar, get_type_hints
from urllib.parse import parse_qsl

import msgspec

from kaif.kernel.actor import Actor
from kaif.kernel.errors import Invalid
from kaif.kernel.http.problems import MalformedJson
from kaif.kernel.http.routes import Route

Decode = Callable[[dict[str, str], bytes, bytes], Any]

# Where a path may end; no segment can be called that.
_END = "/"

_encode = msgspec.json.Encoder().encode


class Endpoint:
    """One route and the object that serves it."""

    __slots__ = ("answers_nothing", "call", "decode", "route")

    def __init__(self, route: Route, service: object) -> None:
        self.route = route
        self.call: Callable[[Actor, Any], Awaitable[Any]] = getattr(service, route.use_case.__name__)
        self.decode = _decoder(route)
        self.answers_nothing = route.status == 204

    def encode(self, result: Any) -> bytes:
        return b"" if self.answers_nothing else _encode(result)


class Routed(Protocol):
    @property
    def route(self) -> Route: ...


Served = TypeVar("Served", bound=Routed)


class Table(Generic[Served]):
    """Finds the endpoint of a method and a path, segment by segment."""

    def __init__(self, endpoints: Iterable[Served]) -> None:
        self._exact: dict[str, dict[str, Served]] = {}
        self._tree: dict[str, Any] = {}
        for endpoint in endpoints:
            if endpoint.route.path_params:
                self._grow(endpoint)
            else:
                self._exact.setdefault(endpoint.route.path, {})[endpoint.route.method] = endpoint

    def _grow(self, endpoint: Served) -> None:
        node = self._tree
        for part in endpoint.route.path.split("/"):
            node = node.setdefault("{}" if part.startswith("{") else part, {})
        node.setdefault(_END, {})[endpoint.route.method] = endpoint

    def find(self, path: str) -> tuple[dict[str, Served], list[str]] | None:
        """The path's endpoints by method, and the values of its parameters in order."""
        exact = self._exact.get(path)
        if exact is not None:
            return exact, []
        node, values = self._tree, []
        for part in path.split("/"):
            if part in node and part != "{}":
                node = node[part]
            elif "{}" in node and part:
                node = node["{}"]
                values.append(part)
            else:
                return None
        methods = node.get(_END)
        return (methods, values) if methods else None


def _decoder(route: Route) -> Decode:
    wanted = get_type_hints(route.use_case)["request"]
    if not route.takes_body:
        return _from_query(wanted)
    return _from_body_and_path(wanted) if route.path_params else _from_body(wanted)


def _from_body(wanted: type) -> Decode:
    decode: Callable[[bytes], Any] = msgspec.json.Decoder(wanted).decode
    return lambda _path, _query, body: decode(body)


def _from_body_and_path(wanted: type) -> Decode:
    fields_of = msgspec.json.Decoder(dict[str, Any]).decode
    types = get_type_hints(wanted, include_extras=True)

    def decode(path: dict[str, str], _query: bytes, body: bytes) -> Any:
        fields = fields_of(body)
        if not path.keys().isdisjoint(fields):
            raise Invalid("The body repeats what the path says.", path="$")
        return msgspec.convert({**fields, **{name: _of_path(text, types[name]) for name, text in path.items()}}, wanted)

    return decode


def _of_path(text: str, wanted: Any) -> Any:
    """A path is all text: a number in it is read as one, and what is none is refused with the rest."""
    try:
        return msgspec.convert(text, wanted, strict=False)
    except msgspec.ValidationError:
        return text


def _from_query(wanted: type) -> Decode:
    def decode(path: dict[str, str], query: bytes, _body: bytes) -> Any:
        fields = dict(path)
        if query:
            try:
                pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=50)
            except ValueError as error:
                raise MalformedJson("The query is not valid percent-encoded UTF-8.") from error
            for name, value in pairs:
                if name in fields:
                    raise Invalid("A parameter is given twice.", path=f"$.{name}")
                fields[name] = value
        return msgspec.convert(fields, wanted, strict=False)

    return decode
