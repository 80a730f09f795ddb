"""Signals are held back until the work is at a place where it can stop, and none is lost."""

import signal
import threading

import pytest

from embedkit.interrupts import held_back


@pytest.fixture(autouse=True)
def as_on_a_terminal():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_signal_is_remembered_and_let_through():
    done = []
    with pytest.raises(KeyboardInterrupt), held_back() as interrupts:
        assert not interrupts
        signal.raise_signal(signal.SIGINT)
        done.append("went on")
        assert interrupts
        interrupts.let_through()
        done.append("never")
    assert done == ["went on"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_signal_that_nobody_asked_about_is_not_lost():
    with pytest.raises(KeyboardInterrupt), held_back():
        signal.raise_signal(signal.SIGINT)


def test_the_second_signal_stops_at_once():
    with pytest.raises(KeyboardInterrupt), held_back():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("the second one must not wait")


def test_without_a_signal_and_after_an_error_the_handlers_are_back():
    with held_back() as interrupts:
        assert signal.getsignal(signal.SIGINT) is interrupts
        interrupts.let_through()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with pytest.raises(ValueError, match="own"), held_back():
        raise ValueError("own")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ignored_signals_stay_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with held_back() as interrupts:
        signal.raise_signal(signal.SIGINT)
        assert not interrupts


def test_other_threads_hold_nothing_back():
    seen = []

    def work():
        with held_back() as interrupts:
            seen.append(signal.getsignal(signal.SIGINT) is interrupts)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]
