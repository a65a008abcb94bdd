"""What the READMEs, docs/DATA.md and docs/LABELLING.md say is there: scripts with their arguments, programs, options, files."""

import ast
import re
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from benchmarks.command import OPTIONS

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
README_CN = (ROOT / "README_CN.md").read_text(encoding="utf-8")
SCRIPT_ROW = re.compile(r"^\| `([\w/]+\.sh)` \| `(.*)` \|$", re.MULTILINE)
DATA = (ROOT / "docs" / "DATA.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
LABELLING = (ROOT / "docs" / "LABELLING.md").read_text(encoding="utf-8")
OF_DATA = re.findall(r"```bash\n(.*?)```", DATA + LABELLING, re.DOTALL)


def test_both_languages_name_the_same_things():
    assert re.findall(r"```bash\n(.*?)```", README_CN, re.DOTALL) == COMMANDS
    assert SCRIPT_ROW.findall(README_CN) == SCRIPT_ROW.findall(README)
    assert sorted(re.findall(r"`[^`\n]+`", README_CN)) == sorted(re.findall(r"`[^`\n]+`", README))
    assert README_CN.count("\n#") == README.count("\n#")


def test_every_launch_script_is_told_with_its_arguments():
    told = dict(SCRIPT_ROW.findall(README))
    for file in (ROOT / "scripts").rglob("[!_]*.sh"):
        usage = re.search(r'^launch "(.*) \[--key value \.\.\.\]" "\$@"$', file.read_text(), re.MULTILINE)
        if usage:
            assert told.pop(str(file.relative_to(ROOT / "scripts"))) == usage[1]
    assert not told


def test_linked_files_and_folders_are_there():
    for folder, text in ((ROOT, README), (ROOT / "docs", DATA), (ROOT / "docs", LABELLING)):
        for target in re.findall(r"\]\(([^)#]+)\)", text):
            assert target.startswith("https://") or (folder / target).exists(), target
    layout = re.search(r"## Layout\n\n```\n(.*?)```", README, re.DOTALL)[1]
    for line in layout.splitlines():
        for name in re.split(r"\s{2,}", line)[0].split():
            assert (ROOT / name).exists(), name


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


def source_of(program: Path) -> str:
    """The source of a program; that of the module with its `main`, where the program is another name for one."""
    source = program.read_text(encoding="utf-8")
    other = re.search(r"^from (src\.\S+) import main$", source, re.MULTILINE)
    return source_of(ROOT / (other[1].replace(".", "/") + ".py")) if other else source


@pytest.mark.parametrize("command", [line for block in COMMANDS + OF_DATA for line in block.splitlines()])
def test_commands_name_programs_and_options_that_exist(command):
    assert subprocess.run(["bash", "-n", "-c", command], check=False).returncode == 0
    if command.startswith("source"):
        return
    program = re.search(r"(?:bash|python)(?: -m)? (\S+)", command)[1]
    path = ROOT / (program if "/" in program or program.endswith(".py") else program.replace(".", "/") + ".py")
    assert path.is_file()
    known = set(yaml.safe_load((ROOT / "configs" / "base.yaml").read_text())) | {"config_path"}
    source = source_of(path)
    if path.suffix == ".py" and "load_config" not in source:  # its options are not those of base.yaml
        strings = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
        known = {text[2:] for text in strings if isinstance(text, str) and text.startswith("--")}
        if path.parent.name == "benchmarks":  # some of their options are named once, for all of them
            known |= OPTIONS.keys() & set(strings)
    assert set(re.findall(r" --(\w+)", command)) <= known
