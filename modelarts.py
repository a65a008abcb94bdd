"""Run one of the programs on ModelArts: copy data in from object storage, run, copy the results out.

    python modelarts.py --program train.py --data_url obs://bucket/faces --train_url obs://bucket/run_1 \\
        --train_img_dir /cache/data/images --train_ann_file /cache/data/train.json --save_checkpoint_path /cache/output

The detector is chosen as elsewhere, with --config_path configs/mask_rcnn_resnet_v1.5_50.yaml, configs/ssd_resnet34.yaml and so on,
relative to the folder of this program. All options but those of this program are passed on. Data are copied to /cache/data, the
folder of --checkpoint_url to /cache/checkpoint, and /cache/output to --train_url at the end, also after a failure or a stop.
"""

import argparse
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from src.command_line import program_parser
from src.errors import UserError, entry_point

ROOT = Path(__file__).resolve().parent
PROGRAMS = ("train.py", "eval.py", "infer.py", "export.py", "random_select.py", "sorted_values.py", "pick_select.py")


@entry_point
def main(argv: list[str] | None = None) -> None:
    """Copy in, run, copy out; ends with the status of the program."""
    args, words = parser().parse_known_args(argv)
    check_moxing()  # before hours of work whose results could not be copied out
    output = Path(args.cache) / "output"
    output.mkdir(parents=True, exist_ok=True)
    for url, name in ((args.data_url, "data"), (args.checkpoint_url, "checkpoint")):
        if url is not None:
            copy(url, str(Path(args.cache) / name))
    status = call([sys.executable, str(ROOT / args.program), *words], ROOT)
    try:
        copy(str(output), args.train_url)
    except UserError as error:
        raise UserError(
            f"{error}; the results are still in {output}, and the program ended with status {status}"
        ) from error
    sys.exit(status)


def call(command: list[str], folder: Path) -> int:
    """The exit status of a program that is run in a folder; stop signals are passed on to it."""
    with subprocess.Popen(command, cwd=folder) as program:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, lambda *_: program.terminate())
        status = program.wait()
    return status if status >= 0 else 128 - status


def parser() -> argparse.ArgumentParser:
    """The options of a ModelArts job, and the program to run."""
    options = program_parser(__doc__)
    options.add_argument("--program", required=True, choices=PROGRAMS)
    options.add_argument("--data_url", help="folder of the data in object storage")
    options.add_argument("--checkpoint_url", help="folder of weights in object storage")
    options.add_argument("--train_url", required=True, help="folder of the results in object storage")
    options.add_argument("--cache", default="/cache", help="folder of the machine for all of it")
    return options


def check_moxing() -> None:
    """Raise a UserError if moxing is not installed: only the images of ModelArts have it."""
    if find_spec("moxing") is None:
        raise UserError("moxing is not installed; it comes with the images of ModelArts, which this program is for")


def copy(source: str, target: str) -> None:
    """Copy a folder from or to object storage.

    Raises:
        UserError: the copy failed.
    """
    import moxing

    try:
        moxing.file.copy_parallel(source, target)
    except OSError as error:
        raise UserError(f"{source} cannot be copied to {target}: {error}") from error


if __name__ == "__main__":
    main()
