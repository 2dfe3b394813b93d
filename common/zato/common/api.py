"""Values that services compare with: `from zato.common.api import CHANNEL, DATA_FORMAT`."""

from __future__ import annotations

from typing import Final

__all__ = ['CHANNEL', 'DATA_FORMAT']


class CHANNEL:
    """Types of channels, as `self.channel.type` has them (source: classic Zato)."""

    AMQP: Final = 'amqp'
    FANOUT_CALL: Final = 'fanout-call'
    FANOUT_ON_FINAL: Final = 'fanout-on-final'
    FANOUT_ON_TARGET: Final = 'fanout-on-target'
    HTTP_SOAP: Final = 'http-soap'
    IBM_MQ: Final = 'websphere-mq'
    INVOKE: Final = 'invoke'
    INVOKE_ASYNC: Final = 'invoke-async'
    INVOKE_ASYNC_CALLBACK: Final = 'invoke-async-callback'
    PARALLEL_EXEC_CALL: Final = 'parallel-exec-call'
    PARALLEL_EXEC_ON_TARGET: Final = 'parallel-exec-on-target'
    PUBLISH: Final = 'publish'
    SCHEDULER: Final = 'scheduler'
    WEB_SOCKET: Final = 'web-socket'
    WORKER: Final = 'worker'


class DATA_FORMAT:  # noqa: N801  # the name users know
    """Data formats of messages, as channels and `self.invoke` name them (source: classic Zato)."""

    CSV: Final = 'csv'
    DICT: Final = 'dict'
    FORM_DATA: Final = 'form'
    HL7: Final = 'hl7'
    JSON: Final = 'json'
    POST: Final = 'post'
    SOAP: Final = 'soap'
    XML: Final = 'xml'
