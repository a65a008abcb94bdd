"""Train a detector on labelled and unlabelled images (or on labelled ones alone).

Burn-in: the student learns from labels, each image in a strong and a weak view. Then its slowly averaged teacher labels the
weak view of unlabelled images, and the student learns from their strong view too (Liu et al. 2021, Unbiased Teacher).
"""

from contextlib import closing
from dataclasses import replace

from src import __version__
from src.checkpoint.run_folder import RunFolder
from src.checkpoint.run_state import StateFiles
from src.config.lengths import with_rate, with_steps
from src.config.load import Config, load_config, require, save_config
from src.data.annotations import boxes_and_crowds, count_boxes, count_empty
from src.data.held_out import hold_out
from src.data.training_data import Sources, TrainingData, read_training_data
from src.engine.batches import with_caches
from src.engine.device import Device, set_up_device
from src.engine.evaluation import outcome
from src.engine.health.guard import check_guard
from src.engine.health.monitor import build_watch, warn_of_start
from src.engine.log import RunLog
from src.engine.loop import train
from src.engine.networks import build_networks, start_weights
from src.engine.resume import facts_of, go_on, in_current_terms
from src.engine.run import Run
from src.engine.stopping import StopRequest
from src.errors import entry_point
from src.files import write_text


@entry_point
def main(argv: list[str] | None = None) -> None:
    """Read and check everything, build the networks, train, evaluate and save."""
    config = load_config(__doc__, argv)
    require(config, "train_img_dir", "train_ann_file")
    folder = RunFolder(config.save_checkpoint_path)
    resumes = folder.check(config.resume, config.overwrite)
    sources = Sources(
        config.train_ann_file,
        config.train_img_dir,
        unlabelled_img_dir=config.unlabelled_img_dir,
        eval_ann_file=config.eval_ann_file,
        eval_img_dir=config.eval_img_dir,
        max_gts=config.num_gts,
        class_names=config.class_names,
        masks=config.has_masks,
    )
    data = read_training_data(sources)
    if config.guard_share and data.unlabelled:
        data = hold_out(data, config.guard_share, config.global_seed)
    device = set_up_device(
        config.device_target, config.device_id, config.run_distribute, config.mixed_precision, config.global_seed
    )
    config, lengths = with_steps(config, len(data.labelled), len(data.unlabelled), device.count)
    config, rates = with_rate(config, device.count)
    check_guard(config, data)
    states = StateFiles(folder.state, folder.state_before)
    if resumes:
        config, state, said = in_current_terms(config, states.read())
    networks = build_networks(config, data, device)
    facts = facts_of(config, data, device)
    if resumes:
        facts, started_from = go_on(state, networks, facts, config.resume_anyway)
        started_from += said
    else:
        started_from = [start_weights(config, networks.student)]
    first_step = int(networks.state.step.asnumpy())
    if device.rank == 0:
        folder.prepare(resumes)
        if facts["evaluated"] and facts["best"] is None:
            started_from += folder.archive_best(first_step)
        # How it was started this time is not what the run is.
        lasting = replace(config, resume=False, resume_anyway=False, overwrite=False)
        write_text(folder.config, save_config(lasting), overwrite=True)
    with closing(RunLog(folder.path, device.rank, first_step, config.max_iter)) as log:
        log.say("\n".join([describe(config, data, device, first_step), *lengths, *rates, *started_from]))
        data = with_caches(config, data, log.say)
        watch, stop = build_watch(config, data, facts["watch"]), StopRequest(device.rank)
        run = Run(config, data, device, networks, folder, states, log, stop, facts, watch)
        if not resumes:
            warn_of_start(run)
        with stop:
            train(run, first_step)
        log.say(f"end: {outcome(run)}")


def describe(config: Config, data: TrainingData, device: Device, first_step: int) -> str:
    """What the run is about to do, for its log."""
    boxes = boxes_and_crowds(*count_boxes(data.labelled))
    lines = [
        f"version {__version__}",
        save_config(config),
        f"training data: {data.annotations.form}",
        *([f"evaluation data: {data.evaluation.form}"] if data.evaluation else []),
        f"{len(data.labelled)} labelled and {len(data.unlabelled)} unlabelled images; the labels are {boxes}",
        f"{count_empty(data.labelled)} labelled images have no box: nothing is there",
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
            f"burn-in: the student is trained on labels alone; the teacher starts at step {config.burn_up_iter}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
