"""What READMEs and docs say is there: scripts with their arguments, programs, options, files, links, names in the source."""

import re
import subprocess
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from benchmarks.command import OPTIONS
from tests.test_imports import ARROWS, DATA_TOOLS, ENTRY, LABEL_TOOLS, LEAVES

ROOT = Path(__file__).resolve().parents[1]
FILES = [ROOT / name for name in ("README.md", "README_CN.md", "CONTRIBUTING.md", "benchmarks/README.md")]
FILES += sorted((ROOT / "docs").glob("*.md"))
TEXTS = {str(file.relative_to(ROOT)): file.read_text(encoding="utf-8") for file in FILES}
README, README_CN, CONTRIBUTING = (TEXTS[name] for name in ("README.md", "README_CN.md", "CONTRIBUTING.md"))
SCRIPT_ROW = re.compile(r"^\| `([\w/]+\.sh)` \| `(.*)` \|$", re.MULTILINE)
FOLDERS = "src|tests|scripts|benchmarks|configs|docs|tools|ascend310_infer"
PROGRAM = r"(?:^|\s)(?:bash|python) (?:-m )?((?:[\w-]+[./])+[\w.]+)"
SETTINGS = set(yaml.safe_load((ROOT / "configs" / "base.yaml").read_text(encoding="utf-8"))) | {"config_path"}
BENCHMARKS = [ROOT / "benchmarks" / name for name in ("command.py", "setting.py")]
MADE_LATER = ("ascend310_infer/out", "ascend310_infer/mindspore_lite", "docs/evidence")  # by programs


def bash_blocks(text: str) -> list[str]:
    """The blocks of commands in a document."""
    return re.findall(r"```bash\n(.*?)```", text, re.DOTALL)


def commands() -> list[str]:
    """Each command of each document once; lines that end in a backslash go on."""
    lines = [line for text in TEXTS.values() for block in bash_blocks(text) for line in join(block)]
    return list(dict.fromkeys(lines))


def join(block: str) -> list[str]:
    """The lines of a block of commands, with those that go on as one."""
    return [line for line in re.sub(r"\\\n\s*", "", block).splitlines() if line]


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives to the headings of a document."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_both_languages_name_the_same_commands_paths_and_links():
    assert bash_blocks(README_CN) == bash_blocks(README)
    paths, links = r"`([^`\n ]*(?:/|\.\w+)[^`\n ]*)`", r"\]\((?!README)([^)]+)\)"
    for pattern in (paths, links):
        assert set(re.findall(pattern, README_CN)) == set(re.findall(pattern, README))


def test_weights_have_one_address_in_all_documents():
    address = r"https://download\.pytorch\.org/models/([\w.-]+\.pth)"
    named = {word for text in TEXTS.values() for word in re.findall(address, text)}
    listed = set(re.findall(r"[\w-]+-[0-9a-f]{8}\.pth", TEXTS["docs/TRAINING.md"]))
    assert (
        named <= listed
        and re.findall(address, README)
        and len({name.rsplit("-", 1)[0] for name in listed}) == len(listed)
    )


def test_every_launch_script_is_listed_with_its_arguments():
    listed = dict(SCRIPT_ROW.findall(TEXTS["docs/SCRIPTS.md"]))
    for file in (ROOT / "scripts").rglob("[!_]*.sh"):
        usage = re.search(r'^launch "(.*) \[--key value \.\.\.\]" "\$@"$', file.read_text(), re.MULTILINE)
        if usage:
            assert listed.pop(str(file.relative_to(ROOT / "scripts"))) == usage[1]
    assert not listed


@pytest.mark.parametrize("name", TEXTS)
def test_links_lead_to_files_and_headings(name):
    for target in re.findall(r"\]\(([^)]+)\)", TEXTS[name]):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / name).parent / path if path else ROOT / name
        assert file.exists(), target
        assert not anchor or anchor in anchors(file.read_text(encoding="utf-8")), target


@pytest.mark.parametrize("name", TEXTS)
def test_paths_exist(name):
    for path in re.findall(rf"`((?:{FOLDERS})/[^`\s]*)`", TEXTS[name]):
        if not path.startswith(MADE_LATER):
            pattern = re.sub(r"[A-Z]{3,}(?=\.yaml)|\.\.\.$", "*", path)  # faster_rcnn_BACKBONE.yaml
            assert list(ROOT.glob(pattern)), path
    for test in re.findall(r"`(test_\w+\.py)`", TEXTS[name]):
        assert list((ROOT / "tests").rglob(test)), test


def test_promises_name_tests_that_exist():
    defined = " ".join(
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def test_(\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    )
    for cell in re.findall(r"\| ([^|]+) \|$", TEXTS["docs/RELIABILITY.md"], re.MULTILINE):
        for name in re.findall(r"`([a-z_]{12,})(?:\.\.\.)?`", cell):
            assert name in defined, name


def test_names_in_the_source_are_where_contributing_says():
    found = re.findall(r"`([\w/]+\.py)`: `(\w+)`", CONTRIBUTING)
    assert found
    for path, name in found:
        stated = rf"^\s*(?:def|class) {name}\b|^{name}\b.*="
        assert re.search(stated, (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE), f"{path}: {name}"


def test_the_picture_of_the_tree_shows_the_arrows_of_the_import_test():
    names = (
        dict.fromkeys(ENTRY, "entry")
        | dict.fromkeys(LABEL_TOOLS, "label_tools")
        | dict.fromkeys(DATA_TOOLS, "data_tools")
    )
    arrows = {names.get(room, room): set(others) for room, others in ARROWS.items() if room not in LEAVES}
    shortest = {
        (room, other)
        for room, others in arrows.items()
        for other in others
        if not any(other in reachable(arrows, between) for between in others - {other})
    }
    picture = re.search(r"```mermaid\n(.*?)```", CONTRIBUTING, re.DOTALL)[1]
    drawn = {
        (line[1], other)
        for line in re.finditer(r"^ +(\w+)(?:\[.*\])? --> (.*)$", picture, re.MULTILINE)
        for other in line[2].split(" & ")
    }
    assert drawn == shortest


def reachable(arrows: dict[str, set[str]], room: str) -> set[str]:
    """Everything that a room imports, directly or not."""
    return arrows[room].union(*(reachable(arrows, other) for other in arrows[room]))


def test_what_is_said_of_gpu_and_ascend_is_what_the_wheel_wants():
    plugins = Path(find_spec("mindspore").submodule_search_locations[0]) / "lib" / "plugin"
    gpu = sorted(plugins.glob("libmindspore_gpu.so.*"))
    assert [file.name.partition(".so.")[2] for file in gpu] == ["11.1", "11.6"]
    for file in gpu:
        content = file.read_bytes()  # names of libraries end with a null character in it
        assert b"libcudart.so.11.0\0" in content and b"libcudnn.so.8\0" in content
    (ascend,) = plugins.glob("libmindspore_ascend.so.*")
    assert b"libascendcl.so\0" in ascend.read_bytes()  # of CANN
    for text in (README, README_CN):
        (paragraph,) = [part for part in text.split("\n\n") if "cuDNN" in part]
        assert all(
            word in paragraph for word in ("2.8.0", "CUDA 11", "11.1", "11.6", "cuDNN 8", "CANN", "`atc`", "AIR")
        )


def test_commands_are_bash():
    script = "\n".join(commands())
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0


@pytest.mark.parametrize("command", [line for line in commands() if re.search(PROGRAM, line)])
def test_commands_name_programs_and_options_that_exist(command):
    for program in re.findall(PROGRAM, command) + re.findall(r"--program (\S+)", command):
        assert file_of(program).is_file(), program
    assert set(re.findall(r" --(\w+)", command)) <= options_of(command)


def file_of(program: str) -> Path:
    """The file of a program or script, given as bash or python is given it."""
    if "/" in program or program.endswith(".py"):
        return ROOT / program
    path = ROOT / program.replace(".", "/")
    return path / "__main__.py" if path.is_dir() else path.with_suffix(".py")


def options_of(command: str) -> set[str]:
    """Names of the options that the programs of a command have."""
    known = set()
    for program in re.findall(PROGRAM, command) + re.findall(r"--program (\S+)", command):
        path = file_of(program)
        source = source_of(path)
        if path.suffix == ".sh" or "load_config" in source:
            known |= SETTINGS
        if path.suffix == ".sh":
            known |= options_of_scripts()
        if path.suffix == ".py":
            shared = [file.read_text(encoding="utf-8") for file in BENCHMARKS if path.parent == file.parent]
            modules = re.findall(r"^from (src\.\S+) import", source, re.MULTILINE)
            imported = [text for text in map(source_of, map(file_of, modules)) if "add_argument" in text]
            known |= {name for text in [source, *shared, *imported] for name in re.findall(r"[\"']--(\w+)[\"']", text)}
            known |= {name for name in OPTIONS if shared}
    return known


@cache
def options_of_scripts() -> set[str]:
    """Options that launch scripts take themselves, beside settings."""
    shared = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "scripts").glob("_*.sh"))
    taken = re.findall(r"(?:pop_option|split_options|is_enabled) ([a-z_]+(?: [a-z_]+)*)", shared)
    return {name for words in taken for name in words.split()} | set(
        " ".join(re.findall(r"_keys=\((.*)\)", shared)).split()
    )


@cache
def source_of(program: Path) -> str:
    """The source of a program; that of the module with its `main`, where the program is another name for one."""
    source = program.read_text(encoding="utf-8")
    other = re.search(r"^from (src\.\S+) import main$", source, re.MULTILINE)
    return source_of(ROOT / (other[1].replace(".", "/") + ".py")) if other else source
