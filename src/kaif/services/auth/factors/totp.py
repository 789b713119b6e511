"""Codes of authenticator apps: RFC 6238 with SHA-1, steps of 30 s and six digits, which every app can do."""

import hmac

import pyotp

from kaif.kernel.clock import SECOND_US

DIGITS = 6
STEP_US = 30 * SECOND_US
# Clocks of phones run ahead or behind, and people type slowly: RFC 6238, 5.2 allows one step.
SKEW_STEPS = 1
# 160 bits, as RFC 4226 recommends.
SECRET_CHARS = 32
ISSUER = "Kaif Ozero"


def new_secret() -> str:
    return pyotp.random_base32(SECRET_CHARS)


def uri(secret: str, username: str) -> str:
    return pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name=ISSUER)


def has_form(code: str) -> bool:
    return len(code) == DIGITS and code.isascii() and code.isdigit()


def step_of(secret: str, code: str, now_us: int) -> int | None:
    """The time step whose code this is, of those near enough to now; None for a wrong code."""
    if not has_form(code):
        return None
    totp, now_step = pyotp.TOTP(secret, digits=DIGITS), now_us // STEP_US
    steps = range(max(now_step - SKEW_STEPS, 0), now_step + SKEW_STEPS + 1)
    # All are compared, whichever fits: the time tells nothing.
    fitting = [step for step in steps if hmac.compare_digest(totp.generate_otp(step), code)]
    return fitting[-1] if fitting else None
