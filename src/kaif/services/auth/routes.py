"""The HTTP surface of auth."""

from kaif.interfaces.auth import Auth
from kaif.interfaces.auth.sessions import Sessions
from kaif.kernel.http import delete, get, post
from kaif.kernel.limits import Limit

# Guessing passwords and making accounts by the thousand is what these stop.
SIGN_IN = Limit("sign_in", per_minute=10, burst=10)
SIGN_UP = Limit("sign_up", per_minute=20, burst=40)
SEARCH = Limit("search", per_minute=120, burst=60)

ROUTES = [
    get("/v1/auth/setup", Auth.get_setup, public=True),
    post("/v1/auth/setup", Auth.set_up, status=201, public=True, limit=SIGN_IN, wants_origin=True),
    post("/v1/auth/register", Auth.register, status=201, public=True, limit=SIGN_UP, wants_origin=True),
    post("/v1/auth/login", Auth.log_in, public=True, limit=SIGN_IN, wants_origin=True),
    post("/v1/auth/refresh", Auth.refresh, public=True),
    post("/v1/auth/logout", Auth.log_out, status=204, public=True),
    get("/v1/auth/me", Auth.get_me),
    get("/v1/auth/people", Auth.find_people, limit=SEARCH),
    get("/v1/auth/people/{user_id}", Auth.get_person),
    get("/.well-known/jwks.json", Auth.get_keys, public=True),
]

SESSIONS_ROUTES = [
    get("/v1/auth/sessions", Sessions.list_sessions),
    delete("/v1/auth/sessions", Sessions.end_other_sessions),
    delete("/v1/auth/sessions/{session_id}", Sessions.end_session),
    post("/v1/auth/users/{user_id}/suspend", Sessions.suspend, status=204),
    post("/v1/auth/users/{user_id}/restore", Sessions.restore, status=204),
]
