"""Compare the ranking that a resumed job keeps with what the job is given now; called by _launch.sh.

    _kept_ranking.py RANKING CKPT TRAIN_ANN DATA_ROOT [--trained FOLDER] [option of the ranking ...] -- [--key value ...]

FOLDER holds the training run that the job keeps, too.
"""

import argparse
import sys
from pathlib import Path

import sorted_values
from src.active.picking.resume_pick import refuse
from src.active.resume_ranking import image_notes, ranking_changes
from src.config.load import load_config
from src.config.schema import FREE_KEYS, IN_EPOCHS
from src.engine.resume import settings_changes
from src.errors import entry_point
from src.yaml_file import read_yaml

# Told by infer.py; a checkpoint brings them along, so only those that are given can differ.
INFERENCE = ("test_score_thr", "test_iou_thr", "test_max_per_img")
# Which the job passes by itself; of the data, the contents are compared.
PASSED = {"train_img_dir", "train_ann_file", "device_target", "run_distribute"}


def kept_run_changes(saved: dict, now: dict) -> list[str]:
    """A sentence for each setting that decides what is learnt and is another than the one that a run was trained with.

    Args:
        saved: settings as they lie in the folder of the run: lengths in steps, the rate scaled to the images of a step.
        now: settings as they are given, where lengths may be in passes.
    """
    resolved = {steps for steps, epochs in IN_EPOCHS.items() if now[epochs] not in (None, [])}
    resolved |= set(IN_EPOCHS.values()) | {"lr_reference_batch"} | ({"base_lr"} if now["lr_reference_batch"] else set())
    told = {key: value for key, value in now.items() if key in saved}  # an older version had fewer settings
    return settings_changes(saved, told, FREE_KEYS | PASSED | resolved)


@entry_point
def main() -> None:
    """Refuse what changed of the command and its files, note what changed of the images."""
    end = sys.argv.index("--")
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    for name in ("ranking", "checkpoint", "train_ann_file", "img_dir"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--trained", type=Path)
    args, words = parser.parse_known_args(sys.argv[1:end])
    options = sorted_values.parse_args(["--check", *words])
    config = load_config(__doc__, sys.argv[end + 1 :])

    settings = {"strategy": options.strategy}
    if options.strategy == "reference":
        settings["weights"] = list(options.weights)
    if options.strategy in ("balanced_entropy", "ppal", "disagreement"):
        settings["box_exponent"] = options.box_exponent
    if options.strategy in ("random", "ppal", "coverage"):
        settings["seed"] = options.seed
    settings |= {key: getattr(config, key) for key in INFERENCE if f"--{key}" in sys.argv[end:]}
    files = {"checkpoint_path": args.checkpoint, "train_ann_file": args.train_ann_file}
    changes = ranking_changes(args.ranking, files, settings)
    if args.trained and (args.trained / "config.yaml").is_file():
        changes += kept_run_changes(read_yaml(args.trained / "config.yaml"), config.as_dict())
    chosen = args.ranking.parent
    picked = chosen.with_name(f"{chosen.name.removesuffix('_selection')}_picked.txt")
    refuse(changes, args.ranking, f"move {chosen} and {picked.name} away to rank and pick anew", config.resume_anyway)
    folder = config.unlabelled_img_dir and Path(config.unlabelled_img_dir)
    for sentence in image_notes(args.ranking, args.img_dir, folder):
        print(f"note: {sentence}")
    print(f"kept from before: {args.ranking}")


if __name__ == "__main__":
    main()
