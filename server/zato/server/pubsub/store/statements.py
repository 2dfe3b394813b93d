"""What the store asks PostgreSQL, many rows by each statement: their values are arrays, one for each column.

Settling happens under leases, given by their numbers, subscriptions, owners and epochs; nothing happens to rows under one
that does not stand. The rows of leases are locked before that, so it is so until the transaction ends.
"""

from __future__ import annotations

from typing import Final

from zato.server.pubsub.lease_names import SUBSCRIPTIONS
from zato.server.pubsub.store.plan import LATE_COLUMNS, MESSAGE_COLUMNS, QUEUE_COLUMNS, SEEN_COLUMNS

DUE_AT_ONCE: Final = 500  #: rows that come back to their queue in one transaction

SUBS: Final = """
    SELECT t.subs, s.id, s.topic_id FROM ps_state t LEFT JOIN ps_sub s ON s.is_removed = 0 WHERE t.id = 1 ORDER BY s.id
"""
#: What is committed is on disk, whatever the database does for others.
DURABLE: Final = """
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') IN ('off', 'local')
"""
KNOWN: Final = """
    SELECT msg_id, topic_id, NULL, data FROM ps_msg WHERE msg_id = ANY(%(ids)s)
    UNION ALL SELECT msg_id, topic_id, digest, NULL FROM ps_seen WHERE msg_id = ANY(%(ids)s)
"""

#: A division by zero, which ends the transaction, if subscriptions have changed.
CHECK_SUBS: Final = 'SELECT 1 / (subs = %s)::int FROM ps_state WHERE id = 1'

_GIVEN: Final = MESSAGE_COLUMNS.removeprefix('seq, ')
#: Rows refer to messages by their places, from 1 on. Returns the seqs of all messages, in order.
PUBLISH: Final = f"""
    WITH given AS MATERIALIZED (
        SELECT nextval('ps_seq') AS seq, m.* FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[],
            %s::bigint[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::bytea[])
            AS m({_GIVEN})
    ), numbers AS MATERIALIZED (
        SELECT array_agg(seq) AS of FROM given
    ), messages AS (
        INSERT INTO ps_msg ({MESSAGE_COLUMNS}) SELECT {MESSAGE_COLUMNS} FROM given
    ), ready AS (
        INSERT INTO ps_queue ({QUEUE_COLUMNS}) SELECT q.sub_id, q.rank, n.of[q.at]
        FROM numbers n, unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS q(sub_id, rank, at)
    )
    SELECT of FROM numbers
"""
#: As PUBLISH, with what is delivered later, and with IDs that callers gave.
PUBLISH_ALL: Final = PUBLISH.replace(
    '    SELECT of FROM numbers',
    f"""    , late AS (
        INSERT INTO ps_retry ({LATE_COLUMNS}) SELECT r.sub_id, r.due_at, r.rank, n.of[r.at]
        FROM numbers n, unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[]) AS r(sub_id, due_at, rank, at)
    ), seen AS (
        INSERT INTO ps_seen ({SEEN_COLUMNS}) SELECT * FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::bigint[])
    )
    SELECT of FROM numbers""",
)

LOCK_LEASES: Final = 'SELECT name, owner, epoch FROM lease WHERE name = ANY(%s) ORDER BY name FOR SHARE'

_HELD: Final = f"""
    held AS MATERIALIZED (
        SELECT f.no, f.sub_id
        FROM unnest(%(fences)s::bigint[], %(sub_ids)s::bigint[], %(owners)s::text[], %(epochs)s::bigint[])
            AS f(no, sub_id, owner, epoch)
        JOIN lease l ON l.name = '{SUBSCRIPTIONS}' || f.sub_id AND l.owner = f.owner AND l.epoch = f.epoch
    )
"""
_THESE: Final = """
    held h, unnest(%(nos)s::bigint[], %(ranks)s::bigint[], %(seqs)s::bigint[]) AS k(no, rank, seq)
    WHERE h.no = k.no AND q.sub_id = h.sub_id AND q.rank = k.rank AND q.seq = k.seq
"""

#: Of messages that others still refer to, or may, the rows are locked first: what they say may have changed meanwhile.
ACK: Final = f"""
    WITH {_HELD}, gone AS (
        DELETE FROM ps_queue q USING {_THESE} RETURNING q.seq
    ), ended AS MATERIALIZED (
        SELECT seq, count(*) AS times FROM gone GROUP BY seq
    ), deleted AS (
        DELETE FROM ps_msg m USING ended e WHERE m.seq = e.seq AND m.refs <= e.times AND m.keep_until = 0 RETURNING m.seq
    ), shared AS MATERIALIZED (
        SELECT m.seq, m.refs - e.times AS refs, m.keep_until FROM ended e JOIN ps_msg m ON m.seq = e.seq
        WHERE e.seq NOT IN (SELECT seq FROM deleted) ORDER BY m.seq FOR UPDATE OF m
    ), last AS (
        DELETE FROM ps_msg m USING shared s WHERE m.seq = s.seq AND s.refs <= 0 AND s.keep_until = 0
    )
    UPDATE ps_msg m SET refs = s.refs FROM shared s WHERE m.seq = s.seq AND (s.refs > 0 OR s.keep_until > 0)
"""
RETRY: Final = (
    f'WITH {_HELD} UPDATE ps_queue q SET attempts = %(attempts)s, not_before = %(at)s, error = %(text)s, '
    f'crashes = greatest(q.crashes - 1, 0) FROM {_THESE}'
)
RETRY_ASIDE: Final = f"""
    WITH {_HELD}, gone AS (DELETE FROM ps_queue q USING {_THESE} RETURNING q.sub_id, q.rank, q.seq, q.crashes)
    INSERT INTO ps_retry (sub_id, due_at, rank, seq, attempts, crashes, error)
    SELECT sub_id, %(at)s, rank, seq, %(attempts)s, greatest(crashes - 1, 0), %(text)s FROM gone
"""
#: One that died before, and was delivered again by a replay, is a dead letter once.
BURY: Final = f"""
    WITH {_HELD}, gone AS (
        DELETE FROM ps_queue q USING {_THESE} RETURNING q.sub_id, q.rank, q.seq
    ), again AS (
        UPDATE ps_msg m SET refs = m.refs - 1 FROM gone g, ps_dead d
        WHERE d.sub_id = g.sub_id AND d.seq = g.seq AND m.seq = g.seq
    )
    INSERT INTO ps_dead (sub_id, seq, rank, topic_id, sub_key, attempts, reason, error, died_at)
    SELECT g.sub_id, g.seq, g.rank, m.topic_id, coalesce(s.sub_key, ''), %(attempts)s, %(reason)s, %(text)s, %(at)s
    FROM gone g JOIN ps_msg m ON m.seq = g.seq LEFT JOIN ps_sub s ON s.id = g.sub_id
    ON CONFLICT (sub_id, seq) DO UPDATE SET attempts = excluded.attempts, reason = excluded.reason, error = excluded.error,
        died_at = excluded.died_at
"""
SUSPECT: Final = f'WITH {_HELD} UPDATE ps_queue q SET crashes = %(crashes)s FROM {_THESE}'

BRING_BACK: Final = f"""
    WITH due AS (
        SELECT sub_id, due_at, seq FROM ps_retry WHERE sub_id = %s AND due_at <= %s ORDER BY due_at, seq LIMIT {DUE_AT_ONCE}
    ), gone AS (
        DELETE FROM ps_retry r USING due d WHERE r.sub_id = d.sub_id AND r.due_at = d.due_at AND r.seq = d.seq
        RETURNING r.sub_id, r.rank, r.seq, r.attempts, r.crashes, r.error
    )
    INSERT INTO ps_queue (sub_id, rank, seq, attempts, crashes, error)
    SELECT sub_id, rank, seq, attempts, crashes, error FROM gone
"""
#: `low`: by rank, the seq to begin with. One row at least, whose rank is NULL if there is no message.
FETCH: Final = """
    SELECT n.due, f.* FROM (SELECT min(due_at) AS due FROM ps_retry WHERE sub_id = %(sub_id)s) n LEFT JOIN LATERAL (
        SELECT * FROM (
            SELECT q.rank, q.seq, q.attempts, q.crashes, q.not_before, m.msg_id, m.topic_id, m.priority, m.pub_time,
                m.expires_at, m.mime, m.form, m.size, m.endpoint_id, m.keep_until, m.meta, m.data,
                sum(m.size) OVER (ORDER BY q.rank, q.seq) - m.size AS before
            FROM (
                SELECT one.* FROM unnest(%(every)s::bigint[], %(low)s::bigint[]) AS low(rank, seq) CROSS JOIN LATERAL (
                    SELECT q.* FROM ps_queue q WHERE q.sub_id = %(sub_id)s AND q.rank = low.rank AND q.seq >= low.seq
                    ORDER BY q.seq LIMIT %(limit)s
                ) one LIMIT %(limit)s
            ) q JOIN ps_msg m ON m.seq = q.seq
        ) counted WHERE before < %(size)s
    ) f ON true
"""
