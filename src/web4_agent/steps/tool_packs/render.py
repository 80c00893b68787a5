"""Writes a call as its ecosystem writes it, and an example as the model is shown it.

Called by the tooling flow for the collection, and by whatever shows an example.
"""

import json

from web4_agent.steps.tool_packs.pack import Call, Example, Fault, Pack, Syntax


def render_call(call: Call, syntax: Syntax) -> str:
    """JSON on one line; or tags as Cline reads them: nothing is escaped, text of several lines has lines of its own."""
    if syntax is Syntax.JSON:
        return json.dumps({"name": call.tool, "arguments": dict(call.arguments)}, ensure_ascii=False)
    lines = [f"<{call.tool}>"]
    for name, value in call.arguments.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        inner = f"\n{text}\n" if "\n" in text else text
        lines.append(f"<{name}>{inner}</{name}>")
    return "\n".join([*lines, f"</{call.tool}>"])


def render_example(example: Example, pack: Pack) -> str:
    """The question, then what is right, then why.

    A wrong call is named and never written out: a small model copies what it sees.
    """
    right = render_call(example.call, pack.syntax) if example.call else example.answer
    label = "Call" if example.call else "Answer without a tool"
    lines = [f"Request: {example.question}", f"{label}:\n{right}" if example.call else f"{label}: {right}"]
    if example.wrong is not None and example.fault is not None:
        lines.append(f"Not: {_wrong(example.wrong, example.fault)}")
    return "\n".join([*lines, f"Why: {example.why}"])


def _wrong(call: Call, fault: Fault) -> str:
    if fault is Fault.ARGUMENTS:
        return f"{call.tool} with other arguments ({', '.join(call.arguments) or 'none'})"
    return f"{call.tool}, which is not there" if fault is Fault.UNKNOWN_TOOL else call.tool
