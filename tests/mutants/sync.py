"""Mistakes of continuous sync that the simulated histories must notice: each breaks one rule of exactness.

They are found by an oracle that knows nothing of the engine (`tests/worlds/test_simulation_sync.py`), among crashes,
lost answers, late commits, workers that were overtaken, and people who type all the while.
"""

from __future__ import annotations

from tests.mutants.named import Named

HISTORIES = ("tests/worlds/test_simulation_sync.py",)


def _mistake(promise: str, path: str, old: str, new: str) -> Named:
    return Named(f"in sync, {promise}", path, old, new, HISTORIES)


MERGE = [
    _mistake(
        "an edit at one member only is carried to the others",
        "merge/judge.py",
        "found.take(rows & (count == 1), changed.argmax(axis=0), Reason.ONLY_CHANGE)",
        "found.take(rows & (count == 1) & False, changed.argmax(axis=0), Reason.ONLY_CHANGE)",
    ),
    _mistake(
        "edits of one field at two members are left to its rule",
        "merge/judge.py",
        "    found.contest(several & ~same, rivals)\n",
        "    found.take(several & ~same, changed.argmax(axis=0), Reason.SAME_CHANGE)\n",
    ),
    _mistake(
        "the preferred member wins over the others",
        "merge/judge.py",
        "preferred = first_of(rule.prefer, rivals, only=rule.prefer)",
        "preferred = first_of(rule.prefer[::-1], rivals, only=rule.prefer[::-1])",
    ),
    _mistake(
        "the owner's value wins over edits elsewhere",
        "merge/judge.py",
        "    found.winner[owned] = rule.owner\n",
        "    found.winner[owned & ~overrules] = rule.owner\n",
    ),
    _mistake(
        "where an edit elsewhere is to be kept, it is kept",
        "merge/judge.py",
        "    if rule.divergence_allowed:\n",
        "    if rule.divergence_allowed and False:\n",
    ),
    _mistake(
        "who is owed a value gets it, though nobody edits any more",
        "merge/judge.py",
        "    if owed.any():\n",
        "    if owed.any() and False:\n",
    ),
    _mistake(
        "what was agreed on last is what the others are owed",
        "merge/judge.py",
        "latest = np.where(evidence.active, evidence.agreement, 0).max(axis=0)\n    return first_of(",
        "latest = np.where(evidence.active, evidence.agreement, 2**31).min(axis=0)\n    return first_of(",
    ),
    _mistake(
        "values that meet for the first time are left to the rule",
        "merge/judge.py",
        "    found.contest(differ, evidence.active)\n",
        "    found.take(differ, first_of((), evidence.active), Reason.FIRST)\n",
    ),
    _mistake(
        "at the first meeting the declared order decides",
        "merge/judge.py",
        "decided = first_of(rule.order, evidence.active, only=rule.order)",
        "decided = first_of(rule.order[::-1], evidence.active, only=rule.order[::-1])",
    ),
    _mistake(
        "min takes the least and max the greatest",
        "merge/judge.py",
        "(min if policy.rule is Rule.MIN else max)",
        "(max if policy.rule is Rule.MIN else min)",
    ),
]

DELETES = [
    _mistake(
        "an edit beats a delete",
        "merge/deletes.py",
        "return Fate.CREATE_AGAIN if kept else Fate.DELETE",
        "return Fate.DELETE",
    ),
    _mistake(
        "a delete that nothing beats is carried on",
        "merge/deletes.py",
        "return Fate.CREATE_AGAIN if kept else Fate.DELETE",
        "return Fate.CREATE_AGAIN",
    ),
    _mistake(
        "a delete about which a person is to be asked is not carried on",
        "merge/deletes.py",
        "        return Fate.ASK\n",
        "        return Fate.DELETE\n",
    ),
    _mistake(
        "a row that is to be restored comes back",
        "merge/deletes.py",
        "return Fate.CREATE_AGAIN if DeleteRule.RESTORE in rules else Fate.LEAVE",
        "return Fate.LEAVE",
    ),
    _mistake(
        "only who may set a field beats a delete with it",
        "engine/fate.py",
        "edited = (changed & may_set & decision",
        "edited = (changed & decision",
    ),
    _mistake(
        "the delete of a row that somebody edited since is not carried out",
        "engine/write.py",
        "_batch(own.select(member.key)), _batch(own), None",
        "_batch(own.select(member.key)), None, None",
    ),
    _mistake(
        "a delete at one of three members says nothing of the third",
        "engine/deliver.py",
        "last = places[~shared.any(axis=0)]",
        "last = places",
    ),
]

BASE = [
    _mistake(
        "the member whose value went in took part in the agreement",
        "engine/record.py",
        "took_part = is_agreed & decision.active[other, places]",
        "took_part = is_agreed & decision.active[other, places] & (source != other)",
    ),
    _mistake(
        "the base claims nothing for members that are still to be written",
        "engine/record.py",
        "(decision.marks[places, at, other], following - waits))",
        "(decision.marks[places, at, other], following))",
    ),
    _mistake(
        "the base is what the row holds, not what was sent",
        "engine/record.py",
        "for given in (held, sent, keys):",
        "for given in (sent, keys):",
    ),
    _mistake(
        "an edit that all made alike is agreed on",
        "engine/record.py",
        '        cells["mark"][moved] = today[moved]\n',
        "",
    ),
    _mistake(
        "a contested field is not taken for agreed",
        "engine/record.py",
        'if contest.field in (name, ""):',
        'if contest.field == "":',
    ),
    _mistake(
        "held rows are not taken for agreed",
        "engine/record.py",
        "free = ~decision.held & ~decision.filtered & ~decision.left_out",
        "free = ~decision.filtered & ~decision.left_out",
    ),
    _mistake(
        "rows that were missed are not taken for written",
        "engine/deliver.py",
        "for reject in receipt.rejects} | set(receipt.missed)",
        "for reject in receipt.rejects}",
    ),
    _mistake(
        "rows that were refused are not taken for written",
        "engine/deliver.py",
        "{reject.position for reject in receipt.rejects} | set(receipt.missed)",
        "set(receipt.missed)",
    ),
    _mistake(
        "what somebody typed is in the journal before it is overwritten",
        "engine/deliver.py",
        "            journal(store, self.desk.run, self.decision, work=self.work, chunk=self.chunk, carried=carried)\n",
        "            assert carried\n",
    ),
]

LEDGER = [
    _mistake(
        "what the target committed before a crash enters the state",
        "engine/partition.py",
        "recovered = sum(self._recover(entry) for entry in entries)",
        "recovered = 0",
    ),
    _mistake(
        "an entry that the state knows is not taken in again",
        "engine/partition.py",
        "if entry.chunk <= self._chunk or claim.installation",
        "if claim.installation",
    ),
    _mistake(
        "rows and ledger are written together",
        "engine/partition.py",
        "            transaction.record([LedgerEntry(self.name, chunk, run, content)])\n",
        "            assert content\n",
    ),
    _mistake(
        "keys are linked when the state hears of a write",
        "engine/ledger.py",
        "    store.crossref.link(claim.mapping, member, list(links), list(links.values()))\n",
        "",
    ),
    _mistake(
        "what was agreed on is kept when the state hears of a write",
        "engine/ledger.py",
        "        store.base.save(claim.mapping, layout, *map(list, zip(*based, strict=True)))\n",
        "",
    ),
]

FENCE = [
    _mistake(
        "every write stands behind the fence",
        "engine/partition.py",
        "            transaction.fence(self.name, self._epoch)\n            failpoint(Point.FENCE_AFTER)\n"
        "            receipt = transaction.apply",
        "            failpoint(Point.FENCE_AFTER)\n            receipt = transaction.apply",
    ),
    _mistake(
        "a try whose end is unknown is ended before the ledger is read",
        "engine/partition.py",
        "            former, self._epoch = self._epoch, self.target.raise_epoch(self.name)\n"
        "            if self._epoch != former + 1:\n",
        "            former = self._epoch - 1\n            if self._epoch != former + 1:\n",
    ),
]

GUARD = [
    _mistake(
        "an edit between reading and writing is not overwritten",
        "engine/write.py",
        "dict.fromkeys([*member.key, *columns, *self._read_by(work, columns)])",
        "dict.fromkeys(member.key)",
    ),
]

PAIRING = [
    _mistake(
        "rows are paired by their natural key before anything is created",
        "engine/survey.py",
        "    if mapping.mapping.match is None:\n",
        "    if True:\n",
    ),
]

QUEUE = [
    _mistake(
        "what failed waits in the queue",
        "engine/sync.py",
        "            self._inbox.give_back(taken)\n",
        "            pass\n",
    ),
]

SYNC = [*MERGE, *DELETES, *BASE, *LEDGER, *FENCE, *GUARD, *PAIRING, *QUEUE]
