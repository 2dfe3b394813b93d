"""Keys that classic Zato has of channels and outgoing connections alike, and that say nothing here: see Kind.ignored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

#: Of these, what they say elsewhere, or nowhere.
IGNORED: Final[Mapping[str, tuple[Any, ...] | None]] = {
    'sec_type': None,
    'security_group_count': None,
    'security_group_member_count': None,
    'username': ('', None),
    'is_internal': (False,),
    'is_wrapper': (False,),
    'wrapper_type': ('', None),
    'has_rbac': (False,),
    'sec_use_rbac': (False,),
    'service_whitelist': ([], [''], '', None),
    'serialization_type': ('string', ''),
    'cache_id': (None, '', 0),
    'cache_name': (None, ''),
    'cache_type': (None, ''),
    'cache_expiry': (None, '', 0),
    'data_encoding': None,
    'hl7_version': None,
    'json_path': (None, ''),
    'should_parse_on_input': (False,),
    'should_validate': (False,),
    'should_return_errors': (False,),
}
