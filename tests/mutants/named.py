"""Mistakes that somebody could make, each with the tests that must notice it.

Every one is a promise broken on purpose: an edit overwritten, a row written twice, a value that leaks. `old` is the
exact text that becomes `new`, everywhere in the file; where it is gone, the list must follow the code.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Named:
    """One mistake: what is broken, in which file of the package, how, and the tests that must fail."""

    promise: str
    path: str
    old: str
    new: str
    tests: tuple[str, ...]


R = "tests/reconcile/"
ROOMS = "tests/rooms/"
CRASH, DELETES, MEMBERS, MERGE = (f"{R}test_{name}.py" for name in ("crash", "deletes", "members", "merge"))
ORDER, PLAN, PROMISES, HISTORY = (f"{R}test_{name}.py" for name in ("order", "plan", "promises", "simulation"))
JUDGE, PAIR, GUARD = "tests/laws/test_judge.py", f"{ROOMS}test_pair.py", f"{ROOMS}test_plan.py"
MARKS, FATES, KEYS, SQL = (f"{ROOMS}test_{name}.py" for name in ("fingerprint", "deletes", "key", "sql"))
COLUMNS, LINKS = f"{ROOMS}test_pair_columns.py", f"{ROOMS}test_links.py"
SEALED, ROWS, HELD, WORK, STORE = (
    f"{ROOMS}test_state_{name}.py" for name in ("sealed", "rows", "quarantine", "work", "store")
)

WRITING = [
    Named(
        "an edit between reading and writing is not overwritten",
        "engine/write.py",
        "dict.fromkeys([*member.key, *columns, *self._read_by(work, columns)])",
        "dict.fromkeys(member.key)",
        (CRASH,),
    ),
    Named(
        "a value that a write is computed from is still the same",
        "engine/write.py",
        "[*member.key, *columns, *self._read_by(work, columns)]",
        "[*member.key, *columns]",
        (PROMISES,),
    ),
    Named(
        "a row that was edited in the last moment is not deleted",
        "engine/write.py",
        "Chunk(Verb.DELETE, places, _batch(keys), _batch(own),",
        "Chunk(Verb.DELETE, places, _batch(keys), None,",
        (PROMISES,),
    ),
    Named(
        "what was missed is not taken for written",
        "engine/write.py",
        "for reject in receipt.rejects} | set(receipt.missed)",
        "for reject in receipt.rejects}",
        (CRASH, PROMISES),
    ),
    Named(
        "what was refused is not taken for written",
        "engine/write.py",
        "{reject.position for reject in receipt.rejects} | set(receipt.missed)",
        "set(receipt.missed)",
        (PLAN, ORDER),
    ),
    Named(
        "the journal knows what stood there",
        "engine/write.py",
        "                journal(self.store,",
        "                (lambda *_, **__: None)(self.store,",
        (PROMISES,),
    ),
    Named(
        "the ledger is emptied once the state knows",
        "engine/write.py",
        "persist(lambda: partition.forget(sent.number), self.progress)",
        "None",
        (PROMISES,),
    ),
    Named(
        "parents are written before their children",
        "engine/write.py",
        "for wave in range(last + 1) if",
        "for wave in reversed(range(last + 1)) if",
        (ORDER,),
    ),
    Named(
        "references that wait for a key are written in a second pass",
        "engine/write.py",
        "self.written.pending.update(",
        "set().update(",
        (ORDER,),
    ),
    Named(
        "children of a refused row wait",
        "engine/write.py",
        "self.around.links.held.add(",
        "set().add(",
        (ORDER,),
    ),
    Named(
        "new keys are known to later rows of the run",
        "engine/write.py",
        "                if done:\n                    self.around.links.link(",
        "                if not done:\n                    self.around.links.link(",
        (ORDER,),
    ),
    Named(
        "updates of different columns do not touch each other's",
        "engine/write.py",
        "if bits >> at & 1]",
        "]",
        (PROMISES,),
    ),
]

STREAM = [
    Named(
        "a worker that was overtaken writes nothing",
        "engine/partition.py",
        "            transaction.fence(self.name, self._epoch)\n",
        "",
        (CRASH,),
    ),
    Named(
        "a worker that was overtaken changes no state",
        "engine/partition.py",
        "        with store.transaction():\n            self.hold()\n            if claim",
        "        with store.transaction():\n            if claim",
        (PROMISES,),
    ),
    Named(
        "after a try without an answer, another worker in between is noticed",
        "engine/partition.py",
        "if self._epoch != former + 1:",
        "if False:",
        (PROMISES,),
    ),
    Named(
        "what a crash left in the ledger is taken over",
        "engine/partition.py",
        "recovered = sum(self._recover(entry) for entry in entries)",
        "recovered = 0",
        (CRASH,),
    ),
    Named(
        "the ledger of another installation is not believed",
        "engine/partition.py",
        " or claim.installation != self._store.meta.installation",
        "",
        (PROMISES,),
    ),
    Named(
        "chunk numbers go on behind what the target holds",
        "engine/partition.py",
        "self._chunk = max([self._chunk, *(entry.chunk for entry in entries)])",
        "pass",
        (CRASH,),
    ),
    Named(
        "a chunk that the state knows is not taken over again",
        "engine/partition.py",
        "if entry.chunk <= self._chunk or",
        "if",
        (CRASH,),
    ),
    Named(
        "a row that was paired anew gives up its former key",
        "engine/ledger.py",
        "    if former:\n",
        "    if not former:\n",
        (DELETES,),
    ),
    Named(
        "nothing is remembered of deleted rows",
        "engine/ledger.py",
        "        store.base.remove(claim.mapping, claim.numbers)\n",
        "",
        (PROMISES,),
    ),
    Named(
        "a deleted row is forgotten",
        "engine/ledger.py",
        "        store.crossref.unlink(claim.mapping, claim.numbers)\n        store.base",
        "        store.base",
        (PROMISES, DELETES),
    ),
    Named(
        "each row of a claim has its own base",
        "engine/ledger.py",
        "whole[at * width : (at + 1) * width]",
        "whole[:width]",
        (CRASH, PROMISES),
    ),
]

PUTTING = [
    Named(
        "a reference to a row without a key waits",
        "engine/put.py",
        "        pending[missing] = True\n",
        "",
        (ORDER,),
    ),
    Named(
        "a reference to a held row holds its row",
        "engine/put.py",
        " or (parent.name, number) in self.links.held",
        "",
        (ORDER,),
    ),
    Named(
        "what nobody changed elsewhere stays a member's own",
        "engine/put.py",
        "np.where(counts >= 0, counts, self.side)",
        "np.where(counts >= 0, counts, self.origins[field])",
        (MERGE, MEMBERS),
    ),
    Named(
        "`when: create` fills once",
        "engine/put.py",
        "if create or not fill.on_create_only}",
        "}",
        (PROMISES,),
    ),
    Named(
        "a new row is made by the expressions for new rows",
        "engine/put.py",
        "in (cell.creates if create else cell.writes)",
        "in cell.writes",
        (PROMISES, MEMBERS),
    ),
    Named(
        "a value is taken from a member that knows the field",
        "engine/put.py",
        "    chosen[~knows[np.maximum(chosen, 0)]] = ABSENT\n",
        "",
        (PROMISES,),
    ),
    Named(
        "only what comes from elsewhere is written",
        "engine/work.py",
        "(changed[column] | waits) & fed",
        "changed[column] | waits",
        (PROMISES,),
    ),
    Named(
        "a key is never changed",
        "engine/work.py",
        "        if part in changed:\n",
        "        if part in changed and False:\n",
        (PROMISES,),
    ),
    Named(
        "`creates: never` creates nothing",
        "engine/work.py",
        '    if member.member.creates == "never":\n',
        "    if False:\n",
        (MEMBERS,),
    ),
    Named(
        "a row that is to be deleted is not created again",
        "engine/work.py",
        "if verdict is not Fate.CREATE_AGAIN]] = False",
        "if verdict is Fate.FORGET]] = False",
        (DELETES,),
    ),
    Named(
        "a row about which a person is asked is left alone",
        "engine/work.py",
        "if not contest.field]] = False",
        "if contest.field]] = False",
        (DELETES, MERGE),
    ),
]

AGREEING = [
    Named(
        "a base made by another cell is not believed",
        "engine/agreed.py",
        "then is not None and then == _digest(today, field, member)",
        "then is not None",
        (PROMISES,),
    ),
    Named(
        "a field that is new in the mapping meets for the first time",
        "engine/agreed.py",
        "if then is not None and then ==",
        "if then ==",
        (PROMISES,),
    ),
    Named(
        "a reference that waits for its key is owed",
        "engine/record.py",
        "(marks, agreement - waits)",
        "(marks, agreement)",
        (ORDER,),
    ),
    Named(
        "rows that a plan leaves out keep their base",
        "engine/record.py",
        "~decision.filtered & ~decision.left_out",
        "~decision.filtered",
        (PROMISES,),
    ),
    Named(
        "held rows keep their base",
        "engine/record.py",
        "free = ~decision.held & ~decision.filtered",
        "free = ~decision.filtered",
        (PROMISES,),
    ),
    Named(
        "a contested field keeps its base",
        "engine/record.py",
        'if contest.field in (name, ""):',
        "if False:",
        (MERGE, HISTORY),
    ),
    Named(
        "the base after a write is what the system made of it",
        "engine/record.py",
        "for given in (held, sent, keys):",
        "for given in (sent, held, keys):",
        (PROMISES,),
    ),
    Named(
        "a field that is written elsewhere has no quiet agreement",
        "engine/record.py",
        "quiet = ~decision.being_written()",
        "quiet = np.ones_like(decision.being_written())",
        (PROMISES, CRASH),
    ),
    Named(
        "what was written is agreed on",
        "engine/record.py",
        "if cell is None or not set(cell.columns) <= set(after.column_names):",
        "if True:",
        (MERGE,),
    ),
]

DECIDING = [
    Named(
        "rows that `where` leaves out are frozen",
        "engine/decide.py",
        "        filtered[at] |= ~rows.wanted[positions]\n",
        "",
        (DELETES,),
    ),
    Named(
        "a row that is softly deleted is gone",
        "engine/decide.py",
        "        active[side, at[soft]] = False\n",
        "",
        (PROMISES,),
    ),
    Named(
        "an edit beside the owner saves no row",
        "engine/decide.py",
        "changed[line, at, other] and owner in (None, survey.sides[other].member.name)",
        "changed[line, at, other]",
        (DELETES,),
    ),
    Named(
        "declared divergence is left alone",
        "engine/decide.py",
        'shared.elsewhere == "keep"',
        "False",
        (MERGE,),
    ),
    Named(
        "a delete that a filter explains is none",
        "engine/decide.py",
        "survey.vanished.any(axis=0) & ~decision.filtered",
        "survey.vanished.any(axis=0)",
        (PROMISES, DELETES),
    ),
    Named(
        "a double key identifies nothing",
        "engine/rows.py",
        "    _note_doubles(rows)\n",
        "",
        (PROMISES,),
    ),
    Named(
        "a value that cannot be read is not taken for null",
        "engine/rows.py",
        "    _note_unreadable(rows, unreadable)\n",
        "",
        (PROMISES,),
    ),
    Named(
        "a row without its parent waits",
        "engine/survey.py",
        "survey.hold(place, _waiting(",
        "print(place, _waiting(",
        (PROMISES,),
    ),
    Named(
        "fields that agree through a coarser cell are no conflict",
        "engine/contest.py",
        "            return True\n    return False\n",
        "            return False\n    return False\n",
        (PROMISES,),
    ),
    Named(
        "declared checks hold bad rows",
        "engine/check.py",
        "        survey.hold(place, Problem(row.code",
        "        print(place, Problem(row.code",
        (ORDER,),
    ),
    Named(
        "what passes leaves the quarantine",
        "engine/quarantine.py",
        "        store.rejects.close_absent(run, name)\n",
        "",
        (PLAN, ORDER),
    ),
    Named(
        "what is settled leaves the conflicts",
        "engine/quarantine.py",
        "        store.conflicts.close_absent(run, name)\n",
        "",
        (MERGE,),
    ),
]

PLANNING = [
    Named(
        "the guard holds a run",
        "steps/migrate.py",
        "    if reasons:\n",
        "    if False:\n",
        (DELETES,),
    ),
    Named(
        "a plan for other declarations is refused",
        "steps/migrate.py",
        "project.digest,",
        "manifest.digest,",
        (PLAN,),
    ),
    Named(
        "only what a plan shows is written",
        "engine/reconcile.py",
        "if plan.get((row.mapping, row.member, row.key)) == row:",
        "if (row.mapping, row.member, row.key) in plan:",
        (PLAN,),
    ),
    Named(
        "a row that was read otherwise is not as the plan saw it",
        "engine/digest.py",
        "                digests[at].update(content)\n",
        "",
        (PROMISES,),
    ),
    Named(
        "a row that would be written otherwise is not as the plan showed it",
        "engine/digest.py",
        'update(f"{column}={len(content)}:".encode() + content)',
        'update(b"")',
        (PROMISES,),
    ),
    Named(
        "`verify` fails where a row is missing",
        "steps/verify.py",
        'severity="note" if survey.key_of(place) in refused else "difference"',
        'severity="note"',
        (PROMISES,),
    ),
    Named(
        "`verify` fails where a field differs",
        "steps/verify.py",
        'summary.ok and finding.severity == "note"',
        "summary.ok",
        (PROMISES,),
    ),
    Named(
        "`verify` counts what differs",
        "steps/verify.py",
        "                result.different += 1\n",
        "                pass\n",
        (PROMISES,),
    ),
    Named(
        "the guard counts deletes",
        "plan/guard.py",
        "return self.updates + self.deletes",
        "return self.updates",
        (GUARD,),
    ),
    Named(
        "the guard knows its limit to the row",
        "plan/guard.py",
        "if blast.rows > guard.rows:",
        "if blast.rows > guard.rows + 1:",
        (GUARD,),
    ),
    Named(
        "what was permitted is the limit",
        "plan/guard.py",
        "blast.rows <= allowed",
        "blast.rows <= allowed + 1",
        (GUARD,),
    ),
    Named(
        "a changed plan file is refused",
        "plan/manifest.py",
        ' or end["seal"] != seal',
        "",
        (GUARD,),
    ),
    Named(
        "rows in a circle are told from rows in a line",
        "plan/route.py",
        "depth[member] = -1 if cyclic else",
        "depth[member] =",
        (GUARD,),
    ),
    Named(
        "mappings are written parents first",
        "plan/route.py",
        "sorter.add(group, *{group_of[need]",
        "sorter.add(group, *set() & {group_of[need]",
        (GUARD,),
    ),
]

MERGING = [
    Named(
        "an owner's value wins", "merge/judge.py", "        winner[owned] = rule.owner\n", "        pass\n", (JUDGE,)
    ),
    Named(
        "an owner wins also where only others changed",
        "merge/judge.py",
        "owned = rows & (count > 0) &",
        "owned = rows & (count > 1) &",
        (JUDGE,),
    ),
    Named(
        "what is owed is written",
        "merge/judge.py",
        "    _take(winner, owed, latest)\n",
        "",
        (JUDGE,),
    ),
    Named(
        "the same edit on both sides is no conflict",
        "merge/judge.py",
        "same = _alike(evidence.marks, changed)",
        "same = np.zeros_like(several)",
        (JUDGE,),
    ),
    Named(
        "a preference decides only among those who changed",
        "merge/judge.py",
        "preferred = first_of(rule.prefer, changed, only=rule.prefer)",
        "preferred = first_of(rule.prefer, evidence.active, only=rule.prefer)",
        (JUDGE,),
    ),
    Named(
        "a first meeting is no edit",
        "merge/judge.py",
        "_any(evidence.active & ~evidence.based)",
        "~_any(~(evidence.active & ~evidence.based))",
        (JUDGE,),
    ),
    Named(
        "`first` comes before the owner",
        "merge/judge.py",
        "return (*first, *owner, *self.prefer)",
        "return (*owner, *first, *self.prefer)",
        (JUDGE,),
    ),
    Named(
        "an unknown word settles nothing",
        "merge/judge.py",
        "if not known or any(value is None for value, _ in known):",
        "if not known:",
        (JUDGE,),
    ),
    Named(
        "an edit beats a delete",
        "merge/deletes.py",
        "Fate.CREATE_AGAIN if edited_elsewhere else Fate.DELETE",
        "Fate.DELETE",
        (FATES,),
    ),
    Named(
        "equal values of different rows look different",
        "merge/fingerprint.py",
        "rows.astype",
        "(0 * rows).astype",
        (MARKS,),
    ),
    Named("null is not the empty text", "merge/fingerprint.py", '_NULL = b"N"', '_NULL = b"V"', (MARKS,)),
    Named("a number's scale is not its value", "model/plain.py", 'pc.ascii_rtrim(texts, "0")', "texts", (MARKS,)),
    Named("a number keeps its last digits", "merge/fingerprint.py", "prec=80", "prec=28", (MARKS,)),
    Named("a key keeps its last digits", "model/key.py", "prec=80", "prec=28", (KEYS,)),
    Named(
        "a fingerprint takes its row's seed",
        "merge/xxh3.py",
        "lengths[rows], seeds[rows]",
        "lengths[rows], seeds[: len(rows)]",
        (MARKS,),
    ),
    Named(
        "a key of two rows is the last one's",
        "engine/book.py",
        "        found[asked[here]] = self._still(at, places[here])",
        "        found[asked[here]] = self._pages[at].numbers[places[here]]",
        (LINKS,),
    ),
    Named(
        "what is linked here outranks the state",
        "engine/links.py",
        "np.where(moved, NO_ROW, numbers)",
        "numbers",
        (LINKS,),
    ),
    Named(
        "a key that was never seen is no row",
        "engine/book.py",
        "(candidates >= 0) & ~same",
        "candidates < -1",
        (LINKS,),
    ),
    Named("minus zero is zero", "merge/fingerprint.py", "repr(value + 0.0)", "repr(value)", (MARKS,)),
    Named("a part of a key cannot pass for two", "model/key.py", '"|": "\\\\|", ', "", (KEYS,)),
]

PAIRING = [
    Named(
        "the cross-reference outranks the natural key",
        "identity/pair.py",
        "            if row is None:\n",
        "            if True:\n",
        (PAIR,),
    ),
    Named(
        "a double natural key pairs nothing",
        "identity/pair.py",
        "if len(rows) > 1 or any(len(positions) > 1 for positions in by_side.values()):",
        "if len(rows) > 1:",
        (PAIR,),
    ),
    Named(
        "two linked rows with one natural key take nobody in",
        "identity/pair.py",
        "if len(rows) > 1 or any(",
        "if any(",
        (PAIR,),
    ),
    Named(
        "a pair is not broken for a third",
        "identity/pair.py",
        "if answer.known[row][side] == ABSENT:",
        "if True:",
        (PAIR,),
    ),
    Named(
        "columns: a double natural key pairs nothing",
        "identity/columns.py",
        "(np.max(counts, axis=0) > 1) | ",
        "",
        (COLUMNS,),
    ),
    Named(
        "columns: a known row's natural key is its own",
        "identity/columns.py",
        " | _taken(sides, standing, keys))",
        ")",
        (COLUMNS,),
    ),
    Named(
        "columns: a null natural key pairs nothing",
        "identity/columns.py",
        "asks & (side.naturals < 0)",
        "asks & (side.naturals < -1)",
        (COLUMNS,),
    ),
    Named("a null natural key pairs nothing", "identity/pair.py", "elif not naturals:", "elif False:", (PAIR,)),
    Named(
        "rows that any of their keys join are one group",
        "identity/pair.py",
        "            parent[root(other)] = first\n",
        "            pass\n",
        (PAIR,),
    ),
    Named(
        "the groups of several keys are joined at their roots",
        "identity/pair.py",
        "parent[root(other)] = first",
        "parent[other] = first",
        (PAIR,),
    ),
    Named(
        "a single key is enough only where no row has more",
        "identity/pair.py",
        "is_single = all(len(naturals) < 2",
        "is_single = all(len(naturals) < 3",
        (PAIR,),
    ),
]

REMEMBERING = [
    Named("what is sealed cannot be moved elsewhere", "state/seal.py", " + about.encode()", "", (SEALED,)),
    Named("a journal block stays with its run", "state/journal.py", 'f"journal {block} {run}"', '"journal"', (SEALED,)),
    Named("a reject stays with its row", "state/rejects.py", 'f"reject {mark.hex()}"', '"reject"', (SEALED,)),
    Named("a conflict stays with its row", "state/conflicts.py", 'f"conflict {mark.hex()}"', '"conflict"', (SEALED,)),
    Named("an intent stays with its chunk", "state/intents.py", 'f"intent {chunk} {partition}"', '"intent"', (SEALED,)),
    Named(
        "marks tell nothing without the key",
        "state/seal.py",
        'hmac.digest(self._mark_key, framed, "sha256")',
        "hashlib.sha256(framed).digest()",
        (SEALED,),
    ),
    Named(
        "marks of different parts differ",
        "state/seal.py",
        'len(part := text.encode()).to_bytes(4, "big") + part for',
        "text.encode() for",
        (SEALED,),
    ),
    Named("a nonce is used once", "state/seal.py", "nonce = os.urandom(_NONCE_BYTES)", "nonce = bytes(12)", (SEALED,)),
    Named("links are one-to-one", "state/crossref.py", "        if wrong:\n", "        if False:\n", (ROWS,)),
    Named("row numbers are given once", "state/database.py", "return int(following) - count", "return 1", (ROWS,)),
    Named(
        "the sequence never goes back",
        "state/sequence.py",
        " WHERE excluded.chunk >= sequence.chunk",
        "",
        (WORK, STORE, ROWS),
    ),
    Named(
        "a worker that was overtaken is told apart",
        "state/sequence.py",
        "found is not None and int(found[0]) == number",
        "found is not None",
        (WORK, PROMISES),
    ),
    Named(
        "a later debt stays",
        "state/owed.py",
        "member = ? AND agreement <= ?",
        "member = ? AND ? > 0",
        (ROWS,),
    ),
    Named(
        "a key that was pushed again stays in the queue",
        "state/queue.py",
        "row_key = ? AND ticket = ?",
        "row_key = ? AND ? > 0",
        (ROWS,),
    ),
    Named(
        "a lease that lasts is somebody's",
        "state/leases.py",
        "if standing != holder and lasts > stamp(now):",
        "if False:",
        (WORK,),
    ),
    Named(
        "a failed part takes the whole transaction with it",
        "state/database.py",
        "            self._is_doomed = True\n",
        "            pass\n",
        (STORE, ROWS),
    ),
    Named(
        "a reject that is met again keeps its number",
        "state/rejects.py",
        "if mark not in standing]",
        "]",
        (HELD,),
    ),
    Named(
        "a run closes only what it did not meet",
        "state/rejects.py",
        "WHERE mapping = ? AND status = 'open' AND last_run <> ?\"",
        "WHERE mapping = ? AND status = 'open' AND ? <> ''\"",
        (HELD,),
    ),
    Named(
        "layouts of one document are one",
        "state/base.py",
        "WHERE mapping = ? AND digest = ?",
        "WHERE mapping = ? AND digest <> ?",
        (ROWS,),
    ),
]

SPEAKING = [
    Named("null equals null in a guard", "systems/sql/statements.py", "exp.NullSafeEQ(", "exp.EQ(", (SQL,)),
    Named(
        "texts are guarded byte by byte",
        "systems/sql/statements.py",
        "held = dialect.exact(held) if guard.text else held",
        "pass",
        (SQL,),
    ),
    Named(
        "keys are compared byte by byte",
        "systems/sql/statements.py",
        "    if dialect is not None:\n",
        "    if False:\n",
        (SQL,),
    ),
    Named(
        "text fields are known as such",
        "systems/sql/statements.py",
        "Guard(name, name in texts)",
        "Guard(name)",
        (SQL,),
    ),
    Named("a key given twice counts once", "systems/sql/statements.py", ".distinct()", "", (SQL,)),
    Named("names are quoted", "systems/sql/quote.py", "quoted=True", "quoted=False", (SQL,)),
    Named(
        "a name that is not there is no text",
        "systems/sql/quote.py",
        "None if of is None else identifier(of.name)",
        "None",
        (SQL,),
    ),
    Named(
        "epochs grow",
        "systems/sql/ledger.py",
        "next_epoch = exp.Add(this=column(_EPOCH, fence), expression=exp.Literal.number(1))",
        "next_epoch = column(_EPOCH, fence)",
        (SQL,),
    ),
    Named("the fence is locked", "systems/sql/ledger.py", "query.lock() if lock else query", "query", (SQL,)),
    Named("a ledger forgets up to a chunk", "systems/sql/ledger.py", "exp.LTE(", "exp.GTE(", (SQL,)),
    Named(
        "a ledger forgets its own partition only",
        "systems/sql/ledger.py",
        "exp.and_(_same(ledger, _PARTITION, dialect.parameter(1)), until)",
        "until",
        (SQL,),
    ),
    Named("entries come by chunk", "systems/sql/ledger.py", "query.order_by(column(_CHUNK, ledger))", "query", (SQL,)),
    Named(
        "every table has its key",
        "systems/sql/statements.py",
        "    if dataset.key:\n",
        "    if False:\n",
        (SQL,),
    ),
]

NAMED: tuple[Named, ...] = (
    *WRITING, *STREAM, *PUTTING, *AGREEING, *DECIDING, *PLANNING, *MERGING, *PAIRING, *REMEMBERING, *SPEAKING,
)  # fmt: skip
"""All of them."""
