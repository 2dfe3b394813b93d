"""SOAP 1.1 and 1.2: envelopes around what has none, and the headers that go with them."""

from __future__ import annotations

import re
from typing import Final

from zato.common.exception import ConfigError, RequestInvalid

_NAMESPACES: Final = {'1.1': 'http://schemas.xmlsoap.org/soap/envelope/', '1.2': 'http://www.w3.org/2003/05/soap-envelope'}
_DECLARATION: Final = re.compile(r'\s*<\?xml\s[^>]*\?>')
_ENVELOPE: Final = re.compile(r'(\s|<!--.*?-->|<\?.*?\?>)*<([\w.-]+:)?Envelope[\s/>]', re.DOTALL)


class SOAP:
    """version: '1.1' or '1.2'. action: what requests are for."""

    def __init__(self, title: str, version: str, action: str) -> None:
        """Raises ConfigError."""
        action = action.strip().removeprefix('"').removesuffix('"')
        if not action.isprintable() or not action.isascii() or '"' in action:
            raise ConfigError(f'{title}: `soap_action` must be printable ASCII without quotation marks')
        self._title = title
        self._namespace = _NAMESPACES[version]
        self.headers: dict[str, str] = {}
        if version == '1.1':
            self.content_type = 'text/xml; charset=utf-8'
            self.headers['SOAPAction'] = f'"{action}"'
        else:
            self.content_type = 'application/soap+xml; charset=utf-8' + (f'; action="{action}"' if action else '')

    def body(self, data: str | bytes) -> bytes:
        """In an envelope, unless it has one. Raises RequestInvalid."""
        try:
            text = data.decode('utf-8-sig') if isinstance(data, bytes) else data.removeprefix('\ufeff')
            if _ENVELOPE.match(text):
                return data if isinstance(data, bytes) else text.encode()
            inside = _DECLARATION.sub('', text, count=1) if _DECLARATION.match(text) else text
            namespace = self._namespace
            return (
                f'<?xml version="1.0" encoding="UTF-8"?>\n<soapenv:Envelope xmlns:soapenv="{namespace}"><soapenv:Body>'
                f'{inside}</soapenv:Body></soapenv:Envelope>'
            ).encode()
        except UnicodeError:
            raise RequestInvalid(msg=f'{self._title}: what goes into a SOAP envelope must be UTF-8') from None
