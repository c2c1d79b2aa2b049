"""The rules of validation that documents are held to, and which of them a text can break at all.

Many rules look at what most documents do not have: variables, directives, fragments, arguments.
Where their signs are not in a text, neither is anything that they could find, and they would
only walk through the document. What is left is graphql-core's own rules in their own order, so
that the faults are the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from graphql import GraphQLError, Node, specified_rules
from graphql.validation import (
    ASTValidationRule,
    DeferStreamDirectiveLabel,
    DeferStreamDirectiveOnRootField,
    DeferStreamDirectiveOnValidOperationsRule,
    FragmentsOnCompositeTypesRule,
    KnownArgumentNamesRule,
    KnownDirectivesRule,
    KnownFragmentNamesRule,
    MaxIntrospectionDepthRule,
    NoFragmentCyclesRule,
    NoSchemaIntrospectionCustomRule,
    NoUndefinedVariablesRule,
    NoUnusedFragmentsRule,
    NoUnusedVariablesRule,
    OverlappingFieldsCanBeMergedRule,
    PossibleFragmentSpreadsRule,
    SingleFieldSubscriptionsRule,
    StreamDirectiveOnListField,
    UniqueArgumentNamesRule,
    UniqueDirectivesPerLocationRule,
    UniqueFragmentNamesRule,
    UniqueInputFieldNamesRule,
    UniqueVariableNamesRule,
    ValidationContext,
    ValuesOfCorrectTypeRule,
    VariablesAreInputTypesRule,
    VariablesInAllowedPositionRule,
)
from graphql.validation.validate import ValidationAbortedError
from graphql.validation.validation_context import NodeWithSelectionSet, VariableUsage
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

PRINTED_CHARACTERS_MAX = 4_000

_VARIABLES = ("$",)
_DIRECTIVES = ("@",)
_DEFER_STREAM = ("defer", "stream")
_FRAGMENTS = ("...", "fragment")
_ARGUMENTS = ("(",)
_VALUES = ("(", "=")  # a default in a type definition, which has no place in a document, is one
_INTROSPECTION = ("__",)

_SIGNS: dict[type[ASTValidationRule], tuple[str, ...]] = {
    SingleFieldSubscriptionsRule: ("subscription",),
    FragmentsOnCompositeTypesRule: _FRAGMENTS,
    VariablesAreInputTypesRule: _VARIABLES,
    UniqueFragmentNamesRule: _FRAGMENTS,
    KnownFragmentNamesRule: _FRAGMENTS,
    NoUnusedFragmentsRule: _FRAGMENTS,
    PossibleFragmentSpreadsRule: _FRAGMENTS,
    NoFragmentCyclesRule: _FRAGMENTS,
    UniqueVariableNamesRule: _VARIABLES,
    NoUndefinedVariablesRule: _VARIABLES,
    NoUnusedVariablesRule: _VARIABLES,
    KnownDirectivesRule: _DIRECTIVES,
    UniqueDirectivesPerLocationRule: _DIRECTIVES,
    DeferStreamDirectiveOnRootField: _DEFER_STREAM,
    DeferStreamDirectiveOnValidOperationsRule: _DEFER_STREAM,
    DeferStreamDirectiveLabel: _DEFER_STREAM,
    StreamDirectiveOnListField: _DEFER_STREAM,
    KnownArgumentNamesRule: _ARGUMENTS,
    UniqueArgumentNamesRule: _ARGUMENTS,
    ValuesOfCorrectTypeRule: _VALUES,
    VariablesInAllowedPositionRule: _VARIABLES,
    UniqueInputFieldNamesRule: _VALUES,
    MaxIntrospectionDepthRule: _INTROSPECTION,
    MaybeNullValidationRule: _VALUES,
    OneOfInputValidationRule: _VALUES,
    NoSchemaIntrospectionCustomRule: _INTROSPECTION,
}
"""A document in which none of a rule's signs is written cannot break the rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """A rule, as it is run, and its signs, if it has any."""

    rule: type[ASTValidationRule]
    signs: tuple[str, ...] | None


class Rules:
    """The rules that documents are held to.

    The check for overlapping fields is quadratic; graphql-core's own bound on it lets a request of
    4 KB take most of a second, so a subclass spends less. Another subclass ends once faults of
    literals, each of which repeats the literal around it, have filled a page.
    """

    def __init__(self, steps_max: int, *, introspection: bool) -> None:
        class OverlappingFields(OverlappingFieldsCanBeMergedRule):
            def __init__(self, context: ValidationContext) -> None:
                super().__init__(context)
                self.rule_context.remaining_complexity_budget = steps_max

        bounded: dict[type[ASTValidationRule], type[ASTValidationRule]] = {
            OverlappingFieldsCanBeMergedRule: OverlappingFields,
            ValuesOfCorrectTypeRule: _BoundedValues,
        }
        rules = [*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule]
        if not introspection:
            rules.append(NoSchemaIntrospectionCustomRule)
        self._rules = [_Held(rule=bounded.get(one, one), signs=_SIGNS.get(one)) for one in rules]
        self.every = tuple(held.rule for held in self._rules)

    def for_text(self, text: str) -> tuple[type[ASTValidationRule], ...]:
        """Return the rules that a document of this text can break."""
        written = {sign for signs in _SIGNS.values() for sign in signs if sign in text}
        return (_UsagesWhereWritten, *self._breakable(written))

    def _breakable(self, written: set[str]) -> Iterator[type[ASTValidationRule]]:
        for held in self._rules:
            if held.signs is None or not written.isdisjoint(held.signs):
                yield held.rule


class _UsagesWhereWritten(ASTValidationRule):
    """Finds no fault, but spares others a walk through definitions without a variable."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        text, usages = _text_of(context.document), context.get_variable_usages

        def usages_in(node: NodeWithSelectionSet) -> list[VariableUsage]:
            if node.loc is not None and text.find("$", node.loc.start, node.loc.end) < 0:
                return []
            return usages(node)

        context.get_variable_usages = usages_in  # type: ignore[method-assign]


class _BoundedValues(ValuesOfCorrectTypeRule):
    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self._printed = 0

    def report_error(self, error: GraphQLError) -> None:
        super().report_error(error)
        self._printed += len(error.message)
        if self._printed > PRINTED_CHARACTERS_MAX:
            raise ValidationAbortedError("There may be more faults in literals.")


def _text_of(node: Node) -> str:
    return node.loc.source.body if node.loc is not None else ""
