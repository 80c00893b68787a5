"""Containerfile and compose file: their syntax, and what a careful reader would look for. They are not built here."""

import re
from pathlib import Path
from typing import Any

import yaml

from web4_agent import settings

ROOT = Path(__file__).resolve().parents[2]
INSTRUCTIONS = {
    "ARG", "FROM", "WORKDIR", "COPY", "RUN", "USER", "ENV", "VOLUME", "EXPOSE", "HEALTHCHECK", "STOPSIGNAL",
    "ENTRYPOINT", "CMD",
}  # fmt: skip


def instructions() -> list[tuple[str, str]]:
    """(instruction, its arguments) in order, continued lines joined."""
    text = (ROOT / "Containerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in joined.splitlines() if line.strip()]


def of(name: str) -> list[str]:
    return [arguments for kind, arguments in instructions() if kind == name]


def service() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    return dict(found["services"]["web4-agent"])


def test_every_line_is_an_instruction_and_the_stages_are_in_order() -> None:
    assert {kind for kind, _ in instructions()} <= INSTRUCTIONS
    stages = of("FROM")
    assert stages[0].endswith(" AS wheel")
    copied = [one for one in of("COPY") if one.startswith("--from=")]
    assert copied == ["--from=wheel /wheels /tmp/wheels"]


def test_what_is_copied_is_there() -> None:
    for arguments in of("COPY"):
        if not arguments.startswith("--"):
            for name in arguments.split()[:-1]:
                assert (ROOT / name).exists(), name


def test_it_runs_as_a_user_without_rights_and_from_exec_forms() -> None:
    kinds = [kind for kind, _ in instructions()]
    assert of("USER") == ["10001"]
    assert kinds.index("USER") < kinds.index("ENTRYPOINT")
    assert "RUN" not in kinds[kinds.index("USER") :]
    assert of("ENTRYPOINT") == ['["web4-agent"]']
    assert of("CMD") == ['["up"]']


def test_the_health_check_asks_what_needs_no_key_on_the_port_that_is_exposed() -> None:
    (check,) = of("HEALTHCHECK")
    port = of("EXPOSE")[0]
    assert f"http://127.0.0.1:{port}/healthz" in check
    assert str(settings.GatewaySettings().port) == port
    code = re.search(r'"-c", "(.*)"\]', check)
    assert code is not None
    compile(code[1], "health", "exec")


def test_its_variables_are_settings() -> None:
    (environment,) = of("ENV")
    pairs = dict(pair.split("=", 1) for pair in environment.split())
    named = {name.split("__")[0].removeprefix("WEB4_").lower() for name in pairs if name.startswith("WEB4_")}
    assert named - {"home"} <= set(settings.Settings.model_fields)
    assert pairs["WEB4_HOME"].startswith(of("VOLUME")[0])


def test_the_extras_it_installs_exist() -> None:
    from web4_agent.domain.extras import EXTRAS

    extras = next(one for one in of("ARG") if one.startswith("EXTRAS=")).removeprefix("EXTRAS=").split(",")
    assert set(extras) <= set(EXTRAS)


def test_compose_publishes_on_this_machine_alone() -> None:
    assert service()["ports"] == ["127.0.0.1:8484:8484"]


def test_compose_gives_no_rights_and_keeps_the_home() -> None:
    found = service()
    assert found["read_only"] is True
    assert found["cap_drop"] == ["ALL"]
    assert found["security_opt"] == ["no-new-privileges:true"]
    assert found["volumes"][0] == f"home:{of('VOLUME')[0]}"
    assert found["volumes"][1].endswith(":ro")
    assert found["build"]["dockerfile"] == "Containerfile"


def test_no_secret_stands_in_either_file() -> None:
    for name in ("Containerfile", "compose.yaml"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert not re.search(r"(?i)(password|token|api_key|w4k-)\s*[:=]\s*[\"']?\w", text), name
