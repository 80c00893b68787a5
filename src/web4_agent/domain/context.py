"""What is put before a question: a block of text, and where it came from. Made by the serving flow for who asks."""

from dataclasses import dataclass

from web4_agent.domain.ids import DocumentId
from web4_agent.domain.queries import SourceUse


@dataclass(frozen=True, slots=True)
class SourceName:
    """A source as it is shown: its number in the prompt, its document and that document's title."""

    number: int
    document: DocumentId
    title: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Prepared:
    """`block` goes before the question, empty for nothing; `missed` says what could not be looked up, else empty."""

    block: str = ""
    sources: tuple[SourceName, ...] = ()
    uses: tuple[SourceUse, ...] = ()
    collections: tuple[str, ...] = ()
    ecosystem: str = ""
    hot_hits: int = 0
    hot_misses: int = 0
    retrieval_ms: float = 0.0
    missed: str = ""

    def before(self, question: str) -> str:
        """The question as the model is asked it."""
        return f"{self.block}\n\n{question}" if self.block else question


NOTHING = Prepared()
