/* One place in a pool: a runner, dead or alive, and what is to become of it.
 *
 * A slot starts its runner, hears it say that it is ready, watches it (limits.c), drains or kills
 * it, reads the flight recorder when it is dead, reports that, and starts the next one after a
 * while. It never loads a plugin and sees nothing of a job but queue and id.
 *
 *           start              ready           drain, retire
 *   DOWN ──────────> STARTING ───────> READY ────────────────> DRAINING
 *    ^                  │ late, drain    │ over a limit           │ grace period over, stop
 *    │                  └────────────────┴──────> DYING <─────────┘
 *    └──────────── the process is gone, from any state ───────────┘                              */
#ifndef WORKER_SLOT_H
#define WORKER_SLOT_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "common/buf.h"
#include "common/random.h"
#include "worker/config/pool.h"
#include "worker/supervisor/dialler.h"
#include "worker/supervisor/output.h"
#include "worker/supervisor/temp_root.h"
#include "worker/supervisor/undertaker.h"
#include "worker/watch/cgroup.h"

#define SLOT_START_MAX_MS           300000u /* a runner may take so long to open its plugin */
#define SLOT_RESTART_MIN_MS         100u
#define SLOT_RESTART_MAX_MS         30000u
#define SLOT_RESTART_CHARGED_MAX_MS 1000u /* when a job was to blame: the others wait for it */
#define SLOT_HEALTHY_MS             1000u /* a runner that was ready for so long begins with a clean slate */
#define SLOT_DRAIN_EXTRA_MS         5000u /* beyond the grace period, for the last words to the daemon */
#define SLOT_STOP_EXTRA_MS          3000u /* the same for a runner that was told to stop */
#define SLOT_KILL_MS                1000u /* from TERM to KILL */

/* So many failures in a row and it is told apart from bad luck: nothing changes by itself. */
#define SLOT_CRASH_LOOP 5u

enum slot_state { SLOT_DOWN, SLOT_STARTING, SLOT_READY, SLOT_DRAINING, SLOT_DYING };

/* Why runners fail. */
#define SLOT_CAUSES(X)                                           \
    X(START, "start") /* before it was ready */                  \
    X(LIMIT, "limit") /* we ended it: time, memory, processes */ \
    X(CRASH, "crash") /* it died by itself */

enum slot_cause {
#define SLOT_CAUSE_ENUM(name, text) SLOT_CAUSE_##name,
    SLOT_CAUSES(SLOT_CAUSE_ENUM)
#undef SLOT_CAUSE_ENUM
        SLOT_CAUSE_COUNT
};

const char *slot_cause_text(enum slot_cause cause);

/* What slots share. */
struct slot_context {
    uv_loop_t *loop;
    const char *program;  /* our own binary */
    const char *debugger; /* words to put before its command line; NULL: none */
    const char *address;  /* of the daemon */
    const char *worker;   /* UUID of the supervisor */
    int log_level;
    uint64_t grace_ms;
    uint64_t cancel_grace_ms;
    struct cgroup *cgroup; /* NULL: there are none for runners */
    bool shares_output;    /* runners write straight where we do: somebody looks on */
    struct undertaker *undertaker;
    struct temp_root *temp_root;
    const struct ct_random *random;
    /* A slot has another state (DOWN: its runner is gone, and so are its handles), or wants to be
     * replaced. Called in the middle of things: only make a note of it. */
    void (*on_change)(void *ctx);
    void *ctx;
};

struct slot {
    const struct slot_context *context; /* borrowed */
    const struct pool_config *pool;     /* borrowed */
    uint32_t index;
    enum slot_state state;
    bool is_wanted;          /* should run: started again when it is down */
    bool is_paused;          /* its runner takes no jobs */
    bool is_retired;         /* draining, with the time that its jobs have */
    const char *replace_why; /* static; another runner should take its place. NULL: none needs to */
    bool is_handed_back;     /* said bye: what becomes of the process harms no job */
    bool has_said_why;       /* said failed or unusable */
    bool is_unusable;        /* said unusable */
    bool was_ready;          /* once, in its life */
    bool is_complaint_told;  /* the present reason why starts fail was logged */
    uint32_t failures;       /* in a row */
    bool was_charged;        /* the last death had a job to blame */
    uint32_t deaths;         /* that were failures, since the slot is there */
    uint32_t deaths_by[SLOT_CAUSE_COUNT];
    int64_t died_ms;   /* the last of them; wall time */
    uint64_t since_ms; /* the present state */
    uint64_t ready_ms; /* when the runner became ready; 0: not yet */
    char runner[CT_UUID_LEN + 1];
    char plugin[160];                        /* what it said of itself */
    char complaint[CT_ERROR_DETAIL_MAX];     /* why it could not start, as last logged */
    char death[UNDERTAKER_REASON_MAX];       /* how it last failed; empty: never */
    char kill_reason[UNDERTAKER_REASON_MAX]; /* why we ended it; empty: it died by itself */
    /* We ended it for jobs with a deadline at or before; 0: not for that. */
    uint64_t late_before_ms;
    int recorder_fd;       /* owned; -1: none */
    char *plugin_file;     /* owned; as it was checked, for the runner that starts; NULL: none */
    char *temp_dir;        /* owned; the runner's own; NULL: none */
    uint32_t jobs;         /* that it was running when last looked at... */
    uint64_t memory_bytes; /* ...and what it used (pool_run_look) */
    struct ct_buf control_in;
    uv_process_t process;
    uv_pipe_t control;
    struct dialler dialler;
    uv_timer_t timer;      /* restart, start deadline, kill: one at a time, by state */
    unsigned handles_open; /* of process, control, dialler and output */
    void (*closed)(void *ctx);
    void *closed_ctx;
    bool is_dead; /* the process is gone, its handles are closing */

    uint64_t time_checked_ms;    /* by limits.c, as the next */
    bool was_over;               /* its memory, at the last look */
    uint64_t recycle_at_ms;      /* by recycle.c; 0: not decided yet */
    struct temp_look *temp_look; /* by temp_watch.c, which owns it; NULL: none is under way */
    char *cgroup;                /* owned; the path of the runner's own. NULL: none */
    struct output output;        /* what its plugin writes */
    struct output log;           /* what it logs itself */
    bool has_output;             /* both of them */
};

void slot_init(struct slot *slot, const struct slot_context *context,
               const struct pool_config *pool, uint32_t index);
/* Only when DOWN and not wanted. `closed` may free the slot. */
void slot_close(struct slot *slot, void (*closed)(void *ctx), void *ctx);

/* Wants it to run. */
void slot_start(struct slot *slot);
/* Wants it down: lets running jobs finish within the grace period. */
void slot_drain(struct slot *slot);
/* The same, but the jobs have the time that they have anyway: none is handed back. For a runner
 * whose work another one has taken over. */
void slot_retire(struct slot *slot);
/* Wants another runner in its place: the pool starts one, and when that is ready this one is
 * retired (pool_run.h). `why` is static memory, for the log. Asked again it changes nothing; a
 * runner that ends before that is simply started again. For the restart of a pool and for what
 * recycles runners. */
void slot_replace(struct slot *slot, const char *why);
/* Another runner, whatever became of this one: as slot_replace, and one that waits for its next try
 * to start has it now. */
void slot_renew(struct slot *slot, const char *why);
/* Whether its runners hold jobs, this one and those that are started in its place. */
void slot_pause(struct slot *slot, bool is_paused);
/* Wants it down now: running jobs are handed back. */
void slot_stop(struct slot *slot);
/* Ends the process: TERM, then KILL. The jobs it was running are charged with `reason`. */
void slot_kill(struct slot *slot, const char *reason);
/* The same for its jobs with a deadline at or before `before_ms`: only those are charged. */
void slot_kill_late(struct slot *slot, const char *reason, uint64_t before_ms);
/* The same with KILL at once, for what must not go on for another moment. */
void slot_kill_now(struct slot *slot, const char *reason);

/* Whether its process exists, if only to be waited for. */
bool slot_is_alive(const struct slot *slot);
/* The longest wait before it is tried again. */
uint32_t slot_restart_max_ms(const struct slot *slot);

const char *slot_state_name(const struct slot *slot);
/* It fails to run a runner: SLOT_CRASH_LOOP times in a row, and none has been well since. */
bool slot_is_looping(const struct slot *slot);

/* slot_report.c: it failed, and why. */
void slot_note_death(struct slot *slot, const char *why);
/* slot_report.c: reports the death of the process to the daemon, unless it held nothing. */
void slot_report(struct slot *slot, int64_t status, int number);

#endif
