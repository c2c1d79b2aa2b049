"""`almoner doctor` says what is wrong with the broker of the events."""

from dataclasses import replace

from gateway.cli.event_findings import of_events
from gateway.cli.findings import Finding
from gateway.config import Config
from tests.gateway.small_gateway import small_config
from tests.redis_server import running_redis


async def findings(config: Config) -> list[Finding]:
    return [item async for item in of_events(config)]


def with_redis(config: Config, url: str) -> Config:
    return replace(config, events=replace(config.events, redis_url=url))


async def test_one_process_needs_no_broker_and_several_do() -> None:
    """Without Redis a second worker's subscribers would hear of a part: that is a warning."""
    assert await findings(small_config()) == []
    (several,) = await findings(small_config(workers=2))
    assert several.state == "warn"
    assert "ALMONER_EVENTS_REDIS_URL" in several.remedy


async def test_the_redis_of_the_events_is_asked() -> None:
    """One that answers is well; one that does not is a warning, because events wait for it."""
    with running_redis() as server:
        config, url = small_config(workers=2), server.url
        (there,) = await findings(with_redis(config, url))
        server.stop()
        (gone,) = await findings(with_redis(config, url))
    (none,) = await findings(with_redis(config, "http://:secret@127.0.0.1"))

    assert (there.state, gone.state, none.state) == ("ok", "warn", "FAIL")
    assert "ALMONER_EVENTS_REDIS_URL" in none.finding
    assert "secret" not in none.finding
