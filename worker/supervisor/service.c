/* The worker as a service. See service.h. */
#include "worker/supervisor/service.h"

#include <stdio.h>
#include <string.h>

static void service_alive(uv_timer_t *timer)
{
    struct service *service = timer->data;

    ct_notify_alive(&service->notify);
}

void service_open(struct service *service, uv_loop_t *loop)
{
    uint64_t every_ms;

    *service = (struct service){.is_ready = false};
    ct_notify_open(&service->notify);
    uv_timer_init(loop, &service->alive);
    service->alive.data = service;
    every_ms = service->notify.watchdog_ms / 2;
    if (every_ms > 0)
        uv_timer_start(&service->alive, service_alive, 0, every_ms);
}

void service_close(struct service *service)
{
    ct_notify_close(&service->notify);
    uv_close((uv_handle_t *)&service->alive, NULL);
}

/* "3 pools, 7 of 8 runners ready; pool mail: crashLoop" */
static void service_describe(const struct generation *generation, char *out, size_t size)
{
    const struct pool_run *bad = NULL;
    uint32_t ready = 0, wanted = 0;

    for (size_t i = 0; i < generation->config.pool_count; i++) {
        const struct pool_run *pool = &generation->pools[i];

        ready += pool_run_ready_count(pool);
        wanted += pool->is_stopped ? 0 : pool->wanted;
        if (!bad && strcmp(pool_run_state(pool), "running") != 0)
            bad = pool;
    }
    snprintf(out, size, "%zu pool%s, %u of %u runners ready%s%.100s%s%s",
             generation->config.pool_count, generation->config.pool_count == 1 ? "" : "s", ready,
             wanted, bad ? "; pool " : "", bad ? bad->config->name : "", bad ? ": " : "",
             bad ? pool_run_state(bad) : "");
}

void service_changed(struct service *service, const struct generation *newest)
{
    char status[SERVICE_STATUS_MAX];
    bool is_ready;

    if (!ct_notify_is_on(&service->notify) || service->is_stopping)
        return;
    is_ready = service->is_ready || generation_is_settled(newest);
    service_describe(newest, status, sizeof status);
    if (is_ready == service->is_ready && strcmp(status, service->status) == 0)
        return;
    memcpy(service->status, status, sizeof status);
    if (is_ready && !service->is_ready)
        ct_notify_ready(&service->notify, status);
    else
        ct_notify_status(&service->notify, status);
    service->is_ready = is_ready;
}

void service_reloading(struct service *service)
{
    ct_notify_reloading(&service->notify);
    service->is_ready = false;
}

void service_stopping(struct service *service, uint64_t grace_ms)
{
    if (service->is_stopping)
        return;
    service->is_stopping = true;
    ct_notify_stopping(&service->notify, grace_ms + SERVICE_STOP_EXTRA_MS,
                       "stopping: running jobs may finish");
}
