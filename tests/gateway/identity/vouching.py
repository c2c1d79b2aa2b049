"""Who vouches beside the user pools: an OIDC issuer and authorizers, as far ends over HTTP."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import respx
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from domain.access import Principal
from domain.actors import Group
from gateway.identity.authenticator import Authenticator
from gateway.identity.authorizers import Authorizers
from gateway.identity.credentials import Occasion, authenticate
from gateway.identity.patterns import Pattern
from gateway.identity.providers import Authorizer, OidcIssuer, Providers
from tests.gateway.identity.conftest import World
from tests.gateway.identity.forge import GONE, NOW, SUBJECT, Signer, encode

ISSUER = "https://login.test/harbor/"
KEYS = "https://keys.login.test/oauth2/keys?p=sign-in"
DISCOVERY = "https://login.test/harbor/.well-known/openid-configuration"
ASKED = {"harbor": "https://vouch.test/harbor", "summit": "https://vouch.test/summit"}
OCCASION = Occasion(
    request_id="req-7", document="query Q { me { kind } }", operation_name="Q", variables={"a": 1}
)


@dataclass(slots=True)
class Vouching:
    """An authenticator with providers, and what their far ends say and were asked."""

    world: World
    authenticator: Authenticator
    rsa_signer: Signer
    curve_key: ec.EllipticCurvePrivateKey
    answers: dict[str, Any] = field(default_factory=dict)
    events: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    async def principal(self, authorization: str, agency: str | None = None) -> Principal:
        """Return who an Authorization header names, with a hint or without."""
        headers = {"Authorization": authorization}
        if agency is not None:
            headers["X-Agency"] = agency
        return (await authenticate(headers, self.authenticator, OCCASION)).principal

    def token(self, header: Mapping[str, Any] | None = None, **changes: Any) -> str:
        """Return an honest RS256 token of the OIDC issuer, with claims changed."""
        return self.rsa_signer.text(header or {}, json.dumps(oidc_claims(**changes)))

    def curve_token(self, header: Mapping[str, Any] | None = None, **changes: Any) -> str:
        """Return an honest ES256 token of the OIDC issuer, with claims changed."""
        full = {"kid": "curve-key", "alg": "ES256", **(header or {})}
        claims = encode(json.dumps(oidc_claims(**changes)).encode())
        signed = f"{encode(json.dumps(full).encode())}.{claims}"
        r, s = decode_dss_signature(self.curve_key.sign(signed.encode(), ec.ECDSA(SHA256())))
        return f"{signed}.{encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def curve_jwk(self, **changes: Any) -> dict[str, Any]:
        """Return the curve's public key as the issuer publishes it."""
        numbers = self.curve_key.public_key().public_numbers()
        x, y = (encode(one.to_bytes(32, "big")) for one in (numbers.x, numbers.y))
        return {"kty": "EC", "crv": "P-256", "kid": "curve-key", "x": x, "y": y} | changes

    def publish(self, *keys: Mapping[str, Any]) -> None:
        """Have the issuer publish these keys."""
        self.world.far_end.get(KEYS).respond(json={"keys": list(keys)})

    def discover(self, **changes: Any) -> respx.Route:
        """Have the issuer's discovery document say this."""
        document = {"issuer": ISSUER, "jwks_uri": KEYS} | changes
        kept = {name: value for name, value in document.items() if value is not GONE}
        return self.world.far_end.get(DISCOVERY).respond(json=kept)


@contextmanager
def vouching(world: World, **changes: Any) -> Iterator[Vouching]:
    """Give the world's authenticator with an issuer of harbor's and an authorizer of each agency.

    changes: to the OIDC issuer; `authorizers` are others instead.
    """
    authorizers = changes.pop("authorizers", tuple(map(authorizer, ASKED)))
    issuer = oidc_issuer(**changes)
    client = world.key_sets._client
    authenticator = Authenticator(
        world.directory,
        world.key_sets,
        world.clock,
        providers=Providers(issuers={issuer.issuer: issuer}, authorizers=authorizers),
        authorizers=Authorizers(authorizers, client),
    )
    signer = Signer(ISSUER, "oidc-key", world.signers.stray.key)
    given = Vouching(world, authenticator, signer, ec.generate_private_key(ec.SECP256R1()))
    given.publish(signer.jwk(), given.curve_jwk())
    given.discover()
    for agency, address in ASKED.items():
        given.answers[agency] = answer(agency)
        world.far_end.post(address).mock(side_effect=_answering(given, agency))
    yield given


def _answering(given: Vouching, agency: str) -> Any:
    def respond(request: httpx.Request) -> httpx.Response:
        given.events.append((agency, json.loads(request.content)))
        said = given.answers[agency]
        if isinstance(said, httpx.Response):
            return said
        if isinstance(said, Exception):
            raise said
        return httpx.Response(200, json=said)

    return respond


def oidc_issuer(**changes: Any) -> OidcIssuer:
    """Return harbor's OIDC issuer as it is configured, with changes."""
    given: dict[str, Any] = {
        "name": "login",
        "agency": "harbor",
        "issuer": ISSUER,
        "client": Pattern("web|mobile-[0-9]+", characters_max=256),
        "groups_claim": ("groups",),
        "groups": {
            "Counselors": Group.COUNSELORS,
            "Seniors": Group.COUNSELORS,
            "Chiefs": Group.ADMINS,
        },
    }
    return OidcIssuer(**given | changes)


def authorizer(agency: str, /, **changes: Any) -> Authorizer:
    """Return an agency's authorizer as it is configured, with changes."""
    token = Pattern(f"{agency}-.*|shared", characters_max=2048)
    given: dict[str, Any] = {
        "name": f"{agency}-door",
        "agency": agency,
        "url": ASKED[agency],
        "token": token,
    }
    return Authorizer(**given | changes)


def oidc_claims(**changes: Any) -> dict[str, Any]:
    """Return an honest ID token's claims; GONE leaves one out."""
    claims = {
        "iss": ISSUER,
        "sub": SUBJECT,
        "aud": "web",
        "iat": NOW - 60,
        "exp": NOW + 3540,
        "auth_time": NOW - 120,
        "groups": ["everybody", "Counselors"],
        "jti": "token-1",
    } | changes
    return {name: value for name, value in claims.items() if value is not GONE}


def answer(agency: str, /, **changes: Any) -> dict[str, Any]:
    """Return an honest answer about a person; keywords change `resolverContext`."""
    context = {"agency": agency, "subject": "u-1", "group": "counselors"} | changes
    kept = {name: value for name, value in context.items() if value is not GONE}
    return {"isAuthorized": True, "resolverContext": kept}
