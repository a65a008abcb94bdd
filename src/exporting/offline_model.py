"""Compiles an ONNX or AIR model to an offline model (.om) for one Ascend chip, with Huawei's compiler `atc`."""

import shutil
import subprocess
from pathlib import Path

from src.errors import UserError
from src.files import write_whole

FRAMEWORKS = {"AIR": "1", "ONNX": "5"}  # atc's numbers


def check_compiler(file_format: str) -> None:
    """Raise a UserError if no offline model can be made here from this format."""
    if file_format not in FRAMEWORKS:
        raise UserError(
            f"soc_version: atc reads {' and '.join(FRAMEWORKS)} models, not {file_format}; pass --file_format ONNX"
        )
    if shutil.which("atc") is None:
        raise UserError(
            "soc_version: atc is not on the PATH; install Ascend CANN and source its set_env.sh, or leave it out"
        )


def offline_path(model: Path) -> Path:
    """Path of the offline model of a model."""
    return model.with_suffix(".om")


def write_offline_model(model: Path, file_format: str, soc_version: str, overwrite: bool) -> Path:
    """Compile a model; the .om lies beside it.

    Raises:
        UserError: atc fails, or reports success without a file.
    """

    def compile_to(path: Path) -> None:
        path.unlink()  # so that a file that is there afterwards was written by atc
        command = [
            "atc",
            f"--model={model}",
            f"--framework={FRAMEWORKS[file_format]}",
            f"--output={path.with_suffix('')}",
        ]
        done = subprocess.run([*command, f"--soc_version={soc_version}"], capture_output=True, text=True, check=False)
        if done.returncode or not path.is_file():
            path.touch()
            lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
            reason = next((line for line in lines if "error" in line.lower()), lines[-1] if lines else "nothing")
            raise UserError(
                f"{offline_path(model)}: not written, atc ended with status {done.returncode} and said: {reason.strip()}"
                f" ({model} is there)"
            )

    target = offline_path(model)
    write_whole(target, compile_to, overwrite)
    return target
