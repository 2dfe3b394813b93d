"""Sections and what is in them."""

from __future__ import annotations

from zato.common.config.kind import kinds
from zato.common.enmasse import sections
from zato.common.enmasse.sections import TYPES, kinds_in, known_sections, later_title, order_of, type_key


def test_what_is_declared_is_not_left_for_later() -> None:
    declared = {section for kind in kinds().values() for section in kind.enmasse}
    assert [section for section in declared if later_title(section)] == []
    types = {word for kind in kinds().values() for word in (*kind.enmasse_types, *kind.fixed.values())}
    assert [word for word in types if later_title(word)] == []


def test_no_section_is_there_twice() -> None:
    assert sorted(known_sections()) == sorted(set(known_sections()))


def test_each_section_of_a_type_is_known() -> None:
    assert [section for some in TYPES.values() for section in some if section not in known_sections()] == []


def test_each_kind_can_be_written_so_that_it_is_known_again() -> None:
    for kind in kinds().values():
        if kind.enmasse:
            alike = kinds_in(kind.enmasse[0])
            assert kind in alike
            assert (type_key(kind) == '') == (len(alike) == 1)
            assert len({type_key(other) for other in alike}) == len(alike)


def test_items_of_each_kind_can_be_chosen_by_a_type() -> None:
    written = {kind.enmasse[0] for kind in kinds().values() if kind.enmasse}
    assert [section for section in written if not any(section in some for some in TYPES.values())] == []


def test_sections_are_written_in_the_classic_order() -> None:
    names = ['web_socket', 'outgoing_rest', 'channel_rest', 'security', 'security_groups', 'aaa']
    assert sorted(names, key=order_of) == [
        'security_groups',
        'security',
        'channel_rest',
        'outgoing_rest',
        'aaa',
        'web_socket',
    ]


def test_all_classic_sections_that_the_documentation_names_are_known() -> None:
    classic = {
        'security': 'security def_sec basic_auth apikey jwt ntlm oauth bearer_token security_groups',
        'rest': 'http_soap channel_rest channel_plain_http outgoing_rest outconn_plain_http',
        'websockets': 'web_socket outgoing_wsx zato_generic_connection',
        'ibm mq': 'def_jms_wmq channel_jms_wmq outconn_jms_wmq',
        'pubsub': 'pubsub_topic pubsub_endpoint pubsub_subscription',
        'others': 'outconn_sql outgoing_ldap scheduler zato_cache_builtin email_smtp outconn_redis',
    }
    assert [name for names in classic.values() for name in names.split() if name not in sections.known_sections()] == []
