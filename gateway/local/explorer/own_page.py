"""Who may ask the explorer: its own page, opened at an address of this machine, and nobody else.

Tokens are given away here to who knows no password, so that a page of the web must not get any. One
that leads a name of its own to 127.0.0.1 (DNS rebinding) gives itself away by `Host`, one that
posts from elsewhere by `Origin`: browsers let no page choose either. Both are compared letter by
letter with the few addresses that there are; no other spelling of them comes from a browser.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Self

from starlette.requests import Request

from gateway.config import Config
from gateway.errors import Refused, malformed

_USUAL_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class OwnPage:
    """The origins that the page is opened at; the first one is named to who comes by another."""

    origins: tuple[str, ...]

    @classmethod
    def of(cls, config: Config, slugs: Iterable[str]) -> Self:
        """Return the addresses of this machine, those of the agencies' sites among them."""
        names = ("127.0.0.1", "localhost", *(f"{slug}.localhost" for slug in slugs))
        ports = [("http", config.port)]
        if config.tls_port:
            ports.append(("https", config.tls_port))
        return cls(tuple(_origin(scheme, name, port) for scheme, port in ports for name in names))

    def demand_own_host(self, request: Request) -> str:
        """Return the origin that the page was opened at; raises Refused for any other."""
        hosts = request.headers.getlist("host")
        opened = f"{request.scope['scheme']}://{hosts[0] if len(hosts) == 1 else ''}"
        if opened not in self.origins:
            raise _refused(f"The explorer is for this machine: open it at {self.origins[0]}/")
        return opened

    def demand_own_page(self, request: Request) -> None:
        """Raise Refused where anything but the explorer's own page asks."""
        opened = self.demand_own_host(request)
        if request.headers.getlist("origin") != [opened]:
            raise _refused("This is for the explorer's own page; `almoner token` is for programs.")


def _origin(scheme: str, name: str, port: int) -> str:
    return f"{scheme}://{name}" + ("" if port == _USUAL_PORTS[scheme] else f":{port}")


def _refused(message: str) -> Refused:
    return malformed(message, HTTPStatus.FORBIDDEN)
