"""What went wrong with a call: errors of sockets, TLS and HTTP as the project's own, with words for people.

Texts name no credentials, no query strings and nothing of a body.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
from enum import Enum, auto
from http.client import IncompleteRead
from typing import Final

from zato.common.exception import (
    AnswerCutOff,
    CallFailed,
    CallTimeout,
    InvalidAnswer,
    NotReachable,
    TLSFailed,
)


class Phase(Enum):
    CONNECT = auto()
    SEND = auto()
    RECEIVE = auto()


class Broken(Exception):
    """What is wrong with an answer. kind: the class that callers know it by. text: follows the origin."""

    def __init__(self, kind: type[CallFailed], text: str) -> None:
        super().__init__(text)
        self.kind = kind
        self.text = text


#: How a connection that the other side closed makes itself felt.
CLOSED: Final = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)

_LATE: Final = {
    Phase.CONNECT: 'no connection was made in time',
    Phase.SEND: 'it did not take the request in time',
    Phase.RECEIVE: 'it sent nothing for too long',
}

# By OpenSSL's X509_V_ERR_*.
_EXPIRED, _NOT_YET = 10, 9
_WRONG_NAME: Final = {62, 64}
_UNKNOWN_CA: Final = {2, 18, 19, 20, 21}

# By OpenSSL's names of reasons.
_NOT_TLS: Final = {'WRONG_VERSION_NUMBER', 'HTTP_REQUEST', 'RECORD_LAYER_FAILURE', 'PACKET_LENGTH_TOO_LONG'}
_OLD_TLS: Final = {'UNSUPPORTED_PROTOCOL', 'TLSV1_ALERT_PROTOCOL_VERSION', 'UNKNOWN_PROTOCOL'}


def explain(e: Exception, phase: Phase) -> tuple[type[CallFailed], str]:
    """The class of the error, and what follows the origin in its text."""
    if isinstance(e, Broken):
        return e.kind, e.text
    cause = innermost(e)
    if isinstance(cause, TimeoutError):
        return CallTimeout, _LATE[phase]
    if isinstance(cause, ssl.SSLCertVerificationError):
        return TLSFailed, _certificate(cause)
    if isinstance(cause, CLOSED) and phase is not Phase.CONNECT:
        return AnswerCutOff, 'it closed the connection before its answer was complete'
    if isinstance(cause, ssl.SSLError):
        return _tls(cause)
    if phase is Phase.CONNECT:
        return NotReachable, _connecting(cause)
    if isinstance(cause, OSError):
        return AnswerCutOff, f'the connection broke: {_words(cause)}'
    if isinstance(cause, IncompleteRead):
        return AnswerCutOff, 'it closed the connection before its answer was complete'
    return InvalidAnswer, 'its answer is not valid HTTP'


def innermost(e: BaseException) -> BaseException:
    """What http.client made its own error of."""
    seen = e
    while seen.__cause__ is not None:
        seen = seen.__cause__
    return seen


def _connecting(e: BaseException) -> str:
    if isinstance(e, ConnectionRefusedError):
        return 'the connection was refused'
    if isinstance(e, socket.gaierror):
        return f'its name was not found: {e.strerror}'
    if isinstance(e, UnicodeError):
        return 'its name is not one that a host can have'
    if isinstance(e, CLOSED):
        return 'it closed the connection while it was being made'
    return f'no connection could be made: {_words(e)}'


def _words(e: BaseException) -> str:
    number = (e.errno if isinstance(e, OSError) else None) or 0
    return os.strerror(number) if number in errno.errorcode else type(e).__name__


def _certificate(e: ssl.SSLCertVerificationError) -> str:
    if e.verify_code == _EXPIRED:
        return 'its certificate has expired'
    if e.verify_code == _NOT_YET:
        return 'its certificate is not valid yet'
    if e.verify_code in _WRONG_NAME:
        return 'its certificate is for another host'
    if e.verify_code in _UNKNOWN_CA:
        return 'its certificate is signed by an authority that is not known here; tls_ca_certs can name a file with it'
    return f'its certificate was not accepted: {e.verify_message}'


def _tls(e: ssl.SSLError) -> tuple[type[CallFailed], str]:
    reason = e.reason or type(e).__name__
    if isinstance(e, CLOSED):
        return NotReachable, 'it closed the connection during the TLS handshake'
    if reason in _NOT_TLS:
        return TLSFailed, 'it does not speak TLS; should its address begin with http://?'
    if reason in _OLD_TLS:
        return TLSFailed, 'it does not speak TLS 1.2 or newer'
    if 'CERTIFICATE_REQUIRED' in reason:
        return TLSFailed, 'it wants a client certificate; tls_client_cert can name a file with one'
    if 'HANDSHAKE_FAILURE' in reason:
        return (
            TLSFailed,
            'it refused the TLS handshake; if it wants a client certificate, tls_client_cert can name a file with one',
        )
    if 'ALERT' in reason and ('CERTIFICATE' in reason or 'UNKNOWN_CA' in reason):
        return TLSFailed, f'it does not accept the client certificate that tls_client_cert names: {reason}'
    return TLSFailed, f'TLS failed: {reason}'
