"""A whole platform at work says no secret and nothing of anybody: every output is searched."""

import asyncio
import base64
import json
import re
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from domain.consumers import Consumer
from gateway.local.demo_world import AGENCIES, PASSWORD, plan_applicants
from gateway.workspace import open_workspace
from tenants.keys.keyring import unwrap_agency_keys
from tests.e2e.bank_link import linked_bank
from tests.e2e.platform_process import data_of
from tests.e2e.test_journey import PULL, consented_application, new_consent
from tests.e2e.told import Platform, Told
from tests.isolation.operations import MUTATIONS, QUERIES, Ids

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

REASON = ("--reason", "hygiene")
# What people type in the course of it; all of it is theirs. A stated purpose is for the ledger.
TYPED = {
    "a number": "900-55-1235",
    "a faulty number": "900-55-12x5",
    "a faulty address of e-mail": "quillfeather(at)nowhere",
    "a name": "Zephyrine",
    "a family name": "Quillfeather",
    "a street": "4711 Wistaria Crescent",
    "a telephone number": "+1 303 555 0177",
    "an e-mail address": "zephyrine.quillfeather@mail.test",
    "a hardship": "the roof fell in and then the boiler",
    "a note": "she weeps when she speaks of the boiler",
}
PERSON = """id ssn(purpose: "identity check") name { given family } email phone
  dateOfBirth address { line1 }"""


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """Give a platform of its own, logging all it can; it is stopped at the end."""
    platform = Platform(tmp_path)
    yield platform
    platform.stop()


def test_nothing_said_holds_a_secret_or_anybodys_data(platform: Platform) -> None:
    """Over all operations and commands nothing but what is printed by design leaves the platform.

    Searched: standard output and errors, log lines at their most talkative, metrics, health,
    headers and errors of answers, command lines and environments of all processes. For: keys in
    every spelling, tokens, API keys, passwords, passphrases, and each personal value of the demo
    world, of the bureau's answer and of what was typed.
    """
    told = platform.told
    _hide_the_demo_world(told)
    report = _a_file_from_start_to_import(platform)
    _everything_by_everybody(platform, report)
    _refused(platform)
    _commands(platform, report)
    for path in ("metrics", "health"):
        told.say(path, platform.client.get(f"{platform.running.operations_url}/{path}").text)
    asyncio.run(_hide_keys(told, Path(platform.running.environment["ALMONER_HOME"])))
    platform.stop()
    log = platform.running.log.read_text()
    assert log.count("\n") > 50
    told.say("log", log, by_design=[f"Users, password {PASSWORD}"])

    assert len(told.needles) > 2_000
    assert {"command line", "environment", "log", "metrics"} <= {where for where, _ in told.texts}
    assert told.leaks() == []

    for planted in (TYPED["a number"], TYPED["a name"].upper()):  # the search is not blind
        told.texts.append(("planted", f"it was {planted}."))
        assert told.leaks() == [f"planted: {told.needles[planted.casefold()]}"]
        told.texts.pop()


def test_the_search_finds_every_spelling() -> None:
    """A key as bytes, hex or base64, a number with and without dashes, a name in an address."""
    key = secrets.token_bytes(32)
    for text in (repr(key), key.hex().upper(), base64.b64encode(key).decode()):
        told = Told()
        told.hide("a key", key)
        told.say("log", f"key {text} is bad")
        assert told.leaks() == ["log: a key"]
    told = Told()
    told.hide("a name", "Zoë Åström")
    told.say("log", "GET /people?name=Zo%C3%AB%20%C3%85str%C3%B6m")
    assert told.leaks() == ["log: a name"]
    told = Told()
    told.hide("a number", "666484418")
    told.say("log", "found 666-48-4418")
    told.say("output", "printed", by_design=["666484418"])
    assert told.leaks() == ["log: a number"]


def _hide_the_demo_world(told: Told) -> None:
    for applicant in (one for agency in AGENCIES for one in plan_applicants(agency)):
        _hide_person(told, applicant.consumer)
        told.hide("a hardship", applicant.application.hardship_reason)
    for what, value in TYPED.items():
        told.hide(what, value)
    told.hide("the demo's password", PASSWORD)
    told.hide("the bureau's password", "sandbox")


def _hide_person(told: Told, person: Consumer) -> None:
    assert person.name is not None
    assert person.address is not None
    if not str(person.email).endswith(".test") or "@mail.test" in str(person.email):
        told.hide("an e-mail address", person.email)  # those of the demo's users name a sign-in
    told.hide("a name", f"{person.name.given} {person.name.family}")
    told.hide("a number", person.ssn)
    told.hide("a telephone number", person.phone)
    told.hide("a street", person.address.line1)
    told.hide("a birthday", str(person.date_of_birth))


async def _hide_keys(told: Told, home: Path) -> None:
    told.hide("the keyring's key", json.loads((home / "keyring.json").read_text()).get("key"))
    for name in ("client.key", "server.key"):
        lines = (home / "certificates" / name).read_text().splitlines()
        told.hide("a private key", "".join(lines[1:-1])[:64])
        told.hide("a private key", lines[1])
    async with open_workspace(home) as workspace:
        told.hide("the directory's key", workspace.keys.derive("directory"))
        told.hide("the issuer's key", workspace.keys.derive("issuer"))
        told.hide("the root key", workspace.keys.root)
        for agency in await workspace.directory.agencies():
            wrapped = await workspace.directory.wrapped_keys(agency.id)
            keys = await unwrap_agency_keys(workspace.keyring, agency.id, wrapped)
            for key in (keys.store_key, keys.index_key, *keys.data_keys.values()):
                told.hide("an agency's key", key)


def _a_file_from_start_to_import(platform: Platform) -> Ids:
    """Type a person in, pull the persona's report, and return ids to ask everything with."""
    consumer, counselor = (
        platform.token(f"{who}@harbor.test") for who in ("consumer", "counselor")
    )
    started = platform.ask(
        "mutation ($input: StartApplicationInput!) { startApplication(input: $input) { id } }",
        {
            "input": {
                "name": {"given": TYPED["a name"], "family": TYPED["a family name"]},
                "ssn": TYPED["a number"],
                "dateOfBirth": "1983-07-19",
                "phone": TYPED["a telephone number"],
                "address": {
                    "line1": TYPED["a street"],
                    "city": "Roseville",
                    "state": "MI",
                    "postalCode": "48066",
                },
                "hardshipReason": TYPED["a hardship"],
            }
        },
        token=consumer,
    )
    assert data_of(started)["startApplication"]["id"]
    application, consent, _ = consented_application(platform.running, "Uphold")
    owner = platform.token("consumer2@harbor.test")
    consent = consent or new_consent(platform.running, application, owner)
    pull = {"applicationId": application, "consentId": consent, "idempotencyKey": "hygiene-1"}
    report = data_of(platform.ask(PULL, {"input": pull}, token=counselor))["pullCreditReport"]["id"]
    _vendor_faults(platform, counselor)
    raw = data_of(
        platform.ask(
            'query ($id: ID!) { creditReport(id: $id) { raw(purpose: "check") } }',
            {"id": report},
            token=counselor,
        )
    )["creditReport"]["raw"]
    for number in set(re.findall(r"<accountNumber>([^<]{8,})<", raw)):
        platform.told.hide("an account number", number)
    platform.told.hide("the raw file", raw[200:260])
    read = (
        f"query ($id: ID!) {{ application(id: $id) {{ consumer {{ {PERSON} }} debts {{ id }} }} }}"
    )
    found = data_of(platform.ask(read, {"id": application}, token=counselor))["application"]
    assert found["consumer"]["ssn"] == "666484418"
    note = platform.ask(
        "mutation ($id: ID!, $t: String!) { addNote(applicationId: $id, text: $t) { id } }",
        {"id": application, "t": TYPED["a note"]},
        token=counselor,
    )
    admin = platform.token("admin@harbor.test")
    made = data_of(
        platform.ask(
            """mutation { createApiKey(input: {name: "x", scopes: ["agency:read"]}) {
              secret apiKey { id } } }""",
            token=admin,
        )
    )["createApiKey"]
    platform.told.hide("a made key", made["secret"])
    staff = data_of(platform.ask("{ staff { id } agency { id } }", token=admin))
    asked = platform.ask(
        "mutation ($i: RequestAccessInput!) { requestAccess(input: $i) { id } }",
        {"i": {"scope": "consumers:read", "reason": "complaint", "minutes": 30}},
        token=platform.token("operator@almoner.test"),
        headers={"x-agency": "harbor"},
    )
    request = data_of(asked)["requestAccess"]["id"]
    announced = platform.ask(
        """mutation ($i: CreateDocumentUploadInput!) {
          createDocumentUpload(input: $i) { document { id } } }""",
        {
            "i": {
                "applicationId": application,
                "kind": "OTHER",
                "fileName": "x.pdf",
                "mediaType": "application/pdf",
                "bytes": 100,
            }
        },
        token=counselor,
    )
    settings = platform.ask(
        "mutation ($i: UpdateSettingsInput!) { updateSettings(input: $i) { id } }",
        {"i": {"effectiveFrom": datetime.now(UTC).date().isoformat()}},
        token=admin,
    )
    analyze = "mutation ($id: ID!) { analyzeApplication(id: $id) { id } }"
    analysis = data_of(platform.ask(analyze, {"id": application}, token=counselor))
    plan = platform.ask(
        "mutation ($i: ProposePlanInput!) { proposePlan(input: $i) { id } }",
        {"i": {"applicationId": application, "monthlyDeposit": "9000.00"}},
        token=counselor,
    )
    return Ids(
        **linked_bank(platform.running, application, owner),
        agency=staff["agency"]["id"],
        analysis=analysis["analyzeApplication"]["id"],
        application=application,
        consumer=found["consumer"]["id"],
        consent=consent,
        debt=found["debts"][0]["id"],
        document=data_of(announced)["createDocumentUpload"]["document"]["id"],
        grant=request,
        key=made["apiKey"]["id"],
        note=data_of(note)["addNote"]["id"],
        plan=data_of(plan)["proposePlan"]["id"],
        queue=application.replace("app_", "queue_"),
        report=report,
        request=request,
        settings=data_of(settings)["updateSettings"]["id"],
        staff=staff["staff"][0]["id"],
    )


def _everything_by_everybody(platform: Platform, ids: Ids) -> None:
    """Ask every operation as everybody, then changes with faults; what it answers is for them."""
    key = platform.command(
        "key", "create", "harbor", "--scope", "consumers:read", *REASON, secret=True
    )
    users = ("operator@almoner.test", "analyst@harbor.test", "consumer2@harbor.test",
             "counselor@harbor.test", "counselor@summit.test", "admin@harbor.test")  # fmt: skip
    credentials: list[dict[str, Any]] = [{"token": platform.token(user)} for user in users]
    credentials[0]["headers"] = {"x-agency": "harbor"}
    credentials.append({"key": key})
    data_of(
        platform.ask(
            "mutation ($id: ID!) { approveAccess(id: $id) { id status } }",
            {"id": ids.request},
            token=credentials[5]["token"],
        )
    )
    # What ends an application comes last, so that the rest has something to work on.
    ending = ("revokeAccess", "revokeApiKey", "rotateApiKey", "releaseApplication",
              "reassignApplication", "returnApplication", "closeApplication",
              "withdrawApplication")  # fmt: skip
    later = {name: MUTATIONS[name] for name in ending}
    first = {name: rows for name, rows in MUTATIONS.items() if name not in ending}
    for credential in credentials:
        for rows in (QUERIES | first).values():
            for row in rows:
                platform.ask(row.document, row.variables(ids), **credential)
    _faults(platform, ids, credentials[3])
    for rows in later.values():
        for row in rows:
            for credential in credentials:
                answer = platform.ask(row.document, row.variables(ids), **credential)
                made = ((answer.get("data") or {}).get("rotateApiKey") or {}).get("secret")
                platform.told.hide("a rotated key", made)


def _vendor_faults(platform: Platform, counselor: str) -> None:
    for family in ("Garbage", "Servererror"):
        application, consent, _ = consented_application(platform.running, family)
        wanted = {"applicationId": application, "consentId": consent, "idempotencyKey": family}
        assert platform.ask(PULL, {"input": wanted}, token=counselor)["errors"]


def _faults(platform: Platform, ids: Ids, credential: dict[str, Any]) -> None:
    """Change with all kinds of faults: none is answered with what was given."""
    update = "mutation ($input: UpdateConsumerInput!) { updateConsumer(input: $input) { id } }"
    faulty: list[Any] = [
        {"ssn": TYPED["a faulty number"]},
        {"email": TYPED["a faulty address of e-mail"]},
        {"phone": TYPED["a name"]},
        {"name": TYPED["a family name"]},
        {"name": {"given": TYPED["a name"] * 30, "family": TYPED["a family name"]}},
        {"dateOfBirth": TYPED["a number"]},
        {"address": {"line1": TYPED["a street"], "city": 7}},
        {"ssn": 900551235},
        {"ssn": TYPED["a number"], "expectedVersion": 1, "phone": TYPED["a telephone number"]},
    ]
    for fault in faulty:
        answer = platform.ask(update, {"input": {"id": ids.consumer} | fault}, **credential)
        assert answer.get("errors"), fault


def _refused(platform: Platform) -> None:
    token = platform.token("counselor@harbor.test")
    key = platform.command(
        "key", "create", "harbor", "--scope", "agency:read", *REASON, secret=True
    )
    spoilt = token[:-8] + ("A" * 8 if not token.endswith("A" * 8) else "B" * 8)
    refused: list[dict[str, Any]] = [
        {},
        {"token": spoilt},
        {"token": token, "key": key},
        {"key": key[:-2] + "zz"},
        {"token": token, "headers": {"x-agency": "summit"}},
        {"token": f"Basic {base64.b64encode(PASSWORD.encode()).decode()}"},
    ]
    for credential in refused:
        answer = platform.ask("{ me { subject } }", **credential)
        assert answer["errors"], credential.keys()
    platform.told.hide("a spoilt token", spoilt)
    platform.told.hide("a spoilt key", key[:-2] + "zz")
    platform.done("key", "revoke", "harbor", key[:8], *REASON)


def _commands(platform: Platform, ids: Ids) -> None:
    """Run the commands that have to do with keys, people and the ledger."""
    passphrase = "correct horse battery staple"
    platform.told.hide("a passphrase", passphrase)
    folder = platform.folder
    ledger = ("audit",)
    platform.done("key", "list", "harbor")
    platform.done("key-rotation", "start", "harbor", *REASON)
    platform.done("key-rotation", "status", "harbor")
    platform.done(*ledger, "tail", "harbor", *REASON)
    platform.done(*ledger, "checkpoint", "harbor", *REASON)
    platform.done(*ledger, "verify", "harbor", *REASON)
    platform.done(*ledger, "prove", "harbor", ids.consumer, "--out", str(folder / "p"), *REASON)
    platform.done(*ledger, "export", "harbor", "--out", str(folder / "lines"), *REASON)
    platform.done("access", "review", "harbor", *REASON)
    export = folder / "export.json"
    platform.done("consumer", "export", "harbor", ids.consumer, "--out", str(export), *REASON)
    assert "666484418" in export.read_text()  # that is what it is for
    assert export.stat().st_mode & 0o077 == 0
    platform.command("consumer", "erase", "harbor", ids.consumer, *REASON)
    platform.done("mask", "harbor", "--out", str(folder / "masked"), *REASON)
    platform.done("retention", "run", "harbor", "--dry-run", *REASON)
    platform.done("staff", "list", "harbor")
    platform.done("token-revoke", "harbor", "--subject", "nobody", *REASON)
    backup = ("directory", "backup", str(folder / "b"), *REASON)
    platform.done(*backup, text=passphrase + "\n")
    platform.done("config")
    platform.done("doctor")
    platform.command("agency", "add", "x", "--name", "x", "--state", "MI", "--store",
                     "postgresql://user:hunter2hunter2@host/db")  # fmt: skip
    # The exports are what they are for; the ledger's files name ids and fields, and no value.
    for name in ("p", "lines"):
        platform.told.say(f"audit file {name}", (folder / name).read_text())
