"""The hostile tokens: each has a name that says what is wrong with it, and why it is refused.

All but those of `SIGNATURES` and `SPELLINGS` are signed by the pool's own key: a pool, a proxy or a
library may make them, and a check that is missing accepts them.
"""

import base64
import hashlib
import hmac
import json
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA512

from gateway.identity.refusals import Reason
from tests.gateway.identity import forge
from tests.gateway.identity.conftest import Signers
from tests.gateway.identity.forge import (
    CLIENT,
    GONE,
    NOW,
    Signer,
    access_claims,
    decode,
    encode,
)

Forger = Callable[[Signers], str]
Case = tuple[Forger, Reason]

ARABIC = str(NOW + 60).translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
DAY = 24 * 60 * 60


def claim(reason: Reason, **changes: Any) -> Case:
    """Return an access token of the pool with other claims."""
    return (lambda signers: signers.harbor.token(**changes)), reason


def id_claim(reason: Reason, **changes: Any) -> Case:
    """Return an ID token of the pool with other claims."""
    return (lambda signers: signers.harbor.id_token(**changes)), reason


def header(reason: Reason, **changes: Any) -> Case:
    """Return an access token of the pool with another header."""
    return (lambda signers: signers.harbor.token(changes)), reason


def splice(addition: str, reason: Reason = Reason.DUPLICATE_NAME) -> Case:
    """Return an access token of the pool whose payload ends with this text."""
    return (lambda signers: signers.harbor.spliced(addition)), reason


def payload(raw: str | bytes, reason: Reason = Reason.MALFORMED_JSON) -> Case:
    """Return a token of the pool with this payload, whatever it is."""
    return (lambda signers: signers.harbor.text({}, raw)), reason


def raw_header(raw: str | bytes, reason: Reason) -> Case:
    """Return a token of the pool with this header, whatever it is."""
    honest = json.dumps(access_claims(forge.HARBOR))
    return (lambda signers: signers.harbor.text(raw, honest)), reason


def respelled(change: Callable[[str], str], reason: Reason) -> Case:
    """Return an honest token with its text changed."""
    return (lambda signers: change(signers.harbor.token())), reason


def each(make: Callable[..., Case], reason: Reason, name: str, values: Mapping[str, Any]) -> Any:
    """Return one case for each form of one claim or header."""
    label = name.replace("cognito_", "")
    return {f"{label}-{form}": make(reason, **{name: value}) for form, value in values.items()}


HONEST = json.dumps(access_claims(forge.HARBOR))

TIMES: dict[str, Case] = {
    **each(
        claim,
        Reason.MALFORMED_CLAIM,
        "exp",
        {
            "missing": GONE,
            "null": None,
            "text": "123",
            "text-right": str(NOW + 60),
            "text-plus": f"+{NOW + 60}",
            "text-spaces": f" {NOW + 60} ",
            "text-underscores": "9_999_999_999",
            "text-arabic": ARABIC,
            "text-hex": "0x7fffffff",
            "text-empty": "",
            "text-iso": "2026-11-22T13:00:00Z",
            "float": NOW + 60.0,
            "float-fraction": NOW + 60.5,
            "float-exponent": 1e10,
            "true": True,
            "list": [NOW + 60],
            "object": {"exp": NOW + 60},
            "negative": -1,
            "negative-large": -(2**63),
        },
    ),
    "exp-zero": claim(Reason.EXPIRED, exp=0),
    "exp-one": claim(Reason.EXPIRED, exp=1),
    "exp-past": claim(Reason.EXPIRED, exp=NOW - 1),
    "exp-now": claim(Reason.EXPIRED, exp=NOW),
    "exp-huge": claim(Reason.LIFETIME_TOO_LONG, exp=10**12),
    "exp-beyond-64-bits": claim(Reason.LIFETIME_TOO_LONG, exp=2**64 + NOW),
    "exp-400-digits": claim(Reason.LIFETIME_TOO_LONG, exp=10**400),
    "exp-5000-digits": splice('"exp":' + "9" * 5000, Reason.MALFORMED_JSON),
    "exp-in-milliseconds": claim(Reason.LIFETIME_TOO_LONG, exp=(NOW + 60) * 1000),
    "exp-more-than-a-day-after-iat": claim(Reason.LIFETIME_TOO_LONG, iat=NOW, exp=NOW + DAY + 1),
    "exp-with-leading-zero": splice(f'"nbf":0{NOW}', Reason.MALFORMED_JSON),
    "exp-with-plus": splice(f'"nbf":+{NOW}', Reason.MALFORMED_JSON),
    "exp-not-a-number": splice('"nbf":NaN', Reason.MALFORMED_JSON),
    "exp-infinite": splice('"nbf":Infinity', Reason.MALFORMED_JSON),
    "exp-minus-infinite": splice('"nbf":-Infinity', Reason.MALFORMED_JSON),
    **each(
        claim,
        Reason.MALFORMED_CLAIM,
        "iat",
        {
            "missing": GONE,
            "null": None,
            "text": str(NOW),
            "float": float(NOW),
            "true": True,
            "negative": -5,
            "list": [NOW],
        },
    ),
    "iat-future": claim(Reason.NOT_YET_VALID, iat=NOW + 6),
    "iat-far-future": claim(Reason.NOT_YET_VALID, iat=NOW + 10**9, exp=NOW + 10**9 + 60),
    "iat-zero": claim(Reason.LIFETIME_TOO_LONG, iat=0),
    "iat-after-exp": claim(Reason.LIFETIME_TOO_LONG, iat=NOW + 4, exp=NOW + 3),
    "iat-equal-to-exp": claim(Reason.LIFETIME_TOO_LONG, iat=NOW + 3, exp=NOW + 3),
    "nbf-future": claim(Reason.NOT_YET_VALID, nbf=NOW + 6),
    **each(
        claim,
        Reason.MALFORMED_CLAIM,
        "nbf",
        {"text": "0", "float": 0.0, "null": None, "true": True, "negative": -1},
    ),
    "auth_time-future": claim(Reason.NOT_YET_VALID, auth_time=NOW + 6),
    "auth_time-huge": claim(Reason.NOT_YET_VALID, auth_time=10**30),
    **each(
        claim,
        Reason.MALFORMED_CLAIM,
        "auth_time",
        {
            "text": str(NOW),
            "float": float(NOW),
            "null": None,
            "true": True,
            "negative": -1,
            "list": [],
        },
    ),
}

DUPLICATES: dict[str, Case] = {
    "duplicate-exp": splice(f'"exp":{NOW + 60}'),
    "duplicate-exp-escaped": splice(f'"\\u0065xp":{NOW + 60}'),
    "duplicate-exp-escaped-twice": splice(f'"\\u0065\\u0078p":{NOW + 60}'),
    "duplicate-exp-same-value": splice(f'"exp":{NOW + 3540}'),
    "duplicate-iat": splice(f'"iat":{NOW}'),
    "duplicate-iss": splice(f'"iss":"{forge.SUMMIT}"'),
    "duplicate-iss-escaped": splice(f'"\\u0069ss":"{forge.SUMMIT}"'),
    "duplicate-sub": splice('"sub":"somebody-else"'),
    "duplicate-sub-escaped": splice('"s\\u0075b":"somebody-else"'),
    "duplicate-groups": splice('"cognito:groups":["admins"]'),
    "duplicate-groups-escaped-colon": splice('"cognito\\u003agroups":["admins"]'),
    "duplicate-client_id": splice(f'"client_id":"{CLIENT}"'),
    "duplicate-token_use": splice('"token_use":"access"'),
    "duplicate-jti": splice('"jti":"another"'),
    "duplicate-of-an-unread-claim": splice('"scope":"openid"'),
    "duplicate-nested": splice('"extra":{"a":1,"a":2}'),
    "duplicate-nested-escaped": splice('"extra":{"a":1,"\\u0061":2}'),
    "duplicate-in-a-list": splice('"extra":[[{"a":1,"a":1}]]'),
    "duplicate-empty-name": splice('"":1,"":2'),
    "duplicate-alg": raw_header(
        '{"alg":"none","kid":"harbor-key","alg":"RS256"}', Reason.DUPLICATE_NAME
    ),
    "duplicate-alg-escaped": raw_header(
        '{"\\u0061lg":"none","kid":"harbor-key","alg":"RS256"}', Reason.DUPLICATE_NAME
    ),
    "duplicate-kid": raw_header(
        '{"alg":"RS256","kid":"stray","kid":"harbor-key"}', Reason.DUPLICATE_NAME
    ),
}

GROUPS: dict[str, Case] = {
    **each(
        claim,
        Reason.MALFORMED_CLAIM,
        "cognito_groups",
        {
            "text": "admins",
            "text-of-several": "admins,counselors",
            "text-of-json": '["admins"]',
            "object": {"admins": True},
            "true": True,
            "number": 1,
            "null": None,
            "list-of-numbers": [1],
            "list-with-null": ["admins", None],
            "list-of-lists": [["admins"]],
            "list-with-object": ["admins", {}],
        },
    ),
    **each(
        claim,
        Reason.NO_GROUP,
        "cognito_groups",
        {
            "missing": GONE,
            "empty": [],
            "unknown": ["superusers"],
            "upper-case": ["Admins"],
            "with-space": ["admins "],
            "with-zero-width-space": ["admins\u200b"],
            "look-alike": ["аdmins"],
            "empty-name": [""],
        },
    ),
    **each(
        claim,
        Reason.SEVERAL_GROUPS,
        "cognito_groups",
        {
            "two": ["admins", "counselors"],
            "all": ["consumers", "counselors", "admins", "analysts"],
            "same-twice": ["admins", "admins"],
            "operators-and-counselors": ["operators", "counselors"],
        },
    ),
    "groups-operators-from-an-agency": claim(
        Reason.GROUP_OF_ANOTHER_POOL, cognito_groups=["operators"]
    ),
    "groups-admins-from-the-operators": (
        lambda signers: signers.operators.token(cognito_groups=["admins"]),
        Reason.GROUP_OF_ANOTHER_POOL,
    ),
    "groups-consumers-from-the-operators": (
        lambda signers: signers.operators.token(cognito_groups=["consumers"]),
        Reason.GROUP_OF_ANOTHER_POOL,
    ),
    "groups-operators-and-admins-from-the-operators": (
        lambda signers: signers.operators.token(cognito_groups=["operators", "admins"]),
        Reason.SEVERAL_GROUPS,
    ),
    "groups-none-from-the-operators": (
        lambda signers: signers.operators.token(cognito_groups=GONE),
        Reason.NO_GROUP,
    ),
}

NAMES: dict[str, Case] = {
    **each(
        claim,
        Reason.MALFORMED_CLAIM,
        "sub",
        {
            "missing": GONE,
            "empty": "",
            "null": None,
            "number": 7,
            "true": True,
            "list": ["a"],
            "object": {},
            "too-long": "a" * 129,
            "much-too-long": "a" * 5000,
            "space": " ",
            "surrounded-by-spaces": " a ",
            "carriage-return-line-feed": "a\r\nset-cookie: b",
            "line-feed-at-the-end": "a\n",
            "nul": "a\x00b",
            "tab": "a\tb",
            "delete": "a\x7f",
            "lone-surrogate": "a\ud800",
            "lone-low-surrogate": "\udc00a",
            "byte-order-mark": "\ufeffa",
            "right-to-left-override": "a\u202eb",
            "line-separator": "a\u2028b",
        },
    ),
    **each(
        claim,
        Reason.MALFORMED_CLAIM,
        "username",
        {
            "number": 1,
            "null": None,
            "empty": "",
            "too-long": "a" * 129,
            "line-feed": "a\nb",
            "lone-surrogate": "\ud800",
            "right-to-left-override": "a\u202eb",
        },
    ),
    "id-username-line-feed": id_claim(Reason.MALFORMED_CLAIM, cognito_username="a\nb"),
    **each(
        claim,
        Reason.MALFORMED_CLAIM,
        "jti",
        {"number": 1, "null": None, "empty": "", "list": [], "nul": "a\x00", "long": "a" * 129},
    ),
    **each(
        claim,
        Reason.MALFORMED_CLAIM,
        "origin_jti",
        {"number": 1, "null": None, "empty": "", "true": True, "long": "a" * 129},
    ),
}

ISSUERS: dict[str, Case] = {
    **each(
        claim,
        Reason.MALFORMED_CLAIM,
        "iss",
        {
            "missing": GONE,
            "null": None,
            "empty": "",
            "number": 1,
            "list": [forge.HARBOR],
            "object": {"iss": forge.HARBOR},
            "too-long": forge.HARBOR + "a" * 600,
            "line-feed": forge.HARBOR + "\n",
            "nul": forge.HARBOR + "\x00",
        },
    ),
    **each(
        claim,
        Reason.UNKNOWN_ISSUER,
        "iss",
        {
            "unknown": "https://evil.test/us-east-1_Harbor01",
            "with-slash": forge.HARBOR + "/",
            "upper-case": forge.HARBOR.upper(),
            "with-port": forge.HARBOR.replace(".test", ".test:443"),
            "prefix": forge.HARBOR[:-1],
            "longer": forge.HARBOR + "1",
            "plain-http": forge.HARBOR.replace("https", "http"),
            "percent-encoded": forge.HARBOR.replace("_", "%5F"),
            "file": "file:///etc/passwd",
            "with-credentials": forge.HARBOR.replace("//", "//a:b@"),
        },
    ),
    "iss-of-another-agency": (
        lambda signers: signers.harbor.token(iss=forge.SUMMIT),
        Reason.UNKNOWN_KEY,
    ),
    "iss-of-another-agency-and-its-kid": (
        lambda signers: signers.harbor.token({"kid": "summit-key"}, iss=forge.SUMMIT),
        Reason.WRONG_SIGNATURE,
    ),
    "iss-of-the-operators-and-their-kid": (
        lambda signers: signers.harbor.token(
            {"kid": "operators-key"}, iss=forge.OPERATORS, cognito_groups=["operators"]
        ),
        Reason.WRONG_SIGNATURE,
    ),
}

AUDIENCES: dict[str, Case] = {
    **each(
        claim,
        Reason.WRONG_CLIENT,
        "client_id",
        {
            "missing": GONE,
            "null": None,
            "empty": "",
            "foreign": "another-app",
            "upper-case": CLIENT.upper(),
            "prefix": CLIENT[:-1],
            "with-space": CLIENT + " ",
            "list": [CLIENT],
            "object": {CLIENT: True},
            "number": 0,
        },
    ),
    "access-with-foreign-aud": claim(Reason.WRONG_CLIENT, aud="another-app"),
    "access-with-aud-list": claim(Reason.WRONG_CLIENT, aud=[CLIENT]),
    "access-with-null-aud": claim(Reason.WRONG_CLIENT, aud=None),
    "access-with-aud-alone": claim(Reason.WRONG_CLIENT, client_id=GONE, aud=CLIENT),
    **each(
        id_claim,
        Reason.WRONG_CLIENT,
        "aud",
        {
            "missing": GONE,
            "null": None,
            "empty": "",
            "foreign": "another-app",
            "list": [CLIENT],
            "list-of-several": [CLIENT, "another-app"],
            "object": {CLIENT: True},
        },
    ),
    "id-with-foreign-client_id": id_claim(Reason.WRONG_CLIENT, client_id="another-app"),
    "id-with-client_id-alone": id_claim(Reason.WRONG_CLIENT, aud=GONE, client_id=CLIENT),
    **each(
        claim,
        Reason.WRONG_TOKEN_USE,
        "token_use",
        {
            "missing": GONE,
            "null": None,
            "empty": "",
            "refresh": "refresh",
            "upper-case": "ACCESS",
            "list": ["access"],
            "true": True,
        },
    ),
    "access-said-to-be-id": claim(Reason.WRONG_CLIENT, token_use="id"),
    "id-said-to-be-access": id_claim(Reason.WRONG_CLIENT, token_use="access"),
    "bound-to-a-key": claim(Reason.BOUND_TOKEN, cnf={"jkt": "thumbprint"}),
    "bound-to-a-certificate": claim(Reason.BOUND_TOKEN, cnf={"x5t#S256": "thumbprint"}),
    "bound-to-nothing": claim(Reason.BOUND_TOKEN, cnf=None),
}

HEADERS: dict[str, Case] = {
    **each(
        header,
        Reason.WRONG_ALGORITHM,
        "alg",
        {
            "missing": GONE,
            "null": None,
            "none": "none",
            "None": "None",
            "NONE": "NONE",
            "HS256": "HS256",
            "RS384": "RS384",
            "RS512": "RS512",
            "PS256": "PS256",
            "ES256": "ES256",
            "EdDSA": "EdDSA",
            "lower-case": "rs256",
            "with-space": "RS256 ",
            "list": ["RS256"],
            "number": 256,
        },
    ),
    **each(
        header,
        Reason.MALFORMED_KEY_ID,
        "kid",
        {
            "missing": GONE,
            "null": None,
            "empty": "",
            "number": 1,
            "list": ["harbor-key"],
            "too-long": "k" * 129,
            "line-feed": "harbor-key\n",
            "nul": "harbor-key\x00",
            "space": "harbor key",
            "lone-surrogate": "\ud800",
        },
    ),
    **each(
        header,
        Reason.UNKNOWN_KEY,
        "kid",
        {
            "unknown": "no-such-key",
            "upper-case": "HARBOR-KEY",
            "of-another-pool": "summit-key",
            "path": "../../../../dev/null",
            "address": "https://evil.test/key",
            "query": "'OR'1'='1",
        },
    ),
    **{
        f"header-{name}": header(Reason.HEADER_NOT_ALLOWED, **{name: value})
        for name, value in {
            "jku": "https://evil.test/jwks.json",
            "x5u": "https://evil.test/cert.pem",
            "x5c": ["MIIB"],
            "x5t": "thumbprint",
            "crit": ["exp"],
            "zip": "DEF",
            "b64": True,
            "cty": "JWT",
            "enc": "A256GCM",
            "epk": {},
            "nonce": "n",
            "Alg": "RS256",
        }.items()
    },
    "header-crit-empty": header(Reason.HEADER_NOT_ALLOWED, crit=[]),
    "header-crit-null": header(Reason.HEADER_NOT_ALLOWED, crit=None),
    "header-crit-b64": header(Reason.HEADER_NOT_ALLOWED, crit=["b64"], b64=True),
    "header-b64-false": header(Reason.HEADER_NOT_ALLOWED, crit=["b64"], b64=False),
    "header-jwk-of-the-forger": (
        lambda signers: signers.stray.token({"jwk": signers.stray.jwk()}),
        Reason.HEADER_NOT_ALLOWED,
    ),
    **each(
        header,
        Reason.WRONG_TYPE,
        "typ",
        {
            "null": None,
            "empty": "",
            "at+jwt": "at+jwt",
            "lower-case": "jwt",
            "mixed-case": "Jwt",
            "application": "application/jwt",
            "dpop": "dpop+jwt",
            "logout": "logout+jwt",
            "JOSE": "JOSE",
            "number": 1,
            "list": ["JWT"],
        },
    ),
    "header-a-list": raw_header('["RS256"]', Reason.MALFORMED_JSON),
    "header-a-text": raw_header('"RS256"', Reason.MALFORMED_JSON),
    "header-null": raw_header("null", Reason.MALFORMED_JSON),
    "header-empty-object": raw_header("{}", Reason.WRONG_ALGORITHM),
    "header-not-json": raw_header("{alg:RS256}", Reason.MALFORMED_JSON),
    "header-utf-16": raw_header(
        '{"alg":"RS256","kid":"harbor-key"}'.encode("utf-16"), Reason.MALFORMED_JSON
    ),
    "header-too-deep": raw_header(
        '{"alg":"RS256","kid":' + '{"a":' * 16 + "1" + "}" * 17, Reason.TOO_DEEP
    ),
}

PAYLOADS: dict[str, Case] = {
    "payload-byte-order-mark": payload("\ufeff" + HONEST),
    "payload-utf-16-le": payload(HONEST.encode("utf-16-le")),
    "payload-utf-16-be": payload(HONEST.encode("utf-16-be")),
    "payload-utf-16-with-mark": payload(HONEST.encode("utf-16")),
    "payload-utf-32": payload(HONEST.encode("utf-32")),
    "payload-utf-32-le": payload(HONEST.encode("utf-32-le")),
    "payload-latin-1": payload(HONEST.replace("counselors", "conseillère").encode("latin-1")),
    "payload-overlong-utf-8": payload(HONEST.encode().replace(b"access", b"\xc1\xa1ccess")),
    "payload-surrogates-as-utf-8": payload(HONEST.encode().replace(b"access", b"\xed\xa0\x80")),
    "payload-deflated": payload(zlib.compress(HONEST.encode())),
    "payload-a-list": payload(f"[{HONEST}]"),
    "payload-a-text": payload(json.dumps(HONEST)),
    "payload-a-number": payload("1"),
    "payload-null": payload("null"),
    "payload-true": payload("true"),
    "payload-a-nested-token": (
        lambda signers: signers.harbor.text({}, signers.harbor.token()),
        Reason.MALFORMED_JSON,
    ),
    "payload-cut-off": payload(HONEST[:-1]),
    "payload-with-more-behind": payload(HONEST + "x"),
    "payload-two-objects": payload(HONEST + HONEST),
    "payload-with-nul-behind": payload(HONEST + "\x00"),
    "payload-single-quotes": payload(HONEST.replace('"', "'")),
    "payload-with-comment": payload(HONEST.replace("{", "{/**/", 1)),
    "payload-trailing-comma": payload(HONEST[:-1] + ",}"),
    "payload-raw-control-character": payload(HONEST.replace("access", "acc\ness")),
    "payload-bad-escape": payload(HONEST.replace("access", "\\x61ccess")),
    "payload-no-break-space": payload("\u00a0" + HONEST),
    "payload-empty-object": payload("{}", Reason.MALFORMED_CLAIM),
    "depth-17": splice('"a":' + "[" * 16 + "]" * 16, Reason.TOO_DEEP),
    "depth-17-of-objects": splice('"a":' + '{"a":' * 16 + "1" + "}" * 16, Reason.TOO_DEEP),
    "depth-2000": splice('"a":' + "[" * 2000 + "]" * 2000, Reason.TOO_DEEP),
    "depth-5200-never-closed": payload("[" * 5200, Reason.TOO_DEEP),
    "depth-hidden-behind-a-quote": payload('{"a\\\\":' + "[" * 17, Reason.TOO_DEEP),
    "depth-in-an-open-string": payload('{"' + '\\"[' * 1500 + "\\"),
}

SPELLINGS: dict[str, Case] = {
    "text-empty": respelled(lambda _: "", Reason.MALFORMED_TOKEN),
    "text-dots": respelled(lambda _: "..", Reason.MALFORMED_TOKEN),
    "text-one-part": respelled(lambda t: t.split(".")[0], Reason.MALFORMED_TOKEN),
    "text-two-parts": respelled(lambda t: t.rpartition(".")[0], Reason.MALFORMED_TOKEN),
    "text-four-parts": respelled(lambda t: t + ".e30", Reason.MALFORMED_TOKEN),
    "text-five-parts": respelled(lambda t: t + ".e30.e30", Reason.MALFORMED_TOKEN),
    "text-no-header": respelled(lambda t: t[t.index(".") :], Reason.MALFORMED_TOKEN),
    "text-no-payload": respelled(
        lambda t: f"{t.split('.')[0]}..{t.split('.')[2]}", Reason.MALFORMED_TOKEN
    ),
    "text-no-signature": respelled(lambda t: t.rpartition(".")[0] + ".", Reason.MALFORMED_TOKEN),
    "padding-one-at-the-end": respelled(lambda t: t + "=", Reason.MALFORMED_TOKEN),
    "padding-two-at-the-end": respelled(lambda t: t + "==", Reason.MALFORMED_TOKEN),
    "padding-four-at-the-end": respelled(lambda t: t + "====", Reason.MALFORMED_TOKEN),
    "padding-percent-encoded": respelled(lambda t: t + "%3D%3D", Reason.MALFORMED_TOKEN),
    "padding-in-the-header": respelled(lambda t: t.replace(".", "=.", 1), Reason.MALFORMED_TOKEN),
    "padding-in-the-payload": respelled(
        lambda t: "=.".join(t.rsplit(".", 1)), Reason.MALFORMED_TOKEN
    ),
    "standard-base64": respelled(
        lambda t: t.replace("-", "+").replace("_", "/"), Reason.MALFORMED_TOKEN
    ),
    "trailing-bits-in-the-signature": respelled(
        lambda t: t[:-1] + _next(t[-1]), Reason.NOT_CANONICAL
    ),
    "trailing-bits-in-the-header": (
        lambda signers: _loose(signers.harbor, 0),
        Reason.NOT_CANONICAL,
    ),
    "trailing-bits-in-the-payload": (
        lambda signers: _loose(signers.harbor, 1),
        Reason.NOT_CANONICAL,
    ),
    "one-character-too-many": (
        lambda signers: signers.harbor.sign(*_one_more(signers.harbor)),
        Reason.NOT_CANONICAL,
    ),
    "space-before": respelled(lambda t: " " + t, Reason.MALFORMED_TOKEN),
    "space-behind": respelled(lambda t: t + " ", Reason.MALFORMED_TOKEN),
    "space-inside": respelled(lambda t: t.replace(".", ". ", 1), Reason.UNKNOWN_SCHEME),
    "tab-behind": respelled(lambda t: t + "\t", Reason.MALFORMED_TOKEN),
    "line-feed-behind": respelled(lambda t: t + "\n", Reason.MALFORMED_TOKEN),
    "line-feed-inside": respelled(lambda t: t[:9] + "\n" + t[9:], Reason.MALFORMED_TOKEN),
    "carriage-return-inside": respelled(lambda t: t[:9] + "\r" + t[9:], Reason.MALFORMED_TOKEN),
    "nul-behind": respelled(lambda t: t + "\x00", Reason.MALFORMED_TOKEN),
    "byte-order-mark-before": respelled(lambda t: "\ufeff" + t, Reason.MALFORMED_TOKEN),
    "full-width-dot": respelled(lambda t: t.replace(".", "．"), Reason.MALFORMED_TOKEN),
    "quoted": respelled(lambda t: f'"{t}"', Reason.MALFORMED_TOKEN),
    "comma-and-another": respelled(lambda t: f"{t},{t}", Reason.MALFORMED_TOKEN),
    "json-serialization": (
        lambda signers: json.dumps(
            dict(
                zip(
                    ("protected", "payload", "signature"),
                    signers.harbor.token().split("."),
                    strict=True,
                )
            )
        ),
        Reason.UNKNOWN_SCHEME,
    ),
    "one-over-the-size": (lambda signers: _padded(signers.harbor, 8193), Reason.TOKEN_TOO_LARGE),
    "a-megabyte": respelled(lambda t: t + "A" * 2**20, Reason.TOKEN_TOO_LARGE),
    "a-megabyte-of-dots": respelled(lambda _: "." * 2**20, Reason.TOKEN_TOO_LARGE),
}


def _resigned(change: Callable[[bytes], bytes]) -> Case:
    """Return an honest token with its signature changed."""
    return (lambda signers: _with_signature(signers.harbor, change)), Reason.WRONG_SIGNATURE


SIGNATURES: dict[str, Case] = {
    "signed-by-a-stray-key": (lambda s: s.stray.token(), Reason.WRONG_SIGNATURE),
    "signed-by-another-agencys-key": (
        lambda s: Signer(forge.HARBOR, "harbor-key", s.summit.key).token(),
        Reason.WRONG_SIGNATURE,
    ),
    "signed-by-the-operators-key": (
        lambda s: Signer(forge.HARBOR, "harbor-key", s.operators.key).token(),
        Reason.WRONG_SIGNATURE,
    ),
    "payload-tampered": (
        lambda s: _with_part(s.harbor.token(), 1, _claims_of(s.harbor, cognito_groups=["admins"])),
        Reason.WRONG_SIGNATURE,
    ),
    "header-tampered": (
        lambda s: _with_part(
            s.harbor.token(), 0, encode(b'{"alg":"RS256","kid":"harbor-key","typ":"JWT"}')
        ),
        Reason.WRONG_SIGNATURE,
    ),
    "signature-of-another-token": (
        lambda s: _with_part(s.harbor.token(), 2, s.harbor.id_token().split(".")[2]),
        Reason.WRONG_SIGNATURE,
    ),
    **{
        name: _resigned(change)
        for name, change in {
            "signature-bit-flipped": lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]),
            "signature-first-bit-flipped": lambda raw: bytes([raw[0] ^ 128]) + raw[1:],
            "signature-cut-off": lambda raw: raw[:-1],
            "signature-longer": lambda raw: raw + b"\x00",
            "signature-with-zero-before": lambda raw: b"\x00" + raw,
            "signature-zeros": lambda raw: bytes(len(raw)),
            "signature-ones": lambda raw: b"\xff" * len(raw),
            "signature-one-byte": lambda _: b"\x00",
            "signature-as-hex": lambda raw: raw.hex().encode(),
        }.items()
    },
    "signature-plus-the-modulus": (lambda s: _plus_modulus(s.harbor), Reason.WRONG_SIGNATURE),
    "signature-by-sha-1": (lambda s: _signed_by(s.harbor, SHA1), Reason.WRONG_SIGNATURE),
    "signature-by-sha-512": (lambda s: _signed_by(s.harbor, SHA512), Reason.WRONG_SIGNATURE),
    "signature-by-pss": (lambda s: _signed_by_pss(s.harbor), Reason.WRONG_SIGNATURE),
    "alg-none-signed-by-nobody": (
        lambda s: _with_part(s.harbor.token({"alg": "none"}), 2, ""),
        Reason.MALFORMED_TOKEN,
    ),
    "hs256-with-the-public-key-as-secret": (
        lambda s: _hs256(s.harbor, _pem(s.harbor)),
        Reason.WRONG_ALGORITHM,
    ),
    "hs256-with-the-public-key-in-der": (
        lambda s: _hs256(s.harbor, _der(s.harbor)),
        Reason.WRONG_ALGORITHM,
    ),
    "hs256-with-the-jwk-as-secret": (
        lambda s: _hs256(s.harbor, json.dumps(s.harbor.jwk()).encode()),
        Reason.WRONG_ALGORITHM,
    ),
    "hs256-with-an-empty-secret": (lambda s: _hs256(s.harbor, b""), Reason.WRONG_ALGORITHM),
    "hs256-said-to-be-rs256": (
        lambda s: _hs256(s.harbor, _pem(s.harbor), said="RS256"),
        Reason.WRONG_SIGNATURE,
    ),
    "es256-by-an-elliptic-key": (
        lambda s: _by_library(s, ec.generate_private_key(ec.SECP256R1()), "ES256"),
        Reason.WRONG_ALGORITHM,
    ),
    "eddsa": (
        lambda s: _by_library(s, ed25519.Ed25519PrivateKey.generate(), "EdDSA"),
        Reason.WRONG_ALGORITHM,
    ),
    "ps256-by-the-pools-key": (
        lambda s: _by_library(s, s.harbor.key, "PS256"),
        Reason.WRONG_ALGORITHM,
    ),
    "rs512-by-the-pools-key": (
        lambda s: _by_library(s, s.harbor.key, "RS512"),
        Reason.WRONG_ALGORITHM,
    ),
    "id-token-of-another-agency-with-our-issuer": (
        lambda s: Signer(forge.HARBOR, "summit-key", s.summit.key).id_token(),
        Reason.UNKNOWN_KEY,
    ),
}

TABLES = (
    TIMES,
    DUPLICATES,
    GROUPS,
    NAMES,
    ISSUERS,
    AUDIENCES,
    HEADERS,
    PAYLOADS,
    SPELLINGS,
    SIGNATURES,
)
CASES: dict[str, Case] = {name: case for table in TABLES for name, case in table.items()}
assert len(CASES) == sum(map(len, TABLES)), "two cases have one name"


def _next(character: str) -> str:
    """Return the base64url character whose last bit differs: same bytes, other spelling."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return alphabet[alphabet.index(character) ^ 1]


def _loose(signer: Signer, part: int) -> str:
    """Sign a token whose header or payload has loose trailing bits."""
    parts = [_head(signer), encode(HONEST.encode())]
    while len(parts[part]) % 4 == 0:  # only then are there bits to spare
        parts[part] = encode(decode(parts[part]).replace(b"{", b"{ ", 1))
    parts[part] = parts[part][:-1] + _next(parts[part][-1])
    return signer.sign(*parts)


def _one_more(signer: Signer) -> tuple[str, str]:
    body = encode(HONEST.encode())
    while len(body) % 4 != 0:
        body = encode(decode(body).replace(b"{", b"{ ", 1))
    return _head(signer), body + "A"


def _head(signer: Signer) -> str:
    return encode(json.dumps({"alg": "RS256", "kid": signer.key_id}).encode())


def _padded(signer: Signer, length: int) -> str:
    """Return a token of just that length, honest but for an idle claim."""
    filling = length
    while True:
        token = signer.token(filling="a" * filling)
        if len(token) <= length:
            return token if len(token) == length else signer.token({"typ": "JWT"}, filling="a")
        filling -= max(1, (len(token) - length) // 2)


def _with_part(token: str, number: int, part: str) -> str:
    parts = token.split(".")
    parts[number] = part
    return ".".join(parts)


def _claims_of(signer: Signer, **changes: Any) -> str:
    return encode(json.dumps(access_claims(signer.issuer, **changes)).encode())


def _with_signature(signer: Signer, change: Callable[[bytes], bytes]) -> str:
    token = signer.token()
    return _with_part(token, 2, encode(change(decode(token.split(".")[2]))))


def _plus_modulus(signer: Signer) -> str:
    """Return the same signature as another number that is equal to it modulo the key."""
    modulus = signer.key.public_key().public_numbers().n
    for number in range(500):
        token = signer.token(number=number)
        value = int.from_bytes(decode(token.split(".")[2]), "big") + modulus
        if value.bit_length() <= modulus.bit_length():
            return _with_part(token, 2, encode(value.to_bytes(256, "big")))
    raise AssertionError("no signature left room for the modulus")


def _signed_by(signer: Signer, algorithm: type[SHA1 | SHA512]) -> str:
    signed = signer.token().rpartition(".")[0]
    return f"{signed}.{encode(signer.key.sign(signed.encode(), padding.PKCS1v15(), algorithm()))}"


def _signed_by_pss(signer: Signer) -> str:
    signed = signer.token().rpartition(".")[0]
    pss = padding.PSS(padding.MGF1(SHA256()), salt_length=32)
    return f"{signed}.{encode(signer.key.sign(signed.encode(), pss, SHA256()))}"


def _hs256(signer: Signer, secret: bytes, *, said: str = "HS256") -> str:
    signed = signer.token({"alg": said}).rpartition(".")[0]
    return f"{signed}.{encode(hmac.digest(secret, signed.encode(), hashlib.sha256))}"


def _by_library(signers: Signers, key: Any, algorithm: str) -> str:
    claims = access_claims(signers.harbor.issuer)
    return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": signers.harbor.key_id})


def _pem(signer: Signer) -> bytes:
    return signer.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _der(signer: Signer) -> bytes:
    return base64.b64decode(b"".join(_pem(signer).splitlines()[1:-1]))
