"""The harness of empty constructors: TypeScript that parses, whose constructors do nothing.

Called by the catalogue. A call of `super` is nothing in a class that extends another, and so are comments; a parameter
that is a property at once is an assignment, and a default that is computed is logic.
"""

from web4_agent.steps.harnesses.answers import code_in
from web4_agent.steps.harnesses.harness import Given, Reading
from web4_agent.steps.harnesses.typescript import Class, parse
from web4_agent.steps.judging.tables import Table

KEYS = frozenset({"class", "extends", "methods"})


def read_constructor(table: Table) -> Reading:
    """`class`: its name; `methods` that it must have; `extends`: the class above it, where one is asked for."""
    name, base = table.text("class"), table.text("extends", "")
    methods = table.texts("methods")

    def rule(given: Given) -> str | None:
        module = parse(code_in(given.answer))
        if module.broken:
            return "does not parse as TypeScript"
        found = next((one for one in module.classes if one.name == name), None)
        if found is None:
            return f"has no class {name}"
        return _complaint(found, base, methods) or _others(module.classes)

    return Reading(rule)


def _complaint(found: Class, base: str, methods: tuple[str, ...]) -> str | None:
    if not found.constructors:
        return f"{found.name} has no constructor with a body"
    if base and found.extends.split("<")[0] != base:
        return f"{found.name} does not extend {base}"
    missing = [method for method in methods if method not in found.methods]
    return f"{found.name} lacks: {', '.join(missing)}" if missing else None


def _others(classes: tuple[Class, ...]) -> str | None:
    """No class of the answer may have logic in its constructor."""
    for one in classes:
        for logic in one.constructors:
            if logic:
                return f"the constructor of {one.name or 'a class'} {logic}"
    return None
