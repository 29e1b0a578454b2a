import numpy as np

from simulator.streams import Streams, key_of, keys_of


def test_uniform__is_a_function_of_seed_name_purpose_and_position() -> None:
    keys = keys_of(["a", "b", "c"])

    alone = Streams(7).uniform(keys[1:2], "noise", 4)
    together = Streams(7).uniform(keys, "noise", 10)

    np.testing.assert_array_equal(alone[0], together[1, :4])
    np.testing.assert_array_equal(Streams(7).uniform(keys, "noise", 3, first=5), together[:, 5:8])


def test_uniform__differs_by_seed_and_by_purpose() -> None:
    keys = keys_of(["a"])
    first = Streams(1).uniform(keys, "noise", 100)

    assert not np.intersect1d(first, Streams(2).uniform(keys, "noise", 100)).size
    assert not np.intersect1d(first, Streams(1).uniform(keys, "other", 100)).size


def test_uniform__has_the_moments_of_a_uniform_number() -> None:
    numbers = Streams(3).uniform(keys_of([f"d{i}" for i in range(200)]), "x", 500)

    assert abs(numbers.mean() - 0.5) < 0.005
    assert abs(numbers.std() - 12**-0.5) < 0.005
    assert abs(np.corrcoef(numbers[:, 0], numbers[:, 1])[0, 1]) < 0.2
    assert 0.0 < numbers.min() < numbers.max() < 1.0


def test_normal__has_the_moments_of_a_normal_number() -> None:
    numbers = Streams(3).normal(keys_of([f"d{i}" for i in range(200)]), "x", 500)

    assert abs(numbers.mean()) < 0.02
    assert abs(numbers.std() - 1.0) < 0.02


def test_integers__stay_below() -> None:
    numbers = Streams(3).integers(keys_of(["a", "b"]), "pick", 1000, below=7)

    assert set(np.unique(numbers)) == set(range(7))


def test_key_of__is_the_same_on_every_machine() -> None:
    assert key_of("plant-001/line-1") == key_of("plant-001/line-1") != key_of("plant-001/line-2")
