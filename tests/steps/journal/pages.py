"""Journal pages that the tests of this folder read, and the parser called the short way."""

from datetime import UTC, datetime

from web4_agent.domain.documents import Document, Rejection
from web4_agent.domain.ids import DocumentId
from web4_agent.steps.journal.parse import parse_document

MODIFIED_UTC = datetime(2025, 9, 30, 12, tzinfo=UTC)

PAGE = """\
# 📋 **PDCA Cycle: Kernel Testing - Server Lifecycle**

**🗓️ Date:** 2025-09-02-UTC-2023
**🎯 Objective:** Test the server's lifecycle
**🎯 Template Version:** 3.1.4.2

**👤 Agent Name:** Background Agent → Testing Specialist
**👤 Agent Role:** DevOps → Kernel Testing
**👤 Branch:** stable/once2 → Testing Branch
**🎯 Project Journal Session:** 2025-09-02-UTC-1913-session → Testing
**🎯 Sprint:** Sprint-20 → Foundation
**✅ Task:** Lifecycle Testing
**🚨 Issues:** The stop command hangs

**📎 Previous Commit:** dbea3e77 - Sprint 20 analysis
**🔗 Previous PDCA:** [GitHub](https://github.com/o/r/blob/main/pdca/2025-09-02-UTC-1943-analysis.pdca.md) | \
[§/pdca/2025-09-02-UTC-1943-analysis.pdca.md](../2025-09-02-UTC-1943-analysis.pdca.md)

---

## **📊 SUMMARY**

### **Artifact Links**
- **Tool:** [GitHub](https://github.com/o/r/blob/main/scripts/once) | [§/scripts/once](../../scripts/once)

### **QA Decisions**
- [x] **Decision 1: Environment** - sourced

### **TRON Feedback (2025-09-02-UTC-2023)**
```quote
once is a tool.
keep the processes clean
```

### **My Answer**
Will clean up by hand.

**Learning Applied:** process hygiene.

---

## **📋 PLAN**

**Objective:** Validate the lifecycle

### Strategy
- start, check, stop

## **🔧 DO**

```bash
# Check the server
once start &
```

## **✅ CHECK**

✅ started, ❌ stop failed after 3 s

## **🎯 ACT**

Learned to look at the process table. Next steps: mend stop.

## **🎯 PDCA PROCESS UPDATE**

- ✅ documented
"""

NAME = "2025-09-02/2025-09-02-UTC-2023-kernel-testing.pdca.md"


def parsed(text: str | bytes, name: str = NAME) -> Document:
    """Parse a page that must be one."""
    read = read_any(text, name)
    assert isinstance(read, Document), read
    return read


def read_any(text: str | bytes, name: str = NAME) -> Document | Rejection:
    data = text.encode() if isinstance(text, str) else text
    return parse_document(DocumentId(name), data, modified_utc=MODIFIED_UTC)


def sections_page(body: str = "", *, title: str = "# A page") -> str:
    """The least that counts as a PDCA, with `body` in its Do section."""
    return f"{title}\n\n## Plan\nplan it\n\n## Do\n{body or 'do it'}\n\n## Check\nlook\n\n## Act\nkeep it\n"
