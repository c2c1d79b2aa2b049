"""Which passwords a pool takes: Cognito's policy as it comes, in Cognito's words."""

import secrets
import string

from gateway.local.identity_provider.faults import Fault, FaultName
from gateway.local.identity_provider.limits import PASSWORD_CHARACTERS_MIN

SYMBOLS = "^$*.[]{}()?\"!@#%&/\\,><':;|_~`=+- "
_TEMPORARY_CHARACTERS = 16
_TEMPORARY_SYMBOLS = "!@#%&*+-"


def check_policy(password: str) -> None:
    """Raise a Fault for a password that the policy refuses."""
    rules = (
        (len(password) >= PASSWORD_CHARACTERS_MIN, "Password not long enough"),
        (any(char.isdecimal() for char in password), "Password must have numeric characters"),
        (any(char.islower() for char in password), "Password must have lowercase characters"),
        (any(char.isupper() for char in password), "Password must have uppercase characters"),
        (any(char in SYMBOLS for char in password), "Password must have symbol characters"),
    )
    for holds, fault in rules:
        if not holds:
            told = f"Password did not conform with policy: {fault}"
            raise Fault(FaultName.INVALID_PASSWORD, told)


def make_temporary() -> str:
    """Return a password that the policy takes, to be changed at the first sign-in."""
    kinds = (string.ascii_uppercase, string.ascii_lowercase, string.digits, _TEMPORARY_SYMBOLS)
    chosen = [secrets.choice(kind) for kind in kinds]
    anything = "".join(kinds)
    chosen += [secrets.choice(anything) for _ in range(_TEMPORARY_CHARACTERS - len(chosen))]
    secrets.SystemRandom().shuffle(chosen)
    return "".join(chosen)
