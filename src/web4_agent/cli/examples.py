"""The EXAMPLES block of every command's help: one line each, a comment where the line alone does not say it.

Called when the commands are registered. A command without an entry here fails the tests, and so does a line that does
not parse.
"""

import typer

ROOT = (
    "web4-agent init --journal ~/team/journal",
    "web4-agent index --all && web4-agent evening",
    'web4-agent ask "On which port does berthd listen?"',
    "web4-agent --install-completion                 # commands and options by the tab key",
)
EXAMPLES: dict[str, tuple[str, ...]] = {
    "init": (
        "web4-agent init --journal ~/team/journal",
        "web4-agent init --model ~/models/qwen2.5-coder-7b.gguf    # a model of yours, of Llama's or Qwen2's type",
    ),
    "index": (
        "web4-agent index                                # today's documents",
        "web4-agent index --all --dry-run                # the whole journal: say what would be read",
        "web4-agent index --docs ~/team/handbook         # looked up, not trained",
    ),
    "evening": (
        "web4-agent evening                              # typed again, it goes on where it was cut off",
        "web4-agent evening --dry-run                    # what would be trained",
        "web4-agent evening --abandon                    # give an open night up",
    ),
    "morning": ("web4-agent morning", "web4-agent morning --quick"),
    "backtest": (
        "web4-agent backtest --journal ~/team/journal --recipe specification --recipe shipped",
        "web4-agent backtest --journal ~/team/journal --days 2026-03-02..2026-03-14 --out ~/backtest",
    ),
    "evaluate": (
        "web4-agent evaluate --list                      # the harnesses and their gates",
        "web4-agent evaluate --harness refusal --limit 5",
    ),
    "ask": (
        'web4-agent ask "On which port does berthd listen?"',
        'web4-agent ask "What did we decide about the tide table?" --force --since 2026-03-01',
    ),
    "route": ('web4-agent route "What did we do yesterday?"',),
    "status": ("web4-agent status", "web4-agent status --json"),
    "adapters": ("web4-agent adapters",),
    "rollback": (
        "web4-agent rollback                             # to the version before",
        "web4-agent rollback a-29c05e9999d4",
    ),
    "probation": ("web4-agent probation", "web4-agent probation --act      # roll back now if it alarms"),
    "forget": (
        "web4-agent forget --dry-run 2026-03-02-UTC-0910-topic.pdca.md",
        "web4-agent forget --continue                    # go on with one that was cut off",
    ),
    "doctor": (
        "web4-agent doctor                               # without a home: what is installed",
        "web4-agent doctor --fix",
    ),
    "backup": (
        "web4-agent backup",
        "web4-agent backup --list",
        "web4-agent backup --to /mnt/nas --archive",
    ),
    "restore": ("web4-agent restore 20260302T220000Z --dry-run", "web4-agent restore 20260302T220000Z"),
    "report": ("web4-agent report", "web4-agent report --days 30"),
    "distribution": ("web4-agent distribution --days 14",),
    "satisfaction": ("web4-agent satisfaction",),
    "hot": ("web4-agent hot --days 30",),
    "nights": ("web4-agent nights", "web4-agent nights --format html --out nights.html"),
    "weekly": (
        "web4-agent weekly",
        "web4-agent weekly --quick                       # leave out what takes minutes",
    ),
    "monthly": ("web4-agent monthly", "web4-agent monthly --format markdown --out monthly.md"),
    "quarterly": ("web4-agent quarterly --quick",),
    "tune": (
        "web4-agent tune --minutes 15                    # a recommendation, and nothing is changed",
        "web4-agent tune --apply                         # put it in force where it is better beyond noise",
    ),
    "tune show": ("web4-agent tune show",),
    "tune revert": ("web4-agent tune revert",),
    "feedback": ('web4-agent feedback w4-0190000000a0123456789 down --comment "the port is 7420"',),
    "why": ("web4-agent why w4-0190000000a0123456789",),
    "export": ("web4-agent export --days 30 --out queries.jsonl",),
    "serve": (
        "web4-agent serve",
        "WEB4_LOG__FORMAT=json web4-agent serve --port 0 # a free port; a line of JSON for each request",
    ),
    "up": ("web4-agent up                                   # gateway and timetable in one process",),
    "run": ("web4-agent run --due                            # what a timer calls every few minutes",),
    "clients": ("web4-agent clients continue", "web4-agent clients vscode --address https://models.example.org"),
    "demo": ("web4-agent demo", "web4-agent demo --home ~/web4-demo"),
    "metrics dashboard": ("web4-agent metrics dashboard > web4-agent.json     # import it in Grafana",),
    "metrics rules": ("web4-agent metrics rules > /etc/prometheus/web4-agent-rules.yaml",),
    "metrics scrape": ("web4-agent metrics scrape >> prometheus.yaml",),
    "collections": ("web4-agent collections",),
    "collections reindex": ("web4-agent collections reindex pdca_historical",),
    "collections recut": ("web4-agent collections recut",),
    "collections forget": ("web4-agent collections forget process_docs ~/team/handbook",),
    "tools list": ("web4-agent tools list",),
    "tools show": ("web4-agent tools show cline",),
    "tools check": ("web4-agent tools check ~/team/tool-packs/ours",),
    "tools use": ("web4-agent tools use cline",),
    "keys add": ("web4-agent keys add alice                       # shown once, and never again",),
    "keys list": ("web4-agent keys list",),
    "keys revoke": ("web4-agent keys revoke alice",),
    "schedule install": (
        "web4-agent schedule install",
        "web4-agent schedule install --cron --print      # the lines, installing nothing",
    ),
    "schedule show": ("web4-agent schedule show",),
    "schedule remove": ("web4-agent schedule remove",),
    "alerts test": ("web4-agent alerts test",),
    "alerts list": ("web4-agent alerts list --count 50",),
    "alerts send": ("web4-agent alerts send",),
    "alerts retry": ("web4-agent alerts retry", "web4-agent alerts retry 17 18"),
    "gate calibrate": ("web4-agent gate calibrate", "web4-agent gate calibrate --simulate-only"),
    "gate show": ("web4-agent gate show",),
    "gate audit": ("web4-agent gate audit",),
    "gate golden": (
        "web4-agent gate golden",
        "web4-agent gate golden a-29c05e9999d4 --why 'a good month, looked through by hand'",
    ),
    "quarantine": ("web4-agent quarantine",),
    "quarantine show": ("web4-agent quarantine show 2026-03-02-UTC-0910-topic.pdca.md",),
    "quarantine approve": (
        'web4-agent quarantine approve 2026-03-02-UTC-0910-topic.pdca.md --reason "it only quotes the attack"',
    ),
    "quarantine reject": (
        'web4-agent quarantine reject 2026-03-02-UTC-0910-topic.pdca.md --reason "it orders the model about"',
    ),
}
"""By the words after `web4-agent`. A group that does something without a sub-command has an entry, too."""


def add_examples(app: typer.Typer, above: str = "") -> None:
    """Put the block on the help page of every command and group of `app`; a group shows those of its commands."""
    for command in app.registered_commands:
        name = command.name or getattr(command.callback, "__name__", "").rstrip("_").replace("_", "-")
        command.epilog = _block(EXAMPLES.get(f"{above}{name}", ()))
    for group in app.registered_groups:
        path = f"{above}{group.name}"
        within = [lines[0] for known, lines in EXAMPLES.items() if known.startswith(f"{path} ")]
        group.epilog = _block((*EXAMPLES.get(path, ()), *within))
        if group.typer_instance is not None:
            add_examples(group.typer_instance, f"{path} ")


def _block(lines: tuple[str, ...]) -> str | None:
    """The parser wraps no line of a paragraph that begins with a backspace."""
    return "\n".join(("\b", "EXAMPLES", *(f"  {line}" for line in lines))) if lines else None


ROOT_EXAMPLES = _block(ROOT)
