"""The package for Lambda@Edge: what is in it, how it starts, and what it answers CloudFront."""

import json
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from edge_router.bundle import BUNDLE_BYTES_MAX, bundled_sources, write_bundle
from edge_router.sealing import write_table
from tests.edge_router.edge_samples import a_table

# CloudFront's own sample, from the developer guide: a GET of / by curl.
SAMPLE = Path(__file__).with_name("viewer_request.json")
COLD_START_MS_MAX = 100
# As Lambda starts it: the package alone, the runtime's modules already there, one event.
START = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
event = json.load(sys.stdin)
began = time.process_time()
from edge_router.viewer_request import handler
answer = handler(event, None)
spent = (time.process_time() - began) * 1000
others = sorted(
    name for name in sys.modules
    if name.split(".")[0] not in {*sys.stdlib_module_names, "edge_router", "domain", "__main__"}
)
sys.stderr.write(json.dumps({"answer": answer, "ms": spent, "others": others}))
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("edge")
    table = write_table(a_table(at=int(time.time())), b"k" * 32)
    write_bundle(folder / "edge.zip", table)
    with zipfile.ZipFile(folder / "edge.zip") as archive:
        archive.extractall(folder / "task")
    return folder


def event(uri: str = "/", query: str = "", method: str = "GET", *cookies: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(SAMPLE.read_text("utf-8"))
    request = made["Records"][0]["cf"]["request"]
    request |= {"uri": uri, "querystring": query, "method": method}
    if cookies:
        request["headers"]["cookie"] = [{"key": "Cookie", "value": value} for value in cookies]
    return made


def invoked(package: Path, given: dict[str, Any]) -> tuple[dict[str, Any], str]:
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", START, str(package / "task")],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stderr)
    return told, done.stdout


def test_the_package_is_the_router_and_what_it_needs(package: Path) -> None:
    """It is far below 1 MB, and holds the router, its table and the domain's modules it imports."""
    names = set(zipfile.ZipFile(package / "edge.zip").namelist())
    assert {"edge_router/viewer_request.py", "domain/states.py", "routing.json"} <= names
    assert not [name for name in names if not name.startswith(("edge_router/", "domain/", "rout"))]
    assert "edge_router/compiling.py" not in names
    assert "edge_router/server.py" not in names
    assert (package / "edge.zip").stat().st_size < BUNDLE_BYTES_MAX / 10
    assert (package / "edge.zip").stat().st_mode & 0o077 == 0


def test_the_same_sources_make_the_same_package(tmp_path: Path) -> None:
    """Byte for byte, so that what is deployed can be compared with what was reviewed."""
    for name in ("one.zip", "two.zip"):
        write_bundle(tmp_path / name, b"{}")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    assert all(source for name, source in bundled_sources().items() if "__init__" not in name)


def test_the_sample_event_is_answered_by_the_page(package: Path) -> None:
    """A visitor of whom nothing is known is asked, in CloudFront's shape and below its 40 KB."""
    told, logged = invoked(package, event())
    answer = told["answer"]

    assert (answer["status"], answer["statusDescription"]) == ("200", "OK")
    assert answer["bodyEncoding"] == "text"
    assert "Which state do you live in?" in answer["body"]
    assert len(json.dumps(answer)) < 40_000
    assert json.loads(logged)["reason"] == "STATE_NEEDED"
    assert "203.0.113.178" not in logged
    assert told["others"] == [], "nothing but the package and the standard library is loaded"


def test_a_cold_start_is_quick(package: Path) -> None:
    """From nothing imported to the first answer takes less than 100 ms of processor time."""
    assert min(invoked(package, event())[0]["ms"] for _ in range(3)) < COLD_START_MS_MAX


def test_a_redirect_has_cloudfronts_shape(package: Path) -> None:
    """Lower-case names, lists of key and value, a cookie for TLS and this host alone."""
    answer = invoked(package, event("/apply", "state=OH&x=y"))[0]["answer"]

    assert (answer["status"], answer["statusDescription"]) == ("302", "Found")
    location = "https://harbor.almoner.example/apply?state=OH"
    assert answer["headers"]["location"] == [{"key": "Location", "value": location}]
    assert answer["headers"]["cache-control"] == [{"key": "Cache-Control", "value": "no-store"}]
    cookie = answer["headers"]["set-cookie"][0]["value"]
    assert cookie.startswith("__Host-almoner_edge=")
    assert cookie.endswith("Path=/; HttpOnly; SameSite=Lax; Secure")
    assert "body" not in answer
    assert all(name == name.lower() for name in answer["headers"])


def test_cookies_over_several_headers_are_found(package: Path) -> None:
    """A cookie in the second Cookie header holds, equals signs in others notwithstanding."""
    first = invoked(package, event("/", "state=MI"))[0]["answer"]
    cookie = first["headers"]["set-cookie"][0]["value"].partition(";")[0]
    again, logged = invoked(package, event("/", "", "GET", "a=b=c; d", f"e=f; {cookie}"))

    assert json.loads(logged)["reason"] == "STICKY"
    assert again["answer"]["headers"]["location"] == first["headers"]["location"]


def test_geography_in_headers_is_not_read(package: Path) -> None:
    """At viewer request CloudFront has added none: one that is there is the client's own."""
    given = event()
    header = {"key": "CloudFront-Viewer-Country-Region", "value": "OH"}
    given["Records"][0]["cf"]["request"]["headers"]["cloudfront-viewer-country-region"] = [header]

    assert invoked(package, given)[0]["answer"]["status"] == "200"
