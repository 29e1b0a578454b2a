"""Who has to wait after failed attempts."""

from datetime import UTC, datetime, timedelta

from vpp.services.attempts import FREE_OF_ADDRESS, FREE_OF_PAIR, LONGEST_WAIT, Attempts

T0 = datetime(2026, 7, 20, tzinfo=UTC)
NONE = timedelta()


def _fail(attempts: Attempts, count: int, name: str = "op", address: str = "a") -> None:
    for _ in range(count):
        attempts.failed(name, address, T0)


def test_wait__doubles_past_the_free_failures_up_to_the_longest() -> None:
    attempts = Attempts()
    seen = []
    for _ in range(20):
        _fail(attempts, 1)
        seen.append(attempts.wait("op", "a", T0))
    assert seen[: FREE_OF_PAIR - 1] == [NONE] * (FREE_OF_PAIR - 1)
    assert [each.total_seconds() for each in seen[FREE_OF_PAIR - 1 : FREE_OF_PAIR + 3]] == [2, 4, 8, 16]
    assert seen[-1] == LONGEST_WAIT


def test_wait__is_over_with_time() -> None:
    attempts = Attempts()
    _fail(attempts, FREE_OF_PAIR)
    assert attempts.wait("op", "a", T0 + timedelta(seconds=1)) == timedelta(seconds=1)
    assert attempts.wait("op", "a", T0 + timedelta(seconds=2)) == NONE


def test_wait__does_not_shut_the_name_out_from_elsewhere() -> None:
    attempts = Attempts()
    _fail(attempts, FREE_OF_PAIR)
    assert attempts.wait("op", "b", T0) == NONE
    assert attempts.wait("other", "a", T0) == NONE


def test_wait__an_address_that_tries_many_names_waits() -> None:
    attempts = Attempts()
    for number in range(FREE_OF_ADDRESS):
        _fail(attempts, 1, name=f"n{number}")
    assert attempts.wait("fresh", "a", T0) > NONE
    assert attempts.wait("fresh", "b", T0) == NONE


def test_failed__long_ago_is_forgotten() -> None:
    attempts = Attempts()
    _fail(attempts, FREE_OF_PAIR)
    later = T0 + timedelta(minutes=15)
    attempts.failed("op", "a", later)
    assert attempts.wait("op", "a", later) == NONE


def test_succeeded__begins_anew_and_does_not_use_up_the_address() -> None:
    attempts = Attempts()
    for number in range(10 * FREE_OF_ADDRESS):
        attempts.failed(f"n{number}", "a", T0)
        attempts.succeeded(f"n{number}", "a")
    assert attempts.wait("op", "a", T0) == NONE


def test_failed__remembers_a_bounded_number() -> None:
    attempts = Attempts(kept=30)
    for number in range(1_000):
        attempts.failed(f"n{number}", f"a{number}", T0)
    assert len(attempts._failures) == 30
