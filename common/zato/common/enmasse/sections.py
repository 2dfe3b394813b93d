"""Sections of files: which kinds their items are of, and which are known by name but belong to later versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Final

from zato.common.config.kind import Kind, kinds

#: What a section has that no kind declares → the names that it goes by, classic ones included.
_LATER: Final[Mapping[str, tuple[str, ...]]] = {
    'SQL connections': ('outconn_sql', 'outgoing_sql', 'sql'),
    'WebSocket channels': ('web_socket', 'channel_web_socket', 'channel_wsx'),
    'outgoing WebSocket connections': ('outgoing_wsx', 'outconn_wsx'),
    'generic connections': ('zato_generic_connection',),
    'IBM MQ definitions': ('def_jms_wmq', 'definition_ibm_mq', 'def_ibm_mq'),
    'IBM MQ channels': ('channel_jms_wmq', 'channel_ibm_mq'),
    'outgoing IBM MQ connections': ('outconn_jms_wmq', 'outgoing_ibm_mq'),
    'pub/sub permissions': ('pubsub_permission',),
    'jobs': ('scheduler', 'scheduler_job'),
    'caches': ('zato_cache_builtin', 'cache_builtin', 'cache', 'zato_cache_memcached'),
    'e-mail connections': ('email_smtp', 'email_imap'),
    'Redis connections': ('outconn_redis', 'outgoing_redis', 'redis'),
    'LDAP connections': ('outgoing_ldap', 'outconn_ldap', 'ldap'),
    'MongoDB connections': ('outgoing_mongodb', 'outconn_mongodb', 'mongodb'),
    'Odoo connections': ('outconn_odoo', 'outgoing_odoo', 'odoo'),
    'SAP connections': ('outconn_sap', 'outgoing_sap'),
    'FTP connections': ('outconn_ftp', 'outgoing_ftp'),
    'SFTP connections': ('outconn_sftp', 'outgoing_sftp'),
    'AMQP': ('def_amqp', 'channel_amqp', 'outconn_amqp', 'outgoing_amqp'),
    'ZeroMQ': ('channel_zmq', 'outconn_zmq'),
    'STOMP': ('def_stomp', 'channel_stomp', 'outconn_stomp'),
    'SOAP': ('channel_soap', 'outconn_soap', 'outgoing_soap', 'soap'),
    'JSON-RPC channels': ('channel_json_rpc', 'json_rpc'),
    'OpenAPI channels': ('channel_openapi',),
    'file transfer': ('channel_file_transfer', 'file_transfer'),
    'HL7': ('channel_hl7_mllp', 'outconn_hl7_mllp', 'outgoing_hl7_mllp', 'outconn_hl7_fhir', 'outgoing_hl7_fhir'),
    'search': ('search_es', 'search_solr', 'elastic_search'),
    'Cassandra': ('def_cassandra', 'query_cassandra'),
    'notifications': ('notif_sql', 'notif_cloud_openstack_swift'),
    'messages': ('sms_twilio', 'im_slack', 'im_telegram', 'outconn_slack', 'outconn_telegram'),
    'Microsoft 365': ('cloud_microsoft_365', 'microsoft_365', 'outgoing_microsoft_365'),
    'cloud services': (
        'cloud_aws_s3',
        'cloud_dropbox',
        'cloud_openstack_swift',
        'cloud_confluence',
        'cloud_jira',
        'cloud_salesforce',
        'confluence',
        'jira',
        'salesforce',
    ),
    'NTLM': ('ntlm',),
    'AWS credentials': ('aws',),
    'TLS certificates and keys': ('tls', 'tls_ca_cert', 'tls_channel_sec', 'tls_key_cert'),
    'Vault': ('vault_conn_sec', 'vault_connection'),
    'WS-Security': ('wss',),
    'XPath credentials': ('xpath_sec', 'def_xpath', 'xpath'),
    'OpenStack credentials': ('openstack_security', 'openstack'),
    'RBAC': ('rbac_role', 'rbac_client_role', 'rbac_permission', 'rbac_role_permission'),
    'namespaces': ('def_namespace',),
}

#: What --include-type may name → the sections that it stands for.
TYPES: Final[Mapping[str, frozenset[str]]] = {
    'cache': frozenset({'zato_cache_builtin', 'cache_builtin', 'cache', 'zato_cache_memcached'}),
    'cloud-microsoft-365': frozenset({'cloud_microsoft_365', 'microsoft_365', 'outgoing_microsoft_365'}),
    'ldap': frozenset({'outgoing_ldap', 'outconn_ldap', 'ldap'}),
    'pubsub': frozenset({'pubsub_topic', 'pubsub_endpoint', 'pubsub_subscription', 'pubsub_permission'}),
    'rest': frozenset({'channel_rest', 'channel_plain_http', 'outgoing_rest', 'outconn_plain_http', 'http_soap'}),
    'scheduler': frozenset({'scheduler', 'scheduler_job'}),
    'security': frozenset(
        {
            'security',
            'def_sec',
            'security_groups',
            'basic_auth',
            'apikey',
            'jwt',
            'bearer_token',
            'oauth',
            'ntlm',
            'aws',
            'wss',
        }
        | {'tls', 'tls_ca_cert', 'tls_channel_sec', 'tls_key_cert', 'vault_conn_sec', 'xpath_sec', 'openstack_security'}
    ),
    'sql': frozenset({'outconn_sql', 'outgoing_sql', 'sql'}),
    'websockets': frozenset({'web_socket', 'channel_web_socket', 'channel_wsx', 'outgoing_wsx', 'outconn_wsx'}),
}

_FIRST: Final = ('security_groups', 'security', 'channel_rest', 'outgoing_rest')


def kinds_in(section: str) -> tuple[Kind, ...]:
    """Those that a section's items may be of, () if there is no such section."""
    return _declared().get(section, ())


def later_title(name: str) -> str:
    """What a section, or a type of security definitions, has that is not in this version; '' if it is not known by name."""
    return next((title for title, names in _LATER.items() if name in names), '')


def known_sections() -> list[str]:
    return [*_declared(), *(name for names in _LATER.values() for name in names)]


def type_key(kind: Kind) -> str:
    """What an item of the kind's first section says of its type, '' if the section says it."""
    if len(kinds_in(kind.enmasse[0])) == 1:
        return ''
    return (kind.enmasse_types or (kind.fixed['type'],))[0]


def is_type_included(section: str, types: Iterable[str]) -> bool:
    """types: keys of TYPES, or `all`; none at all means the latter."""
    wanted = list(types)
    return not wanted or 'all' in wanted or any(section in TYPES[name] for name in wanted)


def order_of(section: str) -> tuple[int, str]:
    """Sorts sections as files have them."""
    return (_FIRST.index(section) if section in _FIRST else len(_FIRST), section)


@cache
def _declared() -> Mapping[str, tuple[Kind, ...]]:
    found: dict[str, list[Kind]] = {}
    for kind in kinds().values():
        for section in kind.enmasse:
            found.setdefault(section, []).append(kind)
    return {section: tuple(some) for section, some in found.items()}
