"""A sample or a score request -> token ids, and where the loss starts. Called by the trainer's child process.

A prompt is rendered with the model's own chat template and tokenised apart from what follows it, as an engine that is
forced through a given answer does; so both count the likelihood of the same tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import TemplateError

from web4_agent.backends.trainers.packing import TokenSample
from web4_agent.domain.errors import ModelError
from web4_agent.domain.samples import Sample, SampleOrigin
from web4_agent.domain.speech import Message


@dataclass(frozen=True, slots=True)
class Renderer:
    """`tokenizer` is a transformers tokenizer: the only thing here that comes from that library."""

    tokenizer: Any

    @classmethod
    def load(cls, base: Path) -> "Renderer":
        """Raises ModelError if `base` holds no usable tokenizer."""
        from transformers import AutoTokenizer

        try:
            return cls(AutoTokenizer.from_pretrained(str(base), local_files_only=True))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(f"no tokenizer in {base}: {error}", "web4-agent doctor --fix") from error

    def sample(self, sample: Sample, max_tokens: int) -> TokenSample | None:
        """At most `max_tokens` tokens: the target is cut (and then has no end token). None if the prompt takes all."""
        messages: tuple[Message, ...] = (Message("user", self.spelt_out(sample.prompt)),) if sample.prompt else ()
        if messages and sample.system:
            messages = (Message("system", self.spelt_out(sample.system)), *messages)
        prefix = self.prefix(messages)
        target = [*self.text(sample.target), *self._end()]
        tokens = (*prefix, *target)[:max_tokens]
        if len(prefix) >= max_tokens or not target:
            return None
        general = sample.origin is SampleOrigin.GENERAL
        return TokenSample(sample.id, tokens, max(1, len(prefix)), sample.weight, general)

    def prefix(self, messages: Sequence[Message]) -> list[int]:
        """The rendered conversation with the assistant's turn opened; with no messages, the begin-of-text token."""
        if not messages:
            begin = self.tokenizer.bos_token_id
            return [] if begin is None else [int(begin)]
        said = [{"role": message.role, "content": message.content} for message in messages]
        try:
            rendered = self.tokenizer.apply_chat_template(said, tokenize=False, add_generation_prompt=True)
        except (ValueError, TemplateError) as error:
            raise ModelError(
                f"the model's chat template can't render a prompt: {error}", "choose another model"
            ) from error
        return [int(token) for token in self.tokenizer(rendered, add_special_tokens=False)["input_ids"]]

    def spelt_out(self, text: str) -> str:
        """The text with a blank in every control token, so that the template's are the only ones in a prompt: what a
        journal says within a question can't end a turn either."""
        control = {*self.tokenizer.all_special_tokens, *self.tokenizer.get_added_vocab()}
        for token in sorted(control, key=lambda one: (-len(one), one)):
            if len(token) > 1 and not token.isspace():
                text = text.replace(token, f"{token[0]} {token[1:]}")
        return text

    def text(self, text: str) -> list[int]:
        """Tokens of plain text. Words that look like control tokens stay words: a journal can't end a turn."""
        encoded = self.tokenizer(text, add_special_tokens=False, split_special_tokens=True)
        return [int(token) for token in encoded["input_ids"]]

    def _end(self) -> list[int]:
        end = self.tokenizer.eos_token_id
        return [] if end is None else [int(end)]
