"""Errors raised on purpose: all of them are in one tree, which users read in the module."""

from __future__ import annotations

import pytest

import zato.common.pubsub
from zato.common import exception
from zato.common.exception import PubSubReject, ServiceUnavailable, StoreUnavailable, TopicFull, ZatoException

ERRORS = [value for value in vars(exception).values() if isinstance(value, type) and issubclass(value, Exception)]


@pytest.mark.parametrize('error', ERRORS, ids=lambda error: error.__name__)
def test_each_error_has_the_one_root_and_is_in_the_tree(error: type[Exception]) -> None:
    assert issubclass(error, ZatoException)
    assert error.__name__ in (exception.__doc__ or '')
    assert error.__doc__


@pytest.mark.parametrize('error', [StoreUnavailable, TopicFull])
def test_what_cannot_be_published_now_may_be_published_later(error: type[ServiceUnavailable]) -> None:
    assert (error.status, error.retryable) == (503, True)
    assert str(error()) == error.__doc__


def test_a_service_that_rejects_a_message_says_why() -> None:
    assert zato.common.pubsub.PubSubReject is PubSubReject
    assert PubSubReject(msg='no such customer').msg == 'no such customer'
    assert not PubSubReject().retryable
