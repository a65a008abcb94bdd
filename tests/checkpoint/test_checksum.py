"""The checksum of a checkpoint notices whatever happens to the file, and readers of the format do not notice the checksum."""

import mindspore as ms
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mindspore import Tensor

from src.checkpoint.checksum import append_checksum, is_intact


@pytest.fixture(scope="module")
def sealed(tmp_path_factory):
    """Bytes of a sealed checkpoint, and a place to write changed ones."""
    path = tmp_path_factory.mktemp("sealed") / "a.ckpt"
    ms.save_checkpoint([{"name": "a", "data": Tensor(np.arange(5.0))}], str(path), append_dict={"card": "größe"})
    path.chmod(0o644)
    assert not is_intact(path)
    append_checksum(path)
    return path.read_bytes(), path.with_name("changed.ckpt")


def test_a_sealed_checkpoint_is_read_as_before(sealed):
    content, path = sealed
    path.write_bytes(content)
    assert is_intact(path)
    values = ms.load_checkpoint(str(path))
    assert values.keys() == {"a", "card"} and values["card"] == "größe"
    np.testing.assert_array_equal(values["a"].asnumpy(), np.arange(5.0))


@settings(max_examples=60)
@given(place=st.integers(0), kind=st.sampled_from(["cut off", "bit", "dropped", "added"]), bit=st.integers(0, 7))
def test_every_change_is_noticed(sealed, place, kind, bit):
    content, path = sealed
    place %= len(content)
    changed = {
        "cut off": content[:place],
        "bit": content[:place] + bytes([content[place] ^ (1 << bit)]) + content[place + 1 :],
        "dropped": content[:place] + content[place + 1 :],
        "added": content[:place] + b"\0" + content[place:],
    }[kind]
    path.write_bytes(changed)
    assert is_intact(path) == (changed == content)
