"""TypeScript as tree-sitter parses it: classes with their constructors, interfaces, imports.

Called by the rules that judge code. Walks without recursion, so that nesting can't exhaust the stack.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import tree_sitter_typescript
from tree_sitter import Language, Node, Parser

_INTERFACE = "interface_declaration"
_FROM = frozenset({"import_statement", "export_statement"})
_CLASSES = frozenset({"class_declaration", "abstract_class_declaration", "class"})
_PROPERTY = frozenset({"accessibility_modifier", "readonly", "override_modifier"})
"""What makes a parameter a property at once."""

_STILL = frozenset({"identifier", "string", "number", "true", "false", "null", "undefined", "this", "regex"})
"""Values that can be passed on without running anything."""


@dataclass(frozen=True, slots=True)
class Class:
    """`constructors` has the complaint of each constructor with a body, empty text for one without logic."""

    name: str
    extends: str
    methods: tuple[str, ...]
    constructors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Module:
    """One file. `broken`: it does not parse. `imports` are the paths as written."""

    broken: bool
    classes: tuple[Class, ...]
    interfaces: tuple[str, ...]
    imports: tuple[str, ...]


def parse(code: str) -> Module:
    """Never raises; linear in the length of the code."""
    root = _parser().parse(code.encode("utf-8", "replace")).root_node
    if root.has_error:
        return Module(broken=True, classes=(), interfaces=(), imports=())
    nodes = list(_walk(root))
    return Module(
        broken=False,
        classes=tuple(_class(node) for node in nodes if node.type in _CLASSES and node.is_named),
        interfaces=tuple(_text(node.child_by_field_name("name")) for node in nodes if node.type == _INTERFACE),
        imports=tuple(_path(node) for node in nodes if node.type in _FROM and node.child_by_field_name("source")),
    )


@lru_cache(maxsize=1)
def _parser() -> Parser:
    return Parser(Language(tree_sitter_typescript.language_typescript()))


def _walk(root: Node) -> Iterator[Node]:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(node.children))


def _class(node: Node) -> Class:
    heritage = next((child for child in node.children if child.type == "class_heritage"), None)
    clause = next((child for child in heritage.children if child.type == "extends_clause"), None) if heritage else None
    base = _text(clause.child_by_field_name("value")) if clause else ""
    body = node.child_by_field_name("body")
    members = [child for child in body.named_children if child.type == "method_definition"] if body else []
    named = [(_text(member.child_by_field_name("name")).strip("'\""), member) for member in members]
    return Class(
        name=_text(node.child_by_field_name("name")),
        extends=base,
        methods=tuple(name for name, _ in named if name != "constructor"),
        constructors=tuple(_logic(member, extends=bool(base)) for name, member in named if name == "constructor"),
    )


def _logic(constructor: Node, *, extends: bool) -> str:
    """The first thing that a constructor does, empty for nothing. Comments are nothing."""
    parameters = constructor.child_by_field_name("parameters")
    for parameter in parameters.named_children if parameters else ():
        if any(
            child.type in {"accessibility_modifier", "readonly", "override_modifier"} for child in parameter.children
        ):
            return f"assigns through the parameter {_short(parameter)}"
        value = parameter.child_by_field_name("value")
        if value is not None and value.type not in _STILL:
            return f"computes the default {_short(value)}"
    body = constructor.child_by_field_name("body")
    for statement in body.named_children if body else ():
        if statement.type in {"comment", "empty_statement"}:
            continue
        if not (extends and _is_plain_super(statement)):
            return f"holds {_short(statement)}"
    return ""


def _is_plain_super(statement: Node) -> bool:
    """`super(…)` that passes on names and literals; whatever else is computed for it is logic."""
    call = statement.named_children[0] if statement.type == "expression_statement" else None
    if call is None or call.type != "call_expression":
        return False
    function, arguments = call.child_by_field_name("function"), call.child_by_field_name("arguments")
    if function is None or function.type != "super" or arguments is None:
        return False
    return all(argument.type in _STILL | {"comment"} for argument in arguments.named_children)


def _path(statement: Node) -> str:
    return _text(statement.child_by_field_name("source")).strip("'\"`")


def _text(node: Node | None) -> str:
    return node.text.decode("utf-8", "replace") if node is not None and node.text else ""


def _short(node: Node) -> str:
    words = " ".join(_text(node).split())
    return words if len(words) <= 60 else f"{words[:60]}…"
