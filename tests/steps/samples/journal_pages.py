"""Documents made by hand, as the parser would hand them over."""

import hashlib
from datetime import UTC, date, datetime

from web4_agent.domain.documents import Document, Header, Section, SectionKind, Tron
from web4_agent.domain.ids import ContentHash, DocumentId

TOPICS = ("Tide Tables", "Lamp Relay", "Berth Search", "Winter Storage", "Crane Bookings", "Fuel Ledger", "Ice Watch")
OBJECTIVES = (
    "Replace the printed tables by a page that every skipper can read",
    "Find out why the relay forgets messages when the gateway is slow",
    "Make the search for a free berth answer within half a second",
    "Decide where boats stand between November and the first of April",
    "Stop two crews from booking the same crane at the same hour",
    "Count the litres that leave the pump and those that are paid",
    "Warn the harbour master before the basin freezes over",
)


def page(number: int, *, day: date | None = None, padding: int = 6) -> Document:
    """A document whose sentences name its number, so that no other document shares them."""
    topic, day = f"{TOPICS[number % 7]} {number}", day or date(2026, 3, 2 + number % 20)
    header = Header(
        title=f"📋 **PDCA Cycle: {topic}**",
        date_utc=datetime(day.year, day.month, day.day, 8, number % 60, tzinfo=UTC),
        objective=f"{OBJECTIVES[number % 7]} in case {number}",
        agent=f"Agent {number} → Operations",
        role="Operations → Host Configuration",
        branch=f"dev/case-{number}",
        task=f"HL-T-{number} as agreed with the crew",
        issues=f"Port {8000 + number} is contested",
    )
    done = [f"Step {at} of case {number} moved the lamp of pier {number} to port {7000 + at}." for at in range(padding)]
    checked = [
        f"Probe {at} of case {number} was answered for pier {number} in {3 + at} milliseconds." for at in range(4)
    ]
    acted = [
        f"- Rule {at} of case {number}: nobody restarts pier {number} without a second pair of eyes." for at in range(4)
    ]
    bodies = (
        (SectionKind.DECISIONS, "QA Decisions", f"- [x] **Decision 1: Owner** - Crew {number} keeps the list of hosts"),
        (SectionKind.TRON, "TRON Feedback", f"```quote\nplease find out who took port {number}\n```"),
        (SectionKind.PLAN, "PLAN", f"Collect the logs of case {number} and lay them on one time line of that morning."),
        (SectionKind.DO, "DO", "\n".join(done)),
        (SectionKind.CHECK, "CHECK", "\n".join(checked)),
        (SectionKind.ACT, "ACT", "\n".join(acted) + f"\n\n**Learning Applied:** Look at case {number} before guessing"),
        (SectionKind.PROCESS, "PROCESS", f"**Next PDCA Focus:** Write the runbook for case {number} with the crew"),
    )
    sections = tuple(Section(kind, heading, (heading,), 2, body) for kind, heading, body in bodies)
    head = (
        f"# {header.title}\n\n**🗓️ Date:** {day}-UTC-08{number % 60:02}\n**🎯 Objective:** {header.objective}\n"
        f"**👤 Agent Name:** {header.agent}\n**👤 Agent Role:** {header.role}\n**👤 Branch:** {header.branch}\n"
        f"**✅ Task:** {header.task}\n**🚨 Issues:** {header.issues}\n"
    )
    text = head + "".join(f"\n## **{section.heading}**\n\n{section.text}\n" for section in sections)
    return document(text, sections, header, number=number, day=day)


def document(
    text: str, sections: tuple[Section, ...], header: Header | None = None, *, number: int = 0, day: date | None = None
) -> Document:
    day = day or date(2026, 3, 2)
    header = header or Header(title=text.partition("\n")[0].lstrip("# "))
    return Document(
        id=DocumentId(f"{day}/{day}-UTC-08{number % 60:02}-case-{number}.pdca.md"),
        content_hash=ContentHash(hashlib.sha256(text.encode()).hexdigest()),
        day=day,
        day_source="file name",
        title=header.title,
        slug=f"case-{number}",
        header=header,
        sections=sections,
        trons=(
            Tron(
                quote=f"please find out who took port {number}",
                response=f"Crew {number} did, by mistake, when they restarted the display in the harbour office",
            ),
        ),
        links=(),
        text=text,
    )
