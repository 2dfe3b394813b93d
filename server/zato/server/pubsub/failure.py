"""Why a delivery failed, in words that any database and any log can have."""

from __future__ import annotations

from typing import Final

from zato.common.exception import NotTaken
from zato.server.pubsub.store.interface import storable

_LONGEST: Final = 2_000  #: characters of an error that are kept
_ANSWER: Final = '; it answered: '


def described(e: BaseException) -> str:
    """For logs: `ValueError: no such order`; the name alone if there is no text."""
    try:
        text = str(e)
    except Exception as of_text:  # users' classes make their texts
        text = f'(making its text raised {type(of_text).__name__})'
    return storable(f'{type(e).__name__}: {text}'[:_LONGEST] if text else type(e).__name__)


def detailed(e: BaseException) -> str:
    """For people who may look at the message: also what the other system answered, which may repeat the message."""
    answer = f'{_ANSWER}{e.answer}' if isinstance(e, NotTaken) and e.answer else ''
    return f'{described(e)}{storable(answer)}'[:_LONGEST]


def without_answer(text: str) -> str:
    """text: what `detailed` returned. For people who may not see messages."""
    return text.partition(_ANSWER)[0]
