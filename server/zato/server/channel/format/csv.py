"""CSV (RFC 4180). What cells hold is not touched: a spreadsheet may well take some for formulas.

Options: csv_dialect (a name that Python's csv module knows), csv_delimiter, csv_quotechar, csv_has_header (True), csv_fields
(names of the columns; without them those of the header, or the dicts' keys).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO
from typing import Any, Final

from zato.common.exception import BadRequest, ZatoException
from zato.server.channel.format.base import Options, dicts, unwrapped, verbatim
from zato.server.channel.format.plain import plain, text
from zato.server.http.content_type import charset_of, decode
from zato.server.http.turns import LONG, Turns, in_turns

CONTENT_TYPE: Final = b'text/csv; charset=utf-8'
_SHOWN: Final = 40  #: characters of what a client sent that an error repeats
_LINE_END: Final = '\r\n'
_PARAMETERS: Final = {'dialect': 'csv_dialect', 'delimiter': 'csv_delimiter', 'quotechar': 'csv_quotechar'}


class CSV:
    """Cells are text."""

    name = 'csv'

    def read(self, body: bytes, content_type: bytes, options: Options) -> Any:
        """A list of dicts, in which cells that a row does not have are missing; lists if there are no names of columns."""
        if not body:
            return None
        rows = _rows(decode(body, charset_of(content_type)), options)
        if len(body) > LONG:
            rows = in_turns(rows)
        names = _names(options)
        if options.get('csv_has_header', True):
            line, header = next(rows, (0, []))
            names = names or _checked(header, line)
        elif not names:
            return [row for _, row in rows]
        return [_named(names, row, line) for line, row in rows]

    def fields(self, payload: Any) -> Any:
        return dicts(payload)

    def write(self, payload: Any, options: Options) -> tuple[bytes, bytes]:
        """From a dict or a list of dicts, whose columns come in the order in which they first appear, or a list of lists."""
        body = verbatim(payload)
        return _to_csv(unwrapped(payload, options), options) if body is None else body, CONTENT_TYPE


FORMAT: Final = CSV()


def _parameters(options: Options) -> dict[str, Any]:
    return {name: options[key] for name, key in _PARAMETERS.items() if options.get(key) is not None}


def _names(options: Options) -> list[str]:
    names = options.get('csv_fields') or ()
    return [names] if isinstance(names, str) else list(names)


def _rows(data: str, options: Options) -> Iterator[tuple[int, list[str]]]:
    """Each row, without empty ones, and the line that it ends in, counted from 1. Raises BadRequest."""
    nul = data.find('\0')
    if nul >= 0:
        raise _error(data.count('\n', 0, nul) + 1, 'there is a NUL character')
    try:
        reader = csv.reader(StringIO(data, newline=''), **_parameters(options), strict=True)
    except (csv.Error, TypeError, ValueError) as e:
        raise _option_error(e) from e
    while True:
        try:
            row = next(reader, None)
        except (csv.Error, ValueError) as e:
            raise _error(reader.line_num, str(e)) from None
        if row is None:
            return
        if row:
            yield reader.line_num, row


def _checked(header: list[str], line: int) -> list[str]:
    seen = set[str]()
    for name in Turns().over(header):
        if name in seen:
            raise _error(line, f'there is more than one column `{name[:_SHOWN]}`')
        seen.add(name)
    return header


def _named(names: list[str], row: list[str], line: int) -> dict[str, str]:
    if len(row) > len(names):
        raise _error(line, f'there are {len(row)} cells, and {len(names)} columns')
    return dict(zip(names, row, strict=False))


def _error(line: int, reason: str) -> BadRequest:
    return BadRequest(msg=f'The body is not valid CSV: line {line}: {reason}', needs_msg=True)


def _option_error(e: Exception) -> ZatoException:
    return ZatoException(msg=f'CSV cannot be read or written with these options: {e}')


def _to_csv(payload: Any, options: Options) -> bytes:
    rows = plain(payload)
    if isinstance(rows, dict):
        rows = [rows]
    names = _names(options)
    if isinstance(rows, list) and {dict}.issuperset(map(type, rows)):
        names = names or _names_in(rows)
    elif not (isinstance(rows, list) and {list}.issuperset(map(type, rows))):
        raise ZatoException(msg='CSV is made from a dict, a list of dicts or a list of lists')
    out = StringIO(newline='')
    turns = Turns()
    try:
        writer = csv.writer(out, **_parameters(options), lineterminator=_LINE_END)
        if names and options.get('csv_has_header', True):
            writer.writerow([text(name) for name in names])
        for row in rows:
            cells = [row.get(name) for name in names] if type(row) is dict else row
            writer.writerow([text(cell) for cell in turns.over(cells)])
    except (csv.Error, TypeError, ValueError) as e:
        raise _option_error(e) from e
    return verbatim(out.getvalue()) or b''


def _names_in(rows: list[dict[str, Any]]) -> list[str]:
    names = dict[str, None]()
    turns = Turns()
    for row in rows:
        turns.took(1 + len(row))
        names.update(dict.fromkeys(row))
    return list(names)
