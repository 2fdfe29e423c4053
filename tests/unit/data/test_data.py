"""The bundled data sets: their shape, their scale, and a split that stays the same."""

import numpy as np

from tuitrain.data import demo_script, load_diabetes, load_digits, split


def test_digits_are_grey_images_of_ten_classes():
    images, labels = load_digits()
    assert images.shape == (1797, 8, 8)
    assert images.dtype == np.float32
    assert (images.min(), images.max()) == (0.0, 1.0)
    assert labels.dtype == np.int64
    assert np.bincount(labels).tolist() == [
        *(178, 182, 177, 183, 181, 182, 181, 179, 174, 180)
    ]


def test_diabetes_is_standardized():
    features, target = load_diabetes()
    assert features.shape == (442, 10)
    assert target.shape == (442,)
    assert features.dtype == target.dtype == np.float32
    np.testing.assert_allclose(features.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(features.std(axis=0), 1, atol=1e-5)
    np.testing.assert_allclose([target.mean(), target.std()], [0, 1], atol=1e-5)


def test_a_split_keeps_every_sample_once_and_with_its_target():
    inputs = np.arange(101)
    train, train_targets, val, val_targets = split(inputs, -inputs, val_share=0.2)
    assert (len(train), len(val)) == (80, 21)
    assert sorted([*train, *val]) == list(range(101))
    assert (train == -train_targets).all()
    assert (val == -val_targets).all()


def test_the_same_seed_gives_the_same_split():
    images, labels = load_digits()
    first, again = split(images, labels)[3], split(images, labels)[3]
    assert (first == again).all()
    assert len(first) == 360
    assert not (first == split(images, labels, seed=1)[3]).all()
    # Fixed for good: a resumed study must not meet its validation data in training.
    assert first[:10].tolist() == [0, 8, 8, 9, 8, 3, 7, 5, 0, 6]


def test_the_demo_ships_with_the_package():
    assert "def task(trial" in demo_script().read_text()
