"""server.conf: everything that a server reads from it, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zato.common.config.conf_file import ConfFile, OpenStanza, Values
from zato.common.config.network import check_networks
from zato.common.config.option import option


@dataclass(frozen=True, slots=True, kw_only=True)
class Main:
    """The server's processes."""

    gunicorn_bind: str = option('0.0.0.0:17010', 'Where the server listens, host:port; [::]:17010 for IPv6')
    gunicorn_workers: int = option(1, 'Worker processes; at most twice the number of cores', minimum=1, maximum=256)
    gunicorn_timeout: int = option(
        120, 'A worker frozen for so long, by a service that never yields, is replaced', unit='seconds', minimum=1
    )
    gunicorn_graceful_timeout: int = option(
        30, 'How long a stop or a reload waits for running requests', unit='seconds', minimum=0
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Crypto:
    """TLS of the server's own port."""

    use_tls: bool = option(False, 'Is the port HTTPS?')
    priv_key_location: str = option('zato-server-priv-key.pem', 'Private key, PEM; relative to this directory')
    cert_location: str = option('zato-server-cert.pem', 'Certificate and those that signed it, PEM')
    ca_certs_location: str = option('zato-server-ca-certs.pem', 'Authorities that sign certificates of clients, PEM')
    tls_client_certs: str = option('none', 'Are clients asked for certificates?', choices=('none', 'optional', 'required'))


@dataclass(frozen=True, slots=True, kw_only=True)
class HTTP:
    """What one client may send, and how slowly."""

    max_request_line: int = option(8_192, 'Longest request line; answered with 414', unit='bytes', minimum=64)
    max_head: int = option(32_768, 'Longest request line and headers together; 431', unit='bytes', minimum=128)
    max_headers: int = option(100, 'Most headers; 431', minimum=1)
    max_body: int = option(10_485_760, 'Longest body; 413', unit='bytes', minimum=0)
    head_timeout: float = option(
        15.0, 'From the first byte of a request to the end of its headers; 408', unit='seconds', minimum=0.1
    )
    block_timeout: float = option(
        30.0, 'For each 64 KiB of a body to arrive or of a response to be taken; 408', unit='seconds', minimum=0.1
    )
    keepalive: float = option(60.0, 'How long an idle connection stays open', unit='seconds', minimum=0.1)
    max_connections: int = option(10_000, 'Open at once in one worker; more wait', minimum=1)
    trusted_proxies: tuple[str, ...] = option(
        (),
        'Load balancers, addresses or networks, that say in the next header who called them',
        check=check_networks,
    )
    forwarded_header: str = option(
        'X-Forwarded-For',
        'The header that load balancers write; the other one is not believed, since clients can send it through them',
        choices=('X-Forwarded-For', 'X-Zato-Forwarded-For'),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HotDeploy:
    """Services that are deployed by copying files."""

    pickup_dir: str = option(
        '../../pickup/incoming/services', 'Where files are copied to; relative to this directory; more in pickup.conf'
    )
    check_timeout: float = option(
        10.0, 'How long importing a new module may take before it is refused', unit='seconds', minimum=0.1
    )
    max_size: int = option(10_485_760, 'Largest file that is deployed', unit='bytes', minimum=1)
    backup_history: int = option(100, 'How many earlier versions of a module are kept', minimum=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Misc:
    """What clients see."""

    http_server_header: str = option('Zato', 'The Server header of responses; empty for none')
    default_error_message: str = option(
        'An error has occurred', 'What a client is told when a service fails; the log has the details'
    )
    return_tracebacks: bool = option(False, 'Is the client told the error itself? For development only')
    service_invoker_allow_internal: tuple[str, ...] = option(
        (), 'Built-in services, by name, that /zato/api/invoke may reach besides ping and echo'
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLog:
    """The audit log of messages, which objects turn on."""

    mask: tuple[str, ...] = option(
        (), 'Names, of fields and parameters, whose values are masked in it besides those of passwords, tokens and the like'
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ODB:
    """The database that has the cluster's configuration. All servers of a cluster share it."""

    engine: str = option(
        'sqlite', 'SQLite is for servers that are all on one host', choices=('sqlite', 'postgresql', 'postgresql+pg8000')
    )
    db_name: str = option('../../../zato.db', 'Name of the database; of SQLite, its file, relative to this directory')
    host: str = option('', 'Where PostgreSQL is; a directory if it is that of its Unix socket')
    port: int = option(0, 'Of PostgreSQL; 0 for 5432', minimum=0, maximum=65_535)
    username: str = option('', 'Of PostgreSQL')
    password: str = option('', 'Of PostgreSQL; zato+secret://zato.odb_password reads it from secrets.conf')


@dataclass(frozen=True, slots=True, kw_only=True)
class PubSub:
    """Publish/subscribe."""

    max_message_size: int = option(
        10_485_760, 'Most data that one message may have; REST clients are answered with 413', unit='bytes', minimum=1
    )
    alarm_lag: float = option(
        600.0,
        'How long messages may wait to be delivered before that is an alarm; 0 for any time',
        unit='seconds',
        minimum=0,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentEnabled:
    """Parts of the server that can be turned off."""

    ibm_mq: bool = option(False, 'IBM MQ connections')


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConf:
    """One server.conf. user_config: name → path, with more of them than `user` if the file says so."""

    main: Main
    crypto: Crypto
    http: HTTP
    hot_deploy: HotDeploy
    misc: Misc
    audit_log: AuditLog
    odb: ODB
    pubsub: PubSub
    component_enabled: ComponentEnabled
    user_config: dict[str, str]
    os_environ: dict[str, str]


#: Stanzas with fixed keys.
STANZAS: dict[str, type[Any]] = {
    'main': Main,
    'crypto': Crypto,
    'http': HTTP,
    'hot_deploy': HotDeploy,
    'misc': Misc,
    'audit_log': AuditLog,
    'odb': ODB,
    'pubsub': PubSub,
    'component_enabled': ComponentEnabled,
}

#: Stanzas whose keys are the user's.
OPEN_STANZAS = {
    'user_config': OpenStanza(
        help='Files that services read as self.user_config.<name>, name=path; relative to this directory.'
    ),
    'os_environ': OpenStanza(help='Environment variables that the server sets for itself, NAME=value.'),
}

#: What classic Zato 3.x reads and we do not: one warning, and start goes on. Stanza → keys, '*' for all of them.
CLASSIC = {
    stanza: frozenset(keys.split())
    for stanza, keys in {
        'main': """
            gunicorn_worker_class gunicorn_user gunicorn_group gunicorn_proc_name gunicorn_logger_class debugger_enabled
            debugger_host debugger_port ipc_host ipc_port_start work_dir deployment_lock_expires deployment_lock_timeout
            token service_sources num_threads bind_host bind_port""",
        'crypto': 'tls_version tls_protocol tls_ciphers pub_key_location',
        'http': 'methods_allowed',
        'hot_deploy': """
            backup_format delete_after_pick_up delete_after_pickup max_batch_size redeploy_on_parent_change
            current_work_dir backup_work_dir last_backup_work_dir""",
        'misc': """
            return_internal_objects internal_services_may_be_deleted initial_cluster_name initial_server_name
            queue_build_cap http_proxy locale ensure_sql_connections_exist needs_x_zato_cid jwt_secret
            enforce_service_invokes startup_callable return_json_schema_errors posix_ipc_skip_platform
            fifo_response_buffer_size ipc_tcp_start_port""",
        'odb': 'pool_size extra is_active use_async_driver',
        'component_enabled': """
            stats slow_response cassandra email hl7 search msg_path odoo zeromq patterns target_matcher invoke_matcher
            sms sso stomp""",
        'http_response': '*',
        'scheduler': '*',
        'deploy_patterns_allowed': '*',
        'invoke_patterns_allowed': '*',
        'invoke_target_patterns_allowed': '*',
        'kvdb': '*',
        'startup_services_first_worker': '*',
        'startup_services_any_worker': '*',
        'pubsub': """
            wsx_gateway_service_allowed log_if_deliv_server_not_found log_if_wsx_deliv_server_not_found data_prefix_len
            data_prefix_short_len sk_server_table_columns""",
        'pubsub_meta_topic': '*',
        'pubsub_meta_endpoint_pub': '*',
        'pubsub_meta_endpoint_sub': '*',
        'wsx': '*',
        'profiler': '*',
        'preferred_address': '*',
        'logging': '*',
        'stats': '*',
        'events': '*',
        'sentry': '*',
        'newrelic': '*',
        'rbac': '*',
        'shmem': '*',
        'content_type': '*',
        'updates': '*',
        'zeromq_mdp': '*',
        'deploy_internal': '*',
        'spring': '*',
        'command_set_scheduler': '*',
        'ibm_mq': '*',
    }.items()
}


SERVER_CONF = ConfFile(component='Server', stanzas=STANZAS, open_stanzas=OPEN_STANZAS, unused=CLASSIC)


def template(values: Values | None = None) -> str:
    """The text of a new server.conf. values: stanza → key → value, where they are not the defaults."""
    return SERVER_CONF.text('server', {'user_config': {'user': './user.conf'}, **(values or {})})
