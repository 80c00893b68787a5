"""Screens a document before it is stored or trained: secrets, personal data, text that speaks to a model.

Called by the indexing flow, and by the sample builder for single lines. A secret stops a document; personal data is
removed from its text and bars it from training; text that speaks to a model waits for a person.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from web4_agent.domain.documents import Document, Finding, FindingKind, Rejection, RejectionReason
from web4_agent.steps.journal.instructions import find_instructions
from web4_agent.steps.journal.parse import with_text
from web4_agent.steps.journal.personal import find_personal, redact
from web4_agent.steps.journal.secrets import find_secrets, masked


@dataclass(frozen=True, slots=True)
class Screened:
    """`document` has its personal data removed from every part; findings are in the order of kind and line."""

    document: Document
    findings: tuple[Finding, ...]

    @property
    def rejection(self) -> Rejection | None:
        """Set where a secret was found: the document may not be stored."""
        secrets = self.of_kind(FindingKind.SECRET)
        if not secrets:
            return None
        named = "; ".join(f"line {finding.line}: {finding.rule} {finding.masked}" for finding in secrets[:5])
        more = f" and {len(secrets) - 5} more" if len(secrets) > 5 else ""
        return Rejection(self.document.id, RejectionReason.SECRET, named + more)

    @property
    def ok_to_train(self) -> bool:
        """Whether it may be trained without a person looking at it, and its header allows it."""
        return not self.findings and self.document.header.ok_to_train

    @property
    def waits_for_person(self) -> bool:
        return bool(self.of_kind(FindingKind.INSTRUCTION))

    def of_kind(self, kind: FindingKind) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.kind is kind)


def screen(document: Document) -> Screened:
    """Screen one document. Where personal data was removed, its header's `ok_to_train` is false from then on."""
    text = document.text
    findings = [Finding(FindingKind.SECRET, hit.rule, hit.line, hit.masked) for hit in find_secrets(text)]
    personal = find_personal(text)
    for stretch in personal:
        line = text.count("\n", 0, stretch.start) + 1
        findings.append(Finding(FindingKind.PERSONAL, stretch.what, line, masked(text[stretch.start : stretch.end])))
    findings += [Finding(FindingKind.INSTRUCTION, hit.rule, hit.line, hit.start) for hit in find_instructions(text)]
    if personal:
        document = with_text(document, redact(text, personal))
        document = replace(document, header=replace(document.header, ok_to_train=False))
    return Screened(document, tuple(findings))


def screen_all(documents: Iterable[Document]) -> tuple[Screened, ...]:
    """Screen several documents, in order."""
    return tuple(screen(document) for document in documents)


def clean_of_secrets(line: str) -> bool:
    """Whether a line (or a longer text) holds nothing that looks like a credential."""
    return not find_secrets(line)
