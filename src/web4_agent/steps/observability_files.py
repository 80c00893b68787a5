"""What ships for Prometheus and Grafana: a dashboard, alert rules, and how the gateway is scraped.

Called by `web4-agent metrics` and by the tests that hold every metric they name against what the gateway exports.
"""

from importlib.resources import files

SHIPPED_TARGET = "127.0.0.1:8484"
_FOLDER = "observability"


def dashboard() -> str:
    """A Grafana dashboard, as JSON; it asks for its data source when it is imported."""
    return _text("dashboard.json")


def rules() -> str:
    """Alert rules for Prometheus, as YAML, over the job `web4-agent`."""
    return _text("rules.yaml")


def scrape(target: str = SHIPPED_TARGET) -> str:
    """The part of prometheus.yaml that scrapes a gateway at `target`, host:port."""
    return _text("scrape.yaml").replace(SHIPPED_TARGET, target)


def _text(name: str) -> str:
    return (files("web4_agent.data") / _FOLDER / name).read_text(encoding="utf-8")
