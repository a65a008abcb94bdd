"""The command line that all programs share: their description as it is written, and --version."""

import argparse

from src import __version__


def program_parser(description: str, prog: str | None = None) -> argparse.ArgumentParser:
    """A parser without abbreviations, which would change their meaning with every new option.

    Args:
        description: what the program does, shown as it is written; prog: what users type, if it is not the file's name.
    """
    parser = argparse.ArgumentParser(
        prog=prog,
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=__version__, help="print the version of the project")
    return parser
