/* What the signs of bull/origin.lua mean; see the header. The table is the whole knowledge: a sign
 * speaks for a writer, for an age of Bull, for a difference, or for several of them. The
 * differences are those that README.md lists. */
#include "dialect/origin.h"

#include <stdio.h>

#include "bull_lua.h"
#include "common/mem.h"
#include "dialect/registry.h"

enum { BULL = 1, BULLMQ = 2, BULL_3 = 4, BULL_4 = 8 };

static const struct {
    const char *sign;
    int speaks_for;
    enum origin_level level;
    const char *meaning;
} table[] = {
    {"version", BULLMQ, ORIGIN_REFUSED, "BullMQ made the queue: it is not served"},
    {"maxLenEvents", BULLMQ, ORIGIN_REFUSED, "BullMQ made the queue: it is not served"},
    {"key events", BULLMQ, ORIGIN_REFUSED, "BullMQ's stream of events: it is not served"},
    {"key marker", BULLMQ, ORIGIN_REFUSED, "BullMQ 5 or newer works here: it is not served"},
    {"key prioritized", BULLMQ, ORIGIN_REFUSED, "BullMQ 4 or newer works here: it is not served"},
    {"key waiting-children", BULLMQ, ORIGIN_REFUSED, "a flow of BullMQ: it is not served"},
    {"key pc", BULLMQ, ORIGIN_REFUSED, "BullMQ 4 or newer works here: it is not served"},
    {"marker in a list", BULLMQ, ORIGIN_REFUSED, "a marker of BullMQ 4 or older: it is not served"},
    {"job of BullMQ 5", BULLMQ, ORIGIN_REFUSED, "BullMQ 5 or newer ran the job: it is not served"},

    {"key meta-paused", BULL, ORIGIN_EVIDENCE, "paused by Bull"},
    {"key priority", BULL, ORIGIN_EVIDENCE, "jobs with a priority of Bull"},
    {"opts of Bull", BULL, ORIGIN_EVIDENCE, "options as Bull writes them"},
    {"default name", BULL, ORIGIN_EVIDENCE, "jobs without a name, as Bull has them"},
    {"key wait:added", BULL | BULL_3, ORIGIN_EVIDENCE, "a leftover of Bull before 3.22.9"},
    {"paused by meta-paused alone", BULL | BULL_3, ORIGIN_EVIDENCE, "paused by Bull before 3.18"},
    {"job without priority", BULL | BULL_3, ORIGIN_EVIDENCE, "added by Bull before 3.4"},
    {"repeat without key", BULL | BULL_3, ORIGIN_EVIDENCE, "scheduled by Bull before 3.26"},
    {"retention by age", BULL_4, ORIGIN_EVIDENCE, "removeOnComplete or removeOnFail of Bull 4.4"},
    {"debounce id", BULL | BULL_4, ORIGIN_EVIDENCE, "debounced by Bull 4.16"},
    {"retriedOn", 0, ORIGIN_EVIDENCE, "retried by hand"},
    {"stalled without finishedOn", BULL, ORIGIN_EVIDENCE,
     "failed as stalled by Bull before 4.12.6"},
    {"crashes", 0, ORIGIN_EVIDENCE, "Cartrita has worked here: its runner died in the job"},

    {"key limiter", BULL, ORIGIN_SETTING,
     "a worker has a limiter: it is an option of workers, give `limiter` here, too"},
    {"key limiter:index", BULL, ORIGIN_SETTING,
     "a limiter parks jobs; with bounceBack Bull drops them, here they go back to the front"},
    {"key metrics:completed", BULL_4, ORIGIN_SETTING,
     "workers count metrics: give `metrics: {maxDataPoints}` here, too"},
    {"key metrics:failed", BULL_4, ORIGIN_SETTING,
     "workers count metrics: give `metrics: {maxDataPoints}` here, too"},
    {"backoff of its own", 0, ORIGIN_SETTING,
     "a backoff strategy of the application: name it in `backoffStrategies`, or the jobs fail at "
     "once"},
    {"cron without zone", 0, ORIGIN_SETTING,
     "a cron expression without tz: it means the time zone (TZ) of the process that schedules it"},
    {"key repeat", 0, ORIGIN_EVIDENCE, "repeatable jobs"},

    {"opts no JSON", 0, ORIGIN_DIFFERS,
     "fails at once with the cause; Bull leaves the job active, and it returns as stalled"},
    {"data no JSON", 0, ORIGIN_DIFFERS,
     "fails at once with the cause; Bull leaves the job active, and it returns as stalled"},
    {"removeOnComplete null", 0, ORIGIN_DIFFERS, "read as keep; Bull loses the job half-way"},
    {"removeOnFail null", 0, ORIGIN_DIFFERS, "read as keep; Bull loses the job half-way"},
    {"removeOnFail 0", 0, ORIGIN_DIFFERS,
     "a job that stalls too often goes alone; Bull then deletes every failed one"},
    {"backoff without type", 0, ORIGIN_DIFFERS, "fails at once with the cause; refused when added"},
    {"priority no number", 0, ORIGIN_DIFFERS, "refused when added; in Bull such a job is lost"},
    {"timeout negative", 0, ORIGIN_DIFFERS, "refused when added"},
    {"debounce ttl 0", 0, ORIGIN_DIFFERS, "refused when added; Bull's script ends half-way"},
    {"reserved id", 0, ORIGIN_DIFFERS, "refused when added: the id names a key of the queue"},
    {"id without a job", 0, ORIGIN_DIFFERS, "dropped, and logged; Bull runs it as an empty job"},
};
#define TABLE_COUNT (sizeof table / sizeof *table)
_Static_assert(TABLE_COUNT <= ORIGIN_SIGNS_MAX, "there is room for each sign");

const char *origin_level_name(enum origin_level level)
{
    static const char *const names[] = {"evidence", "differs", "setting", "refused"};

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

static void judge(struct origin *origin, int voices, struct ct_str version)
{
    bool is_bullmq = voices & BULLMQ, is_bull = voices & (BULL | BULL_3 | BULL_4);
    const char *age = (voices & BULL_3) && (voices & BULL_4) ? "3 and 4"
                      : voices & BULL_3                      ? "3"
                      : voices & BULL_4                      ? "4"
                                                             : "3 or 4";

    origin->is_served = !is_bullmq || (!is_bull && dialect_find("bullmq"));
    if (is_bullmq && is_bull)
        snprintf(origin->writer, sizeof origin->writer, "both Bull and BullMQ");
    else if (is_bullmq && version.len > 0)
        snprintf(origin->writer, sizeof origin->writer, "BullMQ (%.*s)", (int)version.len,
                 version.data);
    else if (is_bullmq)
        snprintf(origin->writer, sizeof origin->writer, "BullMQ");
    else if (is_bull)
        snprintf(origin->writer, sizeof origin->writer, "Bull %s", age);
    else
        snprintf(origin->writer, sizeof origin->writer, "unknown");
}

enum ct_code origin_parse(const struct redis_reply *reply, struct origin *out, struct ct_error *err)
{
    struct ct_str version = CT_STR_NONE;
    enum ct_code rc = redis_reply_check(reply, err);
    int voices = 0;

    if (rc != CT_E_OK)
        return rc;
    out->sign_count = 0;
    for (size_t at = 0; at + 2 < redis_reply_count(reply); at += 3) {
        struct ct_str sign = redis_reply_str(redis_reply_at(reply, at));

        for (size_t i = 0; i < TABLE_COUNT && out->sign_count < ORIGIN_SIGNS_MAX; i++) {
            struct ct_str example = redis_reply_str(redis_reply_at(reply, at + 2));

            if (!ct_str_is(sign, table[i].sign))
                continue;
            voices |= table[i].speaks_for;
            if (ct_str_is(sign, "version"))
                version = example;
            out->signs[out->sign_count++] = (struct origin_sign){
                .name = table[i].sign,
                .meaning = table[i].meaning,
                .level = table[i].level,
                .count = redis_reply_int(redis_reply_at(reply, at + 1), 0),
                .example = example,
            };
        }
    }
    judge(out, voices, version);
    return CT_E_OK;
}
