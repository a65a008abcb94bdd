"""The output files of infer.py: their paths, the check that they are free, the detections, and where they came from."""

import json
import os
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path

from src.config.load import Config
from src.data.annotations import ImageEntry
from src.data.image_listing import check_outside
from src.data.provenance import made_from, side_file, write_side_file
from src.errors import UserError
from src.evaluation.records import Detections, inference_records
from src.exporting.metadata_file import metadata_path
from src.files import check_apart, check_free, remove_leftovers, write_atomically

# Settings of a detector's output that a checkpoint brings along and that may be changed for inference.
SETTINGS = ("test_score_thr", "test_iou_thr", "test_max_per_img")


class OutputFiles:
    """The files in ``eval_output_dir``. Paths of files that the settings do not ask for are defined too.

    Attributes:
        are_written: False in a process that only does its share of the detections.
    """

    def __init__(self, config: Config) -> None:
        self.folder = Path(config.eval_output_dir)
        self.results = self.folder / "infer_results.json"
        self.second_results = self.folder / "infer_results_second.json"
        self.features = self.folder / "infer_features.npz"
        self.pictures = self.folder / "pictures"
        self.are_written = True
        self._config = config

    def wanted(self) -> list[Path]:
        """The files that the settings ask for, except pictures and provenance."""
        config = self._config
        optional = ((config.features, self.features), (config.second_checkpoint, self.second_results))
        return [self.results, *(path for asked, path in optional if asked)]

    def check(self, pictures: Iterable[Path]) -> None:
        """Check that no file is in the way.

        Args:
            pictures: paths of the pictures that will be drawn.

        Raises:
            UserError: files exist, also those of an interrupted run, and may not be overwritten.
        """
        paths = [path for output in self.wanted() for path in (output, side_file(output))] + [*pictures]
        for path in paths:
            check_free(path, overwrite=True)  # first what no --overwrite can replace
        existing = [path for path in paths if os.path.lexists(path)]
        if existing and not self._config.overwrite:
            raise UserError(
                f"{self.folder}: {len(existing)} of the {len(paths)} output files exist already, such as {existing[0]}; "
                "pass --overwrite to replace them, or choose another --eval_output_dir"
            )

    def check_apart(self, pictures: Iterable[Path], images: Iterable[Path]) -> None:
        """Check that no output would replace an input.

        Args:
            pictures: paths of the pictures that will be drawn; images: those of the input.

        Raises:
            UserError: naming one.
        """
        config, outputs = self._config, [path for output in self.wanted() for path in (output, side_file(output))]
        keys = ("checkpoint_path", "second_checkpoint", "model", "pre_trained", "train_ann_file")
        inputs = {key: getattr(config, key) for key in keys}
        if config.model:
            inputs["model (its metadata)"] = metadata_path(config.model)
        check_apart(outputs, inputs)
        if config.draw_pics:
            check_outside(self.pictures, {key: getattr(config, key) for key in ("infer_img_dir", "unlabelled_img_dir")})
        drawn = {os.path.realpath(path) for path in pictures}
        if drawn and (same := next((path for path in images if os.path.realpath(path) in drawn), None)):
            raise UserError(
                f"{same}: is an image to detect in, and would be replaced by its drawn picture; choose another --eval_output_dir"
            )

    def remove_leftovers(self) -> None:
        """Remove the temporary files of a start that was killed, if this process writes the files."""
        if not self.are_written:
            return
        for folder in (self.folder, *([self.pictures, *self._folders()] if self._config.draw_pics else [])):
            remove_leftovers(folder)

    def _folders(self) -> list[Path]:
        return [path for path in self.pictures.rglob("*") if path.is_dir()]

    def write_detections(
        self,
        path: Path,
        found: Iterable[tuple[ImageEntry, Detections]],
        each: Callable[[ImageEntry, Detections], None] | None = None,
    ) -> None:
        """Write detections image by image: those of 100,000 images do not fit into memory.

        Args:
            each: called with every image and its detections, after they are written.
        """
        if not self.are_written:
            deque(found, maxlen=0)  # nothing comes, but the images are detected
            return

        def write(temporary: Path) -> None:
            with temporary.open("w", encoding="utf-8") as file:
                file.write("{")
                for number, (entry, detections) in enumerate(found):
                    rows = json.dumps(inference_records(entry, detections), ensure_ascii=False)
                    file.write(f"{',' if number else ''}\n{json.dumps(entry.file_name, ensure_ascii=False)}: {rows}")
                    if each is not None:
                        each(entry, detections)
                file.write("\n}\n")

        write_atomically(path, write, self._config.overwrite)

    def write_provenance(
        self, path: Path, checkpoint: str | None, class_names: list[str], images: dict[str, str]
    ) -> None:
        """Write what a file of detections or their features was made from.

        Args:
            checkpoint: path of the detector; None: it is the exported model, whose thresholds are its own.
            images: name and hash of the images, as an input of `made_from`.
        """
        if not self.are_written:
            return
        config = self._config
        inputs = {"checkpoint_path": checkpoint} if checkpoint else {"model": config.model}
        if config.infer_img_dir is None and Path(config.train_ann_file).is_file():  # a folder of XML files has no hash
            inputs["train_ann_file"] = config.train_ann_file
        settings = {key: getattr(config, key) for key in SETTINGS if checkpoint} | {"class_names": class_names}
        origin = made_from("infer.py", inputs, settings)
        origin["inputs"]["images"] = images
        write_side_file(path, origin, config.overwrite, image_folders(config))


def image_folders(config: Config) -> dict[str, str | None]:
    """The options of pick_select.py that say where the images are, with their folders."""
    if config.infer_img_dir is not None:
        return {"img_dir": config.infer_img_dir}
    return {"img_dir": config.train_img_dir, "unlabelled_img_dir": config.unlabelled_img_dir}
