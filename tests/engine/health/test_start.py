"""Faults between training data, evaluation data and the checkpoint that a run starts from."""

import numpy as np

from src.checkpoint.detector_file import DetectorMetadata
from src.data.annotations import Annotations, ImageEntry
from src.engine.health.start import start_faults

NAMES = ("cat", "dog", "owl")


def images(*labels: int) -> tuple[ImageEntry, ...]:
    """Images with an object each, of these labels, twelve times."""
    box = np.array([[0, 0, 9, 9]], np.float32)
    return tuple(
        ImageEntry(number, f"{number}.png", 20, 20, True, box, np.array([label], np.int32), np.zeros(1, bool))
        for number, label in enumerate(labels * 12)
    )


def faults(labels=(1, 2, 3), there=(1, 2, 3), known=None, names=NAMES, ids=(1, 2, 3)) -> dict[str, str]:
    """What is said of training labels, evaluation labels and the classes of a checkpoint."""
    training = Annotations(names, ids, images(*labels))
    evaluation = Annotations(names, ids, images(*there))
    pre_trained = DetectorMetadata({}, *map(list, known), step=1) if known else None
    return {name: said for name, said in start_faults(training, training.labelled, evaluation, pre_trained) if said}


def test_what_belongs_together_is_not_told():
    assert faults() == {} and faults(known=(NAMES, (1, 2, 3))) == {}
    assert (
        faults(known=(("a", "b"), (1, 2))) == {}
    )  # the class layers are initialised at random, and the load report says so


def test_class_names_in_another_order_than_the_checkpoint():
    said = faults(known=(("cat", "owl", "dog"), (1, 2, 3)))["class_order"]
    assert "the same classes in another order: cat, owl, dog; the data has cat, dog, owl" in said
    assert "the same number of other classes" in faults(known=(("cat", "owl", "cow"), (1, 2, 3)))["class_order"]


def test_category_ids_shifted_against_the_checkpoint():
    said = faults(ids=(0, 1, 2), known=(NAMES, (1, 2, 3)))["labels_shifted"]
    assert "there 1, 2, 3, here 0, 1, 2" in said
    assert faults(ids=(1, 2, 9), known=(NAMES, (1, 2, 3))) == {}


def test_labels_shifted_between_training_and_evaluation():
    said = faults(labels=(1, 2), there=(2, 3))["labels_shifted"]
    assert "cat occurs in training only, owl in evaluation only" in said
    assert "labels_shifted" in faults(labels=(2, 3), there=(1, 2))
    assert faults(labels=(1, 2, 3), there=(1, 2)) == {} and faults(labels=(1,), there=(2,)) == {}
