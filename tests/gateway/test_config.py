"""Settings: one table, read once, each value with where it came from."""

from pathlib import Path

import pytest

from gateway.config import Config, ConfigFault, Source, is_loopback, load_config
from gateway.handover import hand_over, take_over
from gateway.settings import MASK, rows_of

HOME = {"ALMONER_HOME": "/srv/almoner"}
SECRETS = {
    "ALMONER_TRANSUNION_PASSWORD": "hunter2",
    "ALMONER_TRANSUNION_SYSTEM_PASSWORD": "hunter3",
    "ALMONER_TRANSUNION_KEY_PASSPHRASE": "hunter4",
    "ALMONER_PLAID_SECRET": "hunter5",
}


def config_file(folder: Path, text: str) -> dict[str, str]:
    path = folder / "almoner.toml"
    path.write_text(text)
    return HOME | {"ALMONER_CONFIG": str(path)}


def test_the_command_line_wins_over_environment_over_file_over_default(tmp_path: Path) -> None:
    """Each value is the strongest one given, and says where it came from."""
    environ = config_file(tmp_path, 'port = 1\nworkers = 2\nhost = "::1"\n[limits]\ndepth = 5\n')
    environ |= {"ALMONER_PORT": "3", "ALMONER_WORKERS": "4", "ALMONER_LIMITS_ALIASES": "6"}

    config = load_config(environ, {"workers": 7, "agency": None}, command="serve")

    assert (config.host, config.port, config.workers) == ("::1", 3, 7)
    assert (config.limits.depth, config.limits.aliases, config.limits.tokens) == (5, 6, 2000)
    assert config.sources["host"] is Source.FILE
    assert config.sources["limits.depth"] is Source.FILE
    assert config.sources["port"] is Source.ENVIRONMENT
    assert config.sources["workers"] is Source.COMMAND_LINE
    assert config.sources["agency"] is Source.DEFAULT


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"ALMONER_PROT": "1"}, "there is no setting ALMONER_PROT; did you mean ALMONER_PORT?"),
        ({"ALMONER_QXZW": "1"}, "there is no setting ALMONER_QXZW."),
        ({"ALMONER_PORT": "x"}, "ALMONER_PORT wants a whole number, not 'x'."),
        ({"ALMONER_PORT": "-1"}, "ALMONER_PORT wants a whole number, not '-1'."),
        ({"ALMONER_PORT": "65536"}, "ALMONER_PORT is at most 65535, not 65536."),
        ({"ALMONER_WORKERS": "0"}, "ALMONER_WORKERS is at least 1, not 0."),
        ({"ALMONER_SERVER_TIMING": "maybe"}, "ALMONER_SERVER_TIMING wants true or false, not"),
        ({"ALMONER_LOG_FORMAT": "xml"}, "ALMONER_LOG_FORMAT is one of json, text, not 'xml'."),
        ({"ALMONER_CORS_ORIGINS": "https://a.example/x"}, "is not an origin"),
        ({"ALMONER_TRUSTED_PROXIES": "10.0.0.0/8,here"}, "'here' is not an address"),
        ({"ALMONER_TRANSUNION_URL": "http://bureau.example"}, "ALMONER_TRANSUNION_URL wants https"),
        ({"ALMONER_CONFIG": "/nowhere/a.toml"}, "cannot read /nowhere/a.toml (ALMONER_CONFIG)"),
    ],
)
def test_a_wrong_setting_is_one_clear_line(environ: dict[str, str], message: str) -> None:
    """An unknown name or a value out of bounds is refused, naming the setting."""
    with pytest.raises(ConfigFault) as raised:
        load_config(HOME | environ, command="serve")

    assert message in raised.value.message
    assert "\n" not in raised.value.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prot = 1", "there is no setting prot; did you mean port?"),
        ("[limits]\ndeep = 1", "there is no setting limits.deep; did you mean limits.depth?"),
        ("[transunion.url]\na = 1", "transunion.url wants a text"),
        ('port = "x"', "port wants a whole number"),
        ("port = true", "port wants a whole number"),
        ("cors_origins = [1]", "cors_origins wants a list of texts"),
        ("port = ", "is not TOML"),
    ],
)
def test_a_wrong_file_is_one_clear_line(tmp_path: Path, text: str, message: str) -> None:
    """What the file says is held to the same table."""
    with pytest.raises(ConfigFault) as raised:
        load_config(config_file(tmp_path, text), command="serve")

    assert message in raised.value.message


def test_an_unknown_override_is_refused() -> None:
    """A name that the command line passes on and nobody knows is a fault, not ignored."""
    with pytest.raises(ConfigFault, match="there is no setting worker; did you mean workers"):
        load_config(HOME, {"worker": 1}, command="serve")


def test_serve_demands_a_home_and_everything_else_has_one() -> None:
    """`serve` wants ALMONER_HOME; every other command works in ./.almoner."""
    with pytest.raises(ConfigFault, match="ALMONER_HOME is not set"):
        load_config({}, command="serve")

    assert load_config({}, command="dev").home == Path.cwd() / ".almoner"
    assert load_config({}, command="token").home == Path.cwd() / ".almoner"


def test_development_has_defaults_of_its_own() -> None:
    """Timings, readable logs and test numbers are on under `dev` alone, and can be set off."""
    dev, serve = load_config({}, command="dev"), load_config(HOME, command="serve")

    assert (dev.server_timing, dev.log_format, dev.allow_test_ssn) == (True, "text", True)
    assert (serve.server_timing, serve.log_format, serve.allow_test_ssn) == (False, "json", False)
    assert not load_config({"ALMONER_SERVER_TIMING": "no"}, command="dev").server_timing


def test_made_up_numbers_never_reach_a_real_bureau() -> None:
    """Test SSNs are refused unless every vendor is on this machine."""
    there = {"ALMONER_ALLOW_TEST_SSN": "1", "ALMONER_TRANSUNION_URL": "https://bureau.example"}
    here = there | {"ALMONER_TRANSUNION_URL": "https://localhost:8091"}

    with pytest.raises(ConfigFault, match="ALMONER_ALLOW_TEST_SSN is refused"):
        load_config(HOME | there, command="serve")
    assert load_config(HOME | here, command="serve").allow_test_ssn


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("https://localhost:8091", True),
        ("http://127.9.9.9", True),
        ("http://[::1]:80", True),
        ("http://harbor.localhost", True),
        ("https://localhost.example", False),
        ("https://127.0.0.1.example", False),
        ("https://10.0.0.1", False),
        ("localhost", False),
    ],
)
def test_loopback_is_told_by_spelling(url: str, *, here: bool) -> None:
    """No name is resolved to find out whether an address is on this machine."""
    assert is_loopback(url) is here


def test_secrets_are_masked_everywhere() -> None:
    """Neither repr, nor `almoner config`, nor an error shows a secret."""
    config = load_config(HOME | SECRETS, command="serve")

    shown = repr(config) + repr(config.described())

    assert config.transunion.password == "hunter2"
    assert "hunter" not in shown
    masked = [row["variable"] for row in config.described() if row["value"] == MASK]
    assert set(masked) == set(SECRETS)
    with pytest.raises(ConfigFault, match="is a secret"):
        load_config(HOME, {"transunion.password": "hunter2"}, command="serve")


def test_a_secret_that_cannot_be_read_is_not_repeated() -> None:
    """The refusal of a secret's value leaves the value out."""
    with pytest.raises(ConfigFault) as raised:
        load_config(HOME | {"ALMONER_TRANSUNION_PASSWORD": "hun\x00ter"}, command="serve")

    assert "hun" not in raised.value.message


def test_every_setting_says_what_it_is() -> None:
    """Each row has a meaning, each number both bounds, and variables do not collide."""
    rows = list(rows_of(Config))

    assert all(row.about.doc.endswith(".") for row in rows)
    numbers = [row for row in rows if row.kind is int]
    assert not [r.name for r in numbers if r.about.at_least is None or r.about.at_most is None]
    assert len({row.variable for row in rows}) == len(rows) > 30


def test_a_worker_gets_exactly_its_supervisors_configuration() -> None:
    """What is handed over comes out equal, secrets, paths, lists and sources included."""
    environ = HOME | SECRETS | {"ALMONER_CORS_ORIGINS": "https://a.example,https://b.example"}
    environ |= {"ALMONER_TRANSUNION_KEY_FILE": "/k.pem", "ALMONER_AGENCY": "harbor"}
    config = load_config(environ, {"workers": 3}, command="serve")

    line = hand_over(config)
    taken = take_over(line)

    assert b"\n" not in line
    assert taken == config
    assert taken.sources == config.sources
