"""Holds a pack's tools and examples against each other: right calls fit their schema, wrong ones are really wrong.

Called by the reader of packs. Pure.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from jsonschema.protocols import Validator

from web4_agent.steps.tool_packs.pack import Call, Example, Fault, Pack, Problem
from web4_agent.steps.tool_packs.render import render_example

MAX_EXAMPLE_CHARS = 1_600
"""Three of them have to fit a prompt's room for sources (1,200 tokens)."""

_TOOLS, _EXAMPLES = "tools.json", "examples.toml"


def tool_problems(pack: Pack) -> Iterator[Problem]:
    """Names used twice, schemas that are none or reach out of their file, tools that no example shows."""
    shown = Counter(one.tool for one in pack.positives)
    for name, count in Counter(tool.name for tool in pack.tools).items():
        if count > 1:
            yield Problem(pack.name, _TOOLS, f"tool {name}", f"is there {count} times", "keep one of them")
    for tool in pack.tools:
        place = f"tool {tool.name}"
        complaint = _schema_complaint(tool.schema)
        if complaint:
            yield Problem(pack.name, _TOOLS, place, complaint, "parameters: a JSON Schema of an object")
        elif not shown[tool.name]:
            fix = f'add an [[example]] with tool = "{tool.name}", or remove the tool'
            yield Problem(pack.name, _TOOLS, place, "is in no example, so the model never sees it called", fix)


def example_problems(pack: Pack) -> Iterator[Problem]:
    """Right calls that don't fit, wrong ones that do, ids used twice, examples too long for a prompt."""
    validators = {
        tool.name: Draft202012Validator(tool.schema) for tool in pack.tools if not _schema_complaint(tool.schema)
    }
    known = {tool.name for tool in pack.tools}
    ids = Counter(example.id for example in pack.examples)
    if not pack.positives:
        yield Problem(pack.name, _EXAMPLES, "the file", "holds no [[example]]", "write one for each tool")
    for example in pack.examples:
        place = f"{'negative' if example.fault else 'example'} {example.id}"
        for complaint, fix in _complaints(example, known, validators):
            yield Problem(pack.name, _EXAMPLES, place, complaint, fix)
        if ids[example.id] > 1:
            yield Problem(pack.name, _EXAMPLES, place, "its id is used twice", "give each an id of its own")
        length = len(render_example(example, pack))
        if length > MAX_EXAMPLE_CHARS:
            fix = f"shorten it to {MAX_EXAMPLE_CHARS:,} characters: three have to fit a prompt"
            yield Problem(pack.name, _EXAMPLES, place, f"has {length:,} characters", fix)


def _schema_complaint(schema: Mapping[str, object]) -> str:
    if schema.get("type") != "object":
        return "its parameters are not of type object"
    if any(not reference.startswith("#") for reference in _references(schema)):
        return "its parameters refer to another file"  # which would be fetched
    try:
        Draft202012Validator.check_schema(dict(schema))
    except SchemaError as wrong:
        return f"its parameters are no JSON Schema: {wrong.message}"
    return ""


def _references(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from (str(inner) for key, inner in value.items() if key in {"$ref", "$dynamicRef"})
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def _complaints(example: Example, known: set[str], validators: Mapping[str, Validator]) -> Iterator[tuple[str, str]]:
    """(complaint, fix) of one example."""
    if example.call is not None and (refusal := _refusal(example.call, known, validators)):
        yield f"the right call is refused: {refusal}", f"correct tool or arguments of {example.id}"
    wrong, fault = example.wrong, example.fault
    if wrong is None or fault is None:
        return
    refusal = _refusal(wrong, known, validators)
    if fault is Fault.UNKNOWN_TOOL and wrong.tool in known:
        yield f"its wrong tool {wrong.tool} is one of the pack's", 'write fault = "other tool"'
    elif fault is Fault.ARGUMENTS and (wrong.tool not in known or not refusal):
        yield f"nothing is wrong with the arguments of its wrong call of {wrong.tool}", "write ones the schema refuses"
    elif fault in {Fault.NO_TOOL, Fault.OTHER_TOOL} and refusal:
        yield f"its wrong call is refused anyway: {refusal}", f"write a well-formed call, or another fault than {fault}"
    if fault is Fault.NO_TOOL and example.call is not None:
        yield "it says that no tool is right, and names one", 'write answer = "…" in place of tool'
    if fault is Fault.OTHER_TOOL and (example.call is None or example.call.tool == wrong.tool):
        yield "it says that another tool is right, and names none", 'write tool = "…" and arguments = {…}'


def _refusal(call: Call, known: set[str], validators: Mapping[str, Validator]) -> str:
    """Why a call can't be made, or nothing."""
    if call.tool not in known:
        return f"there is no tool {call.tool}"
    if call.tool not in validators:
        return ""  # its schema is complained of already
    errors = sorted(validators[call.tool].iter_errors(dict(call.arguments)), key=lambda error: list(error.path))
    return errors[0].message if errors else ""
