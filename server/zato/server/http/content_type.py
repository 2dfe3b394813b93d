"""What a Content-Type header says, and bodies as text in the charset that it names."""

from __future__ import annotations

import re
from encodings.aliases import aliases
from typing import Final

from zato.common.exception import BadRequest

_PARAMETER: Final = re.compile(r';\s*([!#$%&\'*+.^_`|~0-9A-Za-z-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))')
_ESCAPED: Final = re.compile(r'\\(.)')
_SHOWN: Final = 40  #: characters of what a client sent that an error repeats

#: Python's, but for what turns bytes into bytes, and UTF-7, in which ASCII can mean something else than it says.
_NO_CHARSETS: Final = frozenset(
    {'base64_codec', 'bz2_codec', 'hex_codec', 'mbcs', 'quopri_codec', 'rot_13', 'utf_7', 'uu_codec', 'zlib_codec'}
)
#: Name → codec. Looked up here, since Python imports a module for a name that it does not know, and remembers the name.
_CODECS: Final = {
    **{name: codec for name, codec in aliases.items() if codec not in _NO_CHARSETS},
    **{codec: codec for codec in aliases.values() if codec not in _NO_CHARSETS},
    **{codec: codec for codec in ('cp720', 'cp737', 'cp874', 'koi8_u')},
}


def parse_content_type(header: bytes) -> tuple[str, dict[str, str]]:
    """The media type, '' if there is none, and its parameters. Names are in lower case; the first of equal ones counts."""
    text = header.decode('latin-1')
    media_type, _, _ = text.partition(';')
    parameters: dict[str, str] = {}
    for name, quoted, bare in _PARAMETER.findall(text, len(media_type)):
        parameters.setdefault(name.lower(), _ESCAPED.sub(r'\1', quoted) or bare)
    return media_type.strip().lower(), parameters


def codec_for(charset: str) -> str:
    """Python's name of it. Raises BadRequest for one that there is not."""
    codec = _CODECS.get(charset.strip().lower().replace('-', '_'))
    if codec is None:
        raise BadRequest(msg=f'There is no charset `{charset[:_SHOWN]}`', needs_msg=True)
    return codec


def charset_of(header: bytes) -> str:
    """The codec of a Content-Type's charset, 'utf_8' if it names none. Raises BadRequest."""
    if b'=' not in header:
        return 'utf_8'
    charset = parse_content_type(header)[1].get('charset')
    return codec_for(charset) if charset else 'utf_8'


def decode(data: bytes, codec: str, what: str = 'The body') -> str:
    """Without a byte order mark. `what` is the subject of the error. Raises BadRequest."""
    try:
        text = data.decode(codec)
    except UnicodeError:
        raise BadRequest(msg=f'{what} is not valid {codec.replace("_", "-").upper()}', needs_msg=True) from None
    return text.removeprefix('\ufeff')
