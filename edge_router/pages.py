"""The pages of the edge: one that asks where somebody lives, and one for whom no agency can take.

They are whole in themselves, without scripts and without anything from elsewhere, and can be used
by keyboard and screen reader. Whatever came with the address appears escaped or not at all.
"""

from base64 import b64encode
from hashlib import sha256
from html import escape

from domain.states import STATE_NAMES
from edge_router.asking import PARTNER, STATE
from edge_router.decision import Decision, PartnerFault, Reason
from edge_router.table import RoutingTable

_STYLE = (
    "body{font:1.125rem/1.5 system-ui,sans-serif;max-width:36rem;margin:3rem auto;padding:0 1rem;"
    "color:#1a1a1a;background:#fff}label{display:block;font-weight:600}"
    "select,button{font:inherit;padding:.5rem .75rem;margin:.5rem 0;max-width:100%}"
    "[role=alert]{border-left:.25rem solid #a40000;padding-left:.75rem}"
)
POLICY = (
    "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; style-src 'sha256-"
    # No form-action: browsers hold redirects of a form to it too, and ours go to agencies' sites.
    + b64encode(sha256(_STYLE.encode()).digest()).decode()
    + "'"
)
_HEADINGS = {
    Reason.STATE_NEEDED: "Which state do you live in?",
    Reason.STATE_UNKNOWN: "Which state do you live in?",
    Reason.NOBODY_LICENSED: "No agency here is licensed in {state} yet",
    Reason.ALL_CROWDED: "All agencies in {state} are full at the moment",
    Reason.ADDRESS_TOO_LONG: "This address is too long",
    Reason.TABLE_EXPIRED: "We cannot bring you to an agency right now",
}
_TEXTS = {
    Reason.STATE_NEEDED: "Credit counseling is licensed state by state. We use your answer to find"
    " an agency that may work with you, and for nothing else.",
    Reason.STATE_UNKNOWN: "Credit counseling is licensed state by state.",
    Reason.NOBODY_LICENSED: "You can still get counseling from a non-profit agency elsewhere.",
    Reason.ALL_CROWDED: "Please come back tomorrow, or find a non-profit agency elsewhere today.",
    Reason.ADDRESS_TOO_LONG: "Something was added to it on its way. Begin again from here.",
    Reason.TABLE_EXPIRED: "Please try again later, or find a non-profit agency elsewhere today.",
}
_ALERTS = {
    Reason.STATE_UNKNOWN: "We do not know that state. Choose yours from the list.",
}
_PARTNER_ALERTS = {
    PartnerFault.UNKNOWN: "We do not know that partner code. You can go on without it.",
    PartnerFault.NOT_LICENSED: "That partner's agency is not licensed in your state.",
    PartnerFault.CROWDED: "That partner's agency is full at the moment. You can go on without it.",
}
_WITH_LINK = frozenset({Reason.NOBODY_LICENSED, Reason.ALL_CROWDED, Reason.TABLE_EXPIRED})


def page_of(decision: Decision, table: RoutingTable) -> str:
    """Return the page for a decision without a route: what to do next, and never a dead end."""
    state = STATE_NAMES.get(decision.state or "", "your state")
    heading = _HEADINGS[decision.reason].format(state=state)
    parts = [f"<h1>{escape(heading)}</h1>", *_alerts(decision)]
    parts.append(f'<p id="why">{escape(_TEXTS[decision.reason])}</p>')
    if decision.reason in _WITH_LINK:
        link = escape(table.information_url)
        parts.append(f'<p><a href="{link}">Find a non-profit credit counselor</a></p>')
    if decision.reason is not Reason.TABLE_EXPIRED:
        parts.append(_form(decision))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="robots" content="noindex">'
        f"<title>{escape(heading)}</title><style>{_STYLE}</style></head>"
        f"<body><main>{''.join(parts)}</main></body></html>"
    )


def _alerts(decision: Decision) -> list[str]:
    fault = decision.partner_fault
    texts = (_ALERTS.get(decision.reason), _PARTNER_ALERTS[fault] if fault else None)
    return [f'<p role="alert">{escape(text)}</p>' for text in texts if text]


def _form(decision: Decision) -> str:
    asking = decision.asking
    kept = dict(asking.carried)
    if asking.partner and decision.partner_fault is PartnerFault.NOT_LICENSED:
        kept[PARTNER] = asking.partner  # it may be licensed in the state that is named next
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in kept.items()
    )
    options = "".join(
        f'<option value="{code}"{" selected" if code == decision.state else ""}>{name}</option>'
        for code, name in sorted(STATE_NAMES.items(), key=lambda item: item[1])
    )
    return (
        f'<form method="get" action="{escape(asking.path)}">{hidden}'
        f'<label for="state">The state you live in</label>'
        f'<select id="state" name="{STATE}" required aria-describedby="why"'
        ' autocomplete="address-level1">'
        f'<option value="">Choose a state</option>{options}</select> '
        '<button type="submit">Continue</button></form>'
    )
