"""Settings of data and augmentation."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from src.config.setting import Count, OptionalPath, Positive, Share, detector_setting, free_setting, setting


@dataclass(frozen=True)
class DataSettings:
    """Images and labels, and how they become the input of the network."""

    # Images and labels are inputs of a graph; the number of classes is in the shapes of its parameters.
    train_img_dir: OptionalPath = setting(None, "folder of the training images", outside_graph=True)
    train_ann_file: OptionalPath = setting(
        None,
        "their annotations: COCO JSON, Pascal VOC, CVAT, LabelMe, YOLO or text lines (docs/DATA.md)",
        outside_graph=True,
    )
    unlabelled_img_dir: OptionalPath = setting(
        None, "folder of further unlabelled images; needs no annotations", outside_graph=True
    )
    eval_img_dir: OptionalPath = free_setting(None, "folder of the evaluation images")
    eval_ann_file: OptionalPath = free_setting(None, "their annotations, in a format of train_ann_file")
    class_names: tuple[str, ...] = detector_setting(
        (),
        'classes in the order of their labels, as "cat,dog"; empty: those of the annotations; text lines need it',
        outside_graph=True,
    )
    leave_out_faulty: bool = setting(
        False,
        (
            "leave out what cannot be used instead of stopping: boxes without area, images that are broken or have an object that "
            "cannot be used; the list with the reasons is left_out.json beside the output"
        ),
    )
    faulty_at_most: Annotated[float, Field(ge=0, le=100)] = setting(
        5.0, "percent of the images, and of the boxes, that leave_out_faulty may leave out"
    )
    mindrecord_dir: OptionalPath = free_setting(
        None,
        ("folder of MindRecord caches of the images; null: no cache, images are read from their files (docs/DATA.md)"),
    )
    mindrecord_wait: Positive = free_setting(1800, "seconds to wait while another process writes the cache")
    num_parallel_workers: Count = free_setting(2, "workers that read and augment images")
    img_width: Count = detector_setting(1280, "network input, pixels, multiple of 32; of 4 for ssd")
    img_height: Count = detector_setting(768, "network input, pixels, multiple of 32; of 4 for ssd")
    keep_ratio: bool = detector_setting(True, "keep the aspect ratio and pad at right and bottom; false: stretch")
    resize_sides: tuple[Count, Count] | None = detector_setting(
        None,
        (
            "shorter side of a resized image and maximum of the longer one, pixels, e.g. [800, 1333]; null: the "
            "largest size that fits the input"
        ),
    )
    flip_ratio: Share = setting(0.5, "share of training images flipped horizontally")
    crop_ratio: Share = setting(
        0.0, "share of labelled images, both views, with a random crop around an object (Liu et al. 2016)"
    )
    expand_ratio: Share = setting(0.0, "share of training images zoomed out up to 4 times onto a black canvas")
    multi_scale: tuple[Share, Share] = setting(
        (1.0, 1.0),
        "training images are resized by a random factor between these two; 1 is the size that fits the input",
    )
    photo_ratio: Share = setting(
        0.0,
        (
            "share of labelled images, both views, with photometric distortion: brightness, contrast, colours and "
            "channel order"
        ),
    )
    num_gts: Count = detector_setting(128, "maximum number of objects per image; more is an error")
