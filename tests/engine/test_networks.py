"""The evaluated network of a run after training steps."""

import numpy as np
from mindspore import Tensor

from src.checkpoint.detector_file import copy_weights
from src.config.load import load_config
from src.data.training_data import Sources, read_training_data
from src.engine.batches import batches
from src.engine.compile_cache.cached_cells import cached_detector
from src.engine.device import set_up_device
from src.engine.networks import build_networks
from src.systems import build_network


def test_the_evaluated_network_of_a_supervised_run_follows_the_student(tiny_config, tiny_data):
    words = ["--config_path", tiny_config, "--train_img_dir", tiny_data.img_dir, "--max_iter", 9, "--burn_up_iter", 9]
    config = load_config("", list(map(str, words)))
    data = read_training_data(Sources(tiny_data.train_file, tiny_data.img_dir, max_gts=config.num_gts))
    device = set_up_device(config)
    networks = build_networks(config, data, device)
    copied = build_network(config, len(data.annotations.class_names)).set_train(False)
    arriving = batches(config, data, device, 0)
    _, images, sizes, *_ = batch = [Tensor(column) for column in next(arriving)]
    detectors = [
        cached_detector(each, config) for each in (networks.detector, copied)
    ]  # one compiled graph, as others have
    seen = []
    for _ in range(3):
        copy_weights(networks.student, networks.detector)
        copy_weights(networks.student, copied)
        found, wanted = ([output.asnumpy() for output in each(images, sizes)] for each in detectors)
        for one, other in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(one, other)
        seen.append(found[1])
        assert networks.burn_in(*batch).asnumpy(), "the step must be taken"
    assert not np.array_equal(seen[0], seen[1]) and not np.array_equal(seen[1], seen[2])
    arriving.close()
