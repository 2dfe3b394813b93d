"""XML 1.0. What a client could have the parser fetch or expand comes with a DOCTYPE: documents that have one are refused.

Options: xml_root, or else response_elem (name of a response's root, 'response'), xml_namespace (of all its elements, none).
"""

from __future__ import annotations

import codecs
import re
from base64 import b64encode
from collections.abc import Callable
from typing import Any, Final
from xml.etree.ElementTree import Element, ElementTree, ParseError, SubElement, TreeBuilder, XMLParser
from xml.parsers.expat import ErrorString

from zato.common.exception import BadRequest, ZatoException
from zato.server.channel.format.base import Options, unwrapped, verbatim
from zato.server.channel.format.plain import plain, text
from zato.server.channel.format.xml_element import ALL, Siblings, XMLElement, children_of
from zato.server.channel.format.xml_writer import MAX_DEPTH, document, is_name, is_namespace
from zato.server.config.cooperation import Slices
from zato.server.http.content_type import codec_for, decode, parse_content_type
from zato.server.http.form import FormFile
from zato.server.http.turns import LONG, MANY, Turns, in_turns

CONTENT_TYPE: Final = b'application/xml; charset=utf-8'
_ROOT: Final = 'response'
_ITEM: Final = 'item'  #: name of the elements of a list that has no name of its own

_STEPS: Final = 200  #: elements that are made between two looks at the clock
_MAX_TEXT: Final = 10_000_000  #: characters of one text
_WHITE_SPACE: Final = b' \t\r\n'
_DECLARED: Final = re.compile(rb'<\?xml[ \t\r\n][^>]{0,200}?encoding[ \t\r\n]*=[ \t\r\n]*["\']([A-Za-z0-9._-]+)["\']').match
_DOCTYPE: Final = re.compile(rb'(?>[ \t\r\n]+|<\?.*?\?>|<!--.*?-->)*+<!DOCTYPE', re.DOTALL).match
#: The parser would take it for UTF-16, or for a second byte order mark, whatever encoding it is told.
_MISLEADING: Final = re.compile(rb'.?\0|\xfe|\xff|\xef\xbb\xbf', re.DOTALL).match

#: The parser repeats the name of a namespace in front of each name that is in it.
_MAX_NAMESPACE: Final = 256  #: bytes
_LONG_NAMESPACE: Final = re.compile(
    rb'xmlns(?::[^ \t\r\n=:]*)?[ \t\r\n]*=[ \t\r\n]*(?:"[^"]{%d}|\'[^\']{%d})' % (_MAX_NAMESPACE + 1, _MAX_NAMESPACE + 1)
).search

#: The longer ones begin with the shorter ones.
_MARKS: Final = {
    codecs.BOM_UTF8: 'utf_8',
    codecs.BOM_UTF32_LE: 'utf_32',
    codecs.BOM_UTF32_BE: 'utf_32',
    codecs.BOM_UTF16_LE: 'utf_16',
    codecs.BOM_UTF16_BE: 'utf_16',
}


class XML:
    """Attributes and namespaces are in the payload, and are not part of the input."""

    name = 'xml'

    def read(self, body: bytes, content_type: bytes, options: Options) -> Any:
        """The root, an XMLElement. White space alone is empty too."""
        if not body.strip(_WHITE_SPACE):
            return None
        found = _to_utf8(body, content_type)
        if _MISLEADING(found):
            raise _error('it does not begin with a character of XML')
        if _DOCTYPE(found):
            raise _no_doctype()
        if b'xmlns' in found and _LONG_NAMESPACE(found):
            raise _error(f'the name of a namespace is longer than {_MAX_NAMESPACE} bytes')
        parser = XMLParser(target=_Target(XMLElement if len(found) <= LONG else _make_in_turns()), encoding='utf-8')
        try:
            parser.feed(found)
            root = parser.close()
        except ParseError as e:
            line, column = e.position
            raise _error(f'line {line}, column {column + 1}: {ErrorString(e.code)}') from None
        _check(root, found)
        return root

    def fields(self, payload: Any) -> Any:
        """What is one level under the root, by local names: text, a dict if there are elements in it, a list if repeated."""
        return None if payload is None else _fields(payload)

    def write(self, payload: Any, options: Options) -> tuple[bytes, bytes]:
        """Keys are names of elements, lists repeated elements. Elements of ElementTree are written as they are."""
        body = verbatim(payload)
        return document(_root(unwrapped(payload, options), options)) if body is None else body, CONTENT_TYPE


FORMAT: Final = XML()


class _Target:
    """Has no `comment` and no `pi`: a TreeBuilder copies the text before each."""

    __slots__ = ('close', 'data', 'end', 'start')

    def __init__(self, make: Callable[[Any, dict[Any, Any]], Element]) -> None:
        builder = TreeBuilder(element_factory=make)
        self.start = builder.start
        self.end = builder.end
        self.data = builder.data
        self.close = builder.close

    def doctype(self, name: str, public_id: str | None, system_id: str | None) -> None:
        raise _no_doctype()


def _make_in_turns() -> Callable[[Any, dict[Any, Any]], Element]:
    """As XMLElement, and others run while the parser makes many."""
    slices = Slices()
    left = _STEPS

    def make(tag: Any, attributes: dict[Any, Any]) -> Element:
        nonlocal left
        left -= 1
        if not left:
            left = _STEPS
            slices.now_and_then()
        return XMLElement(tag, attributes)

    return make


def _error(reason: str) -> BadRequest:
    return BadRequest(msg=f'The body is not valid XML: {reason}', needs_msg=True)


def _no_doctype() -> BadRequest:
    return _error('a DOCTYPE is not allowed')


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


def _check(root: Element, found: bytes) -> None:
    """Raises BadRequest for elements nested too deeply, and for texts that are too long. found: the document."""
    if len(found) > _MAX_TEXT:
        for element in in_turns(root.iter()):
            if len(element.text or '') > _MAX_TEXT or len(element.tail or '') > _MAX_TEXT:
                raise _error(f'a text is longer than {_MAX_TEXT} characters')
    if found.count(b'</') < MAX_DEPTH:
        return
    slices = Slices()
    level = [root]
    for _ in range(MAX_DEPTH):
        below: list[Element] = []
        for start in range(0, len(level), MANY):
            slices.now_and_then()
            for element in level[start : start + MANY]:
                below += children_of(element, ALL)
        level = below
    if level:
        raise _error(f'elements are nested more than {MAX_DEPTH} deep')


def _fields(root: Element) -> dict[str, Any]:
    out: dict[str, Any] = {}
    turns = Turns()
    steps = [(root, out)]
    while steps:
        element, found = steps.pop()
        children = children_of(element, ALL)
        turns.took(1)
        for child in turns.over(children):
            name = child.tag.rpartition('}')[2]
            value: Any = child.text or ''
            if len(child):
                value = {}
                steps.append((child, value))
            if name not in found:
                found[name] = value
            elif isinstance(found[name], list):
                found[name].append(value)
            else:
                found[name] = [found[name], value]
    return out


def _root(payload: Any, options: Options) -> Element:
    if isinstance(payload, Siblings):
        payload = payload[0]
    elif isinstance(payload, ElementTree):
        payload = payload.getroot()
    if isinstance(payload, Element):
        return payload
    namespace = options.get('xml_namespace') or ''
    name = text(options.get('xml_root') or options.get('response_elem') or _ROOT)
    if not is_name(name) or not (namespace == '' or is_namespace(namespace)):
        raise ZatoException(msg=f'`{name}` cannot be the root of an XML document, or `{namespace}` not its namespace')
    root = Element(_tag(name, namespace))
    _fill(root, plain(payload), namespace, Turns())
    return root


def _tag(name: Any, namespace: str) -> str:
    found = text(name)
    if found.startswith('{'):
        raise ZatoException(msg=f'`{found}` cannot be the name of an XML element')
    return f'{{{namespace}}}{found}' if namespace else found


def _fill(element: Element, value: Any, namespace: str, turns: Turns) -> None:
    if isinstance(value, FormFile):
        data = b64encode(value.data).decode()
        value = {'filename': value.filename, 'content_type': value.content_type, 'data': data}
    if isinstance(value, dict):
        for name, item in turns.over(value.items()):
            for one in turns.over(item if isinstance(item, list) else (item,)):
                _fill(SubElement(element, _tag(name, namespace)), one, namespace, turns)
    elif isinstance(value, list):
        for item in turns.over(value):
            _fill(SubElement(element, _tag(_ITEM, namespace)), item, namespace, turns)
    elif value is not None:
        element.text = text(value)
