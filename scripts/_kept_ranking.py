"""Check that the ranking reused by a resumed job belongs to its current settings and files; called by _launch.sh.

    _kept_ranking.py RANKING CKPT TRAIN_ANN DATA_ROOT [--trained FOLDER] [option of the ranking ...] -- [--key value ...]

FOLDER is the training run of the ranking, which the job reuses too.
"""

import argparse
import sys
from pathlib import Path

import sorted_values
from src.active.acquisition import STRATEGIES
from src.active.picking.resume_pick import refuse
from src.active.resume_ranking import image_notes, ranking_changes
from src.config.load import load_config
from src.config.schema import FREE_KEYS, IN_EPOCHS
from src.data.checks.label_sources import read_label_state
from src.engine.resume import settings_changes
from src.errors import entry_point
from src.yaml_file import read_settings

# Settings of infer.py whose defaults are in the checkpoint, so only those in the options can differ.
INFERENCE = ("test_score_thr", "test_iou_thr", "test_max_per_img")
# Options that the launch script passes itself; of annotation files, the contents are compared.
PASSED = {"train_img_dir", "train_ann_file", "device_target", "run_distribute"}


def kept_run_changes(saved: dict, now: dict) -> list[str]:
    """One sentence for each setting that affects training and differs from that of a finished run.

    Args:
        saved: settings in the folder of the run: lengths in steps, the learning rate scaled to the batch size.
        now: settings as given, where lengths may be in epochs.
    """
    resolved = {steps for steps, epochs in IN_EPOCHS.items() if now[epochs] not in (None, [])}
    resolved |= set(IN_EPOCHS.values()) | {"lr_reference_batch"} | ({"base_lr"} if now["lr_reference_batch"] else set())
    given = {key: value for key, value in now.items() if key in saved}  # an older version had fewer settings
    return settings_changes(saved, given, FREE_KEYS | PASSED | resolved)


@entry_point
def main() -> None:
    """Exit with an error if settings or files changed; print a note if images changed."""
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
    strategy = STRATEGIES[options.strategy]
    if strategy.has_box_exponent:
        settings["box_exponent"] = options.box_exponent
    if strategy.is_random:
        settings["seed"] = options.seed
    settings |= {key: getattr(config, key) for key in INFERENCE if f"--{key}" in sys.argv[end:]}
    files = {"checkpoint_path": args.checkpoint, "train_ann_file": args.train_ann_file}
    changes = ranking_changes(args.ranking, files, settings)
    if args.trained and (args.trained / "config.yaml").is_file():
        changes += kept_run_changes(read_settings(args.trained / "config.yaml"), config.as_dict())
    chosen = args.ranking.parent
    picked = chosen.with_name(f"{chosen.name.removesuffix('_selection')}_picked.txt")
    refuse(changes, args.ranking, f"move {chosen} and {picked.name} away to rank and pick anew", config.resume_anyway)
    folder = config.unlabelled_img_dir and Path(config.unlabelled_img_dir)
    annotated = set()
    if folder:
        state = read_label_state(args.train_ann_file)
        annotated = state.labelled | state.unlabelled
    for sentence in image_notes(args.ranking, args.img_dir, folder, annotated):
        print(f"note: {sentence}")
    print(f"kept from before: {args.ranking}")


if __name__ == "__main__":
    main()
