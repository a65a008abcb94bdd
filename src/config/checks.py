"""Checks between settings, each of which is valid by itself."""

from collections.abc import Iterator

from src.config.schema import Config

MOST_STEPS = 10**8
MOST_PIXELS = 2**26  # of the input of a network, as of exported models


def contradictions(config: Config) -> list[str]:
    """One error message per contradiction between settings: what was expected and what was given."""
    rules = (*_sizes(config), *_lengths(config), *_rates(config), *_thresholds(config), *_files(config))
    return [message for holds, message in rules if not holds]


def contradictory_files(config: Config) -> list[str]:
    """Those of `contradictions` that no recipe resolves: of folders and files."""
    return [message for holds, message in _files(config) if not holds]


def _sizes(config: Config) -> Iterator[tuple[bool, str]]:
    """Sizes: of images, anchors, feature maps and ground truth."""
    multiple = (
        4 if config.system == "ssd" else 32
    )  # FPN adds adjacent levels, so each must be exactly half the previous one
    for key in ("img_width", "img_height"):
        size = getattr(config, key)
        nearest = max(multiple, round(size / multiple) * multiple)
        yield size % multiple == 0, f"{key}: must be a multiple of {multiple}, got {size}; the nearest is {nearest}"
    images = max(config.batch_size, config.unlabelled_batch_size, config.test_batch_size)
    pixels = images * config.img_width * config.img_height
    yield (
        pixels <= MOST_PIXELS,
        (
            f"img_width, img_height, batch sizes: a batch must not exceed {MOST_PIXELS} pixels, got {images} images of "
            f"{config.img_width}x{config.img_height}"
        ),
    )
    smallest, largest = config.multi_scale
    yield (
        0 < smallest <= largest,
        f"multi_scale: must be the smallest and the largest factor, above 0, got {list(config.multi_scale)}",
    )
    yield (
        config.resize_sides is None or config.keep_ratio,
        f"resize_sides: keeps the aspect ratio, so keep_ratio must be true, got {config.keep_ratio}",
    )
    resized_side, input_side = max(config.resize_sides or (0,)), min(config.img_width, config.img_height)
    yield (
        config.crop_ratio == 0 or resized_side <= input_side,
        (
            "crop_ratio: a crop may be in portrait or landscape, so both sides of the input must be at least the longer of "
            "resize_sides, "
            f"got {input_side} < {resized_side}"
        ),
    )
    yield (
        bool(config.anchor_scales) and bool(config.anchor_ratios),
        "anchor_scales, anchor_ratios: at least one of each",
    )
    maps = 1 + len(config.ssd_extras_out_channels)
    yield (
        len(config.ssd_aspect_ratios) == maps,
        (
            "ssd_aspect_ratios: needs one list for the backbone's map and one for each of ssd_extras_out_channels, "
            f"so {maps}, got {len(config.ssd_aspect_ratios)}"
        ),
    )
    yield (
        config.test_max_per_img <= config.num_gts,
        (
            "test_max_per_img: must not exceed num_gts (detections become pseudo-labels), got "
            f"{config.test_max_per_img} > {config.num_gts}"
        ),
    )


def _lengths(config: Config) -> Iterator[tuple[bool, str]]:
    """Numbers of steps. Numbers of epochs are checked after their conversion to steps."""
    steps_are_known = config.max_epoch is None
    yield (
        not steps_are_known or config.max_iter <= MOST_STEPS,
        f"max_iter: must not exceed {MOST_STEPS}, the learning rate of each step is in memory, got {config.max_iter}",
    )
    yield (
        not steps_are_known or config.burn_up_epoch is not None or config.burn_up_iter <= config.max_iter,
        f"burn_up_iter: must not exceed max_iter, got {config.burn_up_iter} > {config.max_iter}",
    )
    yield (
        not steps_are_known or config.warmup_step <= config.max_iter,
        (
            f"warmup_step: must not exceed max_iter, got {config.warmup_step} > {config.max_iter}; the rate would never "
            "reach base_lr"
        ),
    )
    profiled = list(config.profile_steps)
    yield (
        len(profiled) in (0, 2) and profiled == sorted(profiled),
        f"profile_steps: must be the first and the last step, or empty, got {profiled}",
    )
    yield (
        not profiled or not steps_are_known or profiled[-1] < config.max_iter,
        f"profile_steps: must be below max_iter {config.max_iter}, got {profiled}",
    )


def _rates(config: Config) -> Iterator[tuple[bool, str]]:
    """The learning rate and the EMA."""
    for key in ("milestones", "milestone_epochs"):
        values = list(getattr(config, key))
        yield values == sorted(values), f"{key}: must be in increasing order, got {values}"
    yield (
        (config.lr_schedule == "step") == (config.lr_step_size is not None),
        (
            f"lr_step_size: belongs to --lr_schedule step, which needs it, got {config.lr_step_size} with "
            f"--lr_schedule {config.lr_schedule}"
        ),
    )
    yield (
        config.ema_keep_rate < 1,
        f"ema_keep_rate: must be below 1, or the teacher never changes, got {config.ema_keep_rate}",
    )
    yield (
        config.teacher_start == "student" or config.supervised_ema,
        "teacher_start: average is the EMA of the burn-in, so supervised_ema must be true, got false",
    )


def _thresholds(config: Config) -> Iterator[tuple[bool, str]]:
    """Pairs of which the first must not exceed the second, and what goes with thresholds by the label prior."""
    for lower, upper in (
        ("neg_iou_thr", "pos_iou_thr"),
        ("neg_iou_thr_stage2", "pos_iou_thr_stage2"),
        ("bbox_ignore_threshold", "bbox_threshold"),
        ("ssd_min_scale", "ssd_max_scale"),
    ):
        low, high = getattr(config, lower), getattr(config, upper)
        yield low is None or low <= high, f"{lower}: must not exceed {upper}, got {low} > {high}"
    for key in ("label_prior_share", "label_prior_interval_iter"):
        value, kind = getattr(config, key), config.pseudo_label_thresholds
        yield (
            kind == "label_prior" or value == getattr(Config, key),
            f"{key}: goes with --pseudo_label_thresholds label_prior, got {value:g} with {kind}",
        )


def _files(config: Config) -> Iterator[tuple[bool, str]]:
    """Folders and files that belong together, and what may be left out of them."""
    yield (
        config.leave_out_faulty or config.faulty_at_most == Config.faulty_at_most,
        f"faulty_at_most: goes with leave_out_faulty true, got {config.faulty_at_most:g} with false",
    )
    given = [f"{key} {value}" for key in ("eval_img_dir", "eval_ann_file") if (value := getattr(config, key))]
    yield (
        len(given) != 1 or config.results is not None,  # results need no images
        f"eval_img_dir and eval_ann_file: give both or neither, got {''.join(given)} alone",
    )
