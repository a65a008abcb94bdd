"""Train a detector on labelled and unlabelled images, or on labelled ones alone.

Burn-in: the student is trained on labelled images, each in a strong and a weak view. Then the teacher, an exponential
moving average of the student, predicts pseudo-labels on the weak view of unlabelled images, and the student is also
trained on their strong view (Liu et al. 2021, Unbiased Teacher).
"""

from contextlib import closing, nullcontext
from dataclasses import replace

from src.checkpoint.run_folder import RunFolder
from src.checkpoint.run_metadata import checked_metadata
from src.checkpoint.run_state import StateFiles
from src.config.lengths import with_rate, with_steps
from src.config.load import Config, load_config, require, save_config
from src.data.checks.left_out import FILE_NAME as LEFT_OUT_FILE
from src.data.checks.left_out import write_left_out
from src.data.held_out import hold_out
from src.data.training_data import Sources, TrainingData, read_training_data
from src.engine.batches import with_caches
from src.engine.device import set_up_device
from src.engine.evaluation import outcome, what_to_do_next
from src.engine.health.guard import check_guard
from src.engine.health.monitor import build_watch, warn_at_start
from src.engine.log import BURN_IN, IMAGE, TEACHER, RunLog
from src.engine.loop import train
from src.engine.moved_images import find_moved
from src.engine.networks import build_networks, load_initial_weights
from src.engine.progress.forecast import forecast
from src.engine.progress.time_left import time_left
from src.engine.resume import resumed_metadata, run_metadata, unlabelled_hash, upgrade_settings
from src.engine.run import Run, describe_run
from src.engine.stopping import StopRequest
from src.errors import entry_point
from src.files import write_text
from src.recipe.automatic import AutomaticLeaf
from src.recipe.data_summary import summarise
from src.recipe.remedies import remedies


@entry_point
def main(argv: list[str] | None = None) -> None:
    """Read and check everything, build the networks, train, evaluate and save."""
    # 1. Settings and data.
    automatic = AutomaticLeaf()
    config = load_config(__doc__, argv, automatic_leaf=automatic)
    require(config, "train_img_dir", "train_ann_file")
    folder = RunFolder(config.save_checkpoint_path)
    resumes = folder.check(config.resume, config.overwrite)
    states = StateFiles(folder.state, folder.state_before)
    state = states.read() if resumes else None
    before = checked_metadata(state) if state else None
    data, moved = read_data(config, before)
    device = set_up_device(config, distribute=config.run_distribute)
    config, lengths = with_steps(config, len(data.labelled), len(data.unlabelled), device.count)
    config, rates = with_rate(config, device.count)
    check_guard(config, data)
    # 2. Networks, with the weights to start from or those of the state to resume from.
    if resumes:
        config, saved, upgraded = upgrade_settings(config, before)
    networks = build_networks(config, data, device)
    metadata = run_metadata(config, data, device.count)
    if resumes:
        metadata, changed = resumed_metadata(saved, metadata, config.resume_anyway)
        state.restore(networks.saved())
        start = [f"resumed from {state.path}", *state.remarks, *moved, *changed, *upgraded]
    else:
        start = [load_initial_weights(config, networks.student)]
    first_step = int(networks.state.step.asnumpy())
    # 3. The folder of the run, which no other process may train in until this one ends.
    with folder.locked() if device.rank == 0 else nullcontext():
        if device.rank == 0:
            start += folder.prepare(resumes, keeps_weights=config.resume)
            start += automatic.write()
            write_left_out(folder.path / LEFT_OUT_FILE, data.left_out, overwrite=True)
            if metadata["evaluated"] and metadata["best"] is None:
                start += folder.archive_best(first_step)
            # --resume and --overwrite apply to this start only, not to the run.
            saved_config = replace(config, resume=False, resume_anyway=False, overwrite=False)
            write_text(folder.config, save_config(saved_config), overwrite=True)
        # 4. Training.
        with closing(RunLog(folder.path, device.rank, first_step, config.max_iter, metadata["rows"])) as log:
            log.details(f"all settings:\n{save_config(config)}")
            log.info("\n".join([describe_run(config, data, device, first_step), *lengths, *rates, *start]))
            run = Run(
                config=config,
                data=with_caches(config, data, log.info),
                device=device,
                networks=networks,
                folder=folder,
                states=states,
                log=log,
                stop=StopRequest(device.rank),
                metadata=metadata,
                watch=build_watch(config, data, metadata["watch"]),
            )
            if not resumes:
                warn_at_start(run)
            with run.stop:
                is_timed = not resumes and tell_time(run, "max_iter" in automatic.chosen)
                if device.rank == 0:
                    log.time_left = time_left(config, data, folder.path / "metrics.jsonl", is_timed)
                train(run, first_step)
            log.info("\n".join([f"end: {outcome(run)}", *what_to_do_next(run)]))


def tell_time(run: Run, chosen: bool) -> bool:
    """Say how long the run will take, and what to change if that is more than the hours there are; returns whether it was timed.

    Args:
        chosen: whether the steps were chosen for these hours.
    """
    times = forecast(run)
    if times is None:
        return False
    changes = remedies(summarise(run.data), run.config.as_dict(), times.total / 3600, chosen)
    run.log.info("\n".join([str(times), *changes]))
    run.log.scalars(0, {BURN_IN: times.burn_in_step, TEACHER: times.teacher_step, IMAGE: times.image})
    return True


def read_data(config: Config, before: dict | None) -> tuple[TrainingData, list[str]]:
    """Read the images and labels of a run, and hold out labelled images for the guard.

    Args:
        before: metadata of the state to resume from; unlabelled images that were moved since are found again.

    Returns:
        The data, and sentences for the log.
    """
    sources = Sources(
        config.train_ann_file,
        config.train_img_dir,
        unlabelled_img_dir=config.unlabelled_img_dir,
        eval_ann_file=config.eval_ann_file,
        eval_img_dir=config.eval_img_dir,
        max_gts=config.num_gts,
        class_names=config.class_names,
        masks=config.has_masks,
        faulty_at_most=config.faulty_at_most if config.leave_out_faulty else None,
    )
    data, moved = read_training_data(sources), None

    def held_out(data: TrainingData) -> TrainingData:
        return (
            hold_out(data, config.guard_share, config.global_seed) if config.guard_share and data.unlabelled else data
        )

    def is_as_before(data: TrainingData) -> bool:
        return unlabelled_hash(held_out(data)) == before["unlabelled"]

    if before and config.unlabelled_img_dir and not is_as_before(data):
        data, moved = find_moved(data, config.train_img_dir, is_as_before)
    return held_out(data), [moved] if moved else []


if __name__ == "__main__":
    main()
