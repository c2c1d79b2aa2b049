"""The Amplify example as a page: stock Amplify in Chromium, over TLS, with nothing rewritten."""

import base64
import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.local.authority import LocalTls
from tests.e2e.platform_process import Running
from tests.node.chromium import chromium_or_skip
from tests.node.packages import NODE_MODULES, node_or_skip

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

ROOT = Path(__file__).parent.parent.parent
PAGE = (
    '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">'
    '<script type="module" src="page.js"></script>'
)


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, and writes no line for each."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on a port of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def key_of(dev: Running) -> str:
    """Return the hash of the key of the gateway's certificate.

    Chromium is told of this key alone, and holds every other to its authorities: `certutil`, which
    would have it trust the authority as people do, is not on every machine.
    """
    file = LocalTls.within(Path(dev.environment["ALMONER_HOME"])).certificate
    certificate = x509.load_pem_x509_certificate(file.read_bytes())
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(spki).digest()).decode()


def node(*arguments: str, cwd: Path) -> str:
    """Return what a program of Node prints."""
    done = subprocess.run(
        [node_or_skip(), *arguments],
        cwd=cwd,
        env=os.environ | {"NODE_PATH": str(NODE_MODULES)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def bundled(dev: Running, folder: Path) -> None:
    """Put the example into a page, as whoever builds a site does: bundled, and as it is."""
    (folder / "main.mjs").write_bytes((ROOT / "examples/amplify/main.mjs").read_bytes())
    (folder / "index.html").write_text(PAGE, "utf-8")
    dev.command_output("amplify", "harbor", "--out", str(folder / "amplify_outputs.json"))
    esbuild = NODE_MODULES / "esbuild/bin/esbuild"
    node(str(esbuild), "main.mjs", "--bundle", "--format=esm", "--outfile=page.js", cwd=folder)


def test_amplify_works_in_a_page(dev: Running, tmp_path: Path) -> None:
    """It signs in by SRP, reads, renews, subscribes over wss://localhost, changes, and is told."""
    chromium = chromium_or_skip()
    bundled(dev, tmp_path)
    script = str(ROOT / "tests/e2e/page.cjs")
    with served(tmp_path) as url:
        page = json.loads(node(script, chromium, url, "told", key_of(dev), cwd=tmp_path))

    said = {line["text"].split()[0]: line["text"] for line in page["said"]}
    assert [line for line in page["said"] if line["kind"] == "error"] == []
    event = json.loads(said["told"].removeprefix("told "))
    assert said["changed"] == f"changed to version {event['version']}"
    assert event["hardshipReason"].startswith("Fewer hours since ")

    targets = [str(one["target"]).rpartition(".")[2] for one in page["asked"] if one["target"]]
    assert targets[:3] == ["InitiateAuth", "RespondToAuthChallenge", "GetTokensFromRefreshToken"]
    gateway = f"localhost:{dev.environment['ALMONER_TLS_PORT']}/graphql"
    assert page["sockets"] == [f"wss://{gateway}/realtime"]
    posts = [one["url"] for one in page["asked"] if one["url"].endswith("/graphql")]
    assert set(posts) == {f"https://{gateway}"}
