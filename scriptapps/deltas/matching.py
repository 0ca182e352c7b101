"""Which of the last run's siblings are this run's siblings.

Runs on: any thread (pure). Invariant: the pairs keep order on both sides, so insertions and
removals are all that is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

from scriptapps.deltas.node import Node

TOO_MANY = 4_000_000
"""Comparisons beyond which only equal beginnings and ends are matched."""


def match_siblings(old: Sequence[Node], new: Sequence[Node]) -> list[int | None]:
    """For each node of ``new`` the index of the node of ``old`` that it continues, or None.

    First by widget id or content (longest common subsequence), then, between those, by kind in order. A widget never
    continues a widget of another identity: its drafts and focus are not the other's.
    """
    pairs: list[int | None] = [None] * len(new)
    old_at = new_at = 0
    for old_start, new_start, size in _common_blocks(old, new):
        _pair_by_kind(old, new, range(old_at, old_start), range(new_at, new_start), pairs)
        for offset in range(size):
            pairs[new_start + offset] = old_start + offset
        old_at, new_at = old_start + size, new_start + size
    return pairs


def _common_blocks(old: Sequence[Node], new: Sequence[Node]) -> list[tuple[int, int, int]]:
    """(start in old, start in new, length) of equal stretches, in order; the last one is empty and marks the ends."""
    old_keys = [node.key for node in old]
    new_keys = [node.key for node in new]
    head = 0
    while head < len(old) and head < len(new) and old_keys[head] == new_keys[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old_keys[-1 - tail] == new_keys[-1 - tail]:
        tail += 1
    blocks = [(0, 0, head)] if head else []
    old_middle, new_middle = old_keys[head : len(old) - tail], new_keys[head : len(new) - tail]
    if old_middle and new_middle and len(old_middle) * len(new_middle) <= TOO_MANY:
        matcher = SequenceMatcher(None, old_middle, new_middle, autojunk=False)
        blocks += [(head + a, head + b, size) for a, b, size in matcher.get_matching_blocks() if size]
    if tail:
        blocks.append((len(old) - tail, len(new) - tail, tail))
    blocks.append((len(old), len(new), 0))
    return blocks


def _pair_by_kind(
    old: Sequence[Node], new: Sequence[Node], old_gap: range, new_gap: range, pairs: list[int | None]
) -> None:
    at = old_gap.start
    for index in new_gap:
        node = new[index]
        if node.widget_id:
            continue
        for candidate in range(at, old_gap.stop):
            if old[candidate].kind == node.kind and not old[candidate].widget_id:
                pairs[index] = candidate
                at = candidate + 1
                break
