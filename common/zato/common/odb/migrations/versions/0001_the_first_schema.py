"""The first schema"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0001'
down_revision = None

_ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    op.create_table(
        'audit',
        sa.Column('event', _ID, autoincrement=False, nullable=False),
        sa.Column('at', sa.Double(), nullable=False),
        sa.Column('who', sa.Text(), nullable=False),
        sa.Column('role', sa.Text(), nullable=False),
        sa.Column('action', sa.Text(), nullable=False),
        sa.Column('kind', sa.Text(), nullable=False),
        sa.Column('object_id', _ID, nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('before', sa.Text(), nullable=False),
        sa.Column('after', sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint('event', name=op.f('pk_audit')),
    )
    with op.batch_alter_table('audit', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_audit_at'), ['at'], unique=False)
        batch_op.create_index(batch_op.f('ix_audit_object_id'), ['object_id'], unique=False)

    op.create_table(
        'cluster',
        sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('well_known', sa.Text(), nullable=False),
        sa.Column('pubapi_password', sa.Text(), nullable=False),
        sa.Column('admin_invoke_password', sa.Text(), nullable=False),
        sa.Column('created', sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_cluster')),
    )
    op.create_table(
        'config_counter',
        sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
        sa.Column('event', _ID, nullable=False),
        sa.Column('object', _ID, nullable=False),
        sa.Column('pruned', _ID, nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_config_counter')),
    )
    op.create_table(
        'config_event',
        sa.Column('id', _ID, autoincrement=False, nullable=False),
        sa.Column('at', sa.Double(), nullable=False),
        sa.Column('kind', sa.Text(), nullable=False),
        sa.Column('object_id', _ID, nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_config_event')),
    )
    with op.batch_alter_table('config_event', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_config_event_at'), ['at'], unique=False)

    op.create_table(
        'config_object',
        sa.Column('id', _ID, autoincrement=False, nullable=False),
        sa.Column('kind', sa.Text(), nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('is_active', sa.Boolean(), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.Column('settings', sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_config_object')),
        sa.UniqueConstraint('kind', 'name', name=op.f('uq_config_object_kind')),
    )
    op.create_table(
        'lease',
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('owner', sa.Text(), nullable=False),
        sa.Column('epoch', _ID, nullable=False),
        sa.Column('expires', sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint('name', name=op.f('pk_lease')),
    )
    op.create_table(
        'module',
        sa.Column('id', _ID, autoincrement=False, nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('number', sa.Integer(), nullable=False),
        sa.Column('revision', _ID, nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_module')),
        sa.UniqueConstraint('name', name=op.f('uq_module_name')),
    )
    op.create_table(
        'module_source',
        sa.Column('sha256', sa.Text(), nullable=False),
        sa.Column('source', sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint('sha256', name=op.f('pk_module_source')),
    )
    op.create_table(
        'pickup_seen',
        sa.Column('server', sa.Text(), nullable=False),
        sa.Column('path', sa.Text(), nullable=False),
        sa.Column('sha256', sa.Text(), nullable=False),
        sa.Column('attempt', sa.Integer(), nullable=False),
        sa.Column('error', sa.Text(), nullable=False),
        sa.Column('warnings', sa.Text(), nullable=False),
        sa.Column('missing', sa.Text(), nullable=False),
        sa.Column('is_late', sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint('server', 'path', name=op.f('pk_pickup_seen')),
    )
    op.create_table(
        'server',
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('created', sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint('name', name=op.f('pk_server')),
    )
    op.create_table(
        'worker',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('server', sa.Text(), nullable=False),
        sa.Column('pid', sa.Integer(), nullable=False),
        sa.Column('host', sa.Text(), nullable=False),
        sa.Column('socket', sa.Text(), nullable=False),
        sa.Column('lock', sa.Text(), nullable=False),
        sa.Column('heartbeat', sa.Double(), nullable=False),
        sa.Column('applied_event', _ID, nullable=False),
        sa.Column('loaded_event', _ID, nullable=False),
        sa.Column('failed', sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_worker')),
    )
    op.create_table(
        'config_key',
        sa.Column('kind', sa.Text(), nullable=False),
        sa.Column('fields', sa.Text(), nullable=False),
        sa.Column('digest', sa.Text(), nullable=False),
        sa.Column('object_id', _ID, nullable=False),
        sa.ForeignKeyConstraint(
            ['object_id'], ['config_object.id'], name=op.f('fk_config_key_object_id'), ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('kind', 'fields', 'digest', name=op.f('pk_config_key')),
    )
    with op.batch_alter_table('config_key', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_config_key_object_id'), ['object_id'], unique=False)

    op.create_table(
        'config_reference',
        sa.Column('object_id', _ID, autoincrement=False, nullable=False),
        sa.Column('field', sa.Text(), nullable=False),
        sa.Column('target_id', _ID, nullable=False),
        sa.ForeignKeyConstraint(
            ['object_id'], ['config_object.id'], name=op.f('fk_config_reference_object_id'), ondelete='CASCADE'
        ),
        sa.ForeignKeyConstraint(['target_id'], ['config_object.id'], name=op.f('fk_config_reference_target_id')),
        sa.PrimaryKeyConstraint('object_id', 'field', name=op.f('pk_config_reference')),
    )
    with op.batch_alter_table('config_reference', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_config_reference_target_id'), ['target_id'], unique=False)

    op.create_table(
        'module_version',
        sa.Column('module_id', _ID, autoincrement=False, nullable=False),
        sa.Column('number', sa.Integer(), autoincrement=False, nullable=False),
        sa.Column('sha256', sa.Text(), nullable=False),
        sa.Column('path', sa.Text(), nullable=False),
        sa.Column('server', sa.Text(), nullable=False),
        sa.Column('who', sa.Text(), nullable=False),
        sa.Column('deployed', sa.Double(), nullable=False),
        sa.Column('services', sa.Text(), nullable=False),
        sa.Column('imports', sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(['module_id'], ['module.id'], name=op.f('fk_module_version_module_id'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['sha256'], ['module_source.sha256'], name=op.f('fk_module_version_sha256')),
        sa.PrimaryKeyConstraint('module_id', 'number', name=op.f('pk_module_version')),
    )
    with op.batch_alter_table('module_version', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_module_version_sha256'), ['sha256'], unique=False)
    op.execute('INSERT INTO config_counter (id, event, object, pruned) VALUES (1, 0, 0, 0)')
