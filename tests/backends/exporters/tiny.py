"""Random two-layer models with a byte-level tokenizer, made on the spot in a tenth of a second. Used by exporter and
engine tests."""

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
QWEN2_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def make_tiny_base(folder: Path, model_type: str, *, layers: int = 2) -> Path:
    """A model of 64 dimensions, four heads of 16 that share two key heads, weights large enough to have opinions."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(7)
    shape: dict[str, Any] = {
        "vocab_size": _write_tokenizer(folder, model_type),
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "initializer_range": 0.2,
        "tie_word_embeddings": model_type == "llama",
        "bos_token_id": 1,
        "eos_token_id": 2,
    }
    llama = model_type == "llama"
    model = LlamaForCausalLM(LlamaConfig(**shape)) if llama else Qwen2ForCausalLM(Qwen2Config(**shape))
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.5)
    model.save_pretrained(str(folder))
    return folder


def make_adapter(base: Path, folder: Path, *, size: float = 0.3, seed: int = 11, **options: Any) -> Path:
    """A random LoRA on all seven projections of every layer, large enough to change every likelihood."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_pretrained(str(base), local_files_only=True)
    config = LoraConfig(r=8, lora_alpha=16, target_modules=MODULES, task_type="CAUSAL_LM", **options)
    with _peft_asks_for_a_deprecated_name():
        lora = get_peft_model(model, config)
    with torch.no_grad():
        for name, parameter in lora.named_parameters():
            if "lora_" in name:
                parameter.normal_(std=size)
    lora.save_pretrained(str(folder))
    return folder


def likelihoods(base: Path, adapter: Path | None, before: str, text: str) -> list[float]:
    """Log-probability of each token of `text` after `before` by transformers, float32."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(str(base), local_files_only=True)
    tokenizer = AutoTokenizer.from_pretrained(str(base), local_files_only=True)
    if adapter:
        with _peft_asks_for_a_deprecated_name():
            model = PeftModel.from_pretrained(model, str(adapter))
    first = tokenizer(before, add_special_tokens=False)["input_ids"] or [tokenizer.bos_token_id]
    tokens = [*first, *tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]]
    with torch.no_grad():
        scores = torch.log_softmax(model(torch.tensor([tokens])).logits[0].double(), dim=-1)
    return [float(scores[at - 1, tokens[at]]) for at in range(len(first), len(tokens))]


@contextmanager
def _peft_asks_for_a_deprecated_name() -> Iterator[None]:
    """PEFT reads `is_gradient_checkpointing`, which transformers warns about."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        yield


def _write_tokenizer(folder: Path, model_type: str) -> int:
    """256 bytes, four merges, three control tokens; the split rule of the model type. Returns the vocabulary's size."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    folder.mkdir(parents=True, exist_ok=True)
    tokens = [*SPECIAL, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    merges = [("t", "h"), ("th", "e"), ("i", "n"), ("Ġ", "the")]
    tokens += ["".join(pair) for pair in merges]
    tokenizer = Tokenizer(models.BPE({token: index for index, token in enumerate(tokens)}, merges))
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=model_type == "llama")
    split: Any = pre_tokenizers.Digits(individual_digits=True)
    if model_type == "qwen2":
        split = pre_tokenizers.Split(Regex(QWEN2_SPLIT), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(SPECIAL))
    tokenizer.save(str(folder / "tokenizer.json"))
    facts = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": SPECIAL[1],
        "eos_token": SPECIAL[2],
        "pad_token": SPECIAL[2],
        "chat_template": CHAT_TEMPLATE,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(facts), encoding="utf-8")
    return len(tokens)
