"""A form as a browser without JavaScript has it: what is in its inputs, and what it sends."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any


class HTMLForm(HTMLParser):
    """The one form of a page that has the attribute `marker`. values: what it sends, by input; several of a name are a list.

    options: values of each select. inputs: attributes of each input, select and textarea by name. ids: of all elements.
    """

    def __init__(self, html: str, marker: str = 'data-keep') -> None:
        super().__init__()
        self._marker = marker
        self._is_inside = False
        self._select = ''
        self._textarea: list[str] | None = None
        self.values: dict[str, Any] = {}
        self.options: dict[str, list[str]] = {}
        self.inputs: dict[str, dict[str, str | None]] = {}
        self.ids: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if found.get('id'):
            self.ids.append(str(found['id']))
        if tag == 'form' and self._marker in found:
            self._is_inside = True
        if not self._is_inside:
            return
        name = str(found.get('name') or '')
        if tag in ('input', 'select', 'textarea') and name:
            self.inputs[name] = found
        if tag == 'input' and name:
            self._input(name, found)
        elif tag == 'select':
            self._select = name
            self.options[name] = []
        elif tag == 'option' and self._select:
            self._option(str(found.get('value') or ''), is_chosen='selected' in found)
        elif tag == 'textarea':
            self._textarea = []
            self._select = name

    def _input(self, name: str, found: dict[str, str | None]) -> None:
        if found.get('type') != 'checkbox':
            self.values[name] = found.get('value') or ''
        elif 'checked' in found:
            value = found.get('value', 'on')
            self.values[name] = [*self.values.get(name, []), value] if 'value' in found else value

    def _option(self, value: str, *, is_chosen: bool) -> None:
        self.options[self._select].append(value)
        if is_chosen or self._select not in self.values:
            self.values[self._select] = value

    def handle_data(self, data: str) -> None:
        if self._textarea is not None:
            self._textarea.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == 'form':
            self._is_inside = False
        elif tag == 'textarea' and self._textarea is not None:
            text = ''.join(self._textarea)  # its first line break is the page's, and lines end as browsers end them
            self.values[self._select] = text.removeprefix('\n').replace('\n', '\r\n')
            self._textarea, self._select = None, ''
        elif tag == 'select':
            self._select = ''
