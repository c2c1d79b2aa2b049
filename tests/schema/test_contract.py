"""What is served is what the contract says, and the stored copies are current."""

from pathlib import Path

import pytest
from graphql import (
    DocumentNode,
    GraphQLObjectType,
    build_ast_schema,
    find_breaking_changes,
    parse,
    print_ast,
    validate_schema,
)
from graphql.language import ast

from schema.build import core_schema, create_schema, schema_sdl

SCHEMA_FOLDER = Path(__file__).parent.parent.parent / "schema"
SERVED = schema_sdl(create_schema())

BEYOND_THE_CONTRACT = {
    "AcceptProposalsInput": set(),
    "Application": {"proposals"},
    "AgencySettings": {"upcoming"},
    "AuditEvent": {"consumers", "outcome"},
    "AuditOutcome": {"DONE", "REFUSED"},
    "BankConnection": {"syncProgress", "hasNewAccounts", "endsAt"},
    "CreditReport": {"raw"},
    "CreatedInvitation": {"code", "consumerId", "expiresAt"},
    "Mutation": {
        *"acceptProposals completeDocumentUpload createInvitation acceptInvitation".split(),
    },
    "Document": {"rejection"},
    "DocumentRejection": {
        *"SIZE_DIFFERS TYPE_DIFFERS DAMAGED ACTIVE_CONTENT TOO_MANY_PIXELS".split(),
    },
    "Proposal": set(),
    "ProposalConflict": set(),
    "ProposalKind": set(),
    "ProposalState": set(),
    "AWSTime": set(),  # the last of AppSync's scalars; no field has it yet
}
ARGUMENTS_BEYOND_THE_CONTRACT = {"createBankLinkToken": {"connectionId"}}


def _definitions(document: DocumentNode) -> dict[str, ast.DefinitionNode]:
    return {
        definition.name.value: definition
        for definition in document.definitions
        if isinstance(definition, ast.TypeDefinitionNode | ast.DirectiveDefinitionNode)
    }


CONTRACT = _definitions(parse((SCHEMA_FOLDER / "contract.graphql").read_text("utf-8")))
OURS = _definitions(parse(SERVED))


def _members(definition: ast.DefinitionNode) -> dict[str, str]:
    """Return a type's fields or values, each as it is spelled without description and rule."""
    found = getattr(definition, "fields", None) or getattr(definition, "values", None) or ()
    return {member.name.value: _spelled(member) for member in found}


def _spelled(member: ast.Node) -> str:
    parts = [type(member).__name__, member.name.value]  # type: ignore[attr-defined]
    added = ARGUMENTS_BEYOND_THE_CONTRACT.get(member.name.value, set())  # type: ignore[attr-defined]
    for argument in getattr(member, "arguments", ()) or ():
        if argument.name.value in added:
            continue
        default = print_ast(argument.default_value) if argument.default_value else None
        parts.append(f"{argument.name.value}: {print_ast(argument.type)} = {default}")
    if getattr(member, "type", None) is not None:
        parts.append(print_ast(member.type))  # type: ignore[attr-defined]
    if getattr(member, "default_value", None) is not None:
        parts.append(f"= {print_ast(member.default_value)}")  # type: ignore[attr-defined]
    return " ".join(parts)


def test_exactly_the_types_of_the_contract_are_served() -> None:
    """No type of the contract is missing, and none beyond it is there but those listed."""
    assert set(OURS) - (set(BEYOND_THE_CONTRACT) - set(CONTRACT)) == set(CONTRACT)


@pytest.mark.parametrize("name", sorted(set(OURS) & set(CONTRACT)))
def test_each_definition_is_the_contracts(name: str) -> None:
    """Kind, interfaces, fields, arguments, nullability, defaults and values are the contract's."""
    ours, theirs = OURS[name], CONTRACT[name]
    assert type(ours) is type(theirs)
    interfaces = [
        [one.name.value for one in getattr(definition, "interfaces", ()) or ()]
        for definition in (ours, theirs)
    ]
    assert interfaces[0] == interfaces[1]
    expected = _members(theirs)
    added = BEYOND_THE_CONTRACT.get(name, set())
    served = {field: text for field, text in _members(ours).items() if field not in added}
    assert served == expected
    assert list(served) == list(expected), "in the contract's order"
    assert added <= set(_members(ours))
    if isinstance(ours, ast.DirectiveDefinitionNode):
        assert isinstance(theirs, ast.DirectiveDefinitionNode)
        assert _spelled(ours) == _spelled(theirs)
        assert [one.value for one in ours.locations] == [one.value for one in theirs.locations]


def test_clients_of_the_contract_are_not_broken() -> None:
    """graphql-core too sees no breaking change."""
    contract = parse((SCHEMA_FOLDER / "contract.graphql").read_text("utf-8"))
    changes = find_breaking_changes(
        build_ast_schema(contract, assume_valid_sdl=True), core_schema(create_schema())
    )
    assert changes == []


def test_the_served_schema_is_valid() -> None:
    """graphql-core finds no fault in the schema, and its SDL is a schema again."""
    assert validate_schema(core_schema(create_schema())) == []
    build_ast_schema(parse(SERVED))


def test_every_type_and_root_field_is_described() -> None:
    """Whoever explores the schema reads what each type and each root field is."""
    types = core_schema(create_schema()).type_map
    silent = [
        name for name, one in types.items() if not name.startswith("__") and not one.description
    ]
    for root in ("Query", "Mutation"):
        object_type = types[root]
        assert isinstance(object_type, GraphQLObjectType)
        silent += [
            f"{root}.{name}" for name, field in object_type.fields.items() if not field.description
        ]
    assert silent == []


def test_the_snapshot_is_current() -> None:
    """schema/schema.graphql is what is served."""
    assert (SCHEMA_FOLDER / "schema.graphql").read_text("utf-8") == SERVED
