"""The files that configure a client: Amplify's JSON, and modules of JavaScript to begin with."""

import json
from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any

from gateway.clients.target import ClientTarget

OUTPUTS_VERSION = "1.4"
CONFIG_FILE = "amplify_config.json"
SIGNING_IN = "signing_in.mjs"


def amplify_outputs(target: ClientTarget) -> str:
    """Return an `amplify_outputs.json`, which has no member for where a pool is called.

    There is no `model_introspection` in it: the schema has operations of its own and no models.
    """
    auth = {
        "aws_region": target.region,
        "user_pool_id": target.pool_id,
        "user_pool_client_id": target.pool_client_id,
        "unauthenticated_identities_enabled": False,
    }
    if target.pool_endpoint is not None:
        auth |= _LOCAL_POOL
    data = {
        "url": target.url,
        "aws_region": target.region,
        "default_authorization_type": "AMAZON_COGNITO_USER_POOLS",
        "authorization_types": ["API_KEY"],
    }
    return _json({"version": OUTPUTS_VERSION, "auth": auth, "data": data})


def amplify_config(target: ClientTarget) -> str:
    """Return what `Amplify.configure` makes of the outputs, with where the pool is called."""
    return _json({"Auth": _auth(target), "API": {"GraphQL": _graphql(target)}})


def _auth(target: ClientTarget) -> dict[str, Any]:
    pool = {"userPoolId": target.pool_id, "userPoolClientId": target.pool_client_id}
    if target.pool_endpoint is not None:
        pool["userPoolEndpoint"] = target.pool_endpoint
    return {"Cognito": pool}


def _graphql(target: ClientTarget) -> dict[str, str]:
    return {"endpoint": target.url, "region": target.region, "defaultAuthMode": "userPool"}


def _module(*names: str) -> Callable[[ClientTarget], str]:
    """Return what fills in modules of this folder, one after the other."""

    def fill(target: ClientTarget) -> str:
        folder = resources.files(__package__)
        text = "\n".join(folder.joinpath(name).read_text("utf-8") for name in names)
        for name, value in {
            '"@agency@"': target.agency,
            '"@auth@"': json.dumps(_auth(target)),
            '"@url@"': json.dumps(target.url),
            '"@socket_url@"': json.dumps(target.socket_url),
            '"@region@"': json.dumps(target.region),
        }.items():
            text = text.replace(name, value)
        return text

    return fill


def _json(members: Mapping[str, object]) -> str:
    return json.dumps(members, indent=2) + "\n"


# What the local identity provider holds its people to; of a pool at AWS only AWS knows.
_LOCAL_POOL: Mapping[str, Any] = {
    "username_attributes": ["email"],
    "standard_required_attributes": ["email"],
    "user_verification_types": ["email"],
    "mfa_configuration": "OPTIONAL",
    "mfa_methods": ["TOTP"],
    "password_policy": {
        "min_length": 8,
        "require_lowercase": True,
        "require_uppercase": True,
        "require_numbers": True,
        "require_symbols": True,
    },
}

FILES: Mapping[str, Callable[[ClientTarget], str]] = {
    "amplify": amplify_outputs,
    "amplify-config": amplify_config,
    "apollo": _module(SIGNING_IN, "apollo.mjs"),
    "urql": _module(SIGNING_IN, "urql.mjs"),
    "relay": _module(SIGNING_IN, "relay.mjs"),
    "codegen": _module("codegen.ts"),
}
"""What can be asked for, by name."""
