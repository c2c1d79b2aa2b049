"""What the identity provider would send by e-mail, as lines on the console: codes, invitations."""

from gateway.local.identity_provider.call import Message, MessageKind

_TEXTS: dict[MessageKind, str] = {
    "sign-up": "confirmation code",
    "recovery": "code for a new password",
    "invitation": "temporary password",
}


def shown(message: Message) -> str:
    """Return the line. It goes to the console alone, never into a log."""
    return f"{_TEXTS[message.kind]} for {message.email} ({message.pool_id}): {message.secret}"
