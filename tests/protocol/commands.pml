/* Commands as a model: two instances of one service on one database, and the clients who send to either.

   Modelled: claims, locks, the versions of subjects, answers, the COMMIT whose outcome is lost, instances that die with
   what they hold in memory, clients who hear nothing and send the same id again, also while the first is still at work;
   jobs with their leases; timers with their armings. Each command changes both subjects, and names them in an order of
   its own. PostgreSQL's waiting for an uncommitted row of the same key is in the COMMIT: what is inserted is compared
   there with what others have committed.
   Left out: batches of several commands, refusals, savepoints, time (a lease may run out whenever a fault may happen).
   A deadlock stays a deadlock here; PostgreSQL would end it after a second, and the batch is tried again.
   What is committed goes on in delivery.pml. Names are those of the code; model.py maps them. Each #ifdef but FAULTS
   leaves out a rule on purpose. */

#ifndef FAULTS
#define FAULTS 3 /* so many faults in a run, of any kind, anywhere */
#endif

#define COMMANDS 2
#define INSTANCES 2

/* What the database keeps. */
bool claim[COMMANDS];
byte subject_version[2];
bool subject_lock[2];
bool job = true, leased;
byte fence;
byte arming = 1; /* of the one timer; 0: not set */

/* What instances and clients know. */
bool queued[COMMANDS * INSTANCES], answered[COMMANDS];
#define QUEUED(i, c) queued[(i) * COMMANDS + (c)]

/* What only the model knows. */
byte effects[COMMANDS], solved, fired[3];
byte faults, busy; /* busy: how many are in the middle of something */

mtype = { nothing_is_lost, no_double_effect, order_is_kept, nobody_is_stuck };
#define promise(what, kept) if :: kept :: else -> printf("broken promise: %e\n", what); assert(false) fi
#define fault(possible) possible && faults < FAULTS -> faults++

/* -- Committer.submit ---------------------------------------------------------------------------------------------- */

proctype client(byte c) {
    do
    :: atomic { !answered[c] && !QUEUED(0, c) && !QUEUED(1, c) ->
        if :: QUEUED(0, c) = true :: QUEUED(1, c) = true fi;
        printf("client %d: sends its command\n", c) }
    :: atomic { fault(!answered[c] && QUEUED(0, c) != QUEUED(1, c));
        QUEUED(0, c) = true; QUEUED(1, c) = true;
        printf("client %d: hears nothing (OutcomeUnknown) and sends its command to the other, too\n", c) }
    :: answered[c] -> break
    od
}

/* -- Committer.run, batch.apply ------------------------------------------------------------------------------------ */

inline lock_subject(s) {
#ifdef SUBJECTS_UNGUARDED
    skip
#else
    atomic { !subject_lock[s] -> subject_lock[s] = true; held = held | (1 << (s)) }
#endif
}

inline end_transaction() {
    if :: held & 1 -> subject_lock[0] = false :: else fi;
    if :: held & 2 -> subject_lock[1] = false :: else fi;
    held = 0; seen[0] = 0; seen[1] = 0
}

inline acknowledge() {
    printf("instance %d: answers command %d\n", i, c);
    answered[c] = true;
}

inline take_effect() {
    promise(order_is_kept, seen[0] == subject_version[0] && seen[1] == subject_version[1]);
    effects[c]++; subject_version[0]++; subject_version[1]++;
    promise(no_double_effect, effects[c] == 1);
#ifndef CLAIM_AFTERWARDS
    claim[c] = true;
#endif
    printf("instance %d: command %d is committed\n", i, c)
}

proctype instance(byte i) {
    byte c, held, seen[2];
turn:
    atomic {
        if
        :: QUEUED(i, 0)
        :: QUEUED(i, 1) -> c = 1
        fi;
        busy++
    }
again:
    atomic { /* _repeats */
        if
        :: claim[c] -> goto answer
        :: else
        fi;
#ifdef CLAIM_FIRST
        claim[c] = true;
#endif
#ifdef ANSWER_BEFORE_COMMIT
        acknowledge();
#endif
    }
#ifdef LOCKS_UNSORTED
    lock_subject(c);
    lock_subject(1 - c);
#else
    lock_subject(0);
    lock_subject(1);
#endif
    atomic { seen[0] = subject_version[0]; seen[1] = subject_version[1] }
    atomic {
        if
#ifndef SUBJECTS_UNGUARDED
        :: seen[0] != subject_version[0] || seen[1] != subject_version[1] ->
            printf("instance %d: IntegrityError\n", i); end_transaction(); goto again
#endif
        :: else
        fi;
        if
#ifndef CLAIM_FIRST
#ifndef CLAIMS_UNCOUNTED
        :: claim[c] -> printf("instance %d: IntegrityError of the claim\n", i); end_transaction(); goto again
#endif
#endif
        :: else
        fi;
        if
        :: fault(true); printf("instance %d: dies before its COMMIT\n", i);
            QUEUED(i, 0) = false; QUEUED(i, 1) = false; end_transaction(); busy--; c = 0; goto turn
        :: fault(true); take_effect(); end_transaction(); printf("instance %d: does not hear so\n", i); goto again
        :: true -> take_effect(); end_transaction()
        fi
    }
#ifdef CLAIM_AFTERWARDS
    atomic {
        if
        :: fault(true); printf("instance %d: dies before it claims\n", i);
            QUEUED(i, 0) = false; QUEUED(i, 1) = false; busy--; c = 0; goto turn
        :: true -> claim[c] = true
        fi
    }
#endif
answer:
    atomic {
        if
        :: fault(true); printf("instance %d: dies before it answers\n", i);
            QUEUED(i, 0) = false; QUEUED(i, 1) = false
        :: true -> acknowledge(); QUEUED(i, c) = false; promise(nothing_is_lost, effects[c])
        fi;
        busy--; c = 0; goto turn
    }
}

/* -- jobs.lease, jobs.finish --------------------------------------------------------------------------------------- */

proctype worker(byte i) {
    byte mine;
turn:
    atomic {
        if
        :: job && !leased
        :: fault(job && leased); printf("the lease has run out\n")
        fi;
        leased = true; fence++; mine = fence; busy++; printf("worker %d: leases the job with fence %d\n", i, fence)
    }
    atomic {
        if
        :: fault(true); printf("worker %d: dies\n", i); leased = (fence == mine -> false : leased)
#ifdef LEASE_UNFENCED
        :: true ->
#else
        :: !job || fence != mine -> printf("worker %d: its lease is lost, its result dropped\n", i)
        :: job && fence == mine ->
#endif
            job = false; solved++; printf("worker %d: its result is taken in\n", i);
            promise(no_double_effect, solved == 1)
        fi;
        busy--; mine = 0; goto turn
    }
}

/* -- timers.due, batch._fire --------------------------------------------------------------------------------------- */

proctype timer(byte i) {
    byte found;
turn:
    atomic { arming -> found = arming; busy++; printf("timer %d: finds arming %d due\n", i, found) }
    atomic {
        if
        :: fault(true); printf("timer %d: dies before its COMMIT\n", i)
#ifdef ARMING_UNCHECKED
        :: arming ->
#else
        :: arming != found
        :: arming == found ->
#endif
            fired[found]++; printf("timer %d: arming %d fires\n", i, found);
            promise(no_double_effect, fired[found] == 1);
            arming = (found == 1 -> 2 : 0) /* the first firing sets it anew */
#ifdef ARMING_UNCHECKED
        :: !arming
#endif
        fi;
        busy--; found = 0; goto turn
    }
}

active proctype promises() {
    timeout -> printf("nothing can happen any more\n");
    promise(nobody_is_stuck, !busy && answered[0] && answered[1]);
    promise(nothing_is_lost, effects[0] && effects[1] && solved && fired[1] && fired[2])
}

init {
    atomic {
        run client(0); run client(1); run instance(0); run instance(1);
        run worker(0); run worker(1); run timer(0); run timer(1)
    }
}
