"""What a service is called (source: classic Zato; the table of cases is in tests/unit/test_naming.py).

A non-empty class attribute `name` wins verbatim. Otherwise `module.ClassName` is turned from camel case to lower-case words
joined by dashes; underscores become dashes in the module's part and stay in the class's part.
"""

from __future__ import annotations

from pathlib import Path

_SOURCE_ROOTS = ('src', 'source')

#: Names of built-in services begin with these; users' may not.
RESERVED_PREFIXES = ('zato.', 'pub.zato.')


def to_kebab(text: str) -> str:
    """'GetHTTP2Data' → 'get-http2-data'. Digits never begin a word, and there is no dash next to an underscore."""
    out = []
    for i, char in enumerate(text):
        if i and char.isupper():
            before, after = text[i - 1], text[i + 1 : i + 2]
            if before != '_' and (before.islower() or after.islower()):
                out.append('-')
        out.append(char.lower())
    return ''.join(out)


def service_name(module: str, class_name: str) -> str:
    """The derived name, such as 'my-module.my-service' for ('my_module', 'MyService')."""
    parts = [to_kebab(part).replace('_', '-') for part in module.split('.')]
    return '.'.join([*parts, to_kebab(class_name)])


def module_name(path: Path) -> str:
    """The module that a file is: its stem in a directory called `services`, else the dotted path below `src` or `source`."""
    directories = path.parent.parts
    if path.parent.name != 'services':
        for root in _SOURCE_ROOTS:
            if root in directories:
                below = directories[len(directories) - directories[::-1].index(root) :]
                return '.'.join(below if path.stem == '__init__' and below else (*below, path.stem))
    return path.stem


def is_reserved(name: str) -> bool:
    return name.lower().startswith(RESERVED_PREFIXES)
