"""Elements as documents: what is written is well-formed, with namespaces declared where they begin."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, cast
from xml.etree.ElementTree import Comment, Element, ProcessingInstruction, QName

from zato.common.exception import ZatoException
from zato.server.channel.format.plain import text
from zato.server.channel.format.xml_element import ALL, children_of
from zato.server.http.turns import MANY, Turns

MAX_DEPTH: Final = 256  #: of elements in elements

_DECLARATION: Final = "<?xml version='1.0' encoding='utf-8'?>\n"
_XML: Final = 'http://www.w3.org/XML/1998/namespace'  #: its prefix is `xml`, and is not declared
_XMLNS: Final = 'http://www.w3.org/2000/xmlns/'  #: has no names

#: XML 1.0, fifth edition, 2.3, without colons.
_START: Final = (
    r'A-Z_a-z\xc0-\xd6\xd8-\xf6\xf8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c\u200d\u2070-\u218f\u2c00-\u2fef\u3001-\ud7ff'
    r'\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff'
)
is_name: Final = re.compile(rf'[{_START}][{_START}\-.0-9\xb7\u0300-\u036f\u203f\u2040]*').fullmatch
is_namespace: Final = re.compile(r"(?:[A-Za-z0-9._~:/?#@!$&'()*+,;=\[\]-]|%[0-9A-Fa-f]{2})+").fullmatch

_ILLEGAL: Final = r'\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff'
_is_illegal: Final = re.compile(f'[{_ILLEGAL}]').search
_is_special: Final = re.compile(f'[&<>\r{_ILLEGAL}]').search
_is_special_in_attribute: Final = re.compile(f'[&<>"\t\r\n{_ILLEGAL}]').search


#: Tag → namespace, '' for none, and local name.
Names = dict[Any, tuple[str, str]]


def document(root: Element) -> bytes:
    """In UTF-8. Raises ZatoException for what XML cannot hold."""
    body = bytearray()
    out = [_DECLARATION]  # the latest part of it
    names: Names = {}
    turns = Turns()
    around: list[tuple[Iterator[Element], str, str]] = []
    elements, end, outer = iter([root]), '', ''  # of the element around: those still to be written, its end, its namespace
    while True:
        for element in elements:
            tag: Any = element.tag
            tail = _escaped(element.tail, tag) if element.tail and around else ''
            if type(tag) is not str and tag in (Comment, ProcessingInstruction):
                out.append(_markup(element) + tail)
                continue
            start, name, namespace = _start(element, outer, names)
            inside = children_of(element, ALL)
            if inside:
                if len(around) == MAX_DEPTH - 1:
                    raise ZatoException(msg=f'Elements are nested more than {MAX_DEPTH} deep, or in themselves')
                out.append(f'{start}>{_escaped(element.text, tag) if element.text else ""}')
                around.append((elements, end, outer))
                elements, end, outer = iter(inside), f'</{name}>{tail}', namespace
                break
            content = element.text
            out.append(f'{start}/>{tail}' if content is None else f'{start}>{_escaped(content, tag)}</{name}>{tail}')
            if len(out) > MANY:
                turns.took(MANY)
                body += ''.join(out).encode()
                out.clear()
        else:
            out.append(end)
            if not around:
                return bytes(body) + ''.join(out).encode()
            elements, end, outer = around.pop()


def _start(element: Element, outer: str, names: Names) -> tuple[str, str, str]:
    """A start tag without its end, the name in it, and the namespace of names without a prefix from here on.

    outer: that namespace in the element around.
    """
    namespace, name = names.get(element.tag) or _split(element.tag, names)
    if namespace == _XML:
        namespace, name = outer, f'xml:{name}'
    if namespace == outer and not element.attrib:
        return f'<{name}', name, namespace
    attributes = [f'<{name}']
    if namespace != outer:
        if 'xmlns' in element.attrib:
            raise ZatoException(msg=f'`{name}` has both a namespace and an attribute `xmlns`')
        attributes.append(f'xmlns="{_attribute(namespace, name)}"')
    for number, (key, value) in enumerate(element.attrib.items()):
        of_key, local = names.get(key) or _split(key, names)
        if of_key == _XML:
            local = f'xml:{local}'
        elif of_key:
            attributes.append(f'xmlns:ns{number}="{_attribute(of_key, name)}"')
            local = f'ns{number}:{local}'
        attributes.append(f'{local}="{_attribute(value, name)}"')
    return ' '.join(attributes), name, namespace


def _split(tag: Any, names: Names) -> tuple[str, str]:
    """Raises ZatoException for what is no name."""
    found = tag.text if isinstance(tag, QName) else tag
    if not isinstance(found, str):
        raise ZatoException(msg=f'{found!r} cannot be the name of an XML element')
    namespace, _, name = found[1:].partition('}') if found[:1] == '{' else ('', '', found)
    if not is_name(name) or namespace == _XMLNS:
        raise ZatoException(msg=f'`{name}` cannot be the name of an XML element')
    names[tag] = namespace, name
    return namespace, name


def _escaped(value: Any, tag: Any) -> str:
    found = value if type(value) is str else text(value)
    if not _is_special(found):
        return found
    if _is_illegal(found):
        raise ZatoException(msg=f'The text of `{str(tag).rpartition("}")[2]}` has a character that XML cannot hold')
    return found.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;').replace('\r', '&#13;')


def _attribute(value: Any, name: str) -> str:
    found = value if type(value) is str else text(value)
    if not _is_special_in_attribute(found):
        return found
    return _escaped(found, name).replace('"', '&quot;').replace('\t', '&#9;').replace('\n', '&#10;')


def _markup(element: Element) -> str:
    """A comment or a processing instruction. Raises ZatoException for a text that would end it."""
    found = element.text or ''
    is_comment = cast(Any, element.tag) is Comment
    if _is_illegal(found) or ('--' in found or found.endswith('-') if is_comment else '?>' in found):
        raise ZatoException(msg='A comment or a processing instruction has characters in it that would end it')
    return f'<!--{found}-->' if is_comment else f'<?{found}?>'
