"""Errors raised on purpose, by us and by services. Callers test the class or its attributes, never the text.

ZatoException
 ├─ HTTPException                what a REST client is answered with, by its `status`
 │   ├─ BadRequest 400 · Unauthorized 401 · Forbidden 403 · NotFound 404 · MethodNotAllowed 405
 │   │   └─ ModelValidationError: ElementMissing, ElementIsNotAList
 │   ├─ NotAcceptable 406 · Conflict 409 · ContentTooLarge 413 · UnsupportedMediaType 415 · TooManyRequests 429
 │   ├─ InternalServerError 500 · GatewayTimeout 504
 │   └─ ServiceUnavailable 503: StoreUnavailable, TopicFull
 ├─ ConfigError                  a configuration value, with file, line and key
 │   └─ NameTaken                there is one of that name already
 ├─ ServiceMissingException      also a KeyError: no such service
 ├─ ConnectionMissing            also a KeyError: no such outgoing connection, or definition
 ├─ ConnectionDown 503           one that cannot be used as it is configured
 ├─ Inactive                     what is called has been made inactive
 ├─ TimeoutException             something did not answer in time
 ├─ CallFailed 502               an HTTP call to another system did not give an answer that can be used
 │   ├─ NotReachable · AnswerCutOff                  no connection, or it ended too early; retryable
 │   ├─ TLSFailed · InvalidAnswer · AnswerTooLarge · RedirectRefused
 │   ├─ CallTimeout 504          also a TimeoutException; PoolExhausted 503: all its connections are in use
 │   ├─ CircuitOpen 503          it failed so often that it is not called for a while
 │   ├─ ErrorStatus              the answer is complete, and its status tells of an error
 │   ├─ NotTaken                 messages were pushed, and the status of the answer is not 2xx
 │   ├─ AnswerNotParsed          also a ValueError: the answer's body is not what it should be, such as JSON
 │   ├─ TokenUnavailable         an authorization server gave no bearer token; TokenRefused: and will not
 │   └─ RequestInvalid 500       also a ValueError: what was to be sent is not valid
 ├─ LockTimeout                  a lock was not free in time
 ├─ PubSubReject                 a message that its target cannot take, now or later
 ├─ RetryLater                   a target of messages wants to be called again, and says when
 ├─ SerialisationError           what a service gave back is not what it declares
 ├─ NotAvailable                 a part of the classic API that this server does not have
 ├─ DeploymentError              a module that could not be deployed, with file and line
 ├─ IPCError                     another process on this host did not answer
 └─ CryptoError                  a secret that could not be encrypted or decrypted
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Self


class ZatoException(Exception):
    """Root of all errors raised on purpose."""

    status: ClassVar[int] = 500  #: HTTP status where the error reaches a REST channel
    retryable: ClassVar[bool] = False  #: may the same call succeed later, with nothing changed?

    # Classes of users may not call this __init__.
    cid: str = ''
    msg: str = ''

    def __init__(self, cid: str = '', msg: str = '') -> None:
        super().__init__(msg or type(self).__doc__)
        self.cid = cid
        self.msg = msg or (type(self).__doc__ or '')


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with changes of configuration, as forms show it. change: index in the list of changes.

    key: the setting, as the user named it; '' if it is about the whole object. text: without the object's title in front.
    """

    change: int
    key: str
    text: str


class HTTPException(ZatoException):
    """The request could not be served"""

    needs_msg: bool = True  #: may the client see `msg`?
    errors: tuple[Fault, ...] = ()  #: what `msg` says, one by one, where there is more to say of each

    def __init__(self, cid: str = '', msg: str = '', needs_msg: bool = True) -> None:
        super().__init__(cid, msg)
        self.needs_msg = needs_msg

    def with_errors(self, errors: Iterable[Fault]) -> Self:
        """The same error, which says this too."""
        self.errors = tuple(errors)
        return self


class BadRequest(HTTPException):
    """Bad request"""

    status = 400

    def __init__(self, cid: str = '', msg: str = '', needs_msg: bool = False) -> None:
        """The client gets `msg` only if `needs_msg`, else the words "Bad request" (source: classic Zato)."""
        super().__init__(cid, msg, needs_msg)


class ModelValidationError(BadRequest):
    """Input is not what the service declares; the text names the element"""

    rule: ClassVar[str] = 'Element is not valid'

    def __init__(self, path: str, rule: str = '') -> None:
        """path: the element's name; in nested input the way to it, such as `/user_list[1]/name`."""
        super().__init__(msg=f'{rule or self.rule}: {path}', needs_msg=True)
        self.path = path
        self._rule = rule

    def within(self, parent: str) -> ModelValidationError:
        """The same error as whoever called knows it: `parent` goes before the path."""
        return type(self)(f'{parent}{self.path}', self._rule)

    @property
    def elem_path(self) -> str:
        """The path, by its classic name."""
        return self.path


class ElementMissing(ModelValidationError):
    """A required element is not there"""

    rule = 'Element missing'


class ElementIsNotAList(ModelValidationError):
    """An element should be a list"""

    rule = 'Element is not a list'


class Unauthorized(HTTPException):
    """Unauthorized"""

    status = 401

    def __init__(self, cid: str = '', msg: str = '', challenge: str = '') -> None:
        """`challenge` becomes the response's WWW-Authenticate header."""
        super().__init__(cid, msg)
        self.challenge = challenge


class Forbidden(HTTPException):
    """You are not allowed to access this resource"""

    status = 403


class NotFound(HTTPException):
    """Not found"""

    status = 404


class MethodNotAllowed(HTTPException):
    """Method not allowed"""

    status = 405

    def __init__(self, cid: str = '', msg: str = '', allowed: tuple[str, ...] = ()) -> None:
        """`allowed` becomes the response's Allow header."""
        super().__init__(cid, msg)
        self.allowed = allowed


class NotAcceptable(HTTPException):
    """Not acceptable"""

    status = 406

    def __init__(self, cid: str = '', msg: str = '', available: tuple[str, ...] = ()) -> None:
        """`available`: the media types that there are instead."""
        super().__init__(cid, msg)
        self.available = available


class Conflict(HTTPException):
    """Conflict"""

    status = 409


class ContentTooLarge(HTTPException):
    """The body is too long"""

    status = 413


class UnsupportedMediaType(HTTPException):
    """The body is in a format or an encoding that is not understood here"""

    status = 415

    def __init__(self, cid: str = '', msg: str = '', accept_encoding: str = '') -> None:
        """`accept_encoding` becomes the response's Accept-Encoding header: the encodings that are understood instead."""
        super().__init__(cid, msg)
        self.accept_encoding = accept_encoding


class TooManyRequests(HTTPException):
    """Too many requests"""

    status = 429
    retryable = True

    def __init__(self, cid: str = '', msg: str = '', retry_after: int = 0) -> None:
        """`retry_after`, seconds, becomes the response's Retry-After header; 0 for none."""
        super().__init__(cid, msg)
        self.retry_after = retry_after


class InternalServerError(HTTPException):
    """Internal server error"""


class ServiceUnavailable(HTTPException):
    """Service unavailable"""

    status = 503
    retryable = True
    retry_after: ClassVar[int] = 0  #: seconds, of the response's Retry-After header; 0 for none


class StoreUnavailable(ServiceUnavailable):
    """Messages cannot be stored or read now. Nothing was written, unless the text says that this is not known"""

    retry_after = 5

    def __init__(self, cid: str = '', msg: str = '') -> None:
        """msg: is not for clients, since it names files and databases."""
        super().__init__(cid, msg, needs_msg=False)


class TopicFull(ServiceUnavailable):
    """A topic has as many messages as it may have. Nothing was published"""

    retry_after = 5


class RetryLater(ZatoException):
    """A target of messages wants to be called again, not before `seconds` have passed"""

    retryable = True

    def __init__(self, seconds: float, msg: str = '') -> None:
        super().__init__(msg=msg)
        self.seconds = seconds


class ServiceMissingException(ZatoException, KeyError):
    """No such service"""

    def __str__(self) -> str:
        return self.msg


class ConnectionMissing(ZatoException, KeyError):
    """No such outgoing connection"""

    def __str__(self) -> str:
        return self.msg


class ConnectionDown(ZatoException):
    """An outgoing connection cannot be used as it is configured"""

    status = 503


class Inactive(ZatoException):
    """What was called is inactive"""

    def __init__(self, name: str = '', cid: str = '', msg: str = '') -> None:
        super().__init__(cid, msg or (f'`{name}` is inactive' if name else ''))
        self.name = name


class TimeoutException(ZatoException):
    """There was no answer in time"""


class CallFailed(ZatoException):
    """An HTTP call to another system failed"""

    status = 502


class NotReachable(CallFailed):
    """The other system could not be connected to"""

    retryable = True


class TLSFailed(CallFailed):
    """There was no TLS connection that both sides accept"""


class InvalidAnswer(CallFailed):
    """What came back is not a valid HTTP answer"""


class AnswerCutOff(CallFailed):
    """The connection was closed before the answer was complete"""

    retryable = True


class AnswerTooLarge(CallFailed):
    """The answer is longer than it may be"""


class RedirectRefused(CallFailed):
    """The answer is a redirect that is not followed"""


class CallTimeout(CallFailed, TimeoutException):
    """The other system did not answer in time"""

    status = 504
    retryable = True


class PoolExhausted(CallTimeout):
    """All connections to the other system were in use for too long"""

    status = 503


class CircuitOpen(CallFailed):
    """The other system failed so often that it is not called for a while"""

    status = 503
    retryable = True


class ErrorStatus(CallFailed):
    """The answer's status tells of an error"""

    def __init__(self, msg: str, *, status_code: int, response: object) -> None:
        """status_code: that of the answer, 400 to 599. response: the answer itself."""
        super().__init__(msg=msg)
        self.status_code = status_code
        self.response = response


class NotTaken(CallFailed):
    """The other system did not take what was sent to it"""

    def __init__(self, msg: str, *, status_code: int, answer: str) -> None:
        """answer: the beginning of its body, which may repeat what was sent: logs do not have it."""
        super().__init__(msg=msg)
        self.status_code = status_code
        self.answer = answer


class AnswerNotParsed(InvalidAnswer, ValueError):
    """The body of the answer is not what it should be"""


class TokenUnavailable(CallFailed):
    """The authorization server gave no bearer token"""

    retryable = True


class TokenRefused(TokenUnavailable):
    """The authorization server refuses to give a bearer token"""

    retryable = False


class RequestInvalid(CallFailed, ValueError):
    """What was to be sent is not valid"""

    status = 500


class LockTimeout(ZatoException):
    """The lock was not free in time"""

    status = 503
    retryable = True

    def __init__(self, name: str, seconds: float) -> None:
        """seconds: how long it was waited for."""
        super().__init__(msg=f'Lock `{name}` was not free within {seconds:g} s' if seconds else f'Lock `{name}` is not free')
        self.name = name
        self.seconds = seconds


class PubSubReject(ZatoException):
    """The target cannot take this message, however often it is delivered; the text is shown with the dead letter"""


class SerialisationError(ZatoException):
    """A response is not what its service declares"""


class NotAvailable(ZatoException):
    """This server does not have it"""


class GatewayTimeout(HTTPException):
    """There was no answer in time"""

    status = 504
    retryable = True


class ConfigError(ZatoException):
    """A configuration value is wrong"""

    def __init__(self, msg: str, *, path: str = '', line: int = 0) -> None:
        where = f'{path}:{line}: ' if line else f'{path}: ' if path else ''
        super().__init__(msg=where + msg)
        self.path = path
        self.line = line


class NameTaken(ConfigError):
    """There is one of that name already"""


class DeploymentError(ZatoException):
    """A module could not be deployed"""

    def __init__(self, msg: str, *, path: str = '', line: int = 0, details: str = '') -> None:
        """`details` is a traceback or the like, for the log only."""
        where = f'{path}:{line}: ' if line else f'{path}: ' if path else ''
        super().__init__(msg=where + msg)
        self.path = path
        self.line = line
        self.details = details


class IPCError(ZatoException):
    """Another process on this host did not answer"""

    retryable = True


class CryptoError(ZatoException):
    """A secret could not be encrypted or decrypted"""
