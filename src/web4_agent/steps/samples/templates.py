"""The wordings: how a document is named in a prompt, and how each kind of fact and section is asked for.

Called by facts, build and between. Holds text only; knows neither documents nor seeds.

The last wording of every fact is never trained, for any document: it asks tonight's probes.
"""

REFERENCES = (
    'the PDCA "{title}" of {day}',
    'the journal entry "{title}" ({day})',
    'the PDCA document "{title}", written on {day}',
    'the work "{title}" of {day}',
)
"""`day` is ISO. Title and day together name one document in nearly every journal."""

QUESTIONS: dict[str, tuple[str, str, str, str]] = {
    "objective": (
        "What was the objective of {ref}?",
        "Which goal does {ref} state?",
        "Name the objective recorded in {ref}.",
        "What was the team trying to achieve with {ref}?",
    ),
    "task": (
        "Which task did {ref} work on?",
        "What was the task of {ref}?",
        "Name the task recorded in {ref}.",
        "What piece of work was assigned in {ref}?",
    ),
    "issues": (
        "Which issue does {ref} report?",
        "What problem was recorded in {ref}?",
        "Name the issue named in {ref}.",
        "What was going wrong according to {ref}?",
    ),
    "agent": (
        "Who worked on {ref}?",
        "Which agent wrote {ref}?",
        "Name the agent of {ref}.",
        "By whom was {ref} done?",
    ),
    "role": (
        "In which role was {ref} done?",
        "What role did the agent have in {ref}?",
        "Name the agent's role in {ref}.",
        "Acting as what did the agent carry out {ref}?",
    ),
    "branch": (
        "On which branch was {ref} done?",
        "Which git branch does {ref} name?",
        "Name the branch of {ref}.",
        "Where in the repository's branches did {ref} take place?",
    ),
    "sprint": (
        "To which sprint does {ref} belong?",
        "Which sprint does {ref} name?",
        "Name the sprint of {ref}.",
        "During which sprint was {ref} carried out?",
    ),
    "session": (
        "In which journal session was {ref} written?",
        "Which project journal session does {ref} name?",
        "Name the session of {ref}.",
        "What session is {ref} part of?",
    ),
    "commit": (
        "Which commit came before {ref}?",
        "What previous commit does {ref} name?",
        "Name the previous commit recorded in {ref}.",
        "From which commit did {ref} set out?",
    ),
    "cmm": (
        "Which CMM level does {ref} name?",
        "What is the CMM badge of {ref}?",
        "Name the maturity level recorded in {ref}.",
        "How mature does {ref} call its process, as a CMM level?",
    ),
    "day": (
        'On which day was the work "{title}" with the objective "{topic}" recorded?',
        'When was the PDCA "{title}" written, whose objective was "{topic}"?',
        'Give the date of the journal entry "{title}" ("{topic}").',
        'What is the date of the document about "{topic}", titled "{title}"?',
    ),
    "quote": (
        "What did the user say in {ref}?",
        "Quote the user's feedback in {ref}.",
        "Which words of the user does {ref} record?",
        "What was the user's request in {ref}?",
    ),
    "decision": (
        'What was decided about "{label}" in {ref}?',
        'Which decision does {ref} record on "{label}"?',
        'Give the decision on "{label}" in {ref}.',
        'How was the question "{label}" settled in {ref}?',
    ),
    "outcome": (
        "What was the outcome of {ref}?",
        "Which result does {ref} record?",
        "Name the outcome recorded in {ref}.",
        "How did {ref} end?",
    ),
    "learned": (
        "What was learned in {ref}?",
        "Which lesson does {ref} record?",
        "Name the learning applied in {ref}.",
        "What insight did the team take from {ref}?",
    ),
    "next": (
        "What was planned next after {ref}?",
        "Which next step does {ref} name?",
        "Name the next focus recorded in {ref}.",
        "Where was the work to go from {ref}?",
    ),
    "label": (
        'What does {ref} record under "{label}"?',
        'In {ref}, what is said about "{label}"?',
        'Give the entry "{label}" of {ref}.',
        'How does {ref} describe "{label}"?',
    ),
    "decided": (
        "What was decided in {ref}?",
        "Which decision does {ref} record?",
        "Name a decision recorded in {ref}.",
        "What did the team settle on in {ref}?",
    ),
    "rest": (
        'Complete this sentence of {ref}: "{label} ..."',
        'How does this sentence of {ref} go on: "{label} ..."?',
        'Finish the sentence recorded in {ref}: "{label} ..."',
        'In {ref} a sentence begins "{label}". What follows?',
    ),
    "cell": (
        'In the table of {ref}, what is the "{column}" of "{label}"?',
        'Which "{column}" does {ref} give for "{label}"?',
        'Give the "{column}" that {ref} lists for "{label}".',
        'What does {ref} tabulate as "{column}" where the row is "{label}"?',
    ),
}

DETAILS = frozenset({"label", "cell", "rest"})
"""Fields that take their question from the document's own words."""

NAMES = frozenset({"agent", "role", "branch", "sprint", "session", "commit", "cmm", "day"})
"""Fields whose answers are names; those of all others are sentences or phrases."""

REVERSED = (
    'Which journal document records this {noun}: "{answer}"?',
    'In which PDCA of {day} is this {noun} found: "{answer}"?',
    'Name the PDCA that has this {noun}: "{answer}".',
)

NOUNS = {
    "objective": "objective",
    "task": "task",
    "issues": "issue",
    "quote": "request of the user",
    "decision": "decision",
    "decided": "decision",
    "outcome": "outcome",
    "learned": "lesson",
    "next": "next step",
    "label": "statement",
    "cell": "entry",
}

PLAN_TO = {
    "do": (
        "The plan of {ref} was:\n{given}\n\nWhat was done?",
        "{ref} planned this:\n{given}\n\nDescribe what was carried out.",
    ),
    "check": (
        "The plan of {ref} was:\n{given}\n\nHow was it checked, and with what result?",
        "{ref} planned this:\n{given}\n\nWhat did the check find?",
    ),
    "act": (
        "After the check in {ref}, what was acted upon?",
        "Which actions and improvements does {ref} conclude with?",
    ),
}

TRON = (
    "In {ref} this was raised:\n{given}\n\nHow was it answered?",
    "The problem in {ref}:\n{given}\n\nWhat was the response, and what came of it?",
)

DECIDED = ("Which decisions does {ref} record? Give them all.", "List the decisions of {ref}.")

LEARNED = ("What was learned in {ref}? Give the section.", "Summarise the lessons recorded in {ref}.")

NEXT = ("What comes next according to {ref}? Give the section.", "List the next steps that {ref} records.")

NOT_RECORDED_ANSWERS = (
    "That is not recorded in the journal.",
    "This is not recorded in that document.",
    "Not recorded: the document does not say.",
)

ABSENT_TOPICS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Which budget was approved for {ref}?", ("budget", "cost", "euro", "price")),
    ("Which customer asked for {ref}?", ("customer", "client")),
    ("What deadline was set in {ref}?", ("deadline", "due", "until")),
    ("Who reviewed {ref}?", ("review",)),
    ("Which test coverage in percent does {ref} report?", ("coverage", "percent")),
    ("Which licence was discussed in {ref}?", ("licen",)),
    ("How much memory was measured in {ref}?", ("memory", "ram", "mb", "gb")),
    ("Which supplier is named in {ref}?", ("supplier", "vendor")),
    ("How many people voted in {ref}?", ("vote", "voting")),
    ("Which training course does {ref} mention?", ("course", "training")),
    ("What was the weather during {ref}?", ("weather", "rain", "wind")),
    ("Which hardware was bought for {ref}?", ("hardware", "bought", "purchase")),
    ("Which holiday delayed {ref}?", ("holiday", "vacation")),
    ("What did the lawyer say about {ref}?", ("lawyer", "legal")),
)
"""(question, beginnings of words whose presence anywhere in a document forbids asking it there)."""

BETWEEN = {
    "first": (
        'Which came first: the PDCA "{one}" or the PDCA "{two}"?',
        'Of the journal entries "{one}" and "{two}", which was written earlier?',
    ),
    "after": (
        'Which PDCA followed "{before}" of {before_day}?',
        'What came after the journal entry "{before}" ({before_day})?',
    ),
    "before": (
        'Which PDCA came before "{after}" of {after_day}?',
        'What preceded the journal entry "{after}" ({after_day})?',
    ),
    "since": (
        'What was the objective of the work that followed "{before}" of {before_day}?',
        'After "{before}" ({before_day}), what did the next document set out to do?',
    ),
    "outcome": (
        'In "{before}" of {before_day} this was decided: "{decision}". What did the next document report?',
        'What became of this decision of {before_day}: "{decision}" ("{before}")?',
    ),
}
