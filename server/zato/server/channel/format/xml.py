"""XML 1.0. What a client could have the parser fetch or expand comes with a DOCTYPE: documents that have one are refused.

Options: xml_root or response_elem (the name of a response's root, 'response'), xml_namespace (of all its elements, none).
"""

from __future__ import annotations

import codecs
import re
from typing import Any, Final

from lxml import etree, objectify

from zato.common.exception import BadRequest, ZatoException
from zato.server.channel.format.base import Options, verbatim
from zato.server.channel.format.plain import plain, text
from zato.server.http.content_type import codec_for, decode, parse_content_type

CONTENT_TYPE: Final = b'application/xml; charset=utf-8'
_ROOT: Final = 'response'
_ITEM: Final = 'item'  #: name of the elements of a list that has no name of its own

_SHOWN: Final = 200  #: characters of a message of the parser
_WHITE_SPACE: Final = b' \t\r\n'
_DECLARED: Final = re.compile(rb'<\?xml[ \t\r\n][^>]{0,200}?encoding[ \t\r\n]*=[ \t\r\n]*["\']([A-Za-z0-9._-]+)["\']').match
_DOCTYPE: Final = re.compile(rb'(?>[ \t\r\n]+|<\?.*?\?>|<!--.*?-->)*+<!DOCTYPE', re.DOTALL).match

#: The longer ones begin with the shorter ones.
_MARKS: Final = {
    codecs.BOM_UTF8: 'utf_8',
    codecs.BOM_UTF32_LE: 'utf_32',
    codecs.BOM_UTF32_BE: 'utf_32',
    codecs.BOM_UTF16_LE: 'utf_16',
    codecs.BOM_UTF16_BE: 'utf_16',
}


def _new_parser() -> etree.XMLParser:
    """Refuses elements nested more than 256 deep, and texts above 10 MB, since `huge_tree` is off."""
    parser = etree.XMLParser(
        encoding='utf-8',
        huge_tree=False,
        load_dtd=False,
        no_network=True,
        remove_comments=True,
        remove_pis=True,
        resolve_entities=False,
    )
    parser.set_element_class_lookup(objectify.ObjectifyElementClassLookup())
    return parser


_PARSER: Final = _new_parser()


class XML:
    """Attributes and namespaces are in the payload, and are not part of the input."""

    name = 'xml'

    def read(self, body: bytes, content_type: bytes, options: Options) -> Any:
        """The root element, of lxml.objectify. White space alone is empty too."""
        if not body.strip(_WHITE_SPACE):
            return None
        document = _to_utf8(body, content_type)
        if _DOCTYPE(document):
            raise _error('a DOCTYPE is not allowed')
        try:
            root = etree.fromstring(document, _PARSER)
        except etree.XMLSyntaxError as e:
            raise _syntax_error(e) from None
        if root.getroottree().docinfo.internalDTD is not None:
            raise _error('a DOCTYPE is not allowed')
        return root

    def fields(self, payload: Any) -> Any:
        """What is one level under the root, by local names: text, a dict if there are elements in it, a list if repeated."""
        return None if payload is None else _children(payload)

    def write(self, payload: Any, options: Options) -> tuple[bytes, bytes]:
        """Keys are names of elements, lists repeated elements. Elements of lxml are written as they are."""
        body = verbatim(payload)
        return _to_xml(payload, options) if body is None else body, CONTENT_TYPE


FORMAT: Final = XML()


def _error(reason: str) -> BadRequest:
    return BadRequest(msg=f'The body is not valid XML: {reason}', needs_msg=True)


def _syntax_error(e: etree.XMLSyntaxError) -> BadRequest:
    """Names in the parser's message may be as long as the document, and there may be line breaks."""
    message = ' '.join(re.sub(r', line \d+, column \d+$', '', str(e.msg)).split())
    line, column = e.position
    return _error(f'line {line}, column {column}: {message[:_SHOWN]}')


def _to_utf8(body: bytes, content_type: bytes) -> bytes:
    """Its encoding is told by a byte order mark, else by the Content-Type, else by the document (RFC 7303, 3)."""
    codec = next((codec for mark, codec in _MARKS.items() if body.startswith(mark)), '')
    if not codec:
        charset = parse_content_type(content_type)[1].get('charset') if content_type else None
        codec = codec_for(charset) if charset else _declared(body)
    return body.removeprefix(codecs.BOM_UTF8) if codec == 'utf_8' else decode(body, codec).encode()


def _declared(body: bytes) -> str:
    """A declaration that can be read byte for byte is not in UTF-16, whatever it says; .NET says that of UTF-8, too."""
    found = _DECLARED(body)
    codec = codec_for(found[1].decode()) if found else 'utf_8'
    return 'utf_8' if codec.startswith(('utf_16', 'utf_32')) else codec


def _children(element: Any) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for child in element.iterchildren('*'):
        name = child.tag.rpartition('}')[2]
        value = _children(child) or child.text or ''
        if name not in out:
            out[name] = value
        elif isinstance(out[name], list):
            out[name].append(value)
        else:
            out[name] = [out[name], value]
    return out


def _to_xml(payload: Any, options: Options) -> bytes:
    if etree.iselement(payload) or isinstance(payload, etree._ElementTree):
        root = payload
    else:
        namespace = options.get('xml_namespace') or ''
        name = options.get('xml_root') or options.get('response_elem') or _ROOT
        try:
            root = etree.Element(_tag(name, namespace), nsmap={None: namespace} if namespace else None)
        except ValueError as e:
            raise ZatoException(msg=f'`{name}` cannot be the root of an XML document: {e}') from e
        _fill(root, plain(payload), namespace)
    found: bytes = etree.tostring(root, encoding='utf-8', xml_declaration=True, with_tail=False)
    return found


def _tag(name: Any, namespace: str) -> str:
    """As lxml writes it. Raises ValueError."""
    found = text(name)
    if found.startswith('{'):
        raise ValueError('not a name')  # to lxml, a namespace
    return f'{{{namespace}}}{found}' if namespace else found


def _fill(element: Any, value: Any, namespace: str) -> None:
    if isinstance(value, dict):
        for name, item in value.items():
            for one in item if isinstance(item, list) else [item]:
                _fill(_child(element, name, namespace), one, namespace)
    elif isinstance(value, list):
        for item in value:
            _fill(_child(element, _ITEM, namespace), item, namespace)
    elif value is not None:
        try:
            element.text = text(value)
        except ValueError:
            name = element.tag.rpartition('}')[2]
            raise ZatoException(msg=f'The text of `{name}` has a character that XML cannot hold') from None


def _child(parent: Any, name: Any, namespace: str) -> Any:
    try:
        return etree.SubElement(parent, _tag(name, namespace))
    except ValueError:
        raise ZatoException(msg=f'`{text(name)}` cannot be the name of an XML element') from None
