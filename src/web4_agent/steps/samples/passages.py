"""The long targets: windows of a document's full text, and its sections given what came before them.

Called by build. Knows no questions. Sizes are in characters; the journal's prose has about 3 to a token of the default
model, so that each stays below `max_sample_tokens`.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from web4_agent.domain.documents import Document, SectionKind, Tron
from web4_agent.steps.samples import templates
from web4_agent.steps.samples.clean import body, grams, line_key, words, worth_learning
from web4_agent.steps.samples.facts import NOTHING_DECIDED

WINDOW_CHARS = 2100
SECTION_CHARS = 1200
GIVEN_CHARS = 500
SHORTEST_PASSAGE_WORDS = 12

_TICKED = re.compile(r"^\s*[-*+]\s+\[[xX]\]")


def without_text(document: Document, texts: Sequence[str]) -> Document:
    """The document without the lines of `texts` and without lines that share a 13-gram with them."""
    if not texts:
        return document
    lines = frozenset(line_key(line) for text in texts for line in text.splitlines() if len(words(line)) > 2)
    forbidden = frozenset(gram for text in texts for gram in grams(text))

    def pruned(text: str) -> str:
        return "\n".join(
            line for line in text.splitlines() if line_key(line) not in lines and grams(line).isdisjoint(forbidden)
        )

    return replace(
        document,
        text=pruned(document.text),
        sections=tuple(replace(section, text=pruned(section.text)) for section in document.sections),
        trons=tuple(
            Tron(
                pruned(tron.trigger), pruned(tron.response), pruned(tron.outcome), pruned(tron.next), pruned(tron.quote)
            )
            for tron in document.trons
        ),
    )


def full_text_windows(
    document: Document, template: frozenset[str], count: int, draw: int, window_chars: int = WINDOW_CHARS
) -> list[str]:
    """Up to `count` windows of the text, of about `window_chars` each, cut between lines: the first (it holds the
    header) and others by `draw`.

    A later window is headed by the document's own first line, so that it says what it is part of.
    """
    windows = _windows(worth_learning(document.text.splitlines(), template, links=True), window_chars)
    if len(windows) <= count:
        chosen = windows
    else:
        later = [(draw + at * (len(windows) // count)) % (len(windows) - 1) + 1 for at in range(count - 1)]
        chosen = [windows[at] for at in (0, *sorted(set(later)))]
    title = document.text.lstrip().partition("\n")[0].strip()
    texts = [body(window, window_chars, template, links=True) for window in chosen]
    headed = [text if at == 0 or not title else f"{title}\n\n{text}" for at, text in enumerate(texts)]
    return [text for text, bare in zip(headed, texts, strict=True) if len(words(bare)) >= SHORTEST_PASSAGE_WORDS]


def section_passages(
    document: Document, template: frozenset[str], names: Sequence[str], draw: int
) -> list[tuple[str, str]]:
    """(prompt, target) pairs in an order turned by `draw`, without those whose target would say next to nothing."""
    plan = _of_kind(document, SectionKind.PLAN, GIVEN_CHARS, template)
    done = _of_kind(document, SectionKind.DO, SECTION_CHARS, template)
    checked = _of_kind(document, SectionKind.CHECK, SECTION_CHARS, template)
    acted = _of_kind(document, SectionKind.ACT, SECTION_CHARS, template)
    problem, block = _tron(document.trons, template)
    candidates = [
        (templates.PLAN_TO["do"], plan, done),
        (templates.TRON, problem, block),
        (templates.DECIDED, names[0], _decided(document, template)),
        (templates.LEARNED, names[0], _learned(document, template)),
        (templates.PLAN_TO["check"], plan, checked),
        (templates.NEXT, names[0], _next(document, template)),
        (templates.PLAN_TO["act"], names[0], acted),
    ]
    told = [one for one in candidates if one[1] and len(words(one[2])) >= SHORTEST_PASSAGE_WORDS]
    turn = draw % len(told) if told else 0
    return [
        (_cap(wordings[(draw + at) % len(wordings)].format(ref=names[(draw + at) % len(names)], given=given)), target)
        for at, (wordings, given, target) in enumerate(told[turn:] + told[:turn])
    ]


def _windows(lines: Sequence[str], window_chars: int) -> list[str]:
    """The lines in runs of at most `window_chars`; a run ends before a heading where it is two thirds full.

    A run that has to end within a code fence leaves the next one to open it again.
    """
    windows: list[list[str]] = [[]]
    size = 0
    fence = ""
    for line in lines:
        at_heading = not fence and line.startswith("#") and 3 * size > 2 * window_chars
        if windows[-1] and (at_heading or size + len(line) + 1 > window_chars):
            windows.append([fence] if fence else [])
            size = len(fence)
        if line.lstrip().startswith("```"):
            fence = "" if fence else line.strip()
        windows[-1].append(line)
        size += len(line) + 1
    return ["\n".join(window) for window in windows if any(line.strip() for line in window)]


def _of_kind(document: Document, kind: SectionKind, limit: int, template: frozenset[str]) -> str:
    """All sections of a kind in order, sub-headings kept: a Do section's substance is mostly in its sub-sections."""
    parts = []
    for section in document.of_kind(kind):
        heading = f"### {section.path[-1]}\n" if len(section.path) > 1 and section.text.strip() else ""
        parts.append(heading + section.text.strip())
    return body("\n\n".join(part for part in parts if part), limit, template)


def _tron(trons: tuple[Tron, ...], template: frozenset[str]) -> tuple[str, str]:
    """(problem, what became of it): the block's parts by name, or the bare answer where there is nothing else."""
    for tron in trons:
        problem = body(tron.quote or tron.trigger, GIVEN_CHARS, template)
        named = (
            ("Trigger", tron.trigger if tron.quote else ""),
            ("Response", tron.response),
            ("Outcome", tron.outcome),
            ("Next", tron.next),
        )
        parts = {name: body(text, SECTION_CHARS // 3, template) for name, text in named}
        said = {name: text for name, text in parts.items() if text}
        if problem and said:
            return problem, said.get("Response", "") if len(said) == 1 else _block(said)
    return "", ""


def _block(parts: dict[str, str]) -> str:
    return "\n".join(f"**{name}:** {text}" for name, text in parts.items())


def _decided(document: Document, template: frozenset[str]) -> str:
    """The ticked decisions: an open one has no outcome to learn, and "all clear" is none."""
    lines = [line for section in document.of_kind(SectionKind.DECISIONS) for line in section.text.splitlines()]
    ticked = [line for line in lines if _TICKED.match(line) and not NOTHING_DECIDED.search(line)]
    return body("\n".join(ticked), SECTION_CHARS, template)


def _learned(document: Document, template: frozenset[str]) -> str:
    kinds = (SectionKind.PROCESS, SectionKind.REFLECTION)
    texts = [_of_kind(document, kind, SECTION_CHARS // 2, template) for kind in kinds]
    lessons = [
        body(section.text, SECTION_CHARS // 2, template)
        for section in document.sections
        if section.path and ("learn" in section.path[-1].casefold() or "lesson" in section.path[-1].casefold())
    ]
    return next((text for text in (*lessons, *texts) if len(words(text)) >= SHORTEST_PASSAGE_WORDS), "")


def _next(document: Document, template: frozenset[str]) -> str:
    named = ("next", "future", "follow")
    for section in document.sections:
        if section.path and section.path[-1].casefold().startswith(named):
            text = body(section.text, SECTION_CHARS // 2, template)
            if len(words(text)) >= SHORTEST_PASSAGE_WORDS:
                return text
    return next((body(tron.next, SECTION_CHARS // 2, template) for tron in document.trons if tron.next), "")


def _cap(prompt: str) -> str:
    return prompt[:1].upper() + prompt[1:]
