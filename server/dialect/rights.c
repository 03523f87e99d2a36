/* The table, and rules made from it; see the header. */
#include "dialect/rights.h"

#include <stdlib.h>

#include "bull_lua.h"
#include "common/mem.h"

enum { P = 1 << RIGHTS_PRODUCER, W = 1 << RIGHTS_WORKER, D = 1 << RIGHTS_DAEMON };
enum { V = 1 << RIGHTS_VIEWER };

const char *const rights_roles[] = {"producer", "worker", "daemon", "viewer", NULL};

/* What a command is asked about: nothing, a key, two keys, a channel, a stream. */
enum shape { PLAIN, KEY, KEYS, CHANNEL, SCRIPT, STREAM };

static const struct {
    const char *name;
    enum shape shape;
    unsigned bull, bullmq; /* roles that use it */
} table[] = {
    /* --- connections --- */
    {"ping", PLAIN, P | W | D | V, P | W | D | V},
    {"select", PLAIN, P | W | D | V, P | W | D | V},
    {"info", PLAIN, P | W | D | V,
     P | W | D | V}, /* Bull: the version; the daemon: maxmemory-policy */
    {"client|setname", PLAIN, W | D, P | W | D}, /* dashboards count workers by it */
    {"client|id", PLAIN, P | D | V, P | D | V},  /* to interrupt its own waits, with the next one */
    {"client|unblock", PLAIN, D, D},
    {"client|list", PLAIN, P | W | V, P | W | V}, /* getWorkers() */
    {"multi", PLAIN, P | W, P | W},
    {"exec", PLAIN, P | W, P | W},
    {"eval", SCRIPT, P | W | D | V, P | W | D | V},
    {"evalsha", SCRIPT, P | W | D | V, P | W | D | V},
    {"script|exists", PLAIN, P | W, P | W}, /* ioredis, before a pipeline of scripts */
    {"script|load", PLAIN, P | W, P | W},
    {"scan", PLAIN, V, V}, /* names of queues: shows names of foreign keys, too */
    {"type", KEY, P | D | V, P | W | D | V},
    {"exists", KEY, P | W | D | V, P | W | D | V},
    {"memory|usage", KEY, V, V},
    /* --- messages --- */
    {"publish", CHANNEL, P | W | D, 0},
    {"subscribe", CHANNEL, P | W | D | V, D},
    {"unsubscribe", PLAIN, P | W | D | V, D},
    {"psubscribe", CHANNEL, P | W | V, 0},
    {"punsubscribe", PLAIN, P | W | V, 0},
    /* --- strings: counter, locks, pause, limiter, debounce --- */
    {"get", KEY, P | W | D | V, P | W | D | V},
    {"mget", KEY, D, D},
    {"set", KEY, P | W | D, P | W | D},
    {"psetex", KEY, W | D, 0},
    {"incr", KEY, P | W | D, P | W | D},
    {"del", KEY, W | D, P | W | D},
    {"pttl", KEY, W | D | V, P | W | D | V},
    {"incrby", KEY, 0, P | W | D},
    {"persist", KEY, 0, P | W | D},
    {"pexpire", KEY, 0, W | D},
    /* --- hashes: jobs, metrics --- */
    {"hget", KEY, W | D | V, P | W | D | V},
    {"hmget", KEY, P | W | D | V, P | W | D | V},
    {"hgetall", KEY, P | W, P | W | D},
    {"hexists", KEY, P | W | D | V, P | W | D | V},
    {"hstrlen", KEY, D | V, D | V},
    {"hset", KEY, P | W | D, P | W | D},
    {"hmset", KEY, P | W | D, P | W | D},
    {"hincrby", KEY, W | D, W | D},
    {"hdel", KEY, W | D, P | W | D},
    {"hlen", KEY, 0, P | W | V},
    {"hscan", KEY, 0, D | V},
    /* --- lists: wait, active, paused, logs --- */
    {"llen", KEY, P | W | D | V, P | W | D | V},
    {"lindex", KEY, P | W | D | V, P | W | D | V},
    {"lrange", KEY, P | W | D | V, P | W | D | V},
    {"lpos", KEY, D | V, P | W | D | V},
    {"lpush", KEY, P | W | D, P | W | D},
    {"rpush", KEY, P | W | D, P | W | D},
    {"linsert", KEY, P | W | D, 0},
    {"lrem", KEY, W | D, P | W | D},
    {"ltrim", KEY, P | W | D, W | D},
    {"rpop", KEY, D, P | W | D},
    {"rpoplpush", KEYS, W | D, W | D},
    {"brpoplpush", KEYS, W | D, 0},
    /* --- sets: stalled, limiter --- */
    {"sadd", KEY, W | D, P | W | D},
    {"srem", KEY, W | D, P | W | D},
    {"scard", KEY, W | D, P | W | D | V},
    {"sismember", KEY, W | D, W | D | V},
    {"smembers", KEY, W | D, P | W | D},
    {"srandmember", KEY, D, D},
    {"sscan", KEY, 0, D | V},
    /* --- sorted sets: delayed, completed, failed, priority, repeat --- */
    {"zadd", KEY, P | W | D, P | W | D},
    {"zrem", KEY, W | D, P | W | D},
    {"zcard", KEY, P | W | D | V, P | W | D | V},
    {"zcount", KEY, P | W | D, P | W},
    {"zscore", KEY, P | W | D | V, P | W | D | V},
    {"zrange", KEY, P | W | D | V, P | W | D | V},
    {"zrevrange", KEY, P | W | V, P | W | V},
    {"zrangebyscore", KEY, W | D, W | D | V},
    {"zrevrangebyscore", KEY, W, P | W | D},
    {"zremrangebyrank", KEY, W | D, W | D},
    {"zremrangebyscore", KEY, W, W},
    {"bzpopmin", KEY, 0, W | D},
    {"zpopmin", KEY, 0, W | D},
    /* --- streams: events --- */
    {"xadd", KEY, 0, P | W | D},
    {"xread", STREAM, 0, P | W | V},
    {"xrevrange", KEY, 0, V}, /* where a stream ends, to go on from there */
    {"xtrim", KEY, 0, P | W | D},
};
#define TABLE_COUNT (sizeof table / sizeof *table)
_Static_assert(TABLE_COUNT <= RIGHTS_COMMANDS_MAX, "there is room for each command");

static bool is_needed(size_t row, enum rights_role role, unsigned dialects)
{
    unsigned roles = (dialects & RIGHTS_BULL ? table[row].bull : 0) |
                     (dialects & RIGHTS_BULLMQ ? table[row].bullmq : 0);

    return roles & 1u << role;
}

size_t rights_commands(enum rights_role role, unsigned dialects,
                       const char *out[RIGHTS_COMMANDS_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < TABLE_COUNT; i++) {
        if (is_needed(i, role, dialects))
            out[count++] = table[i].name;
    }
    return count;
}

/* A rule ends at a blank, and there is no quoting: any one character stands for it. */
static void append_literal(struct ct_buf *buf, const char *text)
{
    for (; *text; text++) {
        bool is_blank = *text == ' ' || (*text >= '\t' && *text <= '\r');

        if (strchr("*?[]\\", *text))
            ct_buf_append_char(buf, '\\');
        ct_buf_append_char(buf, is_blank ? '?' : *text);
    }
}

static void offer(const char *prefix, const char *queue, const char *tail,
                  rights_pattern_fn on_pattern, void *ctx)
{
    struct ct_buf pattern;

    ct_buf_init(&pattern);
    append_literal(&pattern, prefix);
    ct_buf_append_char(&pattern, ':');
    if (queue) {
        append_literal(&pattern, queue);
        ct_buf_append_char(&pattern, ':');
    }
    ct_buf_printf(&pattern, "%s", tail);
    on_pattern(ctx, ct_buf_str(&pattern));
    ct_buf_free(&pattern);
}

void rights_keys(const struct rights_scope *scope, rights_pattern_fn on_pattern, void *ctx)
{
    for (size_t i = 0; i < scope->queue_count; i++)
        offer(scope->prefix, scope->queues[i], "*", on_pattern, ctx);
    if (scope->queue_count == 0)
        offer(scope->prefix, NULL, "*", on_pattern, ctx);
}

void rights_own_keys(enum rights_role role, rights_pattern_fn on_pattern, void *ctx)
{
    if (role == RIGHTS_DAEMON)
        on_pattern(ctx, CT_STR_LIT("{cartrita:cache}:*"));
}

/* Whoever subscribes to a pattern needs a rule with the very same pattern: Bull's listeners have
 * the first ones, `cartrita-q stats` and `job wait` the second. */
static const char *const patterns[] = {"active*", "waiting*", "stalled*", "duplicated*",
                                       "debounced*"};
static const char *const viewer_patterns[] = {"active@*", "waiting@*", "stalled@*", "duplicated@*",
                                              "debounced@*"};
#define PATTERN_COUNT (sizeof patterns / sizeof *patterns)
_Static_assert(sizeof viewer_patterns == sizeof patterns, "each pattern has both forms");

void rights_channels(enum rights_role role, unsigned dialects, const struct rights_scope *scope,
                     rights_pattern_fn on_pattern, void *ctx)
{
    /* BullMQ publishes nothing; a daemon hears of jobs to be cancelled. */
    if (!(dialects & RIGHTS_BULL) && role != RIGHTS_DAEMON)
        return;
    rights_keys(scope, on_pattern, ctx);
    if (role == RIGHTS_DAEMON)
        return;
    for (size_t i = 0; i < scope->queue_count * PATTERN_COUNT; i++) {
        const char *queue = scope->queues[i / PATTERN_COUNT];

        offer(scope->prefix, queue, patterns[i % PATTERN_COUNT], on_pattern, ctx);
        if (role == RIGHTS_VIEWER)
            offer(scope->prefix, queue, viewer_patterns[i % PATTERN_COUNT], on_pattern, ctx);
    }
}

void rights_build_check(enum rights_role role, unsigned dialects, const struct queue_name *name,
                        struct redis_command *command)
{
    static const char *const shapes[] = {"plain", "key", "keys", "channel", "script", "stream"};
    char *base = ct_asprintf("%s:%s:", name->prefix, name->name);

    command->script = &bull_rights_script;
    redis_command_int(command, 0);
    redis_command_text(command, base);
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        if (!is_needed(i, role, dialects) || strcmp(table[i].name, "psubscribe") == 0)
            continue;
        redis_command_text(command, table[i].name);
        redis_command_text(command, shapes[table[i].shape]);
    }
    free(base);
}

static size_t find(struct ct_str name)
{
    size_t i = 0;

    while (i < TABLE_COUNT && !ct_str_is(name, table[i].name))
        i++;
    return i;
}

enum ct_code rights_parse_check(enum rights_role role, unsigned dialects,
                                const struct redis_reply *reply,
                                const char *missing[RIGHTS_COMMANDS_MAX], size_t *missing_count,
                                bool *has_keys, struct ct_error *err)
{
    enum ct_code rc = redis_reply_check(reply, err);
    size_t keyed = 0, refused = 0;

    if (rc != CT_E_OK)
        return rc;
    *missing_count = 0;
    for (size_t i = 0; i < TABLE_COUNT; i++)
        keyed += is_needed(i, role, dialects) && table[i].shape == KEY;
    for (size_t i = 0; i < redis_reply_count(reply); i++) {
        size_t at = find(redis_reply_str(redis_reply_at(reply, i)));

        if (at == TABLE_COUNT || *missing_count == RIGHTS_COMMANDS_MAX)
            continue;
        missing[(*missing_count)++] = table[at].name;
        refused += table[at].shape == KEY;
    }
    *has_keys = refused < keyed;
    return CT_E_OK;
}
