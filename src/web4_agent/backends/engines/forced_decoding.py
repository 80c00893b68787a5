"""The likelihood of a text from a llama.cpp server that only generates: force each token, read its raw probability.

Called by the llama.cpp engine where its batch scorer can't run. One request a token: the prefix cache makes each one
decoding step. Token by token, because a grammar that admits just the text may be met by other tokens.
"""

from web4_agent.backends.engines.http_json import JsonHttp
from web4_agent.domain.errors import EngineError
from web4_agent.domain.speech import TextScore, TokenScore

_CERTAIN = 1e6
"""Added to the wanted token's logit before sampling; the reported log-probability is the one before it."""


def forced_score(http: JsonHttp, prompt: str | None, text: str, top: int) -> TextScore:
    """`prompt` is rendered already; None stands for the begin-of-text token. Raises EngineError on another token."""
    before = _tokens(http, prompt, special=True) if prompt is not None else _begin(http)
    wanted = _tokens(http, text, special=False)
    first = 0 if before else 1
    scored = [
        _forced(http, before + wanted[:at], wanted[at], top, reuse=at > first) for at in range(first, len(wanted))
    ]
    return TextScore(tuple(scored), len(text.encode()))


def _forced(http: JsonHttp, prefix: list[int], token: int, top: int, *, reuse: bool) -> TokenScore:
    """`reuse` the state left by the request before. The first of a text must not: what is read in batches of other
    sizes comes out up to 0.09 nat per token apart on a 4-bit base, and a score must be the same twice."""
    reply = http.post(
        "/completion",
        {
            "prompt": prefix,
            "n_predict": 1,
            "n_probs": max(1, top),
            "post_sampling_probs": False,
            "logit_bias": [[token, _CERTAIN]],
            "temperature": 0.0,
            "samplers": [],
            "cache_prompt": reuse,
            "id_slot": 0,
        },
    )
    step = reply.at("completion_probabilities", 0)
    if int(step.number("id")) != token:
        raise EngineError(f"the engine was to write token {token} and wrote {int(step.number('id'))}", reply.hint)
    best = tuple((int(each.number("id")), each.number("logprob")) for each in step.items("top_logprobs")[:top])
    return TokenScore(token, step.number("logprob"), best)


def _tokens(http: JsonHttp, text: str, *, special: bool) -> list[int]:
    reply = http.post("/tokenize", {"content": text, "add_special": special, "parse_special": special})
    return [int(each.number()) for each in reply.items("tokens")]


def _begin(http: JsonHttp) -> list[int]:
    """The begin-of-text token as the server names it; none if it names none."""
    props = http.get("/props")
    return _tokens(http, props.text("bos_token"), special=True)[:1] if props.has("bos_token") else []
