/* See fleet.h. Pure but for fleet_fetch. */
#include "q/fleet.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/nearest.h"

#define NAMED_MAX 5 /* workers that an error lists */

/* --- members --- */

struct ct_str fleet_text(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_string(value))
        return CT_STR_LIT("");
    return (struct ct_str){json_string_value(value), json_string_length(value)};
}

int64_t fleet_number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

const json_t *fleet_list(const json_t *object, const char *key)
{
    return json_object_get(object, key); /* what is no array has no elements for jansson */
}

int64_t fleet_runners(const json_t *pool, const char *state)
{
    const json_t *runners = fleet_list(pool, "runners");
    int64_t count = 0;

    for (size_t i = 0; i < json_array_size(runners); i++) {
        struct ct_str is = fleet_text(json_array_get(runners, i), "state");
        count += state ? ct_str_is(is, state) : !ct_str_is(is, "down");
    }
    return count;
}

int64_t fleet_sum(const json_t *pool, const char *key)
{
    const json_t *runners = fleet_list(pool, "runners");
    int64_t sum = 0;

    for (size_t i = 0; i < json_array_size(runners); i++) {
        int64_t number = fleet_number(json_array_get(runners, i), key);
        if (number > 0 && number < INT64_MAX - sum)
            sum += number;
    }
    return sum;
}

void fleet_append_place(struct ct_buf *buf, const json_t *worker)
{
    ct_buf_append_str(buf, fleet_text(worker, "host"));
    ct_buf_printf(buf, ":%lld", (long long)fleet_number(worker, "pid"));
}

void fleet_view_members(struct view *view, const json_t *report)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)report, key, value)
    {
        char *text = json_dumps(value, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ENCODE_ANY);

        view_value(view, key, ct_str_of(text));
        free(text);
    }
}

void fleet_view_row(struct view *view, const json_t *report)
{
    view_row(view);
    fleet_view_members(view, report);
    view_row_end(view);
}

/* --- the fleet --- */

static int compare_workers(const void *a, const void *b)
{
    const json_t *one = *(json_t *const *)a, *two = *(json_t *const *)b;
    int64_t pids[2] = {fleet_number(one, "pid"), fleet_number(two, "pid")};
    int order = strcmp(fleet_text(one, "host").data, fleet_text(two, "host").data);

    return order != 0 ? order : (pids[0] > pids[1]) - (pids[0] < pids[1]);
}

/* A new array, sorted, without what is no object. */
static json_t *sort_fleet(const json_t *reports)
{
    size_t count = json_array_size(reports), kept = 0;
    json_t **items = ct_zalloc((count + 1) * sizeof *items);
    json_t *sorted = json_array();

    for (size_t i = 0; i < count; i++) {
        json_t *report = json_array_get(reports, i);
        if (json_is_object(report))
            items[kept++] = report;
    }
    qsort(items, kept, sizeof *items, compare_workers);
    for (size_t i = 0; i < kept; i++)
        json_array_append(sorted, items[i]);
    free(items);
    return sorted;
}

enum ct_code fleet_fetch(struct daemon_link *link, json_t **out, struct ct_error *err)
{
    struct proto_message message = {.type = PROTO_FLEET};
    json_t *answer = NULL;
    struct ct_str value;
    struct ct_buf text;
    enum ct_code rc = daemon_link_ask(link, &message, &message.as.fleet.request, NULL, &value, err);

    if (rc != CT_E_OK)
        return rc;
    ct_buf_init(&text); /* an object, which is read leniently */
    ct_buf_append_str(&text, CT_STR_LIT("{\"workers\":"));
    ct_buf_append_str(&text, value);
    ct_buf_append_char(&text, '}');
    rc = ct_json_object(ct_buf_str(&text), &answer, err);
    ct_buf_free(&text);
    if (rc != CT_E_OK) {
        ct_error_wrap(err, "the daemon's list of workers");
        return rc;
    }
    *out = sort_fleet(json_object_get(answer, "workers"));
    json_decref(answer);
    return CT_E_OK;
}

/* --- one of them --- */

static bool is_place(const json_t *worker, const char *word)
{
    struct ct_buf place;
    bool is_same;

    ct_buf_init(&place);
    fleet_append_place(&place, worker);
    is_same = ct_str_is(ct_buf_str(&place), word);
    ct_buf_free(&place);
    return is_same;
}

static bool is_meant(const json_t *worker, const char *word)
{
    struct ct_str uuid = fleet_text(worker, "worker");
    size_t len = strlen(word);

    return strcmp(word, "all") == 0 || (len <= uuid.len && memcmp(uuid.data, word, len) == 0) ||
           ct_str_is(fleet_text(worker, "host"), word) || is_place(worker, word);
}

static void append_names(struct ct_buf *buf, const json_t *workers)
{
    size_t count = json_array_size(workers);

    for (size_t i = 0; i < count && i < NAMED_MAX; i++) {
        const json_t *worker = json_array_get(workers, i);
        struct ct_str uuid = fleet_text(worker, "worker");

        ct_buf_printf(buf, "%s%.*s (", i > 0 ? ", " : "",
                      (int)(uuid.len < FLEET_SHORT ? uuid.len : FLEET_SHORT), uuid.data);
        fleet_append_place(buf, worker);
        ct_buf_append_char(buf, ')');
    }
    if (count > NAMED_MAX)
        ct_buf_printf(buf, " and %zu more", count - NAMED_MAX);
}

static enum ct_code select_error(enum ct_code code, const json_t *workers, const char *format,
                                 const char *word, struct ct_error *err)
{
    struct ct_buf text;

    ct_buf_init(&text);
    ct_buf_printf(&text, format, word);
    if (json_array_size(workers) == 0)
        ct_buf_printf(&text, "none is connected to this daemon");
    append_names(&text, workers);
    ct_error_set(err, code, "%.*s", (int)text.len, ct_buf_data(&text));
    ct_buf_free(&text);
    return code;
}

enum ct_code fleet_select(const json_t *fleet, const char *word, json_t **out, struct ct_error *err)
{
    json_t *chosen = json_array();
    enum ct_code rc = CT_E_OK;

    for (size_t i = 0; i < json_array_size(fleet); i++) {
        json_t *worker = json_array_get(fleet, i);
        if (is_meant(worker, word))
            json_array_append(chosen, worker);
    }
    if (json_array_size(chosen) == 0)
        rc = select_error(CT_E_NOT_FOUND, fleet, "there is no worker \"%.60s\"; there are: ", word,
                          err);
    else if (json_array_size(chosen) > 1 && strcmp(word, "all") != 0)
        rc = select_error(CT_E_CONFLICT, chosen, "\"%.60s\" may mean several workers: ", word, err);
    if (rc == CT_E_OK)
        *out = chosen;
    else
        json_decref(chosen);
    return rc;
}

/* --- pools --- */

const json_t *fleet_pool(const json_t *worker, const char *name)
{
    const json_t *pools = fleet_list(worker, "pools");

    for (size_t i = 0; i < json_array_size(pools); i++) {
        const json_t *pool = json_array_get(pools, i);
        if (ct_str_is(fleet_text(pool, "name"), name))
            return pool;
    }
    return NULL;
}

static void offer_pools(struct ct_nearest *nearest, const json_t *worker)
{
    const json_t *pools = fleet_list(worker, "pools");

    for (size_t i = 0; i < json_array_size(pools); i++)
        ct_nearest_offer(nearest, fleet_text(json_array_get(pools, i), "name").data);
}

enum ct_code fleet_keep_pool(json_t *workers, const char *name, struct ct_error *err)
{
    struct ct_nearest nearest;
    enum ct_code rc;

    ct_nearest_init(&nearest, name);
    for (size_t i = 0; i < json_array_size(workers); i++)
        offer_pools(&nearest, json_array_get(workers, i));
    if (nearest.best)
        rc = ct_error_set(err, CT_E_NOT_FOUND, "there is no pool \"%.60s\"; did you mean \"%s\"?",
                          name, nearest.best);
    else
        rc = ct_error_set(err, CT_E_NOT_FOUND,
                          "there is no pool \"%.60s\"; `cartrita-q worker ls` lists those that are",
                          name);
    for (size_t i = json_array_size(workers); i-- > 0;) {
        if (!fleet_pool(json_array_get(workers, i), name))
            json_array_remove(workers, i);
    }
    return json_array_size(workers) > 0 ? CT_E_OK : rc;
}
