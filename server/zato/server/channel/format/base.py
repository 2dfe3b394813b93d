"""What a data format is, and what all of them have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from zato.common.exception import ZatoException

#: What a service's SimpleIO says about a format: 'csv_delimiter', 'xml_root' and the like. Unknown ones are ignored.
#: response_elem: the one key that the service's output has around it, if any. json_exact: must floats keep their digits?
Options = Mapping[str, Any]


class DataFormat(Protocol):
    """name: what channels call it, '' for bodies as they are."""

    name: str

    def read(self, body: bytes, content_type: bytes, options: Options) -> Any:
        """The service's payload, None for an empty body. content_type: the header, b'' if there is none.

        Raises BadRequest, or UnsupportedMediaType for a body of another format.
        """
        ...

    def fields(self, payload: Any) -> Any:
        """What elements of the input are looked up in: a dict, a list of dicts, or None where there is nothing to look in.

        payload: what `read` returned.
        """
        ...

    def write(self, payload: Any, options: Options) -> tuple[bytes, bytes]:
        """The body and its content type. Raises ZatoException for a payload, or an option, that it cannot be made from."""
        ...


def dicts(payload: Any) -> Any:
    """A dict, or a list of nothing but dicts, as it is; None for anything else."""
    if isinstance(payload, dict):
        return payload
    return payload if isinstance(payload, list) and all(issubclass(cls, dict) for cls in set(map(type, payload))) else None


def unwrapped(payload: Any, options: Options) -> Any:
    """Without the response element, of formats that have another way to name the response, or none."""
    elem = options.get('response_elem')
    return payload[elem] if elem and type(payload) is dict and payload.keys() == {elem} else payload


_BYTES: Final = (bytes, bytearray, memoryview)


def verbatim(payload: Any) -> bytes | None:
    """Text and bytes as they are, b'' for None; None for what a format has to write. Raises ZatoException."""
    if isinstance(payload, str):
        try:
            return payload.encode()
        except UnicodeEncodeError as e:
            raise ZatoException(msg=f'The response has half of a surrogate pair at position {e.start}') from None
    if isinstance(payload, _BYTES):
        return bytes(payload)
    return b'' if payload is None else None
