/* What the signs of shared/origin.lua mean; see the header. The table is the whole knowledge: a
 * sign speaks for a writer, for its age, for a difference, or for several of them. The differences
 * are those that README.md lists. */
#include "dialect/origin.h"

#include <stdio.h>
#include <string.h>

#include "bull_lua.h"
#include "common/mem.h"
#include "dialect/registry.h"

/* `of`: the queues of which the row holds; 0: of all. `speaks_for`: whose mark it is. */
enum { BULL = 1, BULLMQ = 2, BULL_3 = 4, BULL_4 = 8, OLD_MQ = 16 };

static const struct {
    const char *sign;
    int speaks_for, of;
    enum origin_level level;
    const char *meaning;
} table[] = {
    {"version", BULLMQ, 0, ORIGIN_EVIDENCE, "the package that opened the queue last"},
    {"maxLenEvents", BULLMQ, 0, ORIGIN_EVIDENCE, "BullMQ's bound on its events"},
    {"no version", 0, 0, ORIGIN_EVIDENCE,
     "opened by no Queue of Node: flows, workers, BullMQ before 4.18, or its ports for Python, "
     "Rust "
     "or PHP"},
    {"key events", BULLMQ, 0, ORIGIN_EVIDENCE, "BullMQ's stream of events"},
    {"key marker", BULLMQ, 0, ORIGIN_EVIDENCE, "what workers of BullMQ wait for"},
    {"key prioritized", BULLMQ, 0, ORIGIN_EVIDENCE, "jobs with a priority of BullMQ"},
    {"key pc", BULLMQ, 0, ORIGIN_EVIDENCE, "priorities of BullMQ"},
    {"key waiting-children", BULLMQ, 0, ORIGIN_EVIDENCE, "flows of BullMQ"},
    {"job of BullMQ 5", BULLMQ, 0, ORIGIN_EVIDENCE, "jobs that BullMQ 5 or newer ran"},
    {"field pb", 0, BULLMQ, ORIGIN_EVIDENCE, "run by a worker with a name"},
    {"field deid", 0, BULLMQ, ORIGIN_EVIDENCE, "deduplicated"},
    {"field rjk", 0, BULLMQ, ORIGIN_EVIDENCE, "jobs of schedulers"},
    {"field stc", 0, BULLMQ, ORIGIN_EVIDENCE, "stalled once"},
    {"field defa", 0, BULLMQ, ORIGIN_EVIDENCE, "to fail when their turn comes"},
    {"failed children", 0, BULLMQ, ORIGIN_EVIDENCE, "parents whose children failed"},
    {"scheduler", 0, BULLMQ, ORIGIN_EVIDENCE, "job schedulers"},
    {"kept job", 0, BULLMQ, ORIGIN_EVIDENCE, "deduplication that keeps the last"},
    {"global concurrency", 0, BULLMQ, ORIGIN_EVIDENCE, "setGlobalConcurrency: obeyed here"},
    {"global limit", 0, BULLMQ, ORIGIN_EVIDENCE, "setGlobalRateLimit: obeyed here"},
    {"stalledCounter of 5", 0, BULLMQ, ORIGIN_EVIDENCE, "stalled under BullMQ 5.0 to 5.48"},

    {"marker in a list", BULLMQ | OLD_MQ, 0, ORIGIN_TODO,
     "BullMQ 4 or older works here: its workers go on while newer clients have the queue paused, "
     "and "
     "count attempts where newer ones do not. Upgrade them before newer workers start"},
    {"marker of 5.0", 0, BULLMQ, ORIGIN_TODO,
     "a worker of BullMQ 5.0 to 5.1.9, whose marks for delayed jobs newer ones misread: upgrade "
     "it"},
    {"jobs put aside", 0, BULLMQ, ORIGIN_TODO,
     "a client of BullMQ 5 or older has paused the queue: what lies in `paused` is seen by no "
     "client "
     "of 6, and clients of 5 overwrite one list with the other. `cartrita-q queue resume QUEUE` "
     "brings it back; pause it again here or with 6"},
    {"repeatable with a hash", 0, BULLMQ, ORIGIN_TODO,
     "a repeatable job of BullMQ 5.10 to 5.81: here it goes on with its data, under Node workers "
     "of 6 "
     "without. `cartrita-q scheduler ls QUEUE` shows it, `scheduler add` makes a scheduler of it, "
     "`scheduler rm` ends the old one"},
    {"repeatable without a hash", 0, BULLMQ, ORIGIN_TODO,
     "a repeatable job of Bull or BullMQ before 5.10: clients of 6 cannot list their schedulers, "
     "and "
     "its series ends with the next job. `cartrita-q scheduler add QUEUE` makes a scheduler of it, "
     "`scheduler rm QUEUE KEY` removes the entry"},
    {"attempts of two kinds", 0, BULLMQ, ORIGIN_TODO,
     "attempts counted by Bull or BullMQ 4 in jobs of newer ones: Node workers retry them without "
     "end, here the larger count holds. `cartrita-q doctor QUEUE --repair` makes them one"},
    {"attempts of old", 0, BULLMQ, ORIGIN_TODO,
     "attempts counted by Bull or BullMQ 4: Node workers of 5 or newer retry such jobs without "
     "end, "
     "here they count. `cartrita-q doctor QUEUE --repair` mends them when no old worker is left"},

    {"key meta-paused", BULL, 0, ORIGIN_EVIDENCE, "paused by Bull"},
    {"key priority", BULL, 0, ORIGIN_EVIDENCE, "jobs with a priority of Bull"},
    {"opts of Bull", 0, 0, ORIGIN_EVIDENCE, "options as Bull writes them"},
    {"default name", BULL, 0, ORIGIN_EVIDENCE, "jobs without a name, as Bull has them"},
    {"key wait:added", BULL | BULL_3, 0, ORIGIN_EVIDENCE, "a leftover of Bull before 3.22.9"},
    {"paused by meta-paused alone", BULL | BULL_3, 0, ORIGIN_EVIDENCE,
     "paused by Bull before 3.18"},
    {"job without priority", BULL_3, BULL, ORIGIN_EVIDENCE, "added by Bull before 3.4"},
    {"repeat without key", BULL_3, BULL, ORIGIN_EVIDENCE, "scheduled by Bull before 3.26"},
    {"retention by age", BULL_4, BULL, ORIGIN_EVIDENCE,
     "removeOnComplete or removeOnFail of Bull 4.4"},
    {"debounce id", BULL_4, BULL, ORIGIN_EVIDENCE, "debounced by Bull 4.16"},
    {"retriedOn", 0, BULL, ORIGIN_EVIDENCE, "retried by hand"},
    {"stalled without finishedOn", BULL, 0, ORIGIN_EVIDENCE,
     "failed as stalled by Bull before 4.12.6"},
    {"crashes", 0, 0, ORIGIN_EVIDENCE, "Cartrita has worked here: its runner died in the job"},

    {"key limiter", 0, 0, ORIGIN_SETTING,
     "a worker has a limiter: it is an option of workers, give `limiter` here, too"},
    {"key limiter:index", BULL, 0, ORIGIN_SETTING,
     "a limiter parks jobs; with bounceBack Bull drops them, here they go back to the front"},
    {"key metrics:completed", BULL_4, 0, ORIGIN_SETTING,
     "workers count metrics: give `metrics: {maxDataPoints}` here, too"},
    {"key metrics:failed", BULL_4, 0, ORIGIN_SETTING,
     "workers count metrics: give `metrics: {maxDataPoints}` here, too"},
    {"backoff of its own", 0, 0, ORIGIN_SETTING,
     "a backoff strategy of the application: name it in `backoffStrategies`, or the jobs fail at "
     "once"},
    {"cron without zone", 0, 0, ORIGIN_SETTING,
     "a cron expression without tz: it means the time zone (TZ) of the process that schedules it"},
    {"key repeat", 0, 0, ORIGIN_EVIDENCE, "repeatable jobs"},

    {"opts no JSON", 0, 0, ORIGIN_DIFFERS,
     "fails at once with the cause; a Node worker leaves the job active, and it returns as "
     "stalled"},
    {"data no JSON", 0, 0, ORIGIN_DIFFERS,
     "fails at once with the cause; a Node worker leaves the job active, and it returns as "
     "stalled"},
    {"removeOnComplete null", 0, BULL, ORIGIN_DIFFERS, "read as keep; Bull loses the job half-way"},
    {"removeOnFail null", 0, BULL, ORIGIN_DIFFERS, "read as keep; Bull loses the job half-way"},
    {"removeOnFail 0", 0, BULL, ORIGIN_DIFFERS,
     "a job that stalls too often goes alone; Bull then deletes every failed one"},
    {"backoff without type", 0, BULL, ORIGIN_DIFFERS,
     "fails at once with the cause; refused when added"},
    {"priority no number", 0, 0, ORIGIN_DIFFERS, "refused when added; in Bull such a job is lost"},
    {"timeout negative", 0, BULL, ORIGIN_DIFFERS, "refused when added"},
    {"debounce ttl 0", 0, BULL, ORIGIN_DIFFERS, "refused when added; Bull's script ends half-way"},
    {"reserved id", 0, 0, ORIGIN_DIFFERS, "refused when added: the id names a key of the queue"},
    {"id without a job", 0, 0, ORIGIN_DIFFERS,
     "dropped, and logged; a Node worker runs it as an empty job"},

    /* What changes for those who leave Bull for BullMQ. */
    {"default name", 0, BULL, ORIGIN_MOVE, "BullMQ's jobs need a name: give queue.add() one"},
    {"timeout", 0, BULL, ORIGIN_MOVE,
     "BullMQ has no option timeout: limit jobs in the worker (here: the pool's time limit)"},
    {"debounce", 0, BULL, ORIGIN_MOVE, "the option debounce is called deduplication in BullMQ"},
    {"id that BullMQ refuses", 0, BULL, ORIGIN_MOVE,
     "BullMQ refuses whole numbers and colons in jobId: put a letter in front, or a dash"},
    {"key limiter:index", 0, BULL, ORIGIN_MOVE,
     "BullMQ has no limiter by group: rateLimit() from within the job, or a queue each"},
    {"backoff of its own", 0, BULL, ORIGIN_MOVE,
     "BullMQ's worker has one function for all strategies, settings.backoffStrategy"},
    {"key priority", 0, BULL, ORIGIN_MOVE,
     "in BullMQ jobs without a priority come first, not last; others up to 2097151, and a retry "
     "keeps them"},
    {"repeatable without a hash", 0, BULL, ORIGIN_MOVE,
     "repeatable jobs become schedulers: `cartrita-q scheduler ls QUEUE -o json` tells them, "
     "`cartrita-q scheduler add NEW ID --cron ... --tz ... --data ...` adds each, `cartrita-q "
     "scheduler rm QUEUE KEY` ends it"},
    {"key meta-paused", 0, BULL, ORIGIN_MOVE,
     "it is paused: `cartrita-q queue resume QUEUE`, or its jobs stay behind"},
};
#define TABLE_COUNT (sizeof table / sizeof *table)
_Static_assert(TABLE_COUNT <= ORIGIN_SIGNS_MAX, "there is room for each sign");

/* From which version of BullMQ on there is such a thing, 100 * major + minor. */
static const struct {
    const char *sign;
    int since;
} ages[] = {
    {"key marker", 500},
    {"key prioritized", 400},
    {"key pc", 400},
    {"job of BullMQ 5", 500},
    {"field pb", 503},
    {"field deid", 511},
    {"field rjk", 510},
    {"field stc", 549},
    {"field defa", 549},
    {"failed children", 542},
    {"scheduler", 536},
    {"kept job", 572},
    {"global concurrency", 509},
    {"global limit", 560},
    {"stalledCounter of 5", 500},
    {"marker of 5.0", 500},
    {"repeatable with a hash", 510},
};

/* What holds for every queue that leaves Bull. */
static const char *const moves[] = {
    "give BullMQ's queue another name, or its clients another prefix: both say `bull` by default, "
    "and "
    "on one queue neither sees all jobs",
    "start workers for the new queue beside the old ones: `cartrita-worker --queue NEW --dialect "
    "bullmq`",
    "let producers add to the new queue; the old one runs empty: `cartrita-q stats QUEUE` tells "
    "when",
    "retry, remove or keep what has failed: `cartrita-q job ls QUEUE --state failed`",
    "when nothing is left, `cartrita-q queue rm QUEUE`",
};

const char *origin_level_name(enum origin_level level)
{
    static const char *const names[] = {"evidence", "differs", "setting",
                                        "to do",    "move",    "refused"};

    return names[level];
}

void origin_build(const struct queue_name *name, struct redis_command *command)
{
    struct ct_buf text;

    ct_buf_init(&text);
    ct_buf_printf(&text, "%s:%s:id", name->prefix, name->name);
    command->script = &bull_origin_script;
    redis_command_int(command, 1);
    redis_command_str(command, ct_buf_str(&text));
    text.len -= 2;
    redis_command_str(command, ct_buf_str(&text));
    ct_buf_free(&text);
}

/* --- who ------------------------------------------------------------------------------------- */

/* "5.42 or newer", of the newest thing that was seen. */
static void put_age(struct ct_buf *text, int voices, int since)
{
    if ((voices & OLD_MQ) && since >= 500)
        ct_buf_printf(text, " 4 or older, and");
    if (since >= 400)
        ct_buf_printf(text, " %d.%d or newer", since / 100, since % 100);
    else if (voices & OLD_MQ)
        ct_buf_printf(text, " 4 or older");
}

/* Ports write numbers of their own under the same name. */
static const char *port_of(struct ct_str version)
{
    if (ct_str_is(version, "bullmq:1.1.0"))
        return ", the number of the .NET port";
    return ct_str_is(version, "bullmq:5.65.1") ? ", which is also the Elixir port's" : "";
}

static void put_writer(struct ct_buf *text, int voices, int since, struct ct_str version)
{
    bool is_bullmq = voices & BULLMQ, is_bull = voices & (BULL | BULL_3 | BULL_4);
    const char *age = (voices & BULL_3) && (voices & BULL_4) ? "3 and 4"
                      : voices & BULL_3                      ? "3"
                      : voices & BULL_4                      ? "4"
                                                             : "3 or 4";

    if (is_bullmq && (voices & BULL)) {
        ct_buf_printf(text, "both Bull and BullMQ");
        return;
    }
    if (!is_bullmq) {
        ct_buf_printf(text, is_bull ? "Bull %s" : "unknown", age);
        return;
    }
    ct_buf_printf(text, "BullMQ");
    if (!version.data || (voices & OLD_MQ))
        put_age(text, voices, since);
    if (version.data)
        ct_buf_printf(text, " (%.*s%s)", (int)version.len, version.data, port_of(version));
}

static size_t find_row(struct ct_str sign, size_t from)
{
    while (from < TABLE_COUNT && !ct_str_is(sign, table[from].sign))
        from++;
    return from;
}

static void judge(struct origin *origin, const struct redis_reply *reply, int *voices)
{
    struct ct_str version = CT_STR_NONE;
    bool has_bull_opts = false;
    struct ct_buf text;
    int since = 0;

    for (size_t at = 0; at + 2 < redis_reply_count(reply); at += 3) {
        struct ct_str sign = redis_reply_str(redis_reply_at(reply, at));

        if (ct_str_is(sign, "version"))
            version = redis_reply_str(redis_reply_at(reply, at + 2));
        has_bull_opts = has_bull_opts || ct_str_is(sign, "opts of Bull");
        for (size_t i = find_row(sign, 0); i < TABLE_COUNT; i = find_row(sign, i + 1))
            *voices |= table[i].speaks_for;
        for (size_t i = 0; i < sizeof ages / sizeof *ages; i++)
            since = ct_str_is(sign, ages[i].sign) && ages[i].since > since ? ages[i].since : since;
    }
    /* A producer of BullMQ may give all the options that Bull writes. */
    if (has_bull_opts && !(*voices & BULLMQ))
        *voices |= BULL;
    if (*voices & BULLMQ)
        *voices &= ~(BULL_3 | BULL_4);
    origin->is_served = !((*voices & BULLMQ) && (*voices & BULL));
    ct_buf_init(&text);
    put_writer(&text, *voices, since, version);
    const size_t len = text.len < ORIGIN_WRITER_MAX - 1 ? text.len : ORIGIN_WRITER_MAX - 1;
    memcpy(origin->writer, ct_buf_str(&text).data, len);
    origin->writer[len] = '\0';
    ct_buf_free(&text);
}

/* --- what ------------------------------------------------------------------------------------ */

static void add_sign(struct origin *out, struct origin_sign sign)
{
    if (out->sign_count < ORIGIN_SIGNS_MAX)
        out->signs[out->sign_count++] = sign;
}

enum ct_code origin_parse(const struct redis_reply *reply, bool with_moves, struct origin *out,
                          struct ct_error *err)
{
    enum ct_code rc = redis_reply_check(reply, err);
    int voices = 0, whose;

    if (rc != CT_E_OK)
        return rc;
    out->sign_count = 0;
    judge(out, reply, &voices);
    whose = voices & BULLMQ ? BULLMQ | (voices & BULL) : BULL;
    for (size_t at = 0; at + 2 < redis_reply_count(reply); at += 3) {
        struct ct_str sign = redis_reply_str(redis_reply_at(reply, at));

        for (size_t i = find_row(sign, 0); i < TABLE_COUNT; i = find_row(sign, i + 1)) {
            if ((table[i].of && !(table[i].of & whose)) ||
                (table[i].level == ORIGIN_MOVE && !with_moves))
                continue;
            add_sign(out, (struct origin_sign){
                              .name = table[i].sign,
                              .meaning = table[i].meaning,
                              .level = table[i].level,
                              .count = redis_reply_int(redis_reply_at(reply, at + 1), 0),
                              .example = redis_reply_str(redis_reply_at(reply, at + 2)),
                          });
        }
    }
    if (!out->is_served)
        add_sign(out,
                 (struct origin_sign){
                     .name = "both",
                     .meaning = "Bull and BullMQ share it and neither sees all jobs: give one of "
                                "them another prefix. What changes it here asks for --dialect",
                     .level = ORIGIN_REFUSED,
                     .count = 1,
                 });
    for (size_t i = 0; with_moves && whose == BULL && i < sizeof moves / sizeof *moves; i++)
        add_sign(out, (struct origin_sign){
                          .name = "step", .meaning = moves[i], .level = ORIGIN_MOVE, .count = 1});
    return CT_E_OK;
}
