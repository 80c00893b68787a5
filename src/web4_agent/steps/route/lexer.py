"""Prose to tokens: each word, number, path or mark with the letter of its class.

Called by the router. Knows the forms of tokens (paths, dates in digits, names of agents), not what they add up to.
"""

import re
from collections.abc import Mapping
from itertools import islice

from web4_agent.steps.route import words
from web4_agent.steps.route.day_words import ABBREVIATED, MONTHS, WEEKDAYS
from web4_agent.steps.route.letters import LETTERS, WORDS
from web4_agent.steps.route.tokens import Tokens

_EXTENSIONS = (
    "tsx|ts|jsx|js|mjs|cjs|pyi|py|ipynb|java|kt|kts|go|rs|rb|php|cs|cpp|cc|hpp|h|c|swift|scala|sh|bash|zsh|ps1|bat|json|"
    "jsonl|yaml|yml|toml|ini|cfg|conf|env|lock|md|mdx|rst|txt|csv|tsv|xml|html|htm|css|scss|less|vue|svelte|sql|proto|"
    "graphql|sqlite|db|bak|zip|tar|gz|jpeg|gif|webp|wasm|ejs|hbs|dart|lua|exs|clj|pl|nix|cmake|plist|pem|key|crt|patch|"
    "diff|snap|map|gradle|tf|log|svg|png|jpg|pdf|example|spec|test|d"
)
_FOLDERS = (
    "src|test|tests|spec|specs|lib|libs|docs|doc|scripts|packages|apps|app|components|config|configs|bin|dist|build|out|"
    "public|assets|tools|templates|examples|node_modules|layer1|layer2|layer3|layer4|layer5|internal|pkg|cmd|server|"
    "client|web|api|migrations|data|benchmarks"
)
_DOT_FILES = "gitignore|eslintrc|prettierrc|dockerignore|npmrc|nvmrc|editorconfig|github|vscode"
_TOKEN = re.compile(
    rf"""
      (?P<PLAIN>[^\W\d_]+(?=[ ,?!\n]|\.\s|$))
    | (?P<DASH>-{{1,2}}|–|—)
    | (?P<QUESTION>\?)
    | (?P<END>[.!;:]+(?=\s|$)|\n\s*(?=[^\sa-zäöü])|\n\s*\n)
    | (?P<COMMA>,)
    | (?P<URL>https?://\S{{1,500}}|(?:localhost|127\.0\.0\.1):\d{{2,5}}\S{{0,200}})
    | (?P<DOCUMENT>(?<![\w/-])\d{{4}}-\d\d-\d\d-UTC-\d{{4}}[\w.-]{{0,150}}(?<![.])
        |\b\d{{8}}-\d{{4}}-[\w.-]{{1,150}}(?<![.]))
    | (?P<MENTION>(?<!\w)[@\#](?:file|folder|codebase|terminal|workspace|repo|git|diff|web|url|problems|tree|open
        |search|code|currentfile)\b)
    | (?P<PATH>(?:\.{{1,2}}/|~/|/)[\w@][\w./@*-]{{0,200}}(?<![.])
        |(?:{_FOLDERS})/[\w./@*-]{{0,200}}(?<![.])
        |(?>[\w@.-]{{1,80}})/[\w./@*-]{{0,200}}\.(?:{_EXTENSIONS})\b
        |\*?\.(?:{_EXTENSIONS}|{_DOT_FILES})\b(?:\.\w{{1,20}})?)
    | (?P<ISO>(?<![\w-])\d{{4}}-\d{{1,2}}-\d{{1,2}}(?![\w-]))
    | (?P<COMPACT>(?<![\w-])20\d{{6}}(?![\w-]))
    | (?P<ISO_MONTH>(?<![\w-])20\d\d-(?:0[1-9]|1[0-2])(?![\w-]))
    | (?P<DOTTED>(?<![\w.])\d{{1,2}}\.\s?\d{{1,2}}\.(?:\s?\d{{4}}|\d{{2}}(?!\d))?(?![\w]))
    | (?P<SLASHED>(?<![\w/])\d{{1,4}}/\d{{1,2}}/\d{{1,4}}(?![\w/]))
    | (?P<KNOWN_FILE>(?>[\w-]{{1,120}})(?:\.[\w-]{{1,40}}){{0,3}}\.(?:{_EXTENSIONS})\b(?![(\w]))
    | (?P<ORDINAL>\d{{1,2}}(?:st|nd|rd|th)\b|\d{{1,2}}\.(?=\s?(?:-|–|bis\b|und\b|[A-Za-zäöü]{{3,9}}\b)))
    | (?P<QUARTER>\b[Qq][1-4]\b)
    | (?P<NUMBER>(?<!\w)\d+(?:\.\d+)*(?!\w))
    | (?P<SLASHES>[^\W\d_][\w.-]*(?:/[\w.-]+)+)
    | (?P<WORD>[^\W\d_][\w]*(?:[-'’][^\W_][\w]*)*|\w+)
    """,
    re.VERBOSE,
)
_KNOWN_LETTER = {name: LETTERS.get(name, LETTERS["OTHER"]) for name in _TOKEN.groupindex}
_CAMEL = re.compile(r"[A-Za-z]+[a-z0-9][A-Z]\w*$|[a-z]+_\w+$|[A-Z]{2,}[a-z]\w*[A-Z]?\w*$")
_PAST = re.compile(
    r"[a-z]{3,}(?<!e)ed$|[a-zäöüß]{3,}iert$|(?:ver|be|er|ent|zer)[a-zäöüß]{3,}t$"
    r"|(?:um|aus|ein|ab|an|auf|zu|zurück|vor|mit|weg|los|fest|nach|durch|über|unter|weiter|bei|her|hin)?"
    r"ge[a-zäöüß]{3,}(?:t|en)$"
)
"""What a past tense or a participle ends in; wrong about a noun now and then."""
_GERMAN, _ENGLISH = frozenset(words.GERMAN.split()), frozenset(words.ENGLISH.split())
_AFTER_WAS = frozenset(words.AFTER_ENGLISH_WAS.split())
_NAME_WORDS = 4
_WORDY = frozenset({"WORD", "PLAIN"})
MAX_TOKENS = 110
"""What the 550 characters of prose that are read have at most; only what is no prose has more."""


def lex(text: str, agents: Mapping[str, str]) -> Tokens:
    """`agents` maps a name in lower case without blanks to how it is written."""
    matches = islice(_TOKEN.finditer(text), MAX_TOKENS)
    found = [(match.lastgroup or "", match.start(), match.end()) for match in matches]
    lowered = [text[start:end].lower().replace("’", "'") if kind in _WORDY else "" for kind, start, end in found]
    german = _is_german(lowered)
    letters: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    names: dict[int, str] = {}
    at = 0
    while at < len(found):
        kind, start, end = found[at]
        name, used = _agent(lowered, at, agents) if lowered[at] and agents else ("", 1)
        if not name and lowered[at].endswith("agent") and _CAMEL.match(text[start:end]):
            name = text[start:end]
        if name:
            names[len(letters)] = name
            end = found[at + used - 1][2]
            letters.append(LETTERS["AGENT"])
        else:
            written = text[start:end]
            letters.append(_word_letter(lowered[at], written, german) if lowered[at] else _mark_letter(kind, written))
        starts.append(start)
        ends.append(end)
        at += used
    return Tokens(text, "".join(letters), tuple(starts), tuple(ends), names)


def _mark_letter(kind: str, written: str) -> str:
    return LETTERS["DOCUMENT"] if written.endswith((".pdca.md", "-pdca.md")) else _KNOWN_LETTER[kind]


def _is_german(lowered: list[str]) -> bool:
    if lowered[:1] == ["was"] and lowered[1:2] and lowered[1] not in _AFTER_WAS:
        return True
    return sum(word in _GERMAN for word in lowered) > sum(word in _ENGLISH for word in lowered)


def _agent(lowered: list[str], at: int, agents: Mapping[str, str]) -> tuple[str, int]:
    """The longest name that starts here, and how many words it takes."""
    joined, best = "", ("", 1)
    for used in range(1, _NAME_WORDS + 1):
        if at + used > len(lowered) or not lowered[at + used - 1]:
            break
        joined += _bare(lowered[at + used - 1])
        if joined not in agents:
            break
        if agents[joined]:
            best = (agents[joined], used)
    return best


def _bare(word: str) -> str:
    return word.removesuffix("'s").replace("-", "").replace("_", "").replace("'", "")


def prefixes(names: Mapping[str, str]) -> dict[str, str]:
    """`names`, and the begins of each as no name: so a search stops at the first word that can be none."""
    found: dict[str, str] = {}
    for name in names:
        found.update({name[:length]: "" for length in range(1, len(name)) if name[:length] not in found})
    return {**found, **names}


def _word_letter(word: str, written: str, german: bool) -> str:  # noqa: FBT001 - a private table look-up
    if word == "was":
        return LETTERS["WHAT" if german else "WAS"]
    bare = word.removesuffix("'s")
    if bare in MONTHS and not (bare in ABBREVIATED and written.islower()):
        return LETTERS["MONTH_NAME"]
    if bare in WEEKDAYS and not (bare in ABBREVIATED and written.islower()):
        return LETTERS["WEEKDAY"]
    found = WORDS.get(word) or WORDS.get(bare)
    if found is None and "-" in bare:
        found = WORDS.get(bare.rsplit("-", 1)[1]) if bare.rsplit("-", 1)[1] in _TAILS else None
    if found is not None:
        return found
    if _CAMEL.match(written):
        return LETTERS["CAMEL"]
    if written[0].isupper() and written[1:].islower() and not german:
        return LETTERS["PROPER"]
    if "-" in word:
        return LETTERS["SLUG"]
    return LETTERS["PASTLIKE" if _PAST.match(word) else "OTHER"]


_TAILS = frozenset({"pdca", "pdcas", "dokument", "datei", "ordner", "verzeichnis", "tests", "session", "sitzung"})
