"""A page in place of Plaid's Link: choose a bank and a user, and get a public token.

For people at `almoner dev`, and for programs: it posts a plain form. It sends a browser back to the
redirect_uri of the link token alone, and that only on this machine.
"""

from collections.abc import Iterable
from html import escape
from urllib.parse import urlencode, urlsplit, urlunsplit

from domain.addresses import is_loopback
from integrations.plaid.simulator.faults import USERS
from integrations.plaid.simulator.items import INSTITUTIONS, LinkSession

_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:2rem auto;padding:0 1rem}"
    "label{display:block;margin:1rem 0 .25rem}select,input,button{font:inherit;width:100%;"
    "padding:.5rem;box-sizing:border-box}button{margin-top:1.5rem}code{word-break:break-all}"
)


def form_page(session: LinkSession, *, fault: str | None = None) -> str:
    """Return the form, with what went wrong the last time."""
    if session.access_token is not None:
        inner = (
            "<p>The bank asks you to sign in again. Nothing else is needed.</p>"
            f"{_hidden(session)}<button>Sign in again</button>"
        )
    else:
        inner = (
            f"{_hidden(session)}"
            f'<label for="institution">Bank</label>{_select("institution", INSTITUTIONS.items())}'
            f'<label for="user">User</label>{_select("user", _users())}'
            '<label for="password">Password (pass_good; JSON for user_custom)</label>'
            '<input id="password" name="password" value="pass_good" autocomplete="off">'
            "<button>Link this bank</button>"
        )
    told = f'<p role="alert">{escape(fault)}</p>' if fault else ""
    return _page("Link a bank", f'{told}<form method="post" action="/link">{inner}</form>')


def done_page(public_token: str | None) -> str:
    """Return the end: the public token to copy, or that the link is mended."""
    if public_token is None:
        return _page("Link a bank", "<p>The link to the bank works again.</p>")
    return _page(
        "Link a bank",
        "<p>Done. Give this public token to <code>connectBank</code> within 30 minutes:</p>"
        f"<p><code id='public-token'>{escape(public_token)}</code></p>",
    )


def gone_page() -> str:
    """Return what is said of a link token that is none."""
    return _page(
        "Link a bank", '<p role="alert">This link token is not known, used, or expired.</p>'
    )


def back_to(session: LinkSession, public_token: str | None) -> str | None:
    """Return where the browser goes in the end; None where it stays."""
    if session.redirect_uri is None or not is_loopback(session.redirect_uri):
        return None
    parts = urlsplit(session.redirect_uri)
    told = urlencode({"public_token": public_token} if public_token else {"repaired": "true"})
    return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, told)))))


def _users() -> Iterable[tuple[str, str]]:
    return ((name, f"{name}: {story}") for name, story in USERS.items())


def _select(name: str, options: Iterable[tuple[str, str]]) -> str:
    listed = "".join(
        f'<option value="{escape(value)}">{escape(text)}</option>' for value, text in options
    )
    return f'<select id="{name}" name="{name}">{listed}</select>'


def _hidden(session: LinkSession) -> str:
    return f'<input type="hidden" name="token" value="{escape(session.token)}">'


def _page(title: str, inner: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{title}</h1><p>This is the simulator of Plaid: no bank is asked.</p>"
        f"{inner}</main></body></html>"
    )
