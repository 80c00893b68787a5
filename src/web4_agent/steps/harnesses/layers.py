"""The harness of the five layers: implementations in layer2, interfaces in layer3, command lines in layer5.

Called by the catalogue. A component is laid out in three files, each under a line with its path; what they import must
point inwards: layer5 may use layer2 and layer3, layer2 uses layer3, layer3 uses neither.
"""

import posixpath
import re
from collections.abc import Mapping

from web4_agent.steps.harnesses.answers import plainly
from web4_agent.steps.harnesses.harness import Given, Reading
from web4_agent.steps.harnesses.typescript import Module, parse
from web4_agent.steps.judging.tables import Table

KEYS = frozenset({"component", "path"})
_INWARDS: Mapping[str, frozenset[str]] = {
    "layer5": frozenset({"layer2", "layer3", "layer5"}),
    "layer2": frozenset({"layer2", "layer3"}),
    "layer3": frozenset({"layer3"}),
}
_PATH_LINE = re.compile(
    r"[^\w\n]{0,12}(?:\d{1,2}[.)][ \t])?(?:file(?:name)?|path)?[ \t:*`]{0,6}"
    r"((?:[\w-]{1,40}/){0,8}layer[235]/[\w.-]{1,80}\.ts)[^\w\n]{0,8}",
    re.IGNORECASE,
)
_LAYER = re.compile(r"layer[ _-]?([1-5])", re.IGNORECASE)
_PLACE = re.compile(r"(?:[\w-]{1,40}/){0,8}layer[1-5]/[\w.-]{1,80}\.ts")


def read_layers(table: Table) -> Reading:
    """`component`: its three files are asked for; or `path`: the one place that is right, and no other layer."""
    component, path = table.text("component", ""), table.text("path", "")
    if bool(component) == bool(path):
        raise table.wrong("component", "or 'path' must be there, and not both")

    def rule(given: Given) -> str | None:
        return _layout_complaint(given.answer, component) if component else _place_complaint(given.answer, path)

    return Reading(rule)


def _place_complaint(answer: str, path: str) -> str | None:
    layer = path.split("/")[-2]
    named = {f"layer{digit}" for digit in _LAYER.findall(answer)}
    if named != {layer}:
        return f"names {', '.join(sorted(named)) or 'no layer'}, not {layer}"
    places = {place.rsplit("/", 1)[-1] for place in _PLACE.findall(answer)}
    wanted = path.rsplit("/", 1)[-1]
    if wanted.lower() not in plainly(answer):
        return f"does not name {path}"
    return None if places <= {wanted} else f"names other files: {', '.join(sorted(places - {wanted}))}"


def _layout_complaint(answer: str, component: str) -> str | None:
    files = _files(answer)
    wanted = {
        "layer2": (f"{component}.ts", f"Default{component}.ts"),
        "layer3": (f"I{component}.interface.ts", f"{component}.interface.ts"),
        "layer5": (f"{component}CLI.ts",),
    }
    for layer, names in wanted.items():
        if not any(path.rsplit("/", 2)[-2:] == [layer, name] for path in files for name in names):
            return f"has no file {layer}/{names[0]}"
    complaints = (_file_complaint(path, code, component) for path, code in files.items())
    return next((complaint for complaint in complaints if complaint), None)


def _files(answer: str) -> dict[str, str]:
    """Code by the path above it, whether that is a comment, a heading or a line of its own. Fences are left out."""
    files: dict[str, list[str]] = {}
    current: list[str] | None = None
    prose = False
    for line in answer.replace("\r\n", "\n").split("\n"):
        if match := _PATH_LINE.fullmatch(line.strip()):
            current, prose = files.setdefault(match[1], []), False
        elif line.lstrip().startswith("```"):
            prose = current is not None and bool(current) and line.strip() == "```"
        elif current is not None and not prose:
            current.append(line)
    return {path: "\n".join(lines) for path, lines in files.items()}


def _file_complaint(path: str, code: str, component: str) -> str | None:
    layer = path.rsplit("/", 2)[-2]
    module = parse(code)
    if module.broken:
        return f"{path} does not parse as TypeScript"
    kept = _contents_complaint(layer, module, component)
    if kept:
        return f"{path} {kept}"
    for imported in module.imports:
        other = _layer_of(posixpath.normpath(posixpath.join(posixpath.dirname(path), imported)))
        if other and other not in _INWARDS[layer]:
            return f"{path} imports from {other}: dependencies point inwards"
    return None


def _contents_complaint(layer: str, module: Module, component: str) -> str | None:
    interface = f"I{component}"
    if layer == "layer3":
        if module.classes:
            return "holds a class: implementations belong into layer2"
        return None if module.interfaces else "holds no interface"
    if module.interfaces:
        return "holds an interface: interfaces belong into layer3"
    if layer == "layer5":
        return None if any(one.name.endswith("CLI") for one in module.classes) else "holds no class …CLI"
    if not any(one.name.endswith(component) for one in module.classes):
        return f"holds no class {component}"
    uses = any(_layer_of(imported) == "layer3" for imported in module.imports)
    return None if uses else f"does not import {interface} from layer3"


def _layer_of(path: str) -> str:
    return next((part for part in path.split("/") if part in {"layer1", "layer2", "layer3", "layer4", "layer5"}), "")
