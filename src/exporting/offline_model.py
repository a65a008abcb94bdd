"""Compiles an ONNX or AIR model to an offline model (.om) for one Ascend chip, with Huawei's compiler `atc`."""

import shutil
import subprocess
from pathlib import Path

from src.errors import UserError
from src.files import write_atomically

FRAMEWORKS = {"AIR": "1", "ONNX": "5"}  # values of atc's --framework


def check_compiler(file_format: str) -> None:
    """Raise a UserError if atc is missing, or cannot compile this format."""
    if file_format not in FRAMEWORKS:
        raise UserError(
            f"soc_version: atc reads {' and '.join(FRAMEWORKS)} models, not {file_format}; pass --file_format ONNX"
        )
    if shutil.which("atc") is None:
        raise UserError(
            "soc_version: atc is not on the PATH; install Ascend CANN and source its set_env.sh, or leave it out"
        )


def offline_path(model: Path) -> Path:
    """Path of the offline model that is compiled from a model."""
    return model.with_suffix(".om")


def write_offline_model(model: Path, file_format: str, soc_version: str, overwrite: bool) -> Path:
    """Compile a model to an .om in the same folder; returns its path.

    Raises:
        UserError: atc fails, or writes no file.
    """

    def compile_to(path: Path) -> None:
        path.unlink()  # so that a file that exists afterwards was written by atc
        command = [
            "atc",
            f"--model={model}",
            f"--framework={FRAMEWORKS[file_format]}",
            f"--output={path.with_suffix('')}",
        ]
        result = subprocess.run([*command, f"--soc_version={soc_version}"], capture_output=True, text=True, check=False)
        if result.returncode or not path.is_file():
            path.touch()
            lines = [line for line in (result.stdout + result.stderr).splitlines() if line.strip()]
            reason = next((line for line in lines if "error" in line.lower()), lines[-1] if lines else "no output")
            raise UserError(
                f"{offline_path(model)}: not written, atc exited with status {result.returncode}: {reason.strip()}"
                f" ({model} was written)"
            )

    target = offline_path(model)
    write_atomically(target, compile_to, overwrite)
    return target
