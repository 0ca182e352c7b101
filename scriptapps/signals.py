"""What other code of the site may listen to, and how the rooms of scriptapps tell each other without importing.

Runs on: whatever thread sends; receivers must be quick and must not block.
Invariant: a signal about rows is sent after the transaction that wrote them has committed.
"""

from __future__ import annotations

from django.dispatch import Signal

#: Someone asked live sessions to act. sender: ScriptSession.
#: kwargs: kind ("rerun" | "stop" | "close" | "notify"), ids (list of UUIDs of sessions that have a new request).
steering_requested = Signal()

#: Someone asked server processes to drain. sender: ServerProcess. kwargs: names (list of str).
drain_requested = Signal()

#: A script session came to life in this process. sender: ScriptSession.
#: kwargs: session_id (str), slug (str), user_id (primary key or None).
session_opened = Signal()

#: A script session ended in this process. sender: ScriptSession.
#: kwargs: session_id (str), slug (str), user_id (primary key or None), reason (str).
session_closed = Signal()

#: A run began. sender: ScriptSession.
#: kwargs: session_id (str), slug (str), user_id, run_id (str), reason (str: why it runs), detail (str: what exactly).
#: Like the next two, it is sent from a thread of its own, soon after: a receiver holds no run, and may query.
run_started = Signal()

#: A run ended. sender: ScriptSession.
#: kwargs: session_id (str), slug (str), user_id, run_id (str), duration_ms (float), error (str),
#: outcome (str: "completed", "failed", "stopped", "superseded", "deadline", "abandoned", "not_compiled", "refused").
run_finished = Signal()

#: A run raised an exception; `run_finished` was sent before. sender: ScriptSession.
#: kwargs: session_id (str), slug (str), user_id, run_id (str), duration_ms (float), error (str), reference (str: the
#: one that the page and the log have).
run_failed = Signal()

#: What a person may do has changed or may have: sessions that match ANY of the given keys are looked at again.
#: sender: the class that caused it, or None.
#: kwargs: reason (str, for the log), user_ids (list of primary keys), bindings (list of binding hashes),
#: slugs (list of script app slugs), everyone (bool: re-check all sessions),
#: revoked (bool: True = these identities are gone, close without asking again; False = ask the policy again).
access_changed = Signal()

#: Tables were written in this process, and the transaction has been committed. sender: None.
#: kwargs: tables (frozenset of names), writer (table_watch.Writer: which script session wrote, if one did).
tables_changed = Signal()

#: The node of this process was made, or is about to end. sender: ServerNode. kwargs: node.
node_started = Signal()
node_stopped = Signal()
