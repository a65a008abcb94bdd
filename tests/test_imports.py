"""The tree is the dependency graph: who may import whom. Imports are read from the source, nothing is started."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ENTRY = {"train", "eval", "infer", "export", "mindspore_hub_conf"}
LABEL_TOOLS = {"random_select", "sorted_values", "pick_select"}
DATA_TOOLS = {"split_data", "xml2coco"}  # in src/, started with python -m
LEAVES = {"errors", "files", "yaml_file", "command_line"}  # everybody may import these

# Group -> the groups it may import, beside itself and the leaves. A group is an entry script, a package or a module of src/.
ARROWS = {
    **{
        name: {"systems", "network_define", "data", "evaluation", "exporting", "training", "runs", "watching", "config"}
        for name in ENTRY
    },
    **{name: {"active", "data"} for name in LABEL_TOOLS},
    **{name: {"data"} for name in DATA_TOOLS},
    "modelarts": set(),  # starts the programs as processes
    "convert_checkpoint": {"converting", "training", "parts"},
    "converting": {"systems", "data", "training", "parts", "config"},
    "runs": {"systems", "network_define", "data", "evaluation", "training", "watching", "config"},
    "watching": {"data"},
    "systems": {"FasterRcnn", "MaskRcnn", "Ssd", "parts", "config"},
    "network_define": {"semi", "training"},
    "MaskRcnn": {"FasterRcnn", "parts"},
    "FasterRcnn": {"parts"},
    "Ssd": {"parts"},
    "semi": {"parts"},
    "parts": set(),
    "evaluation": {"data"},
    "exporting": {"data"},
    "training": set(),
    "active": {"data"},
    "data": set(),
    "config": {"settings", "contradictions"},
    "contradictions": {"settings"},
    "settings": {"parts"},  # parts.backbones, a table of names
    "errors": set(),
    "files": set(),
    "yaml_file": set(),
    "command_line": set(),
}
# What may import MindSpore. In data, record_cache.py alone.
WITH_MINDSPORE = ENTRY | {"convert_checkpoint", "systems", "network_define", "FasterRcnn", "MaskRcnn", "Ssd", "semi"}
WITH_MINDSPORE |= {"parts", "training", "exporting", "runs", "converting"}
MODULES_WITH_MINDSPORE = {"src.data.record_cache"}


def product_files() -> list[Path]:
    """Every Python file of the product: entry scripts and src/."""
    return sorted([*ROOT.glob("*.py"), *(ROOT / "src").rglob("*.py")])


def module_name(file: Path) -> str:
    """src/data/images.py -> src.data.images; train.py -> train."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(file): file for file in product_files()}


def group_of(module: str) -> str:
    """src.data.images -> data; src.config -> config; train -> train."""
    parts = module.split(".")
    return parts[1] if parts[0] == "src" and len(parts) > 1 else parts[0]


def imports_of(source: str) -> Iterator[str]:
    """Every imported module, also inside functions; `from a import b` gives a.b, for b may be a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written from the root: from src.data.images import ..."
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_imports(file: Path) -> set[str]:
    """The modules of the product that a file imports."""
    found = set()
    for name in imports_of(file.read_text(encoding="utf-8")):
        module = name if name in MODULES else name.rpartition(".")[0]
        if module in MODULES and module != "src":
            found.add(module)
    return found


def imports_mindspore(file: Path) -> bool:
    """Whether a file itself imports MindSpore."""
    return any(name.split(".")[0] == "mindspore" for name in imports_of(file.read_text(encoding="utf-8")))


def reach(module: str) -> set[str]:
    """The module and everything of the product that it imports, directly or not, packages on the way included."""
    seen, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        if name in MODULES and name not in seen:
            seen.add(name)
            waiting += own_imports(MODULES[name])
            waiting.append(name.rpartition(".")[0])
    return seen


@pytest.mark.parametrize("module", [name for name in MODULES if name != "src"])
def test_no_arrow_but_those_of_the_design(module):
    group = group_of(module)
    assert group in ARROWS, f"{module} has no place in the graph: give it one in ARROWS, or move it"
    allowed = ARROWS[group] | {group} | LEAVES
    wrong = sorted(name for name in own_imports(MODULES[module]) if group_of(name) not in allowed)
    assert not wrong, f"{module} may import {sorted(allowed)}, not {wrong}"


def test_config_reaches_entry_scripts_systems_and_what_serves_them_only():
    readers = {module for module, file in MODULES.items() if "src.config" in own_imports(file)}
    assert {module for module in readers if group_of(module) not in ENTRY | {"converting", "runs", "systems"}} == set()


def test_nobody_imports_an_entry_script():
    scripts = {name for name in MODULES if not name.startswith("src")}
    assert not {module: own_imports(file) & scripts for module, file in MODULES.items() if own_imports(file) & scripts}


def test_mindspore_stays_where_networks_are():
    wrong = [
        module
        for module, file in MODULES.items()
        if imports_mindspore(file) and group_of(module) not in WITH_MINDSPORE and module not in MODULES_WITH_MINDSPORE
    ]
    assert not wrong


@pytest.mark.parametrize(
    "module", sorted({"src.config", "src.data.doctor"} | LABEL_TOOLS | {f"src.{name}" for name in DATA_TOOLS})
)
def test_tools_and_configuration_start_without_mindspore(module):
    assert module in MODULES
    assert not [name for name in reach(module) if imports_mindspore(MODULES[name])]


def test_imports_are_seen_wherever_they_stand():
    source = "import a.b\nfrom c.d import e\ndef f():\n    import g\n"
    assert list(imports_of(source)) == ["a.b", "c.d.e", "g"]
