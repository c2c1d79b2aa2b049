"""Codes of authenticator apps (RFC 6238): a new secret, and the check that uses each code once."""

import pyotp

from gateway.local.identity_provider.call import Call
from gateway.local.identity_provider.limits import TOTP_STEP_SECONDS, TOTP_STEPS_EITHER_WAY
from gateway.local.identity_provider.users import User, update_user


class CodeReused(Exception):
    """A code that was right, and has been used."""


def make_totp_secret() -> str:
    """Return a secret in base32: 160 bits, as RFC 4226 advises."""
    return pyotp.random_base32()


def use_code(call: Call, user: User, secret: str, code: str, last_step: int) -> bool:
    """Say whether the code is right now, or a step earlier or later; a right one is used up.

    Raises CodeReused where it was used before, or is older than one that was.
    """
    app = pyotp.TOTP(secret, interval=TOTP_STEP_SECONDS)
    step = int(call.at.timestamp()) // TOTP_STEP_SECONDS
    for offset in range(-TOTP_STEPS_EITHER_WAY, TOTP_STEPS_EITHER_WAY + 1):
        if app.verify(code, for_time=(step + offset) * TOTP_STEP_SECONDS):
            if step + offset <= last_step:
                raise CodeReused
            update_user(call.connection, user, call.at, totp_step=step + offset)
            return True
    return False
