"""What other code of the site may listen to, and how the rooms of scriptapps tell each other without importing.

Runs on: whatever thread sends; receivers must be quick and must not block.
Invariant: a signal about rows is sent after the transaction that wrote them has committed.
"""

from __future__ import annotations

from django.dispatch import Signal

#: Someone asked live sessions to act. sender: ScriptSession.
#: kwargs: kind ("rerun" | "stop" | "close"), ids (list of session UUIDs whose counter was raised).
steering_requested = Signal()

#: Someone asked server processes to drain. sender: ServerProcess. kwargs: names (list of str).
drain_requested = Signal()

#: A script session came to life in this process. sender: ScriptSession.
#: kwargs: session_id (str), slug (str), user_id (primary key or None).
session_opened = Signal()

#: A script session ended in this process. sender: ScriptSession.
#: kwargs: session_id (str), slug (str), user_id (primary key or None), reason (str).
session_closed = Signal()

#: A run began. sender: ScriptSession. kwargs: session_id (str), slug (str), user_id, run_id (str).
run_started = Signal()

#: A run ended. sender: ScriptSession.
#: kwargs: session_id (str), slug (str), user_id, run_id (str), outcome (str), duration_ms (float), error (str).
run_finished = Signal()

#: What a person may do has changed or may have: sessions that match ANY of the given keys are looked at again.
#: sender: the class that caused it, or None.
#: kwargs: reason (str, for the log), user_ids (list of primary keys), bindings (list of binding hashes),
#: slugs (list of script app slugs), everyone (bool: re-check all sessions),
#: revoked (bool: True = these identities are gone, close without asking again; False = ask the policy again).
access_changed = Signal()

#: The node of this process was made, or is about to end. sender: ServerNode. kwargs: node.
node_started = Signal()
node_stopped = Signal()
