/* The JSON of a report. See report.h. */
#include "worker/supervisor/report.h"

#include <stdlib.h>
#include <string.h>

#include "common/json.h"

enum report_detail { REPORT_FULL, REPORT_NO_RUNNERS, REPORT_NO_QUEUES };

struct report {
    struct ct_buf *out;
    enum report_detail detail;
    uint64_t now_ms;
    int64_t wall_ms;
};

static void report_text(struct ct_buf *out, const char *key, struct ct_str text)
{
    ct_buf_printf(out, "\"%s\":", key);
    ct_json_append_string(out, text);
    ct_buf_append_char(out, ',');
}

static void report_number(struct ct_buf *out, const char *key, int64_t number)
{
    ct_buf_printf(out, "\"%s\":", key);
    ct_buf_append_int(out, number);
    ct_buf_append_char(out, ',');
}

/* Each member and element leaves a comma behind. */
static void report_end(struct ct_buf *out, char closing)
{
    char *last = ct_buf_data(out) + out->len - 1;

    if (*last == ',')
        *last = closing;
    else
        ct_buf_append_char(out, closing);
    ct_buf_append_char(out, ',');
}

static void report_runner(const struct report *report, const struct slot *slot)
{
    struct ct_buf *out = report->out;
    bool is_there = slot->state != SLOT_DOWN;

    ct_buf_append_char(out, '{');
    report_text(out, "runner", ct_str_of(slot->runner));
    report_number(out, "slot", slot->index);
    report_number(out, "pid", is_there ? slot->process.pid : 0);
    report_text(out, "state", ct_str_of(slot_state_name(slot)));
    report_number(out, "since", report->wall_ms - (int64_t)(report->now_ms - slot->since_ms));
    report_number(out, "jobs", is_there ? slot->jobs : 0);
    report_number(out, "memory", is_there ? (int64_t)slot->memory_bytes : 0);
    report_number(out, "failures", slot->failures);
    report_end(out, '}');
}

static void report_death(struct ct_buf *out, const struct pool_run *pool)
{
    const struct slot *last = NULL;
    int64_t deaths = 0;

    for (size_t i = 0; i < pool->slot_count; i++) {
        const struct slot *slot = pool->slots[i];

        deaths += slot->deaths;
        if (slot->deaths > 0 && (!last || slot->died_ms >= last->died_ms))
            last = slot;
    }
    report_number(out, "restarts", deaths);
    ct_buf_printf(out, "\"lastDeath\":");
    if (!last) {
        ct_buf_printf(out, "null,");
        return;
    }
    ct_buf_append_char(out, '{');
    report_number(out, "at", last->died_ms);
    report_text(out, "reason",
                (struct ct_str){last->death, strnlen(last->death, REPORT_REASON_MAX)});
    report_end(out, '}');
}

/* "NAME VERSION"; before a runner was ready, the file. */
static void report_plugin(struct ct_buf *out, const struct pool_run *pool)
{
    const char *space = strrchr(pool->plugin, ' ');

    if (!space) {
        report_text(out, "plugin", ct_str_of(pool->config->plugin));
        ct_buf_printf(out, "\"pluginVersion\":null,");
        return;
    }
    report_text(out, "plugin", (struct ct_str){pool->plugin, (size_t)(space - pool->plugin)});
    report_text(out, "pluginVersion", ct_str_of(space + 1));
}

static void report_pool(const struct report *report, const struct pool_run *pool)
{
    const struct pool_config *config = pool->config;
    struct ct_buf *out = report->out;

    ct_buf_append_char(out, '{');
    report_text(out, "name", ct_str_of(config->name));
    report_plugin(out, pool);
    ct_buf_printf(out, "\"queues\":[");
    for (size_t i = 0; i < config->queue_count && report->detail < REPORT_NO_QUEUES; i++) {
        ct_json_append_string(out, ct_str_of(config->queues[i]));
        ct_buf_append_char(out, ',');
    }
    report_end(out, ']');
    report_text(out, "prefix", ct_str_of(config->options.prefix ? config->options.prefix : "bull"));
    report_text(out, "state", ct_str_of(pool_run_state(pool)));
    report_number(out, "wanted", pool->wanted);
    report_number(out, "min", pool->min);
    report_number(out, "max", pool->max);
    report_number(out, "concurrency", config->options.concurrency);
    report_death(out, pool);
    ct_buf_printf(out, "\"runners\":[");
    for (size_t i = 0; i < pool->slot_count && report->detail < REPORT_NO_RUNNERS; i++)
        if (pool->slots[i]->is_wanted || pool->slots[i]->state != SLOT_DOWN)
            report_runner(report, pool->slots[i]);
    report_end(out, ']');
    report_end(out, '}');
}

static void report_print_as(const struct report *report, const struct report_head *head,
                            const struct generation *generation)
{
    static const char *const left_out[] = {
        [REPORT_NO_RUNNERS] = "runners", [REPORT_NO_QUEUES] = "runners and queues"};
    struct ct_buf *out = report->out;

    ct_buf_append_char(out, '{');
    report_text(out, "worker", ct_str_of(head->worker));
    report_text(out, "host", ct_str_of(head->host));
    report_number(out, "pid", head->pid);
    report_text(out, "version", ct_str_of(CARTRITA_VERSION));
    report_number(out, "startedAt", head->started_ms);
    report_text(out, "state", ct_str_of(head->is_draining ? "draining" : "running"));
    if (report->detail != REPORT_FULL)
        report_text(out, "leftOut", ct_str_of(left_out[report->detail]));
    ct_buf_printf(out, "\"pools\":[");
    for (size_t i = 0; generation && i < generation->config.pool_count; i++)
        report_pool(report, &generation->pools[i]);
    report_end(out, ']');
    report_end(out, '}');
    out->len--; /* the last comma */
}

void report_print(const struct report_head *head, const struct generation *generation,
                  uint64_t now_ms, int64_t wall_ms, struct ct_buf *out)
{
    struct report report = {.out = out, .now_ms = now_ms, .wall_ms = wall_ms};

    for (report.detail = REPORT_FULL; report.detail <= REPORT_NO_QUEUES; report.detail++) {
        ct_buf_clear(out);
        report_print_as(&report, head, generation);
        if (out->len <= REPORT_MAX)
            return;
    }
}
