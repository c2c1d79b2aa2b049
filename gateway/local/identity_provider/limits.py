"""Every limit of the local identity provider, named with its unit; Cognito's own where it has one.

The lengths are those of Cognito's API model; the lock-out is the one its developer guide describes.
"""

BODY_BYTES_MAX = 64 * 1024
TEXT_CHARACTERS_MAX = 2048  # of a session, a code, an attribute's value
USERNAME_CHARACTERS_MAX = 128
CLIENT_ID_CHARACTERS_MAX = 128
PASSWORD_CHARACTERS_MIN = 8
PASSWORD_CHARACTERS_MAX = 256
TOKEN_CHARACTERS_MAX = 8 * 1024
PARAMETERS_MAX = 32
ATTRIBUTES_MAX = 50
ATTRIBUTE_NAME_CHARACTERS_MAX = 32
POOL_ID_CHARACTERS_MAX = 55
GROUP_CHARACTERS_MAX = 128
FILTER_CHARACTERS_MAX = 256
USERS_PER_PAGE_MAX = 60
USERS_PER_POOL_MAX = 10_000

ACCESS_SECONDS = 60 * 60
ACCESS_SECONDS_MAX = 24 * 60 * 60
REFRESH_SECONDS = 30 * 24 * 60 * 60
CHALLENGE_SECONDS = 3 * 60
TEMPORARY_PASSWORD_SECONDS = 7 * 24 * 60 * 60

KEY_SECONDS = 90 * 24 * 60 * 60
"""How long a key signs before the next one does."""
KEY_AHEAD_SECONDS = 24 * 60 * 60
"""How long before that the next one is published: longer than anybody may keep a key set."""
KEY_SET_CACHED_SECONDS = 60 * 60

FAILURES_FREE = 5
"""Wrong passwords and codes in a row before an account locks for a second, then two, four, …"""
LOCKED_SECONDS_MAX = 15 * 60
FAILURES_KEPT_SECONDS = 15 * 60
FAILURES_PER_CHALLENGE_MAX = 5

CODE_DIGITS = 6
SIGN_UP_CODE_SECONDS = 24 * 60 * 60
RECOVERY_CODE_SECONDS = 60 * 60
FAILURES_PER_CODE_MAX = 5
CODES_PER_HOUR_MAX = 5

TOTP_STEP_SECONDS = 30
TOTP_STEPS_EITHER_WAY = 1

PENDING_MAX = 10_000
"""Challenges under way, names with failures, names with codes, each: the oldest make room."""
