"""The reference page of services, made from the code: `python -m zato.server.service.reference DIRECTORY`."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any, Final

from zato.common.api import CHANNEL
from zato.common.pubsub import PubSubMessage
from zato.server.connection.rest import response as rest_response
from zato.server.pattern import facade, fanout, invoke_retry
from zato.server.service import Model, ModelCtx, RESTAdapter, Service, __all__, channel_info, data, hooks
from zato.server.service.facade import (
    cache,
    crypto,
    lock,
    lru,
    pubsub,
    rest,
    rest_by_name,
    security,
    server,
    static_config,
    time,
)
from zato.server.service.facades import OPTIONAL
from zato.server.service.input import Input
from zato.server.service.simpleio import element

PAGE: Final = 'service.md'

_HEAD = """# What services are made of

Made from the code by `python -m zato.server.service.reference docs/reference`. How to use it is in
[services](../services.md), [input and output](../input-output.md) and [invoking services](../invoking.md).
"""

#: The order of the page.
_PARTS: Final[dict[str, type[Any]]] = {
    'self.request': data.Request,
    'self.request.input': Input,
    'self.request.http': data.HTTPData,
    'self.response': data.Response,
    'self.channel': channel_info.ChannelInfo,
    'self.channel.security': channel_info.ChannelSecurityInfo,
    'CHANNEL': CHANNEL,
    'self.out.rest': rest.RESTConnections,
    'self.out.rest[name]': rest.RESTItem,
    'self.out.rest[name].conn': rest.RESTClient,
    'Response of self.out.rest[name].conn': rest_response.RESTResponse,
    'self.rest': rest_by_name.REST,
    'self.rest[name]': rest_by_name.RESTCaller,
    'self.security': security.Security,
    'self.security.get_bearer_token_by_name(name)': security.BearerToken,
    'self.patterns': facade.Patterns,
    'self.patterns.fanout': fanout.Fanout,
    'self.patterns.parallel': fanout.Parallel,
    'self.patterns.invoke_retry': invoke_retry.InvokeRetry,
    'self.pubsub': pubsub.PubSub,
    'PubSubMessage': PubSubMessage,
    'self.cache': cache.Caches,
    'self.cache.default': lru.LRUCache,
    'self.cache.default, many keys at once': cache.Cache,
    'self.crypto': crypto.Crypto,
    'self.lock': lock.Lock,
    'self.server': server.ServerFacade,
    'self.static_config': static_config.StaticConfig,
    'self.time': time.Time,
    **{
        cls.__name__: cls
        for cls in (lru.Entry, Model, ModelCtx, RESTAdapter, hooks.PubSubHook, hooks.WSXHook, hooks.WSXAdapter)
    },
}
_OURS: Final = frozenset({'look_in', 'merged', 'take_header_lines', 'set_message', 'expect', 'error'})  #: not for services
_HOOK: Final = re.compile(r'(handle|accept|(before|after|validate|finalize)_\w+)').fullmatch
_COMMENT: Final = re.compile(r'^ +(?:self\.)?([a-z]\w*)[:\s].*?  #: (.+)$', re.MULTILINE)


class _Annotation(str):
    """Text that a signature shows as it is."""

    __repr__ = str.__str__


def page() -> str:
    """The whole of it."""
    parts = [_HEAD, '## Service\n', f'{_doc(Service)}\n']
    for title, is_own in (('may define', True), ('has', False)):
        parts += [f'### What a service {title}\n', *_attributes(Service, is_own), *_methods(Service, is_own)]
    parts += ['### What this server does not have yet\n', 'Whoever uses it gets NotAvailable.\n']
    parts += _table(('', ''), [(f'`self.{name}`', what) for name, what in OPTIONAL.items()])
    parts += ['## Elements\n', f'{_doc(element.Elem)}\n', *_elements()]
    for title, cls in _PARTS.items():
        parts += [f'## {title}\n', *_texts(title, cls), *_attributes(cls), *_methods(cls)]
    return '\n'.join(parts).rstrip() + '\n'


def _doc(thing: Any) -> str:
    return inspect.cleandoc(thing.__doc__ or '')


def _texts(title: str, cls: type[Any]) -> Iterator[str]:
    """What the class says, after its module if that is about nothing else."""
    module, own = _doc(inspect.getmodule(cls)), _doc(cls)
    for text in (module, own) if module.startswith(f'`{title}`') else (own,):
        if shown := re.sub(rf'^`{re.escape(title)}`[.:]\s*', '', text):
            yield f'{shown if re.match("[a-z_]+:", shown) else shown[:1].upper() + shown[1:]}\n'


def _attributes(cls: type[Any], is_declared: bool | None = None) -> list[str]:
    """What is annotated, or has a comment, then properties. is_declared: of a service, those of the class? None for all."""
    comments = dict(_COMMENT.findall(inspect.getsource(cls)))
    found: dict[str, tuple[str, str]] = {}
    annotations = inspect.get_annotations(cls)
    for name in dict.fromkeys((*annotations, *comments)):
        annotation = annotations.get(name, '')
        default = getattr(cls, '__dataclass_fields__', vars(cls)).get(name)
        default = getattr(default, 'default', default)
        what = comments.get(name) or (f'[self.{name}](#self{name})' if f'self.{name}' in _PARTS else '')
        is_ours = name.startswith('_') or (annotation.startswith('Member') and not what)
        if not is_ours and is_declared in (None, annotation.startswith('ClassVar')):
            found[name] = f'`{default!r}`' if isinstance(default, str | int | float | list | tuple) else '', what
    for name, value in vars(cls).items():
        if isinstance(value, property) and not (is_declared or name.startswith('_') or name in _OURS):
            first = value.fget.__name__ if value.fget else name
            found[name] = '', ' '.join(_doc(value).split()) if first == name else f'The same as `{first}`.'
    return _table(('Attribute', 'Default', ''), [(f'`{name}`', *rest) for name, rest in found.items()]) if found else []


def _methods(cls: type[Any], is_hook: bool | None = None) -> Iterator[str]:
    """Each with what it says, then those that say nothing of their own. is_hook: of a service, its hooks? None for all."""
    silent = []
    for name, value in vars(cls).items():
        function = value.__func__ if isinstance(value, classmethod | staticmethod) else value
        is_ours = name.startswith('_') or name in _OURS or not inspect.isfunction(function)
        if not is_ours and is_hook in (None, _HOOK(name) is not None):
            if function.__doc__ and function.__name__ == name:
                yield f'```python\n{_signature(name, function)}\n```\n\n{_doc(function)}\n'
            else:
                silent.append(_signature(name, function))
    if silent:
        yield '\n'.join(['```python', *silent, '```\n'])


def _signature(name: str, function: Any) -> str:
    found = inspect.signature(function)
    own = [each for each in found.parameters.values() if each.name not in ('self', 'cls')]
    parameters = [each.replace(annotation=_Annotation(each.annotation)) for each in own]
    text = f'{name}{found.replace(parameters=parameters, return_annotation=_Annotation(found.return_annotation))}'
    shown = re.sub('(?<!,) ', '\0', text)
    lines = wrap(shown, 110, subsequent_indent='    ', break_long_words=False, break_on_hyphens=False)
    return '\n'.join(lines).replace('\0', ' ')


def _elements() -> list[str]:
    names: dict[type[element.Elem], list[str]] = {}
    for name, value in vars(element).items():
        if isinstance(value, type) and issubclass(value, element.Elem) and name in __all__:
            names.setdefault(value, []).append(f'`{name}`')
    rows = [(own, ', '.join(more), _doc(cls), cls.rule) for cls, (own, *more) in names.items() if cls is not element.Elem]
    return _table(('Element', 'The same', '', 'Error'), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = (head, ['---'] * len(head), *rows)
    return [*('| ' + ' | '.join(cell.replace('|', '\\|') for cell in line) + ' |' for line in lines), '']


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit('Usage: python -m zato.server.service.reference DIRECTORY')
    (Path(sys.argv[1]) / PAGE).write_text(page(), encoding='utf-8')
