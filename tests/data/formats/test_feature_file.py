import os

import numpy as np
import pytest

from src.data.formats.feature_file import MOST_NUMBERS, compact, read_features, write_features
from src.errors import UserError


def test_what_is_written_is_read(tmp_path):
    rng = np.random.default_rng(0)
    images = [(f"ä/{n}.png", np.arange(n), np.linspace(0.1, 1, n), rng.normal(size=(n, 5))) for n in (2, 0, 3)]
    write_features(tmp_path / "f.npz", images, overwrite=False)
    table = read_features(tmp_path / "f.npz")
    assert table.names == ("ä/2.png", "ä/0.png", "ä/3.png") and table.counts.tolist() == [2, 0, 3]
    assert table.labels.tolist() == [0, 1, 0, 1, 2] and table.owner.tolist() == [0, 0, 2, 2, 2]
    np.testing.assert_allclose(table.features, np.concatenate([rows for *_, rows in images]), rtol=1e-3)
    assert table.features.dtype == np.float16, "compact"
    np.testing.assert_allclose(np.linalg.norm(table.unit(np.arange(5)), axis=1), 1, atol=1e-5)
    with pytest.raises(UserError, match="--overwrite"):
        write_features(tmp_path / "f.npz", images, overwrite=False)


def test_missing_and_broken_files(tmp_path):
    with pytest.raises(UserError, match=r"none\.npz: no such file; write it with infer\.py --features true"):
        read_features(tmp_path / "none.npz")
    path = tmp_path / "f.npz"
    for data in (b"", b"x" * 100):
        path.write_bytes(data)
        with pytest.raises(UserError, match=r"f\.npz"):
            read_features(path)
    good = {
        "names": np.array(["a"]),
        "counts": np.array([1]),
        "labels": np.array([0], np.int32),
        "scores": np.ones(1, np.float32),
        "features": np.ones((1, 2), np.float16),
    }
    for key, value in [
        ("counts", np.array([2])),
        ("counts", np.array([-1])),
        ("features", np.full((1, 2), np.nan, np.float16)),
        ("labels", np.array([-1], np.int32)),
        ("names", np.array([1])),
        ("scores", np.ones((1, 1), np.float32)),
        ("scores", np.full(1, np.nan, np.float32)),
        ("scores", np.array([2.0])),
        ("scores", np.array(["a"])),
        ("features", np.array([["a", "b"]])),
        ("features", np.full((1, 2), 1e300)),
        ("features", np.ones((1, 2), complex)),
        ("labels", np.array([0.5])),
        ("labels", np.array([2**31 - 1])),
    ]:
        np.savez(path, **good | {key: value})
        with pytest.raises(UserError, match=r"f\.npz"):
            read_features(path)
    np.savez(path, names=good["names"])
    with pytest.raises(UserError, match="no features of infer.py"):
        read_features(path)


def test_files_that_would_crash_or_hang_are_refused(tmp_path):
    path = tmp_path / "f.npz"
    good = {"labels": np.zeros(4, int), "scores": np.ones(4), "features": np.ones((4, 2))}
    counts = np.array([2**62, 2**62, 2**62, 2**62 + 4])  # their sum overflows to 4
    np.savez(path, names=np.array(list("abcd")), counts=counts, **good)
    with pytest.raises(UserError, match="do not belong together"):
        read_features(path)
    np.savez(path, names=np.array(list("abca")), counts=np.ones(4, int), **good)
    with pytest.raises(UserError, match="'a' is there 2 times"):
        read_features(path)
    np.savez_compressed(path, names=np.array(list("abcd")), counts=np.ones(4, int), **good)
    with pytest.raises(UserError, match="compressed"):
        read_features(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(UserError, match=r"f\.npz"):
        read_features(path)


def test_compact_features_keep_their_cosines():
    rng = np.random.default_rng(0)
    base = rng.normal(size=(3, 1, 1024))
    features = np.maximum(base + 0.5 * rng.normal(size=(3, 10, 1024)), 0).reshape(30, 1024).astype(np.float32)
    short = compact(features).astype(np.float32)
    assert short.shape == (30, MOST_NUMBERS) and compact(features).dtype == np.float16

    def cosines(rows):
        units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return units @ units.T

    np.testing.assert_allclose(cosines(short), cosines(features), atol=0.3)
    assert np.corrcoef(cosines(short).ravel(), cosines(features).ravel())[0, 1] > 0.95
    small = rng.normal(size=(4, 7)).astype(np.float32)
    np.testing.assert_array_equal(compact(small), small.astype(np.float16))
    assert np.isfinite(compact(small * 1e9)).all()
