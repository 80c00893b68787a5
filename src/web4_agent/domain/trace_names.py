"""The names that traces use: OpenTelemetry's for generative AI, HTTP and errors, and ours. They stand here alone.

Source: OpenTelemetry's semantic conventions, `gen_ai.*` in version 1.38 and later; a test compares them with the
package that carries the conventions. Those of generative AI are not stable yet: a change of theirs is made here.
"""

CHAT = "chat"
TEXT_COMPLETION = "text_completion"
RETRIEVAL = "retrieval"
"""Values of `OPERATION`."""

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
REQUEST_STREAM = "gen_ai.request.stream"
RESPONSE_MODEL = "gen_ai.response.model"
RESPONSE_ID = "gen_ai.response.id"
FINISH_REASONS = "gen_ai.response.finish_reasons"
TIME_TO_FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
"""In seconds."""
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
INPUT_MESSAGES = "gen_ai.input.messages"
OUTPUT_MESSAGES = "gen_ai.output.messages"
"""Content: JSON, `[{"role": …, "parts": [{"type": "text", "content": …}]}]`. Only where a setting asks for it."""

HTTP_METHOD = "http.request.method"
URL_PATH = "url.path"
ERROR_TYPE = "error.type"

ENDPOINT = "web4.endpoint"
ROUTE = "web4.route"
ADAPTER = "web4.adapter"
SOURCES = "web4.sources"
HOT_HITS = "web4.hot_hits"
COLLECTIONS = "web4.collections"
RUN = "web4.run"
DAY = "web4.day"
STEP = "web4.step"
STATE = "web4.state"
PEAK_BYTES = "web4.peak_rss_bytes"
