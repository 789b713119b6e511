"""HTTP in, struct out: the one place where requests become calls, and errors become answers."""

from kaif.kernel.http.problems import Problem, problem_of
from kaif.kernel.http.routes import Route, delete, get, post
from kaif.kernel.http.table import Endpoint, Table

__all__ = ["Endpoint", "Problem", "Route", "Table", "delete", "get", "post", "problem_of"]
