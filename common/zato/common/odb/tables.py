"""The ODB's tables. Migrations create them; a test compares the two. Times: seconds since 1970, by the database's clock."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        'pk': 'pk_%(table_name)s',
        'uq': 'uq_%(table_name)s_%(column_0_name)s',
        'ix': 'ix_%(table_name)s_%(column_0_name)s',
        'fk': 'fk_%(table_name)s_%(column_0_name)s',
    }
)
_ID = BigInteger().with_variant(Integer, 'sqlite')

#: One row. Passwords are those of the built-in users that all servers share, encrypted; well_known proves the key.
cluster = Table(
    'cluster',
    metadata,
    Column('id', Integer, primary_key=True, autoincrement=False),
    Column('name', Text, nullable=False),
    Column('well_known', Text, nullable=False),
    Column('pubapi_password', Text, nullable=False),
    Column('admin_invoke_password', Text, nullable=False),
    Column('created', Double, nullable=False),
)

server = Table(
    'server',
    metadata,
    Column('name', Text, primary_key=True),
    Column('created', Double, nullable=False),
)

#: One row, updated first in each transaction that changes configuration: it orders them, and so the order of events is
#: the order of commits. event, object: the last IDs given. pruned: the last event that is no longer in the log.
config_counter = Table(
    'config_counter',
    metadata,
    Column('id', Integer, primary_key=True, autoincrement=False),
    Column('event', _ID, nullable=False),
    Column('object', _ID, nullable=False),
    Column('pruned', _ID, nullable=False),
)

#: settings: JSON, checked by the declaration of the kind.
config_object = Table(
    'config_object',
    metadata,
    Column('id', _ID, primary_key=True, autoincrement=False),
    Column('kind', Text, nullable=False),
    Column('name', Text, nullable=False),
    Column('is_active', Boolean, nullable=False),
    Column('version', Integer, nullable=False),
    Column('settings', Text, nullable=False),
    UniqueConstraint('kind', 'name'),
)

#: What no two objects of a kind agree in. fields: names with commas; digest: SHA-256 of the values.
config_key = Table(
    'config_key',
    metadata,
    Column('kind', Text, primary_key=True),
    Column('fields', Text, primary_key=True),
    Column('digest', Text, primary_key=True),
    Column('object_id', _ID, ForeignKey('config_object.id', ondelete='CASCADE'), nullable=False, index=True),
)

#: field: of a list of references with the position in it, `members.0`. target_id: what is referred to cannot be deleted.
config_reference = Table(
    'config_reference',
    metadata,
    Column('object_id', _ID, ForeignKey('config_object.id', ondelete='CASCADE'), primary_key=True, autoincrement=False),
    Column('field', Text, primary_key=True),
    Column('target_id', _ID, ForeignKey('config_object.id'), nullable=False, index=True),
)

#: kind and object_id name what changed; what it changed to is read from its own table.
config_event = Table(
    'config_event',
    metadata,
    Column('id', _ID, primary_key=True, autoincrement=False),
    Column('at', Double, nullable=False, index=True),
    Column('kind', Text, nullable=False),
    Column('object_id', _ID, nullable=False),
)

#: Who changed what. before, after: JSON with secrets masked, '' for nothing. event: that the change was told by.
audit = Table(
    'audit',
    metadata,
    Column('event', _ID, primary_key=True, autoincrement=False),
    Column('at', Double, nullable=False, index=True),
    Column('who', Text, nullable=False),
    Column('role', Text, nullable=False),
    Column('action', Text, nullable=False),
    Column('kind', Text, nullable=False),
    Column('object_id', _ID, nullable=False, index=True),
    Column('name', Text, nullable=False),
    Column('before', Text, nullable=False),
    Column('after', Text, nullable=False),
)

#: socket and lock are paths on its host. loaded_event: as applied_event, with events of modules. failed: JSON, what could
#: not be applied: event and reason by object.
worker = Table(
    'worker',
    metadata,
    Column('id', Text, primary_key=True),
    Column('server', Text, nullable=False),
    Column('pid', Integer, nullable=False),
    Column('host', Text, nullable=False),
    Column('socket', Text, nullable=False),
    Column('lock', Text, nullable=False),
    Column('heartbeat', Double, nullable=False),
    Column('applied_event', _ID, nullable=False),
    Column('loaded_event', _ID, nullable=False),
    Column('failed', Text, nullable=False),
)

lease = Table(
    'lease',
    metadata,
    Column('name', Text, primary_key=True),
    Column('owner', Text, nullable=False),
    Column('epoch', _ID, nullable=False),
    Column('expires', Double, nullable=False),
)

#: A module that was deployed at some time. number: its active version, 0 if it is undeployed. revision: the event by which
#: it was last to be loaded anew, for itself or for what it imports.
module = Table(
    'module',
    metadata,
    Column('id', _ID, primary_key=True, autoincrement=False),
    Column('name', Text, nullable=False, unique=True),
    Column('number', Integer, nullable=False),
    Column('revision', _ID, nullable=False),
)

#: services, imports: JSON. path: the file on that server that it was deployed from.
module_version = Table(
    'module_version',
    metadata,
    Column('module_id', _ID, ForeignKey('module.id', ondelete='CASCADE'), primary_key=True, autoincrement=False),
    Column('number', Integer, primary_key=True, autoincrement=False),
    Column('sha256', Text, ForeignKey('module_source.sha256'), nullable=False),
    Column('path', Text, nullable=False),
    Column('server', Text, nullable=False),
    Column('who', Text, nullable=False),
    Column('deployed', Double, nullable=False),
    Column('services', Text, nullable=False),
    Column('imports', Text, nullable=False),
    Index(None, 'sha256'),
)

module_source = Table(
    'module_source',
    metadata,
    Column('sha256', Text, primary_key=True),
    Column('source', LargeBinary, nullable=False),
)

#: The last content that a server found at a path of its own, and what came of it. warnings: JSON.
pickup_seen = Table(
    'pickup_seen',
    metadata,
    Column('server', Text, primary_key=True),
    Column('path', Text, primary_key=True),
    Column('sha256', Text, nullable=False),
    Column('attempt', Integer, nullable=False),
    Column('error', Text, nullable=False),
    Column('warnings', Text, nullable=False),
    Column('missing', Text, nullable=False),
    Column('is_late', Boolean, nullable=False),
)

#: Tokens that JWT definitions have given. id: SHA-256 of the token's own ID. expires: unless it is used before.
security_token = Table(
    'security_token',
    metadata,
    Column('id', Text, primary_key=True),
    Column('object_id', _ID, ForeignKey('config_object.id', ondelete='CASCADE'), nullable=False, index=True),
    Column('expires', Double, nullable=False, index=True),
)

#: How many requests there have been in a window of time, by exact rate limits. source: of the rule that counts them.
rate_limit = Table(
    'rate_limit',
    metadata,
    Column('object_id', _ID, primary_key=True, autoincrement=False),
    Column('source', Text, primary_key=True),
    Column('seconds', Integer, primary_key=True, autoincrement=False),
    Column('window', _ID, primary_key=True, autoincrement=False),
    Column('requests', _ID, nullable=False),
    Index(None, 'window'),
)

#: Messages that objects received and sent. at: by the clock of the host, if it is right by a second. direction: received or
#: sent. status: HTTP's, 0 where there is none. size: of all of it, in bytes. encoding: how data is to be read, text, base64
#: or streamed, which is not kept, with gzip before it if it came so. data: with secrets masked. IDs are not given again, so
#: that a client can go on from one that is gone.
audit_message = Table(
    'audit_message',
    metadata,
    Column('id', _ID, primary_key=True, autoincrement=True),
    Column('at', Double, nullable=False, index=True),
    Column('server', Text, nullable=False),
    Column('kind', Text, nullable=False),
    Column('object_id', _ID, nullable=False),
    Column('name', Text, nullable=False),
    Column('direction', Text, nullable=False),
    Column('cid', Text, nullable=False, index=True),
    Column('msg_id', Text, nullable=False),
    Column('in_reply_to', Text, nullable=False),
    Column('remote', Text, nullable=False),
    Column('what', Text, nullable=False),
    Column('status', Integer, nullable=False),
    Column('size', _ID, nullable=False),
    Column('encoding', Text, nullable=False),
    Column('is_cut', Boolean, nullable=False),
    Column('data', Text, nullable=False),
    Index(None, 'object_id', 'direction', 'at'),
    sqlite_autoincrement=True,
)
