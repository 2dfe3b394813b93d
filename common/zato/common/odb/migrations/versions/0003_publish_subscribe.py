"""Messages of publish/subscribe. Where the ODB is SQLite they are in a file of their own (zato.common.pubsub.schema)."""

from __future__ import annotations

from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None

#: Rows come and go here: space is taken back often, in small portions, before reading the first rows takes longer.
_BUSY = 'autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0'
_QUEUE = f'fillfactor = 70, {_BUSY}'
_MESSAGES = (
    'autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0, '
    'toast.autovacuum_vacuum_scale_factor = 0.01, toast.autovacuum_vacuum_cost_delay = 0'
)

_STATEMENTS = (
    'CREATE SEQUENCE ps_seq AS bigint CACHE 1',
    """CREATE TABLE ps_state (id integer NOT NULL, subs bigint NOT NULL,
    CONSTRAINT pk_ps_state PRIMARY KEY (id))""",
    'INSERT INTO ps_state (id, subs) VALUES (1, 1)',
    """CREATE TABLE ps_sub (id bigint NOT NULL, topic_id bigint NOT NULL, sub_key text NOT NULL,
    is_removed smallint NOT NULL DEFAULT 0,
    CONSTRAINT pk_ps_sub PRIMARY KEY (id), CONSTRAINT uq_ps_sub_sub_key UNIQUE (sub_key))""",
    f"""CREATE TABLE ps_msg (seq bigint NOT NULL, msg_id text NOT NULL, topic_id bigint NOT NULL,
    priority smallint NOT NULL, pub_time bigint NOT NULL, expires_at bigint NOT NULL, mime text NOT NULL,
    form text NOT NULL, size bigint NOT NULL, endpoint_id bigint NOT NULL, keep_until bigint NOT NULL,
    refs integer NOT NULL, meta text, data bytea NOT NULL,
    CONSTRAINT pk_ps_msg PRIMARY KEY (seq), CONSTRAINT uq_ps_msg_msg_id UNIQUE (msg_id)) WITH ({_MESSAGES})""",
    # Not compressed: parts of it can be read without the rest, and compressing takes longer than writing.
    'ALTER TABLE ps_msg ALTER COLUMN data SET STORAGE EXTERNAL',
    'CREATE INDEX ix_ps_msg_kept ON ps_msg (topic_id, seq) WHERE keep_until > 0',
    'CREATE INDEX ix_ps_msg_keep_until ON ps_msg (keep_until) WHERE keep_until > 0',
    f"""CREATE TABLE ps_queue (sub_id bigint NOT NULL, rank smallint NOT NULL, seq bigint NOT NULL,
    attempts integer NOT NULL DEFAULT 0, crashes integer NOT NULL DEFAULT 0, not_before bigint NOT NULL DEFAULT 0,
    error text, CONSTRAINT pk_ps_queue PRIMARY KEY (sub_id, rank, seq)) WITH ({_QUEUE})""",
    f"""CREATE TABLE ps_retry (sub_id bigint NOT NULL, due_at bigint NOT NULL, rank smallint NOT NULL,
    seq bigint NOT NULL, attempts integer NOT NULL DEFAULT 0, crashes integer NOT NULL DEFAULT 0, error text,
    CONSTRAINT pk_ps_retry PRIMARY KEY (sub_id, due_at, seq)) WITH ({_QUEUE})""",
    f"""CREATE TABLE ps_pulled (sub_id bigint NOT NULL, seq bigint NOT NULL, rank smallint NOT NULL,
    attempts integer NOT NULL, lease_id text NOT NULL, until bigint NOT NULL,
    CONSTRAINT pk_ps_pulled PRIMARY KEY (sub_id, seq)) WITH ({_QUEUE})""",
    'CREATE INDEX ix_ps_pulled_until ON ps_pulled (sub_id, until)',
    """CREATE TABLE ps_dead (sub_id bigint NOT NULL, seq bigint NOT NULL, rank smallint NOT NULL,
    topic_id bigint NOT NULL, sub_key text NOT NULL, attempts integer NOT NULL, reason text NOT NULL,
    error text, died_at bigint NOT NULL, CONSTRAINT pk_ps_dead PRIMARY KEY (sub_id, seq))""",
    """CREATE TABLE ps_seen (msg_id text NOT NULL, topic_id bigint NOT NULL, digest bigint NOT NULL,
    at bigint NOT NULL, CONSTRAINT pk_ps_seen PRIMARY KEY (msg_id))""",
    'CREATE INDEX ix_ps_seen_at ON ps_seen (at)',
    f"""CREATE TABLE ps_stat (topic_id bigint NOT NULL, worker_id text NOT NULL, published bigint NOT NULL,
    last_time bigint NOT NULL, last_msg_id text NOT NULL, last_endpoint_id bigint NOT NULL,
    CONSTRAINT pk_ps_stat PRIMARY KEY (topic_id, worker_id)) WITH ({_QUEUE})""",
)


def upgrade() -> None:
    if op.get_bind().dialect.name == 'postgresql':
        for statement in _STATEMENTS:
            op.execute(statement)
