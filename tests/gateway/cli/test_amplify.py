"""`almoner amplify`: the files that configure a frontend's client."""

import json
from pathlib import Path

import pytest

from gateway.clients.files import FILES
from tests.gateway.cli.command import Done, almoner, made

LOCAL = "http://127.0.0.1:8001/us-east-1_Lakeside1"
AWS = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEf123"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Give a home with an agency whose pool is on this machine, and one whose pool is at AWS."""
    for slug, issuer in (("lakeside", LOCAL), ("summit", AWS)):
        options = ("--name", slug, "--state", "mi", "--issuer", issuer, "--client-id", "web")
        assert almoner(tmp_path, "agency", "add", slug, *options).status == 0
    return tmp_path


def written(home: Path, *arguments: str, name: str = "amplify_outputs.json") -> tuple[Done, str]:
    file = home / name
    done = almoner(home, "amplify", *arguments, "--out", str(file))
    assert done.status == 0, done.output
    return done, file.read_text("utf-8")


def test_the_outputs_name_pool_and_endpoint(home: Path) -> None:
    """In the form of Amplify Gen 2: people sign in, machines have keys, and TLS is spoken."""
    _, text = written(home, "lakeside")
    outputs = json.loads(text)

    assert outputs["version"].startswith("1.")
    assert outputs["data"] == {
        "url": "https://localhost:8443/graphql",
        "aws_region": "us-east-1",
        "default_authorization_type": "AMAZON_COGNITO_USER_POOLS",
        "authorization_types": ["API_KEY"],
    }
    auth = outputs["auth"]
    assert (auth["user_pool_id"], auth["user_pool_client_id"]) == ("us-east-1_Lakeside1", "web")


def test_a_pool_of_this_machine_is_configured_beside_the_outputs(home: Path) -> None:
    """Which have no place for its address, as is said."""
    done, _ = written(home, "lakeside")
    config = json.loads((home / "amplify_config.json").read_text("utf-8"))

    assert config["Auth"]["Cognito"]["userPoolEndpoint"] == LOCAL
    assert "customEndpoint" not in config["API"]["GraphQL"]
    assert "amplify_config.json instead" in done.output


def test_a_pool_at_aws_needs_nothing_else(home: Path) -> None:
    """No second file, no address of the pool, and no rules of a pool that only AWS knows."""
    url = "https://api.summit.example/graphql"
    done, text = written(home, "summit", "--url", url)

    assert json.loads(text)["auth"] == {
        "aws_region": "eu-west-1",
        "user_pool_id": "eu-west-1_AbCdEf123",
        "user_pool_client_id": "web",
        "unauthenticated_identities_enabled": False,
    }
    assert json.loads(text)["data"]["url"] == url
    assert not (home / "amplify_config.json").exists()
    assert "instead" not in done.output
    assert "almoner trust" not in done.output


def test_the_facts_alone(home: Path) -> None:
    """--json says where a client turns to, whatever it is; without a name it is the first."""
    done = almoner(home, "amplify", "--json", "--for", "relay")
    told = json.loads(done.output[: done.output.rindex("}") + 1])

    assert told["agency"] == "lakeside"
    assert told["userPoolEndpoint"] == LOCAL
    assert told["realtimeUrl"] == "wss://localhost:8443/graphql/realtime"
    assert told["socketUrl"] == "wss://localhost:8443/graphql"
    assert told["files"] == []


@pytest.mark.parametrize("client", FILES)
def test_every_file_is_filled_in(home: Path, client: str) -> None:
    """Printed or written it is the same, for this agency, and nothing in it is left to fill in."""
    _, text = written(home, "lakeside", "--for", client, name="file")
    printed = almoner(home, "amplify", "lakeside", "--for", client)

    assert printed.output.startswith(text)
    assert "https://localhost:8443/graphql" in text
    assert '"@' not in text.replace('from "@', "")


def test_what_cannot_be_configured_is_refused(home: Path) -> None:
    """No such agency or folder and an agency without a pool fail; half an address is misuse."""
    missing = almoner(home, "amplify", "nowhere")
    assert (missing.status, "lakeside, summit" in missing.output) == (1, True)
    without = almoner(made(home), "amplify", "harbor")
    assert (without.status, "--client-id" in without.output) == (1, True)
    nowhere = almoner(home, "amplify", "lakeside", "--out", str(home / "no/such/folder.json"))
    assert (nowhere.status, "No such file" in nowhere.output) == (1, True)
    for half in ("localhost:8443", "https://localhost", 'https://a b/graphql"', "ftp://a/graphql"):
        assert almoner(home, "amplify", "lakeside", "--url", half).status == 2
