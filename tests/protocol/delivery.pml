/* Delivery as a model: two instances bring what a service has recorded to a consumer, by way of the log.

   Modelled: two subjects, s0 with one version, s1 with two; events whose `seq` is given out before they are committed;
   relays with their shard locks; the log on Kafka (a record is seen when sent, acknowledged or not, sometimes late) and
   in the database (-DDATABASE_LOG: seen with its transaction); two instances of one consumer with positions, versions
   applied, waiting events, and row locks as PostgreSQL grants them (an absent row locks nothing); an event that awaits
   another subject; instances that die, a log that loses what was read, `imbang republish`.
   Rebalance: either instance may read either partition at any time. So every assignment is among the runs, and every
   moment in which two instances both take a partition for theirs.
   Restore: of the log, which then lacks what a consumer has read.
   Left out: time (whoever waits for a moment may go on at any), batches of several records, parked events, watermarks,
   rebuilds, several consumers (they share nothing but the log), a database that is restored to an earlier state, and a
   tail that nobody had read when the log lost it (no position can tell).
   A retry that would change nothing is no step, so that a run in which nothing can happen any more has ended: then all
   must be done. Names are those of the code; model.py maps them. Each #ifdef but those of the bounds leaves out a rule
   on purpose. */

#ifndef SERVICES
#define SERVICES 1 /* who record: subject s is written by service s % SERVICES */
#endif
#ifndef PARTS
#define PARTS 1 /* partitions of the topic, shards of the outbox: subject s goes to s % PARTS */
#endif
#ifndef FAULTS
#define FAULTS 2 /* so many faults in a run, of any kind, anywhere */
#endif

#ifndef RELAYS
#define RELAYS 2
#endif
#ifndef CONSUMERS
#define CONSUMERS 2 /* instances of the one consumer */
#endif

#define SUBJECTS 2
#define EVENTS 3 /* their ids: s0v1, s1v1, s1v2 */
#define VERSIONS(subject) ((subject) + 1)
#define EVENT(subject, version) ((subject) + (version))
#define SUBJECT(event) ((event) > 1)
#define VERSION(event) ((event) > 1 -> (event) - 1 : 1)
#define LENGTH 12 /* of a partition; an assertion shows that it suffices */
#define PART(subject) ((subject) % PARTS)
#define SHARD(subject) ((subject) % SERVICES * PARTS + PART(subject))

/* What the database keeps. */
byte recorded[SUBJECTS]; /* event: the newest version of each subject */
byte unpublished[EVENTS + 1]; /* seq of each event that the log has not acknowledged, or 0 */
byte position[PARTS], last_id[PARTS];
byte applied[SUBJECTS], waiting[SUBJECTS]; /* the last version; a bit for each version that waits */
byte sequence; /* the last seq that was given out */
bool shard_lock[2], position_lock[PARTS], applied_lock[SUBJECTS], waiting_lock[SUBJECTS], log_head_lock[PARTS];

/* What the log keeps: 0 is no record, or none that can be seen yet. */
byte log_entry[PARTS * LENGTH], log_head[PARTS];
byte late; /* a record that its relay has given up, still on its way */

/* What only the model knows. */
byte done[SUBJECTS]; /* the effects of each subject, in the order of their versions */
byte logged[SUBJECTS]; /* the newest version of each subject that came into the log */
byte faults, busy; /* busy: how many are in the middle of something */
bool stopped[2], cut, republished;

mtype = { nothing_is_lost, no_double_effect, order_is_kept, nobody_is_stuck, no_false_alarm };
#define promise(what, kept) if :: kept :: else -> printf("broken promise: %e\n", what); assert(false) fi
#define fault(possible) possible && faults < FAULTS -> faults++
#define ENTRY(part, n) log_entry[(part) * LENGTH + (n)]

/* -- recording: outbox.record -------------------------------------------------------------------------------------- */

bool wakes[2];
#ifdef LOG_BY_SEQUENCE
byte drawn[PARTS]; /* numbers given out before they are committed */
#endif

proctype committer(byte s) {
    byte seq;
    do
    :: recorded[s] < VERSIONS(s) ->
        d_step { sequence++; seq = sequence }
        d_step {
            recorded[s]++;
            unpublished[EVENT(s, recorded[s])] = seq;
            wakes[s] = true;
            printf("committer %d: s%dv%d is recorded with seq %d\n", s, s, recorded[s], seq);
            seq = 0
        }
    :: else -> break
    od
}

/* -- relaying: outbox.relay, log.append ---------------------------------------------------------------------------- */

#ifdef RELAY_PAST_LAST
byte last_seq[2];
#define UNSENT(e) (unpublished[e] > last_seq[SHARD(SUBJECT(e))])
#else
#define UNSENT(e) (unpublished[e] > 0)
#endif
#ifdef RELAY_SKIPS_LOCKED
bool skipped[EVENTS + 1];
#define FREE(k) true
#define MINE(e, k) (SHARD(SUBJECT(e)) == k && UNSENT(e) && !skipped[e])
#else
#define FREE(k) !shard_lock[k]
#define MINE(e, k) (SHARD(SUBJECT(e)) == k && UNSENT(e))
#endif
#define WORK(k) (MINE(1, k) || MINE(2, k) || MINE(3, k))

inline first_of(row, other) {
    row = 0;
    for (e : 1 .. EVENTS) {
        if
        :: MINE(e, k) && e != other && (!row || unpublished[e] < unpublished[row]) -> row = e
        :: else
        fi
    }
    e = 0
}

inline enter(part, n, event) {
    assert(n < LENGTH);
    ENTRY(part, n) = event;
    log_head[part] = (n + 1 > log_head[part] -> n + 1 : log_head[part]);
    promise(order_is_kept, cut || VERSION(event) <= logged[SUBJECT(event)] + 1);
    logged[SUBJECT(event)] = (VERSION(event) > logged[SUBJECT(event)] -> VERSION(event) : logged[SUBJECT(event)]);
    printf("log: s%dv%d stands at %d/%d\n", SUBJECT(event), VERSION(event), part, n)
}

inline append(sent) { /* what Kafka does with a record that arrives */
    n = log_head[PART(SUBJECT(sent))]; enter(PART(SUBJECT(sent)), n, sent); n = 0
}

inline delete_unpublished(event) {
#ifdef RELAY_PAST_LAST
    last_seq[k] = unpublished[event]
#else
    unpublished[event] = 0
#endif
}

inline let_go() {
    shard_lock[k] = false;
#ifdef RELAY_SKIPS_LOCKED
    skipped[first] = false; skipped[second] = false;
#endif
    busy--; k = 0; first = 0; second = 0; acknowledged = 0
}

proctype relay(byte i) {
    byte k, e, first, second, acknowledged; /* acknowledged: how many of the two rows */
    byte n;
turn:
    atomic {
#ifdef RELAY_WITHOUT_RECHECK
        wakes[i] -> wakes[i] = false;
        if
        :: WORK(0) && FREE(0) -> k = 0
        :: WORK(1) && FREE(1) -> k = 1
        :: else -> goto turn
        fi;
#else
        if
        :: WORK(0) && FREE(0) -> k = 0
        :: WORK(1) && FREE(1) -> k = 1
        fi;
#endif
        shard_lock[k] = true; busy++;
        first_of(first, 0); first_of(second, first);
#ifdef RELAY_SKIPS_LOCKED
        skipped[first] = true; skipped[second] = true;
#endif
        printf("relay %d: takes shard %d, reads %d row(s) from s%dv%d\n", i, k, 1 + (second > 0), SUBJECT(first),
            VERSION(first))
    }
#ifdef FORGOTTEN_FIRST
    d_step { delete_unpublished(first); if :: second -> delete_unpublished(second) :: else fi }
#endif
#ifdef DATABASE_LOG
    atomic {
#ifdef LOG_BY_SEQUENCE
        n = drawn[PART(SUBJECT(first))];
        drawn[PART(SUBJECT(first))] = n + 1 + (second > 0)
#else
        !log_head_lock[PART(SUBJECT(first))] -> log_head_lock[PART(SUBJECT(first))] = true;
        n = log_head[PART(SUBJECT(first))]
#endif
    }
    atomic {
        log_head_lock[PART(SUBJECT(first))] = false;
        if
        :: fault(true); printf("relay %d: dies before its COMMIT\n", i)
        :: true ->
            enter(PART(SUBJECT(first)), n, first); delete_unpublished(first);
            if
            :: second -> enter(PART(SUBJECT(second)), n + 1, second); delete_unpublished(second)
            :: else
            fi
        fi;
        n = 0; let_go(); goto turn
    }
#else
    atomic {
        if
        :: true -> append(first); acknowledged = 1
        :: fault(true); printf("relay %d: its record arrives, the acknowledgement does not\n", i);
            append(first)
        :: fault(!late); printf("relay %d: gives up a record that is still on its way\n", i); late = first;
            let_go(); goto turn
        :: fault(true); printf("relay %d: the log is out of reach\n", i); let_go(); goto turn
        fi
    }
    atomic {
        if
        :: !second
        :: second -> append(second);
            if
            :: acknowledged || SUBJECT(second) != SUBJECT(first) -> acknowledged = acknowledged + 2
            :: else
            fi
        :: fault(second); printf("relay %d: the log is out of reach\n", i)
        fi
    }
    atomic {
        if
        :: fault(true); printf("relay %d: dies before its COMMIT\n", i)
        :: true ->
            if :: acknowledged & 1 -> delete_unpublished(first) :: else fi;
            if :: acknowledged & 2 -> delete_unpublished(second) :: else fi
        fi;
        let_go(); goto turn
    }
#endif
}

#ifndef DATABASE_LOG
active proctype network() {
    byte n;
    do
    :: atomic { late -> append(late); late = 0 }
    od
}
#endif

/* -- consuming: Reader.read, batch.apply, Incoming ----------------------------------------------------------------- */

#define BIT(version) (1 << (version))
#define LOWEST(queue) (queue & BIT(1) -> 1 : 2) /* of a queue that is not empty */
#define NOT_YET(s, v) (s == 1 && v == 1 && done[0] == 0) /* the handler of this event needs the other subject */

#ifdef POSITION_WITHOUT_ID
#define CUT(p) (position[p] > log_head[p])
#else
#define CUT(p) (position[p] > log_head[p] || (position[p] && ENTRY(p, position[p] - 1) != last_id[p]))
#endif
#define READABLE(p) (!stopped[i] && (position[p] < log_head[p] || CUT(p)))

#ifdef RECHECK_LEFT_OUT
bool woken[SUBJECTS];
#define DUE(s) (!stopped[i] && waiting[s] && woken[s])
#else
#define DUE(s) (!stopped[i] && waiting[s] && LOWEST(waiting[s]) <= applied[s] + 1 && !NOT_YET(s, LOWEST(waiting[s])))
#endif

#ifdef VERSIONS_UNCHECKED
#define COPY false
#else
#define COPY (v <= last || queue & BIT(v))
#endif
#ifdef GAP_UNCHECKED
#define BEHIND_OR_GAP false
#else
#define BEHIND_OR_GAP (queue & (BIT(v) - 1) || v > last + 1)
#endif

inline lock_position() {
    atomic {
#ifndef POSITION_UNLOCKED
        !position_lock[p] -> position_lock[p] = true; locked = 1;
#endif
        if
        :: n < position[p] -> printf("consumer %d: %d/%d was passed before\n", i, p, n); finish(); goto turn
        :: else
        fi;
#ifdef POSITION_FIRST
        position[p] = n + 1; last_id[p] = event
#endif
    }
}

inline lock_waiting() {
    atomic {
        !waiting[s] || !waiting_lock[s] -> queue = waiting[s];
        if :: queue -> waiting_lock[s] = true; locked = locked | 2 :: else fi
    }
}

inline lock_applied() {
    atomic {
        !applied[s] || !applied_lock[s] -> last = applied[s];
        if :: last -> applied_lock[s] = true; locked = locked | 4 :: else fi
    }
}

inline handle() { /* what one more version changes, if its turn has come */
    first = (first -> first : v); last = v; upto = v
}

inline effects() {
    for (v : first .. upto) {
        promise(no_double_effect, v > done[s]);
        promise(order_is_kept, v == done[s] + 1);
        done[s] = v;
        printf("consumer %d: s%dv%d takes effect\n", i, s, v)
    }
    applied[s] = upto
}

inline finish() {
    if :: locked & 1 -> position_lock[p] = false :: else fi;
    if :: locked & 2 -> waiting_lock[s] = false :: else fi;
    if :: locked & 4 -> applied_lock[s] = false :: else fi;
    busy--; p = 0; n = 0; s = 0; event = 0; locked = 0;
    queue = 0; last = 0; v = 0; first = 0; upto = 0; gone = 0; more = 0 /* equal states look equal */
}

proctype consumer(byte i) {
    byte p, n, s, event, queue, last, locked, v, first, upto, gone, more;
turn:
    atomic {
        if
        :: READABLE(0) -> event = 1
#if PARTS > 1
        :: READABLE(1) -> event = 1; p = 1
#endif
        :: DUE(0)
        :: DUE(1) -> s = 1
        fi;
        busy++;
        if
        :: event && CUT(p) -> stopped[i] = true; printf("consumer %d: LogCut\n", i);
            promise(no_false_alarm, cut);
            finish(); goto turn
        :: event && !CUT(p) -> n = position[p];
#ifdef LOG_BY_SEQUENCE
            do :: !ENTRY(p, n) -> n++ :: else -> break od;
#endif
            event = ENTRY(p, n); s = SUBJECT(event);
            printf("consumer %d: reads s%dv%d at %d/%d\n", i, s, VERSION(event), p, n)
        :: else -> printf("consumer %d: tries again what waits of s%d\n", i, s)
        fi
    }
    if
    :: event -> lock_position()
    :: else
    fi;
    /* What waits comes first: of a subject's first version there is no row in applied yet that could be locked. */
#ifdef APPLIED_FIRST
    lock_applied();
#else
    lock_waiting();
#endif
    atomic { /* the decision needs no step of its own: nobody sees it before the COMMIT */
#ifdef APPLIED_FIRST
        lock_waiting();
#else
        lock_applied();
#endif
        if
        :: !event
        :: event -> v = VERSION(event);
            if
            :: COPY -> queue = 0
            :: !COPY && (BEHIND_OR_GAP || NOT_YET(s, v)) -> more = BIT(v); queue = 0;
                printf("consumer %d: s%dv%d has to wait\n", i, s, v)
            :: else -> handle()
            fi
        fi;
        do
        :: queue -> v = LOWEST(queue);
            if
            :: v > last + 1 || NOT_YET(s, v) -> break
            :: else -> queue = queue ^ BIT(v); gone = gone | BIT(v);
                if :: v > last -> handle() :: else fi
            fi
        :: else -> break
        od
    }
    atomic {
        if
        :: fault(true); printf("consumer %d: dies before its COMMIT\n", i)
        :: true ->
            if :: upto -> effects() :: else fi;
            waiting[s] = waiting[s] ^ (waiting[s] & gone) | more;
            if :: event -> position[p] = n + 1; last_id[p] = event :: else fi;
#ifdef RECHECK_LEFT_OUT
            woken[s] = false;
            if :: upto && s == 0 && waiting[1] -> woken[1] = true :: else fi
#endif
        fi;
        finish(); goto turn
    }
}

/* -- misfortune and repair: LogCut, republish ---------------------------------------------------------------------- */

/* A log loses some of what has been read. Not among the runs, but with -DCOPY_AFTER_CUT: the last record read is sent
   again, as nobody had acknowledged it, and comes to stand where the lost one stood: the position proves too little. */
#ifdef COPY_AFTER_CUT
#define LOSES(p) (position[p] && position[p] == log_head[p])
#else
#define LOSES(p) (position[p] && position[p] == log_head[p] && !unpublished[last_id[p]] && !late)
#endif

#ifndef DATABASE_LOG
active proctype disaster() {
    byte p, n;
    atomic {
        if
        :: fault(LOSES(0)) -> p = 0
#if PARTS > 1
        :: fault(LOSES(1)) -> p = 1
#endif
        fi;
        cut = true; n = position[p] - 1;
        do :: n -> n-- :: break od;
        do :: log_head[p] > n -> log_head[p]--; ENTRY(p, log_head[p]) = 0 :: else -> break od;
        printf("the log is cut to %d/%d\n", p, n); p = 0; n = 0
    }
}

active proctype operator() { /* stops the services, sends the topic again, starts them */
    byte e, p;
    atomic {
        (stopped[0] || stopped[1]) && !busy -> republished = true; printf("republish\n");
        for (e : 1 .. EVENTS) {
            if
            :: VERSION(e) <= recorded[SUBJECT(e)] && !unpublished[e] -> sequence++; unpublished[e] = sequence
            :: else
            fi
        }
#ifndef REPUBLISH_KEEPS_POSITIONS
        for (p : 0 .. PARTS - 1) { position[p] = 0; last_id[p] = 0 }
#endif
        stopped[0] = false; stopped[1] = false; wakes[0] = true; wakes[1] = true
    }
}
#endif

active proctype promises() {
    timeout -> printf("nothing can happen any more\n");
    promise(nobody_is_stuck, !busy);
    promise(nothing_is_lost, done[0] == VERSIONS(0) && done[1] == VERSIONS(1))
}

init {
    atomic {
        run committer(0); run committer(1);
        run relay(0); run consumer(0);
#if RELAYS > 1
        run relay(1);
#endif
#if CONSUMERS > 1
        run consumer(1)
#endif
    }
}
