"""What is put before a question besides journal passages: examples of tool calls; and the sources below an answer.

Called by the serving flow. Knows no route, no store and no wire format.
"""

from collections.abc import Callable, Sequence

CountTokens = Callable[[Sequence[str]], list[int]]

INTRODUCTION = "Examples of tool calls in the form that {ecosystem} understands; use the same form and the same names:"


def tool_block(examples: Sequence[str], ecosystem: str, count_tokens: CountTokens, budget_tokens: int) -> str:
    """As many whole examples as fit into `budget_tokens`, best first; empty when none does."""
    shown = [INTRODUCTION.format(ecosystem=ecosystem)]
    for example in examples:
        if count_tokens(["\n\n".join([*shown, example])])[0] > budget_tokens:
            break
        shown.append(example)
    return "\n\n".join(shown) if len(shown) > 1 else ""


def source_lines(sources: Sequence[tuple[int, str]]) -> str:
    """The numbered sources in plain text, to stand below an answer; empty without any."""
    if not sources:
        return ""
    return "\n\nSources:\n" + "\n".join(f"[{number}] {name}" for number, name in sources)
