/* Drives a dialect straight on Redis: one JSON object a line on stdin, one a line back. Called by
 * the conformance tests, which do the same steps with Bull. It holds leased jobs by id, as the
 * engine would, and knows nothing else.
 *
 *   dialect_cli PORT PREFIX QUEUE [SETTINGS [DIALECT]]
 *   {"op":"commit","effects":[{"kind":"complete","id":"1","value":"..."}...],"fetch":1,"promote":true}
 *   {"op":"wait"} {"op":"sweep"} {"op":"reclaim"} {"op":"detect"}
 *   {"op":"add","jobs":[{"name":..,"data":"json","opts":"json"}...]}; those of a flow, parents
 * first: "node":{"queue":..,"parent":number in jobs,"children":true}
 *   {"op":"judge","id":"1","reason":..,"stack":..,"unrecoverable":..,"delay":..,"crash":..,
 *    "resent":..} commits what it says, before any "effects"
 *   {"op":"schedule","id":"1"}
 *   {"op":"children","id":"1","which":1,"cursor":0,"key":".."}
 * Any op may carry "now": the wall clock to use. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "common/clock.h"
#include "common/mem.h"
#include "dialect/registry.h"
#include "redis/link.h"

#define REPLY_TIMEOUT_MS 20000

static const char *const kind_names[] = {
    "complete", "fail",     "retry", "delay",  "postpone", "await",  "release", "stall",
    "renew",    "progress", "log",   "update", "take",     "untake", "adopt",   "schedule"};

static struct redis_link *link_to_redis;
static const struct dialect *dialect;
static struct dialect_queue *queue;
static struct job **leases; /* owned, and the jobs in it */
static size_t lease_count, lease_cap;
static char token_base[CT_UUID_LEN + 1];
static uint64_t token_next = 1;

static void answer(json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT | JSON_ENCODE_ANY);

    puts(text);
    fflush(stdout);
    free(text);
    json_decref(object);
}

static json_t *error_of(const struct ct_error *err)
{
    return json_pack("{s:i,s:s,s:s}", "code", err->code, "error", ct_error_text(err->code),
                     "detail", err->detail);
}

static int64_t now_of(json_t *request)
{
    json_t *now = json_object_get(request, "now");

    return now ? (int64_t)json_number_value(now) : ct_wall_ms(&ct_clock_system);
}

static struct ct_str text_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    if (!json_is_string(value))
        return CT_STR_NONE;
    return (struct ct_str){json_string_value(value), json_string_length(value)};
}

static struct job *lease_find(struct ct_str id)
{
    for (size_t i = lease_count; i-- > 0;) {
        if (ct_str_equal(leases[i]->id, id))
            return leases[i];
    }
    return NULL;
}

static void lease_keep(struct job *job)
{
    if (lease_count == lease_cap) {
        lease_cap = lease_cap ? lease_cap * 2 : 64;
        leases = ct_realloc(leases, lease_cap * sizeof(struct job *));
    }
    leases[lease_count++] = job;
}

static json_t *keep_json(struct keep keep)
{
    return json_pack("[I,I]", (json_int_t)keep.count, (json_int_t)keep.age_s);
}

static json_t *text_json(struct ct_str text)
{
    return text.data ? json_stringn_nocheck(text.data, text.len) : json_null();
}

static json_t *job_json(const struct job *job)
{
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:I,s:I,s:I,s:I,s:I,s:o,s:o,s:b,s:s?}", "id",
                     text_json(job->id), "name", text_json(job->name), "data", text_json(job->data),
                     "opts", text_json(job->opts), "token", text_json(job->token), "stacktrace",
                     text_json(job->stacktrace), "telemetry", text_json(job->telemetry), "parent",
                     text_json(job->parent), "attempts", (json_int_t)job->attempts_made, "started",
                     (json_int_t)job->attempts_started, "stalled", (json_int_t)job->stalled_counter,
                     "processedOn", (json_int_t)job->processed_on_ms, "timeout",
                     (json_int_t)job->timeout_ms, "onComplete", keep_json(job->on_complete),
                     "onFail", keep_json(job->on_fail), "repeat", (int)job->is_repeat, "broken",
                     job->broken);
}

static json_t *jobs_json(struct ct_list *jobs)
{
    json_t *list = json_array();

    CT_LIST_FOREACH_SAFE (node, following, jobs) {
        struct job *job = CT_CONTAINER(node, struct job, link);
        ct_list_remove(&job->link);
        json_array_append_new(list, job_json(job));
        lease_keep(job);
    }
    return list;
}

static struct effect *effect_read(json_t *object)
{
    const char *name = json_string_value(json_object_get(object, "kind"));
    size_t kind = 0;

    while (strcmp(kind_names[kind], name) != 0)
        kind++;
    bool is_by_id = kind == EFFECT_TAKE || kind == EFFECT_UNTAKE || kind == EFFECT_ADOPT;
    struct effect *effect =
        effect_new((enum effect_kind)kind, text_of(object, is_by_id ? "id" : "value"),
                   text_of(object, is_by_id ? "token" : "extra"));
    if (!is_by_id)
        effect->job = lease_find(text_of(object, "id"));
    effect->is_resent = json_is_true(json_object_get(object, "resent"));
    effect->was_started = json_is_true(json_object_get(object, "started"));
    effect->attempts_made = (uint32_t)json_integer_value(json_object_get(object, "attempts"));
    effect->due_ms = (int64_t)json_number_value(json_object_get(object, "due"));
    return effect;
}

static enum ct_code call(struct redis_command *command, struct redis_reply **reply,
                         struct ct_error *err)
{
    enum ct_code rc = redis_link_call_wait(link_to_redis, command, REPLY_TIMEOUT_MS, reply, err);

    redis_command_fini(command);
    return rc;
}

static void commit_run(struct commit *commit, struct ct_list *effects, json_t *request)
{
    struct redis_command command;
    struct redis_reply *reply = NULL;
    struct ct_error err = {CT_E_OK, ""};

    ct_list_append(&commit->effects, effects);
    CT_LIST_FOREACH (node, &commit->effects) {
        commit->effect_count++;
    }
    commit->fetch_max = (uint32_t)json_integer_value(json_object_get(request, "fetch"));
    commit->promote = json_is_true(json_object_get(request, "promote"));
    commit->now_ms = now_of(request);
    commit->token_base = token_base;
    commit->token_first = token_next;
    token_next += commit->fetch_max + commit->effect_count;
    redis_command_init(&command, NULL);
    dialect->build_commit(queue, commit, &command);
    enum ct_code rc = call(&command, &reply, &err);
    if (rc == CT_E_OK)
        rc = dialect->parse_commit(queue, commit, reply, &err);
    redis_reply_free(reply);
    if (rc != CT_E_OK) {
        answer(error_of(&err));
        return;
    }
    json_t *results = json_array();
    CT_LIST_FOREACH (node, &commit->effects) {
        struct effect *effect = CT_CONTAINER(node, struct effect, link);
        json_t *result = json_pack("{s:i,s:b,s:b,s:b,s:s?}", "code", effect->code, "failed",
                                   (int)effect->is_failed, "ready", (int)effect->is_ready, "final",
                                   (int)effect->is_final, "refusal", effect->refusal);
        if (effect->leased) {
            json_object_set_new(result, "leased", job_json(effect->leased));
            lease_keep(effect->leased);
            effect->leased = NULL;
        }
        json_array_append_new(results, result);
    }
    answer(json_pack("{s:o,s:o,s:b,s:I,s:b,s:I,s:s,s:I,s:s,s:o*}", "results", results, "jobs",
                     jobs_json(&commit->jobs), "drained", (int)commit->is_drained, "due",
                     (json_int_t)(commit->next_due_ms == COMMIT_NEVER ? -1 : commit->next_due_ms),
                     "more", (int)commit->has_more_due, "rest", (json_int_t)commit->rest_ms,
                     "obstacle", commit->obstacle.code == CT_E_OK ? "" : commit->obstacle.detail,
                     "dead", (json_int_t)commit->dead_letters.count, "deadProblem",
                     commit->dead_letters.err.detail, "untold",
                     commit->untold_id ? json_pack("{s:s,s:s}", "id", commit->untold_id, "error",
                                                   commit->untold.detail)
                                       : NULL));
}

static void run_commit(json_t *request, struct effect *effect)
{
    struct commit commit;
    struct ct_list effects;
    size_t index;
    json_t *value;

    commit_init(&commit);
    ct_list_init(&effects);
    if (effect)
        ct_list_push_back(&effects, &effect->link);
    json_array_foreach(json_object_get(request, "effects"), index, value)
    {
        ct_list_push_back(&effects, &effect_read(value)->link);
    }
    commit_run(&commit, &effects, request);
    commit_fini(&commit, dialect->free_plan);
}

static void run_judge(json_t *request)
{
    json_t *delay = json_object_get(request, "delay");
    struct failure failure = {
        .reason = text_of(request, "reason"),
        .stack = text_of(request, "stack"),
        .is_unrecoverable = json_is_true(json_object_get(request, "unrecoverable")),
        .is_crash = json_is_true(json_object_get(request, "crash")),
        .has_delay = delay != NULL,
        .delay_ms = json_integer_value(delay),
    };
    struct job *job = lease_find(text_of(request, "id"));
    struct effect *effect =
        dialect->judge(queue, job, &failure, now_of(request), &ct_random_system);

    effect->job = job;
    effect->is_resent = json_is_true(json_object_get(request, "resent"));
    run_commit(request, effect);
}

static void run_schedule(json_t *request)
{
    struct ct_error err = {CT_E_OK, ""};
    struct effect *effect = NULL;

    if (dialect->schedule(queue, lease_find(text_of(request, "id")), now_of(request), &effect,
                          &err) != CT_E_OK)
        answer(error_of(&err));
    else if (!effect)
        answer(json_pack("{s:b}", "ended", 1));
    else
        run_commit(request, effect);
}

static void run_wait(void)
{
    struct redis_command command;
    struct redis_reply *reply = NULL;
    struct ct_error err = {CT_E_OK, ""};
    struct ct_str id = CT_STR_NONE;
    bool has_work = false;
    int64_t due_ms = COMMIT_NEVER;

    redis_command_init(&command, NULL);
    dialect->build_wait(queue, &command);
    enum ct_code rc = call(&command, &reply, &err);
    if (rc == CT_E_OK)
        rc = dialect->parse_wait(queue, reply, &id, &has_work, &due_ms, &err);
    answer(rc == CT_E_OK ? json_pack("{s:o,s:b,s:I}", "id", text_json(id), "work", (int)has_work,
                                     "due", (json_int_t)(due_ms == COMMIT_NEVER ? -1 : due_ms))
                         : error_of(&err));
    redis_reply_free(reply);
}

static void run_sweep(json_t *request)
{
    struct redis_command command;
    struct redis_reply *reply = NULL;
    struct ct_error err = {CT_E_OK, ""};
    struct sweep sweep = {.failed_count = 0};

    redis_command_init(&command, NULL);
    dialect->build_sweep(queue, now_of(request), &command);
    enum ct_code rc = call(&command, &reply, &err);
    if (rc == CT_E_OK)
        rc = dialect->parse_sweep(queue, reply, &sweep, &err);
    redis_reply_free(reply);
    answer(rc == CT_E_OK ? json_pack("{s:I,s:I,s:I}", "failed", (json_int_t)sweep.failed_count,
                                     "recovered", (json_int_t)sweep.recovered_count, "dead",
                                     (json_int_t)sweep.dead_letters.count)
                         : error_of(&err));
}

static void run_reclaim(void)
{
    struct redis_command command;
    struct redis_reply *reply = NULL;
    struct ct_error err = {CT_E_OK, ""};
    struct commit commit;

    commit_init(&commit);
    redis_command_init(&command, NULL);
    dialect->build_reclaim(queue, token_base, &command);
    enum ct_code rc = call(&command, &reply, &err);
    if (rc == CT_E_OK)
        rc = dialect->parse_reclaim(queue, &commit, reply, &err);
    redis_reply_free(reply);
    answer(rc == CT_E_OK ? json_pack("{s:o}", "jobs", jobs_json(&commit.jobs)) : error_of(&err));
    commit_fini(&commit, dialect->free_plan);
}

static void node_read(json_t *object, const char *prefix, const struct job_add *adds,
                      struct job_node *node)
{
    json_t *parent = json_object_get(object, "parent");

    *node = (struct job_node){
        .queue = {prefix, json_string_value(json_object_get(object, "queue"))},
        .parent = parent ? &adds[json_integer_value(parent)] : NULL,
        .has_children = json_is_true(json_object_get(object, "children")),
    };
}

static json_t *adds_json(struct job_add *adds, size_t count)
{
    json_t *results = json_array();

    for (size_t i = 0; i < count; i++) {
        json_t *result = error_of(&adds[i].err);
        json_object_set_new(result, "id", adds[i].id ? json_string(adds[i].id) : json_null());
        json_object_set_new(result, "skipped", json_boolean(adds[i].is_skipped));
        json_array_append_new(results, result);
        job_add_fini(&adds[i]);
    }
    return results;
}

static void run_add(const struct queue_name *name, json_t *request)
{
    json_t *jobs = json_object_get(request, "jobs"), *value;
    struct job_add *adds = ct_zalloc((json_array_size(jobs) + 1) * sizeof *adds);
    struct job_node *nodes = ct_zalloc((json_array_size(jobs) + 1) * sizeof *nodes);
    struct redis_command command;
    struct redis_reply *reply = NULL;
    struct ct_error err = {CT_E_OK, ""};
    enum ct_code rc = CT_E_OK;
    struct ct_list list;
    size_t index;

    ct_list_init(&list);
    json_array_foreach(jobs, index, value)
    {
        json_t *node = json_object_get(value, "node");

        adds[index].name = text_of(value, "name");
        adds[index].data = text_of(value, "data");
        adds[index].opts = text_of(value, "opts");
        if (node) {
            node_read(node, name->prefix, adds, &nodes[index]);
            adds[index].node = &nodes[index];
        }
        ct_list_push_back(&list, &adds[index].link);
    }
    redis_command_init(&command, NULL);
    dialect->build_add(queue, &list, now_of(request), &ct_random_system, &command);
    if (command.argc > 0) {
        rc = call(&command, &reply, &err);
        if (rc == CT_E_OK)
            rc = dialect->parse_add(queue, &list, reply, &err);
    }
    redis_command_fini(&command);
    redis_reply_free(reply);
    json_t *results = adds_json(adds, json_array_size(jobs));
    free(adds);
    free(nodes);
    if (rc == CT_E_OK) {
        answer(json_pack("{s:o}", "results", results));
    } else {
        json_decref(results);
        answer(error_of(&err));
    }
}

static void run_children(json_t *request)
{
    struct children_query query = {
        .id = text_of(request, "id"),
        .kind = (enum children_kind)json_integer_value(json_object_get(request, "which")),
        .cursor = (uint64_t)json_integer_value(json_object_get(request, "cursor")),
        .key = text_of(request, "key"),
    };
    struct redis_command command;
    struct redis_reply *reply = NULL;
    struct ct_error err = {CT_E_OK, ""};

    redis_command_init(&command, NULL);
    dialect->build_children(queue, &query, &command);
    enum ct_code rc = call(&command, &reply, &err);
    if (rc == CT_E_OK)
        rc = dialect->parse_children(queue, &query, reply, &err);
    json_t *children = json_array();
    for (uint32_t i = 0; i < query.child_count; i++)
        json_array_append_new(children, json_pack("[o,o,b]", text_json(query.children[i].key),
                                                  text_json(query.children[i].value),
                                                  (int)query.children[i].is_cut));
    redis_reply_free(reply);
    if (rc == CT_E_OK)
        answer(
            json_pack("{s:O,s:I}", "children", children, "cursor", (json_int_t)query.next_cursor));
    else
        answer(error_of(&err));
    json_decref(children);
    children_query_fini(&query);
}

static void run_detect(const struct queue_name *name)
{
    struct redis_command command;
    struct redis_reply *reply = NULL;
    struct ct_error err = {CT_E_OK, ""};
    struct dialect_found found;

    redis_command_init(&command, NULL);
    dialect_build_detect(name, &command);
    enum ct_code rc = call(&command, &reply, &err);
    if (rc == CT_E_OK)
        rc = dialect_parse_detect(reply, &found, &err);
    redis_reply_free(reply);
    answer(rc == CT_E_OK ? json_pack("{s:s, s:s, s:b, s:s}", "verdict",
                                     dialect_verdict_name(&found), "dialect", found.dialect->name,
                                     "exists", found.exists, "signs", found.signs)
                         : error_of(&err));
}

static void run(const struct queue_name *name, json_t *request)
{
    const char *op = json_string_value(json_object_get(request, "op"));

    if (strcmp(op, "commit") == 0)
        run_commit(request, NULL);
    else if (strcmp(op, "judge") == 0)
        run_judge(request);
    else if (strcmp(op, "schedule") == 0)
        run_schedule(request);
    else if (strcmp(op, "children") == 0)
        run_children(request);
    else if (strcmp(op, "wait") == 0)
        run_wait();
    else if (strcmp(op, "sweep") == 0)
        run_sweep(request);
    else if (strcmp(op, "reclaim") == 0)
        run_reclaim();
    else if (strcmp(op, "add") == 0)
        run_add(name, request);
    else if (strcmp(op, "detect") == 0)
        run_detect(name);
}

int main(int argc, char **argv)
{
    struct queue_settings settings;
    struct ct_redis_url url;
    struct ct_error err;
    char *line = NULL, text[64];
    size_t cap = 0;

    if (argc < 4)
        return 2;
    struct queue_name name = {argv[2], argv[3]};
    queue_settings_init(&settings);
    snprintf(text, sizeof text, "redis://127.0.0.1:%s", argv[1]);
    dialect = dialect_find(argc > 5 ? argv[5] : "bull");
    if (queue_settings_parse(&settings, ct_str_of(argc > 4 ? argv[4] : NULL), &err) != CT_E_OK ||
        dialect->open(&name, &settings, &queue, &err) != CT_E_OK ||
        ct_redis_url_parse(text, &url, &err) != CT_E_OK) {
        fprintf(stderr, "%s\n", err.detail);
        return 1;
    }
    ct_uuid(&ct_random_system, token_base);
    link_to_redis = redis_link_open(&(struct redis_link_options){
        .loop = uv_default_loop(), .url = &url, .random = &ct_random_system});
    while (getline(&line, &cap, stdin) > 0) {
        json_t *request = json_loads(line, 0, NULL);
        run(&name, request);
        json_decref(request);
    }
    redis_link_close(link_to_redis, NULL, NULL);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    uv_loop_close(uv_default_loop());
    for (size_t i = 0; i < lease_count; i++)
        job_free(leases[i]);
    free(leases);
    dialect->close(queue);
    queue_settings_fini(&settings);
    ct_redis_url_free(&url);
    free(line);
    return 0;
}
