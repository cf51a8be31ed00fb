/* Restore as a model: a service loses its database, gets an earlier one back, and takes from the log what that lacks.

   Modelled: one subject of one service, two commands whose clients send them until they hear, one event of others that
   the service reacts to; the backup, taken at any moment; the database lost at any moment, more than once; the start
   with the log at hand and without it; reconciliation; a consumer elsewhere that keeps what it has applied.
   What was recorded after the backup and never came into the log is lost with the database, whatever the protocol: the
   promise is that only this is. A fork is told and left to people; the promise is that the log never holds one, and
   that neither branch is thrown away.
   Left out: what commands.pml and delivery.pml show of transactions, instances, relays and positions; several
   databases; a log that lost something as well (LogCut); `reconcile` is one transaction. Names are those of the code;
   model.py maps them. Each #ifdef but FAULTS leaves out a rule on purpose. */

#ifndef FAULTS
#define FAULTS 3 /* so many faults in a run, of any kind, anywhere */
#endif

#define COMMANDS 2
#define OTHERS 2 /* the cause that is an event of others; causes 0 and 1 are commands */
#define CAUSES 3
#define VERSIONS 6
#define LENGTH 12 /* of the log; assertions show that both suffice */

/* An event is known by its cause and by which life of the database recorded it: decided anew, it is another one. */
#define ID(cause) (1 + (cause) + CAUSES * life)
#define CAUSE(id) (((id) - 1) % CAUSES)

/* What the database keeps; all of it is in the backup. */
typedef Database {
    byte event[VERSIONS + 1]; /* the id of each version */
    byte recorded; /* the newest version */
    byte unpublished; /* a bit for each version that the log has not acknowledged */
    bool claim[CAUSES], position /* past the event of others */
}
Database db, kept;

/* What the log keeps. */
byte id[LENGTH], version[LENGTH], end;
bool log_away;

/* What processes and clients know. */
bool running = true, unproven, refused, forked, queued[COMMANDS], answered[COMMANDS];

/* What only the model knows. */
byte life, faults, read, applied, taken[VERSIONS + 1], effects[CAUSES];
bool lost[COMMANDS];

mtype = { nothing_is_lost, no_double_effect, order_is_kept, nobody_is_stuck };
#define promise(what, kept) if :: kept :: else -> printf("broken promise: %e\n", what); assert(false) fi
#define fault(possible) possible && faults < FAULTS -> faults++
#define BIT(v) (1 << (v))

/* Whether the database has an event; whether the log has one of this cause. */
#define HAS(d, e) (d.event[1] == e || d.event[2] == e || d.event[3] == e || d.event[4] == e || d.event[5] == e)
#define CAUSED(d, c) (HAS(d, 1 + (c)) || HAS(d, 1 + CAUSES + (c)) || HAS(d, 1 + 2 * CAUSES + (c)) \
    || HAS(d, 1 + 3 * CAUSES + (c)))

inline copy(from, to) {
    to.recorded = from.recorded; to.unpublished = from.unpublished; to.position = from.position;
    for (v : 1 .. VERSIONS) { to.event[v] = from.event[v] }
    for (v : 0 .. CAUSES - 1) { to.claim[v] = from.claim[v] }
    v = 0
}

inline in_log(c, found) {
    found = false;
    for (n : 0 .. LENGTH - 1) { if :: n < end && CAUSE(id[n]) == c -> found = true :: else fi }
    n = 0
}

/* -- Committer.submit, batch.apply: what commands.pml shows in detail ---------------------------------------------- */

inline record(cause) {
    db.recorded++; assert(db.recorded < VERSIONS);
    db.event[db.recorded] = ID(cause); db.unpublished = db.unpublished | BIT(db.recorded);
    printf("service: records v%d, caused by %d, in life %d\n", db.recorded, cause, life)
}

proctype client(byte c) {
    do
    :: atomic { running && !answered[c] ->
        if
        :: db.claim[c]
        :: else -> record(c); db.claim[c] = true
        fi;
        if
        :: fault(true); printf("client %d: hears nothing (OutcomeUnknown)\n", c)
        :: true -> answered[c] = true; printf("client %d: is answered\n", c)
        fi }
    :: answered[c] -> break
    od
}

/* -- Steps.read ---------------------------------------------------------------------------------------------------- */

active proctype reader() {
    do
    :: atomic { running && !log_away && !db.position -> record(OTHERS); db.position = true }
    od
}

/* -- Steps.relay --------------------------------------------------------------------------------------------------- */

#ifdef SENDS_UNPROVEN
#define MAY_SEND true
#else
#define MAY_SEND !unproven
#endif

active proctype relay() {
    byte v;
    do
    :: atomic { running && !log_away && db.unpublished && MAY_SEND -> v = 1;
        do :: db.unpublished & BIT(v) -> break :: else -> v++ od;
        assert(end < LENGTH);
        id[end] = db.event[v]; version[end] = v; end++; printf("log: v%d, caused by %d\n", v, CAUSE(db.event[v]));
        if
        :: fault(true); printf("relay: dies before it notes so\n")
        :: true -> db.unpublished = db.unpublished ^ BIT(v)
        fi;
        v = 0 }
    od
}

/* -- a consumer elsewhere ------------------------------------------------------------------------------------------ */

active proctype consumer() {
    byte v;
    do
    :: atomic { read < end -> v = version[read];
        promise(order_is_kept, v <= applied + 1);
        promise(order_is_kept, v > applied || taken[v] == id[read]); /* else the log holds two histories */
        if
        :: v > applied -> applied = v; taken[v] = id[read]; effects[CAUSE(id[read])]++;
            promise(no_double_effect, effects[CAUSE(id[read])] == 1)
        :: else
        fi;
        read++; v = 0 }
    od
}

/* -- backup, restore ----------------------------------------------------------------------------------------------- */

active proctype backup() {
    byte v;
    atomic { copy(db, kept); printf("backup: up to v%d\n", kept.recorded) }
}

active proctype disaster() {
    byte v, n;
    bool found;
    do
    :: atomic { fault(true); running = false; unproven = false; refused = false;
        in_log(0, found); lost[0] = lost[0] || (answered[0] && !found && !CAUSED(kept, 0));
        in_log(1, found); lost[1] = lost[1] || (answered[1] && !found && !CAUSED(kept, 1));
        found = false; copy(kept, db); life++; printf("the database is lost; restore: up to v%d\n", db.recorded) }
    :: atomic { fault(!log_away); log_away = true; printf("the log is out of reach\n") }
    :: atomic { log_away -> log_away = false; printf("the log is at hand again\n") }
    od
}

/* -- Runtime.start, whole.require_whole ---------------------------------------------------------------------------- */

inline require_whole() {
    whole = true;
#ifndef STARTS_UNRECONCILED
    for (n : 0 .. LENGTH - 1) { if :: n < end && !HAS(db, id[n]) -> whole = false :: else fi }
    n = 0
#endif
}

active proctype runtime() {
    byte n;
    bool whole;
    do
    :: atomic { !running && !refused && !forked ->
        require_whole();
        if
        :: log_away -> running = true; unproven = true; printf("runtime: starts unproven\n")
        :: !log_away && whole -> running = true; printf("runtime: starts\n")
        :: !log_away && !whole -> refused = true; printf("runtime: refuses to start (NotReconciled)\n")
        fi;
        whole = false }
    :: atomic { running && unproven && !log_away -> /* _ask_the_log */
        require_whole();
        if
        :: whole -> unproven = false; printf("runtime: is proven\n")
        :: else -> running = false; unproven = false; printf("runtime: ends, it is not whole\n")
        fi;
        whole = false }
    od
}

/* -- reconcile ----------------------------------------------------------------------------------------------------- */

inline insert(e, v) {
    if
    :: db.event[v] && db.event[v] != e ->
#ifdef FORK_OVERWRITTEN
        db.event[v] = e
#else
        forked = true
#endif
    :: else -> db.event[v] = e
    fi;
    db.recorded = (v > db.recorded -> v : db.recorded);
#ifndef ADOPTED_WITHOUT_CLAIM
    db.claim[CAUSE(e)] = true
#endif
}

active proctype reconcile() {
    byte n;
    do
    :: atomic { refused && !log_away -> printf("reconcile\n");
        for (n : 0 .. LENGTH - 1) {
            if
            :: n < end && !HAS(db, id[n]) -> insert(id[n], version[n])
            :: else
            fi
        }
        n = 0; refused = false;
        if
        :: forked -> printf("reconcile: Forked\n")
        :: !forked && !db.position -> db.position = true; /* _ReadOn.to_the_end */
#ifdef REACTS_AGAIN
            record(OTHERS)
#else
            if :: db.claim[OTHERS] -> printf("reconcile: it was reacted to\n") :: else -> record(OTHERS) fi
#endif
        :: else
        fi }
    od
}

active proctype promises() {
    byte n;
    bool found;
    atomic { timeout -> printf("nothing can happen any more\n");
        promise(nobody_is_stuck, running || forked);
        in_log(0, found); promise(nothing_is_lost, !answered[0] || lost[0] || found || CAUSED(db, 0));
        in_log(1, found); promise(nothing_is_lost, !answered[1] || lost[1] || found || CAUSED(db, 1));
        if
        :: forked
        :: else ->
            promise(nothing_is_lost, answered[0] && answered[1] && !db.unpublished && effects[OTHERS]);
            promise(nothing_is_lost, (lost[0] || effects[0]) && (lost[1] || effects[1]))
        fi
    }
}

init { atomic { run client(0); run client(1) } }
