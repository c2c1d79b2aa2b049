"""A server's addresses and credentials, as the stock clients would have them."""

import base64
import json

import pytest

from conformance.servers import NotAsked, Server, realtime_url_of

AWS = "https://abcdefghijklmnopqrstuvwxyz.appsync-api.eu-west-1.amazonaws.com/graphql"
TOKEN = "a.b.Cc"


@pytest.mark.parametrize(
    ("url", "realtime"),
    [
        ("http://127.0.0.1:8000/graphql", "ws://127.0.0.1:8000/graphql/realtime"),
        ("https://api.example.com/graphql", "wss://api.example.com/graphql/realtime"),
        ("https://api.example.com/graphql/", "wss://api.example.com/graphql/realtime"),
        (AWS, AWS.replace("https", "wss").replace("appsync-api", "appsync-realtime-api")),
        (f"{AWS}".replace(".com/", ".com.cn/"), None),
    ],
)
def test_the_socket_is_where_clients_look_for_it(url: str, realtime: str | None) -> None:
    """AWS's own hosts have another host for it, any other address has /realtime behind it."""
    expected = realtime or "realtime-api.eu-west-1.amazonaws.com.cn/graphql"
    assert realtime_url_of(url).endswith(expected)


def test_credentials_are_sent_as_clients_send_them() -> None:
    """A key in its header, a token with and without Bearer, the token first where both are."""
    server = Server(url=AWS, realtime_url="", api_key="key", token=TOKEN)
    assert server.credential("none") == {}
    assert server.credential("key") == {"x-api-key": "key"}
    assert server.credential("good") == server.credential("token") == {"Authorization": TOKEN}
    assert server.credential("bearer") == {"Authorization": f"Bearer {TOKEN}"}
    assert server.credential("both") == {"x-api-key": "key", "Authorization": TOKEN}
    assert "key" not in repr(server).replace("api_key", "")
    assert TOKEN not in repr(server)


def test_what_is_not_given_is_not_asked() -> None:
    """Without a token, what is about tokens says that one is needed."""
    server = Server(url=AWS, realtime_url="", api_key="key")
    assert server.credential("good") == {"x-api-key": "key"}
    with pytest.raises(NotAsked, match="give a token"):
        server.credential("bearer")
    with pytest.raises(NotAsked, match="give --refused"):
        server.document("refused")


def test_a_wrong_token_is_the_good_one_with_another_signature() -> None:
    """Only the signature is another; where there is no token, a whole one is made up."""
    server = Server(url=AWS, realtime_url="", token=TOKEN)
    assert server.credential("wrong_token") == {"Authorization": "a.b.Ac"}
    made_up = Server(url=AWS, realtime_url="").credential("wrong_token")["Authorization"]
    head, claims, _ = made_up.split(".")
    assert json.loads(base64.urlsafe_b64decode(head + "=="))["alg"] == "RS256"
    assert json.loads(base64.urlsafe_b64decode(claims + "=="))["token_use"] == "access"
