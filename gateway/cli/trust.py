"""`almoner trust`: how to have this machine's programs trust the gateway at https://localhost."""

import shlex
import sys
from collections.abc import Callable, Mapping

import click

from gateway.cli.terminal import configured, json_option, print_record
from gateway.local.authority import AUTHORITY_NAME, Trusted, trusted

_LINUX = "/usr/local/share/ca-certificates/almoner.crt"
_FEDORA = "/etc/pki/ca-trust/source/anchors/almoner.pem"

PLATFORMS: Mapping[str, tuple[str, Callable[[str], tuple[str, ...]]]] = {
    "macos": (
        "macOS: Safari, Chrome and what uses the keychain",
        lambda file: (
            "security add-trusted-cert -r trustRoot -p ssl "
            f"-k ~/Library/Keychains/login.keychain-db {file}",
        ),
    ),
    "debian": (
        "Debian, Ubuntu: what uses the system's certificates",
        lambda file: (f"sudo cp {file} {_LINUX}", "sudo update-ca-certificates"),
    ),
    "fedora": (
        "Fedora, Red Hat: what uses the system's certificates",
        lambda file: (f"sudo cp {file} {_FEDORA}", "sudo update-ca-trust"),
    ),
    "windows": (
        "Windows: Edge, Chrome and what uses the user's store",
        lambda file: (f"certutil -user -addstore Root {file}",),
    ),
    "chrome": (
        "Chrome and Chromium on Linux (certutil is in libnss3-tools)",
        lambda file: (
            f'certutil -d sql:$HOME/.pki/nssdb -A -t "C,," -n "{AUTHORITY_NAME}" -i {file}',
        ),
    ),
    "firefox": (
        "Firefox",
        lambda file: (
            f"# Settings, Privacy & Security, Certificates, Authorities, Import: {file}",
        ),
    ),
    "node": (
        "Node.js, Amplify and Apollo in it",
        lambda file: (f"export NODE_EXTRA_CA_CERTS={file}",),
    ),
    "python": ("Python: httpx, requests, gql", lambda file: (f"export SSL_CERT_FILE={file}",)),
    "curl": (
        "curl",
        lambda file: (f"curl --cacert {file} https://localhost:8443/health/live",),
    ),
    "android": (
        "Android's emulator",
        lambda file: (
            f"adb push {file} /sdcard/Download/almoner.crt",
            "# then Settings, Security, Install a certificate",
        ),
    ),
}


@click.command()
@click.option(
    "--platform",
    type=click.Choice(sorted(PLATFORMS)),
    default=None,
    help="This one alone; else all that may be of use here.",
)
@json_option
def trust(*, platform: str | None, as_json: bool) -> None:
    """Say how to have programs trust the gateway at https://localhost. It changes nothing.

    \b
    Example:
      almoner trust
      almoner trust --platform node
    """
    config = configured("dev")
    found = trusted(config.home)
    names = (platform,) if platform else _of_use()
    ways = {name: list(PLATFORMS[name][1](shlex.quote(str(found.file)))) for name in names}
    if as_json:
        known = {"file": str(found.file), "sha256": found.fingerprint}
        print_record({**known, "until": found.until.isoformat(), "ways": ways}, as_json=True)
        return
    click.echo("\n".join(_told(found, config.tls_port, ways)))


def _of_use() -> tuple[str, ...]:
    """Return the platforms that may be of use on this machine."""
    systems = {"darwin": ("macos",), "win32": ("windows",)}
    own = systems.get(sys.platform, ("debian", "fedora", "chrome"))
    return (*own, "firefox", "node", "python", "curl")


def _told(found: Trusted, port: int, ways: Mapping[str, list[str]]) -> list[str]:
    lines = [
        f"The gateway is at https://localhost:{port}, with a certificate of this authority:",
        "",
        f"  file     {found.file}",
        f"  SHA-256  {found.fingerprint}",
        f"  until    {found.until:%Y-%m-%d}",
        "",
        "It can sign for localhost and loopback addresses alone, and its key was thrown away. When",
        "it is made anew, a week before its end, what trusted it has to be told again.",
    ]
    for name, commands in ways.items():
        lines += ["", f"{PLATFORMS[name][0]}:", *(f"  {one}" for one in commands)]
    return lines
