"""The HTTP surface of auth."""

from kaif.interfaces.auth import Auth
from kaif.interfaces.auth.accounts import Accounts
from kaif.kernel.http import get, post
from kaif.kernel.limits import Limit

# Guessing passwords and making accounts by the thousand is what these stop.
SIGN_IN = Limit("sign_in", per_minute=10, burst=10)
SIGN_UP = Limit("sign_up", per_minute=20, burst=40)
# Each of these sends a letter to somebody, perhaps to somebody who did not ask for it.
LETTERS = Limit("letters", per_minute=1, burst=5)
FORGOT = Limit("forgot_password", per_minute=5, burst=10)
LINKS = Limit("letter_links", per_minute=20, burst=20)
SEARCH = Limit("search", per_minute=120, burst=60)

ROUTES = [
    get("/v1/auth/setup", Auth.get_setup, public=True),
    post("/v1/auth/setup", Auth.set_up, status=201, public=True, limit=SIGN_IN),
    post("/v1/auth/register", Auth.register, status=201, public=True, limit=SIGN_UP),
    post("/v1/auth/login", Auth.log_in, public=True, limit=SIGN_IN),
    post("/v1/auth/refresh", Auth.refresh, public=True),
    post("/v1/auth/logout", Auth.log_out, status=204, public=True),
    get("/v1/auth/me", Auth.get_me),
    get("/v1/auth/people", Auth.find_people, limit=SEARCH),
    get("/v1/auth/people/{user_id}", Auth.get_person),
    get("/.well-known/jwks.json", Auth.get_keys, public=True),
]

ACCOUNTS_ROUTES = [
    post("/v1/auth/email/confirm", Accounts.confirm_email, public=True, limit=LINKS),
    post("/v1/auth/email/confirmation", Accounts.resend_confirmation, status=204, limit=LETTERS),
    post("/v1/auth/email", Accounts.change_email, status=204, limit=LETTERS),
    post("/v1/auth/password/forgot", Accounts.forget_password, status=204, public=True, limit=FORGOT),
    post("/v1/auth/password/reset", Accounts.reset_password, status=204, public=True, limit=LINKS),
    post("/v1/auth/password", Accounts.change_password, status=204, limit=SIGN_IN),
    post("/v1/auth/display-name", Accounts.change_display_name),
    post("/v1/auth/language", Accounts.change_language),
    post("/v1/auth/account/delete", Accounts.delete_account, status=204, limit=SIGN_IN),
]
