"""Elements as documents: what is written is well-formed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final, cast
from xml.etree.ElementTree import Comment, Element, ProcessingInstruction, QName

from zato.common.exception import ZatoException
from zato.server.channel.format.plain import text
from zato.server.channel.format.xml_element import ALL, children_of
from zato.server.http.turns import MANY, Turns

MAX_DEPTH: Final = 256  #: of elements in elements

_DECLARATION: Final = b"<?xml version='1.0' encoding='utf-8'?>\n"
_XML: Final = 'http://www.w3.org/XML/1998/namespace'  #: its prefix is `xml`, and is not declared
_XMLNS: Final = 'http://www.w3.org/2000/xmlns/'  #: has no names

_is_ascii_name: Final = re.compile(r'[A-Z_a-z][A-Z_a-z.0-9-]*').fullmatch
is_namespace: Final = re.compile(r"(?:[A-Za-z0-9._~:/?#@!$&'()*+,;=\[\]-]|%[0-9A-Fa-f]{2})+").fullmatch

_ILLEGAL: Final = r'\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff'
_is_illegal: Final = re.compile(f'[{_ILLEGAL}]').search
_is_special: Final = re.compile(f'[&<>\r{_ILLEGAL}]').search
_is_special_in_attribute: Final = re.compile(f'[&<>"\t\r\n{_ILLEGAL}]').search


@cache
def _name_pattern() -> re.Pattern[str]:
    """XML 1.0, fifth edition, 2.3, without colons. It takes milliseconds to compile, and few names need it."""
    start = (
        r'A-Z_a-z\xc0-\xd6\xd8-\xf6\xf8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c\u200d\u2070-\u218f\u2c00-\u2fef\u3001-\ud7ff'
        r'\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff'
    )
    return re.compile(rf'[{start}][{start}\-.0-9\xb7\u0300-\u036f\u203f\u2040]*')


def is_name(name: str) -> bool:
    """Can elements be called that? It must have no colon."""
    return bool(_is_ascii_name(name) or (not name.isascii() and _name_pattern().fullmatch(name)))


class _Names:
    """Names as they are written: those in the root's namespace bare, others with prefixes that the root declares."""

    def __init__(self) -> None:
        self._split: dict[Any, tuple[str, str]] = {}
        self._prefixes = {_XML: 'xml'}

    def split(self, tag: Any) -> tuple[str, str]:
        """The namespace, '' for none, and the local name. Raises ZatoException for what is no name."""
        found = self._split.get(tag)
        if found is None:
            found = self._split[tag] = _split(tag)
        return found

    def prefixed(self, namespace: str, name: str) -> str:
        prefix = self._prefixes.get(namespace)
        if prefix is None:
            prefix = self._prefixes[namespace] = f'ns{len(self._prefixes)}'
        return f'{prefix}:{name}'

    def declarations(self, default: str) -> str:
        """Of all that were used so far, and the default."""
        found = [f' xmlns:{prefix}="{_attribute(namespace)}"' for namespace, prefix in self._prefixes.items()]
        return ''.join([f' xmlns="{_attribute(default)}"' if default else '', *found[1:]])


def document(root: Element) -> bytes:
    """In UTF-8. Raises ZatoException for what XML cannot hold."""
    names = _Names()
    default, _ = names.split(root.tag)
    if default == _XML:
        default = ''
    start = _start(root, default, names)[0].encode()
    content = _content(root, default, names)
    return b''.join([_DECLARATION, start, names.declarations(default).encode(), memoryview(content)[len(start) :]])


def _content(root: Element, outer: str, names: _Names) -> bytearray:
    """outer: what names without a prefix stand for."""
    body = bytearray()
    out: list[str] = []  # the latest part of it
    turns = Turns()
    around: list[tuple[Iterator[Element], str, str]] = []
    elements, end = iter([root]), ''  # of the element around: those still to be written, its end
    while True:
        for element in elements:
            tag: Any = element.tag
            tail = _escaped(element.tail, tag) if element.tail and around else ''
            if type(tag) is not str and tag in (Comment, ProcessingInstruction):
                out.append(_markup(element) + tail)
                continue
            start, name, inner = _start(element, outer, names)
            content = element.text
            inside = children_of(element, ALL)
            if inside:
                if len(around) == MAX_DEPTH - 1:
                    raise ZatoException(msg=f'Elements are nested more than {MAX_DEPTH} deep, or in themselves')
                out.append(f'{start}>{_escaped(content or "", tag)}')
                around.append((elements, end, outer))
                elements, end, outer = iter(inside), f'</{name}>{tail}', inner
                break
            out.append(f'{start}/>{tail}' if content is None else f'{start}>{_escaped(content, tag)}</{name}>{tail}')
            if len(out) > MANY:
                turns.took(MANY)
                body += ''.join(out).encode()
                out.clear()
        else:
            out.append(end)
            if not around:
                return body + ''.join(out).encode()
            elements, end, outer = around.pop()


def _start(element: Element, outer: str, names: _Names) -> tuple[str, str, str]:
    """A start tag without its end, the name in it, and what names without a prefix stand for from here on."""
    namespace, name = names.split(element.tag)
    inner = outer
    if namespace != outer:
        inner = outer if namespace else ''
        name = names.prefixed(namespace, name) if namespace else name
    attributes = [f'<{name}']
    if inner != outer:
        attributes.append('xmlns=""')
    for key, value in element.attrib.items():
        if key == 'xmlns' and (namespace or outer):
            raise ZatoException(msg=f'`{name}` has an attribute `xmlns` where there is a namespace already')
        of_key, local = names.split(key)
        attributes.append(f'{names.prefixed(of_key, local) if of_key else local}="{_attribute(value, name)}"')
    return ' '.join(attributes), name, inner


def _split(tag: Any) -> tuple[str, str]:
    found = tag.text if isinstance(tag, QName) else tag
    if not isinstance(found, str):
        raise ZatoException(msg=f'{found!r} cannot be the name of an XML element')
    namespace, _, name = found[1:].partition('}') if found[:1] == '{' else ('', '', found)
    if not is_name(name) or namespace == _XMLNS:
        raise ZatoException(msg=f'`{name}` cannot be the name of an XML element')
    return namespace, name


def _escaped(value: Any, tag: Any) -> str:
    found = value if type(value) is str else text(value)
    if not _is_special(found):
        return found
    if _is_illegal(found):
        raise ZatoException(msg=f'The text of `{str(tag).rpartition("}")[2]}` has a character that XML cannot hold')
    return found.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;').replace('\r', '&#13;')


def _attribute(value: Any, name: str = 'xmlns') -> str:
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
