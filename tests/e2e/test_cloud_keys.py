"""The whole gateway with its keys in AWS KMS and its secrets by reference, in real processes."""

import asyncio
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tenants.aws import AwsSettings, ask, open_client
from tests.e2e.platform_process import NO_TLS, Running, data_of, dev_environment, run_almoner
from tests.local_aws import CREDENTIALS, running_local_aws

pytestmark = pytest.mark.slow
PAGE = "{ applications(first: 1) { edges { node { id } } } }"
REASON = ("--reason", "test")


@pytest.fixture(scope="module")
def local_aws() -> Iterator[AwsSettings]:
    with running_local_aws() as settings:
        yield settings


@pytest.fixture
def key(local_aws: AwsSettings, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)

    async def made() -> str:
        async with open_client("kms", local_aws) as client:
            return str((await ask(client, "create_key"))["KeyMetadata"]["KeyId"])

    return asyncio.run(made())


async def switch_off(settings: AwsSettings, key: str) -> None:
    async with open_client("kms", settings) as client:
        await ask(client, "disable_key", KeyId=key)


def waited_for(log: Path, words: str) -> None:
    deadline = time.monotonic() + 20
    while words not in log.read_text():
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.05)


def test_a_gateway_lives_on_kms(local_aws: AwsSettings, key: str, tmp_path: Path) -> None:
    """An agency made, served and checked with keys that KMS alone unwraps.

    SIGHUP has a changed secret read by the worker and ends nobody; without its KMS key the home
    opens no more.
    """
    home, log = tmp_path / "home", tmp_path / "log"
    password = tmp_path / "password"
    password.write_text("one")
    assert local_aws.endpoint_url is not None
    environment = dev_environment(home) | {
        "ALMONER_KEYRING": f"kms:{key}",
        "ALMONER_AWS_ENDPOINT_URL": local_aws.endpoint_url,
        "ALMONER_AWS_REGION": str(local_aws.region),
        "ALMONER_TRANSUNION_PASSWORD": password.as_uri(),
    }
    made = run_almoner(
        environment, "agency", "add", "harbor", "--name", "Harbor", "--state", "mi", *REASON
    )
    assert made.returncode == 0, made.stderr
    assert sorted(path.name for path in home.glob("*.*")) == ["directory.db", "directory.key"]
    scope = ("--scope", "applications:read")
    secret = run_almoner(environment, "key", "create", "harbor", *scope, *REASON).stdout.split()[-1]

    running = Running(["serve"], environment, log).start()
    try:
        assert data_of(running.ask(PAGE, key=secret)) == {"applications": {"edges": []}}
        metrics = httpx.get(f"{running.operations_url}/metrics", timeout=5, verify=NO_TLS).text
        assert 'almoner_secret_age_days{agency="harbor",kind="data_key"}' in metrics
        password.write_text("two")
        running.process.send_signal(signal.SIGHUP)
        waited_for(log, "secret renewed")
        assert running.ask(PAGE, key=secret)["data"]
        assert "two" not in log.read_text()
    finally:
        assert running.stop() == 0

    doctor = run_almoner(environment, "doctor")
    assert f"AWS KMS unwraps with {key}" in doctor.stdout
    asyncio.run(switch_off(local_aws, key))
    refused = run_almoner(environment, "agency", "list")
    assert refused.returncode == 1
    assert "DisabledException" in refused.stderr
    nowhere = environment | {"ALMONER_AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    assert "AWS KMS does not answer" in run_almoner(nowhere, "agency", "list").stderr
