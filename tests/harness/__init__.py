"""What whole-system tests stand on: real processes of ours, people who use them by the book, and bare services."""

from tests.harness.accounts import PASSWORD
from tests.harness.people import is_ready, people
from tests.harness.processes import CHEAPEST_PASSWORDS, Child, Server, free_address, running, running_server
from tests.harness.services import Services, wired_services
from tests.harness.sockets import Person, log_is_whole
from tests.harness.split import Split, running_split

__all__ = [
    "CHEAPEST_PASSWORDS",
    "PASSWORD",
    "Child",
    "Person",
    "Server",
    "Services",
    "Split",
    "free_address",
    "is_ready",
    "log_is_whole",
    "people",
    "running",
    "running_server",
    "running_split",
    "wired_services",
]
