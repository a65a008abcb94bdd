"""Train a detector on labelled and unlabelled images (or on labelled ones alone).

Burn-in: the student learns from labels, each image in a strong and a weak view. Then its slowly averaged teacher labels the
weak view of unlabelled images, and the student learns from their strong view too (Liu et al. 2021, Unbiased Teacher).
"""

from src.config import Config, load_config, require, save_config
from src.data.annotations import content_hash
from src.data.probe import hold_out
from src.data.training_data import TrainingData, read_training_data
from src.errors import entry_point
from src.files import write_text
from src.runs.caches import with_caches
from src.runs.guard import check_guard
from src.runs.length import with_rate, with_steps
from src.runs.loop import train
from src.runs.networks import build_networks, start_weights
from src.runs.run import Run
from src.runs.scores import evaluate_all, evaluation_is_due, outcome
from src.runs.watching import build_watch, warn_of_start
from src.training.checkpoint import load_state
from src.training.device import Device, set_up_device
from src.training.log import RunLog
from src.training.resume import run_facts, saved_facts
from src.training.run_folder import RunFolder


@entry_point
def main(argv: list[str] | None = None) -> None:
    """Read and check everything, build the networks, train, evaluate and save."""
    config = load_config(__doc__, argv)
    require(config, "train_img_dir", "train_ann_file")
    folder = RunFolder(config.save_checkpoint_path)
    resumes = folder.check(config.resume, config.overwrite)
    data = read_training_data(
        config.train_ann_file,
        config.train_img_dir,
        config.unlabelled_img_dir,
        config.eval_ann_file,
        config.eval_img_dir,
        config.num_gts,
        config.class_names,
    )
    if config.guard_share and data.unlabelled:
        data = hold_out(data, config.guard_share, config.global_seed)
    device = set_up_device(
        config.device_target, config.device_id, config.run_distribute, config.mixed_precision, config.global_seed
    )
    config, lengths = with_steps(config, len(data.labelled), len(data.unlabelled), device.count)
    config, rates = with_rate(config, device.count)
    check_guard(config, data)
    networks = build_networks(config, data, device)
    unlabelled_names = (entry.file_name for entry in data.unlabelled)
    facts = run_facts(config.as_dict(), content_hash(data.annotations), unlabelled_names, device.count)
    if resumes:
        started_from = f"resumed from {folder.state}"
        facts = saved_facts(folder.state, facts)
        load_state(networks.saved(), folder.state)
    else:
        started_from = start_weights(config, networks.student)
        if device.rank == 0:
            folder.clear()
    first_step = int(networks.state.step.asnumpy())
    log = RunLog(folder.path, device.rank, first_step, config.max_iter)
    if device.rank == 0:
        write_text(folder.config, save_config(config), overwrite=True)
    log.say("\n".join([describe(config, data, device, first_step, started_from), *lengths, *rates]))
    data = with_caches(config, data, log.say)
    run = Run(config, data, device, networks, folder, log, facts, build_watch(config, data, facts["watch"]))
    if not resumes:
        warn_of_start(run)
    if facts["evaluated"] < first_step and evaluation_is_due(config, first_step):  # it was stopped while it evaluated
        evaluate_all(run, first_step)
    train(run, first_step)
    log.say(f"end: {outcome(run)}")
    log.close()


def describe(config: Config, data: TrainingData, device: Device, first_step: int, started_from: str) -> str:
    """What the run is about to do, for its log."""
    lines = [
        save_config(config),
        started_from,
        f"training data: {data.annotations.form}",
        *([f"evaluation data: {data.evaluation.form}"] if data.evaluation else []),
        f"{len(data.labelled)} labelled and {len(data.unlabelled)} unlabelled images",
        *([f"guard: {len(data.probe)} labelled images are put aside and count as unlabelled"] if data.probe else []),
        f"{len(data.annotations.class_names)} classes: {', '.join(data.annotations.class_names)}",
        f"{device.count} x {config.device_target}, {'mixed precision' if device.mixed_precision else 'float32'}",
        f"steps {first_step} to {config.max_iter}; the first one compiles the network, which takes a while",
    ]
    if config.burn_up_iter == config.max_iter:
        lines.append(
            "supervised training: " + ("no unlabelled images" if not data.unlabelled else "burn-in is the whole run")
        )
    elif first_step < config.burn_up_iter:
        lines.append(
            f"burn-in: labels alone; the teacher starts at step {config.burn_up_iter}, until then its AP would be 0"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
