"""A local AWS for tests: ministack in a process of its own, where it is installed; never in CI."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from tenants.aws import AwsSettings
from tests.e2e.platform_process import NO_TLS

ROOT = Path(__file__).parent.parent
REGION = "us-east-1"
START_SECONDS_MAX = 60
# ministack believes anybody; the driver refuses to ask without credentials.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


@contextmanager
def running_local_aws() -> Iterator[AwsSettings]:
    """Run ministack and say where it is; skips the test where it is not installed."""
    if os.environ.get("CI"):
        pytest.skip("the local stand-in of AWS is not for CI")
    if not (Path(sys.prefix) / "ministack" / "bin" / "python").exists():
        pytest.skip("ministack is not installed in .venv/ministack: `make test` does it")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        ["sh", str(ROOT / "scripts" / "local_aws.sh"), str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(process, url)
        yield AwsSettings(endpoint_url=url, region=REGION)
    finally:
        process.terminate()
        process.wait(10)


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        assert process.poll() is None, "ministack ended by itself"
        with suppress(httpx.HTTPError):
            health = f"{url}/_ministack/health"
            if httpx.get(health, timeout=2, trust_env=False, verify=NO_TLS).is_success:
                return
        time.sleep(0.1)
    raise AssertionError("ministack did not answer in time")
