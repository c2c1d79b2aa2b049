"""Documents within the limits that are as hard to judge as they can be made."""

from collections.abc import Iterator, Mapping


def hostile_documents() -> Mapping[str, str]:
    """Return them by what is hard about them; for the schema of the API."""
    return dict([*_selections(), *_fragments(), *_values(), *_lines(), *_declarations()])


def _repeated(text: str, count: int) -> str:
    return " ".join(text.replace("%", str(n)) for n in range(count))


def _selections() -> Iterator[tuple[str, str]]:
    yield "one field again and again", f"{{ me {{ {'kind ' * 1990} }} }}"
    yield "fields with arguments", "{" + 'node(id: "1") { id } ' * 220 + "}"
    yield "fields below fields", "{" + "applications { edges { node { id } } } " * 160 + "}"
    yield "inline fragments", f"{{ me {{ {'... on Viewer { kind } ' * 320} }} }}"
    yield "nested inline fragments", "{ me {" + "... on Viewer { " * 60 + "kind" + "}" * 60 + "} }"
    yield "fields nobody knows", f"{{ {_repeated('f%', 1990)} }}"
    yield "introspection", f"{{ __schema {{ types {{ {'name ' * 1900} }} }} }}"
    within = "fields { name args { name type { name kind ofType { name } } } } "
    yield "introspection within introspection", f"{{ __schema {{ types {{ {within * 90} }} }} }}"
    kinds = "... on Application { id status } ... on Consumer { id } "
    yield "kinds of a node", f'{{ node(id: "1") {{ {kinds * 140} }} }}'
    yield "directives", f"{{ me {{ {'kind @include(if: true) ' * 50} }} }}"


def _fragments() -> Iterator[tuple[str, str]]:
    yield (
        "fragments side by side",
        f"{{ me {{ {_repeated('...F%', 200)} }} }} "
        + _repeated("fragment F% on Viewer { kind }", 200),
    )
    yield (
        "fragments that each spread all others",
        "{ me { ...F0 } } "
        + " ".join(
            f"fragment F{n} on Viewer {{ kind {_spreads(range(n + 1, 33))} }}" for n in range(33)
        ),
    )
    links = "".join(f"fragment F{n} on Viewer {{ ...F{n + 1} ...F{n + 1} }} " for n in range(170))
    yield "a chain of fragments", f"{{ me {{ ...F0 }} }} {links} fragment F170 on Viewer {{ kind }}"
    links = "".join(f"fragment F{n} on Viewer {{ ...F{n + 1} }} " for n in range(90))
    yield (
        "a chain for each of many operations",
        f"{_repeated('query Q% { me { ...F0 } }', 120)} {links} fragment F90 on Viewer {{ kind }}",
    )
    body = "incomes { id source } debts { id } consumer { id }"
    yield (
        "fragments of the same fields",
        f'{{ node(id: "1") {{ {_repeated("...A%", 60)} }} }} '
        + _repeated(f"fragment A% on Application {{ {body} }}", 60),
    )
    way = "consumer { applications { edges { node { ...% } } } } " + "id status " * 300
    yield (
        "fragments that spread each other",
        '{ node(id: "1") { ...A ...B } } '
        f"fragment A on Application {{ {way.replace('%', 'B')} }} "
        f"fragment B on Application {{ {way.replace('%', 'A')} }}",
    )
    yield "fragments of one name", "{ me { ...F } } " + "fragment F on Viewer { kind } " * 240
    unused = _repeated("fragment F% on Viewer { kind }", 240)
    yield "fragments nobody spreads", f"{{ me {{ kind }} }} {unused}"


def _spreads(numbers: range) -> str:
    return " ".join(f"...F{n}" for n in numbers)


def _values() -> Iterator[tuple[str, str]]:
    budget = "mutation { saveBudget(input: {%}) { id } }"
    note = 'mutation { addNote(applicationId: "1", text: %) { id } }'
    yield "a long list", budget.replace("%", f"incomes: [{'1 ' * 1980}]")
    yield "a long list of objects", budget.replace("%", "incomes: [" + '{net: "1"} ' * 330 + "]")
    yield "an object with the same field", budget.replace("%", "a: 1 " * 600)
    yield "a long text", note.replace("%", '"' + "x" * 32_000 + '"')
    yield "a text of escapes", note.replace("%", '"' + "\\n" * 16_000 + '"')
    yield "a block of lines", note.replace("%", '"""' + "\n x" * 1_900 + '"""')
    yield "a block of quotes", note.replace("%", '"""' + '\\"""' * 8_000 + '"""')
    yield "a long number", f"{{ applications(first: {'9' * 32_000}) {{ edges {{ cursor }} }} }}"
    yield "a long amount", budget.replace("%", 'incomes: [{net: "' + "9" * 32_000 + '"}]')
    text = "x" * 900
    yield "long texts to compare", "{" + f'node(id: "{text}") {{ id }} ' * 27 + "}"


def _lines() -> Iterator[tuple[str, str]]:
    lines = "\n" * 1_900
    yield "many lines and many faults", "{" + lines + _repeated("u%", 60) + "}"
    yield (
        "many lines and a fault of many places",
        ("{" + lines + "me {" + "kind: subject " * 5 + "kind " * 70 + "} }"),
    )
    yield "many lines and no end", "{" + lines + "$"
    yield "many comments", "{ me { kind } }" + "#\n" * 1_900
    yield "a long name", "{ " + "a" * 32_000 + " }"


def _declarations() -> Iterator[tuple[str, str]]:
    yield "variables nobody uses", f"query ({_repeated('$v%: Int', 490)}) {{ me {{ kind }} }}"
    yield "variables of one name", f"query ({'$a: Int ' * 490}) {{ me {{ kind }} }}"
    yield "types nobody knows", f"query ({_repeated('$v%: T%', 390)}) {{ me {{ kind }} }}"
    yield "defaults", f"query ({_repeated('$v%: [Int] = [1 2 3 4]', 150)}) {{ me {{ kind }} }}"
    yield "arguments nobody knows", f"{{ me({_repeated('a%: 1', 600)}) {{ kind }} }}"
    yield "operations without a name", "{ me { kind } } " * 280
    long = "N" * 20_000
    yield (
        "a long name in every message",
        (f"query {long}({_repeated('$v%: Int', 60)}) {{ me {{ kind }} }}"),
    )
