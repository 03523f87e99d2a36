/* The world around one queue: a clock that stands still, a seeded die, a Redis whose replies come
 * when the test says so (or never), and runners. Everything the engine does is checked as it
 * happens; a broken rule aborts with the seed. */
#ifndef CT_TESTS_SIM_SIM_H
#define CT_TESTS_SIM_SIM_H

#include "queue/queue.h"
#include "tests/sim/fake_dialect.h"

enum sim_fate {
    FATE_WORKS,
    FATE_LOST_BEFORE, /* the link breaks; Redis has not seen the call */
    FATE_LOST_AFTER,  /* the link breaks; Redis has carried it out */
    FATE_REFUSED,     /* an error reply, nothing done */
    FATE_GARBLED,     /* done, but the reply cannot be read */
};

/* A call on its way. */
struct sim_call {
    struct ct_list link;
    struct fake_call *call; /* owned */
    redis_done_fn done;
    void *arg;
    bool is_run, is_cut;
    int64_t ready_at_ms; /* sim_run_for_ms delivers it then; waits: at the latest */
};

struct sim {
    uint64_t seed, state;
    struct ct_random random;
    struct ct_clock clock;
    int64_t now_ms, wall_offset_ms;
    struct model *model;
    struct queue_settings settings;
    struct queue_port port;
    struct queue *queue;
    struct ct_list runners;
    struct ct_list calls;   /* command link, in order */
    struct ct_list waits;   /* blocking link */
    struct ct_list zombies; /* lost, but Redis will see them yet */
    bool is_scheduled, is_up;
    int64_t armed_ms, up_at_ms;
    /* --- what sim_run_for_ms does to calls --- */
    int64_t commit_number; /* of the next commit to be delivered, from 0 */
    int64_t fated_number;
    enum sim_fate fate;
    enum ct_code fate_code;
    enum ct_code refuse_all; /* OK: none */
    int64_t outage_ms;
    bool wait_is_refused, wait_is_down;
    bool refuse_fetches; /* commits that fetch or promote */
    bool refuse_reclaims;
    /* --- counts --- */
    uint32_t turns, commits_sent, unwaits, waits_sent, reclaims_sent, adds_sent;
    uint32_t fetch_asked; /* of the last commit */
    uint32_t biggest_commit;
    bool last_commit_was_renewals_only;
};

/* A job that a runner holds, until it is answered. */
struct sim_hold {
    struct ct_list link;
    struct lease *lease;
    char id[24], token[FAKE_TOKEN_MAX];
    bool is_ended;
    bool is_cancelled; /* told to stop, for whatever reason */
    bool is_doomed;    /* because somebody cancelled it: it must not run again */
    bool is_forgotten; /* its plugin has moved it itself */
};

struct sim_runner {
    struct ct_list link;
    struct sim *sim;
    struct consumer *consumer;
    uint32_t window;
    struct ct_list holds;
    uint32_t open_count;
    uint32_t job_count, ack_count, cancel_count, resumed_count, refused_count;
    enum ct_code last_code;
    enum queue_state last_state;
    enum ct_code last_refusal;
    char last_id[24];
    char last_detail[64];
    char order[256]; /* ids of jobs as they came, each with a blank behind it */
    bool in_call;    /* a call of ours is on the stack: nothing may come back in */
    bool completes_at_once, closes_on_job, closes_on_answer;
};

struct sim *sim_new(uint64_t seed);
/* With jobs that have children, and waits that only tell of work. */
struct sim *sim_new_marking(uint64_t seed);
/* Closes the runners, drains, waits until the queue is idle, and frees everything. */
void sim_free(struct sim *sim);

/* A test's own seed, or what SEED=n in the environment says. */
uint64_t sim_seed(uint64_t fallback);

/* Ends the test with seed and reason when `condition` is false. */
#define sim_check(sim, condition) \
    ((condition) ? (void)0 : sim_fail(sim, #condition, __FILE__, __LINE__))
void sim_fail(const struct sim *sim, const char *what, const char *file, int line)
    __attribute__((noreturn));

/* --- time and calls --- */
void sim_link_up(struct sim *sim);
void sim_link_down(struct sim *sim);
/* Runs turns, calls, waits and timers as they come. */
void sim_run_for_ms(struct sim *sim, int64_t duration_ms);
/* Until `runner` holds `count` open jobs; fails after ten simulated minutes. */
void sim_run_until_held(struct sim *sim, struct sim_runner *runner, uint32_t count);
void sim_run_until_acked(struct sim *sim, struct sim_runner *runner, uint32_t count);
/* The turn that was asked for, if one was. */
bool sim_turn(struct sim *sim);
bool sim_fire_timer(struct sim *sim);
/* Redis works on the next call of the command link. False: there is none. */
bool sim_execute(struct sim *sim);
/* The reply to the oldest call, when Redis has carried it out. */
bool sim_deliver(struct sim *sim);
/* An error reply to the oldest call, which Redis has not carried out. */
bool sim_refuse(struct sim *sim, enum ct_code code);
/* The reply to the wait: a job when there is one, else nothing. */
bool sim_deliver_wait(struct sim *sim);
bool sim_lose_wait(struct sim *sim, bool after);
/* The command link breaks: its calls get no reply; each that Redis has not seen is lost, or comes
 * to life later when `with_zombies`. */
void sim_cut(struct sim *sim, bool with_zombies);
void sim_run_zombie(struct sim *sim);
/* For sim_run.c: the oldest of a list, its answer, its end. */
struct sim_call *sim_first_call(const struct ct_list *list);
void sim_reply_error(struct sim_call *call, enum ct_code code);
void sim_call_end(struct sim_call *call);
/* In sim_run_for_ms: what happens to the n-th commit from now (0: the next). */
void sim_doom_commit(struct sim *sim, int64_t number, enum sim_fate fate, enum ct_code code);

/* --- runners --- */
struct sim_runner *sim_runner_new(struct sim *sim, uint32_t window);
void sim_runner_close(struct sim_runner *runner, enum consumer_end end);
void sim_runner_window(struct sim_runner *runner, uint32_t window);
/* The n-th open hold (0: the oldest), NULL: there are fewer. */
struct sim_hold *sim_hold_at(struct sim_runner *runner, uint32_t index);
struct sim_hold *sim_hold_of(struct sim_runner *runner, const char *id);
void sim_complete(struct sim_runner *runner, struct sim_hold *hold);
void sim_fail_job(struct sim_runner *runner, struct sim_hold *hold, const struct failure *failure);
void sim_release(struct sim_runner *runner, struct sim_hold *hold, int64_t rest_ms);
void sim_postpone(struct sim_runner *runner, struct sim_hold *hold, int64_t delay_ms);
void sim_await(struct sim_runner *runner, struct sim_hold *hold);
void sim_forget(struct sim_runner *runner, struct sim_hold *hold);
enum ct_code sim_note(struct sim_runner *runner, struct sim_hold *hold, enum effect_kind kind,
                      uint32_t number);
void sim_resume(struct sim_runner *runner, const char *id, const char *token);

#endif
