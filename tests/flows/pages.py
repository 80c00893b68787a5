"""Small PDCA documents for tests of flows."""

from pathlib import Path

DAY = "2026-03-02"


def page(topic: str, words: str = "", *, agent: str = "Ada Example", previous: str = "") -> str:
    """A whole PDCA on `topic`; `words` make it differ from others."""
    link = (
        f"**🔗 Previous PDCA:** [GitHub](https://example.org/{previous}) | [§/{previous}]({previous})\n"
        if previous
        else ""
    )
    return f"""# 📋 **PDCA Cycle: {topic}**

**🗓️ Date:** 2026-03-02-UTC-0900
**🎯 Objective:** settle the {topic} for good {words}
**👤 Agent Name:** {agent} → Example team
**👤 Agent Role:** Developer → {topic}
{link}
---

## **📊 SUMMARY**

The {topic} was looked into and settled. {words}

## **📋 PLAN**

- find out what the {topic} needs, ask {agent}, and write the outcome down {words}
- compare two ways of doing the {topic}, one quick and one careful

## **🔧 DO**

- built the {topic} in module {topic.replace(" ", "_")}, {words}
- measured the {topic}: 42 requests a second, 3 errors, {words}

## **✅ CHECK**

- the {topic} holds under load; the test of {topic} passes {words}

## **🎯 ACT**

- keep the {topic} as it is and tell the others {words}
"""


def write(root: Path, name: str, text: str, day: str = DAY) -> Path:
    path = root / day / f"{day}-UTC-{name}.pdca.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


TOPICS = (
    ("0900-queue-limit", "queue limit", "The limit is 64 since the pump on pier four overflowed in the night shift."),
    ("1000-tide-table", "tide table", "Thirty seven constituents explain the harbour better than a yearly almanac."),
    ("1100-paint-colour", "paint colour", "Maria chose ochre because seagulls avoid it and the sun fades blue."),
    (
        "1200-boot-order",
        "boot order",
        "The clock daemon starts before the radio, else stamps land in nineteen seventy.",
    ),
    ("1300-retry-rule", "retry rule", "Five attempts with doubling pauses, then a person is called by telephone."),
    ("1400-ledger-backup", "ledger backup", "Copies go to the attic server on Fridays; two restores were rehearsed."),
)
"""(name, topic, words that no other page has)"""


def journal(root: Path, count: int = len(TOPICS)) -> Path:
    for name, topic, words in TOPICS[:count]:
        write(root, name, page(topic, words))
    return root
