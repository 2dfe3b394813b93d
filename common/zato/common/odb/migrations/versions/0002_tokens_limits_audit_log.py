"""Tokens of JWT definitions, exact rate limits, the audit log of messages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    op.create_table(
        'security_token',
        sa.Column('id', sa.Text(), nullable=False),
        sa.Column('object_id', _ID, nullable=False),
        sa.Column('expires', sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ['object_id'], ['config_object.id'], name=op.f('fk_security_token_object_id'), ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_security_token')),
    )
    op.create_index(op.f('ix_security_token_object_id'), 'security_token', ['object_id'])
    op.create_index(op.f('ix_security_token_expires'), 'security_token', ['expires'])

    op.create_table(
        'rate_limit',
        sa.Column('object_id', _ID, autoincrement=False, nullable=False),
        sa.Column('source', sa.Text(), nullable=False),
        sa.Column('seconds', sa.Integer(), autoincrement=False, nullable=False),
        sa.Column('window', _ID, autoincrement=False, nullable=False),
        sa.Column('requests', _ID, nullable=False),
        sa.PrimaryKeyConstraint('object_id', 'source', 'seconds', 'window', name=op.f('pk_rate_limit')),
    )
    op.create_index(op.f('ix_rate_limit_window'), 'rate_limit', ['window'])

    op.create_table(
        'audit_message',
        sa.Column('id', _ID, autoincrement=True, nullable=False),
        sa.Column('at', sa.Double(), nullable=False),
        sa.Column('server', sa.Text(), nullable=False),
        sa.Column('kind', sa.Text(), nullable=False),
        sa.Column('object_id', _ID, nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('direction', sa.Text(), nullable=False),
        sa.Column('cid', sa.Text(), nullable=False),
        sa.Column('msg_id', sa.Text(), nullable=False),
        sa.Column('in_reply_to', sa.Text(), nullable=False),
        sa.Column('remote', sa.Text(), nullable=False),
        sa.Column('what', sa.Text(), nullable=False),
        sa.Column('status', sa.Integer(), nullable=False),
        sa.Column('size', _ID, nullable=False),
        sa.Column('encoding', sa.Text(), nullable=False),
        sa.Column('is_cut', sa.Boolean(), nullable=False),
        sa.Column('data', sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_message')),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f('ix_audit_message_at'), 'audit_message', ['at'])
    op.create_index(op.f('ix_audit_message_cid'), 'audit_message', ['cid'])
    op.create_index(op.f('ix_audit_message_object_id'), 'audit_message', ['object_id', 'direction', 'at'])
