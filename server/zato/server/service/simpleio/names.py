"""Types of elements that are declared by name alone (source: classic Zato's simple-io.conf).

Tests are made in this order: boolean, integer, secret; of each, whole names before beginnings before ends. Everything else
is text.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from zato.common.config.simple_io_conf import TYPES, SimpleIOConf
from zato.server.service.simpleio.element import Bool, Elem, Int, Secret, Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """Names that have a type: whole, by how they begin, by how they end."""

    exact: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()

    def matches(self, name: str) -> bool:
        return name in self.exact or name.startswith(self.prefixes) or name.endswith(self.suffixes)


_BOOL = Pattern(prefixes=('by_', 'has_', 'is_', 'may_', 'needs_', 'should_'))
_INT = Pattern(exact=frozenset({'id'}), suffixes=('_count', '_id', '_size', '_size_min', '_size_max', '_timeout'))
_SECRET = Pattern(
    exact=frozenset(
        {
            'auth_data',
            'auth_token',
            'password',
            'password1',
            'password2',
            'secret_key',
            'tls_pem_passphrase',
            'token',
            'api_key',
            'apiKey',
            'xApiKey',
        }
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NameRules:
    """Which names have which type. response_elem: what wraps the output of a class SimpleIO, '' for nothing."""

    bool: Pattern = field(default=_BOOL)
    int: Pattern = field(default=_INT)
    secret: Pattern = field(default=_SECRET)
    response_elem: str = 'response'

    def element(self, name: str) -> Elem:
        """name: with a dash before it if it is optional. Raises ValueError for what is no name."""
        bare = Text(name).name
        for pattern, type_ in ((self.bool, Bool), (self.int, Int), (self.secret, Secret)):
            if pattern.matches(bare):
                return type_(name)
        return Text(name)


DEFAULT_RULES = NameRules()


def rules_from(conf: SimpleIOConf) -> NameRules:
    """The default rules but for what simple-io.conf says."""
    patterns = {}
    for name in TYPES:
        default: Pattern = getattr(DEFAULT_RULES, name)
        given = conf.names.get(name, {})
        patterns[name] = Pattern(
            exact=frozenset(given.get('exact', default.exact)),
            prefixes=given.get('prefix', default.prefixes),
            suffixes=given.get('suffix', default.suffixes),
        )
    elem = conf.response_elem
    return NameRules(**patterns, response_elem=DEFAULT_RULES.response_elem if elem is None else elem)
