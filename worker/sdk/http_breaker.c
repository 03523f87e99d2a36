/* Endpoints that failed too often rest. See http_parts.h. Time comes in, so a test can be it. */
#include "http_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool http_breaker_init(struct http_breaker *breaker, int64_t failures_max, int64_t rest_ms)
{
    memset(breaker, 0, sizeof *breaker);
    breaker->endpoints = calloc(HTTP_ENDPOINTS_MAX, sizeof *breaker->endpoints);
    if (!breaker->endpoints)
        return false;
    breaker->failures_max = failures_max;
    breaker->rest_ms = rest_ms;
    pthread_mutex_init(&breaker->lock, NULL);
    return true;
}

void http_breaker_fini(struct http_breaker *breaker)
{
    if (!breaker->endpoints)
        return;
    free(breaker->endpoints);
    pthread_mutex_destroy(&breaker->lock);
}

static struct http_endpoint *endpoint_find(struct http_breaker *breaker, const char *name)
{
    for (size_t i = 0; i < breaker->endpoint_count; i++) {
        if (strcmp(breaker->endpoints[i].name, name) == 0)
            return &breaker->endpoints[i];
    }
    return NULL;
}

/* Only those that have failed are kept, so the table is empty while all is well. */
static struct http_endpoint *endpoint_add(struct http_breaker *breaker, const char *name)
{
    struct http_endpoint *endpoint = &breaker->endpoints[0];

    if (breaker->endpoint_count < HTTP_ENDPOINTS_MAX) {
        endpoint = &breaker->endpoints[breaker->endpoint_count++];
    } else {
        for (size_t i = 1; i < HTTP_ENDPOINTS_MAX; i++) {
            if (breaker->endpoints[i].used_ms < endpoint->used_ms)
                endpoint = &breaker->endpoints[i];
        }
    }
    memset(endpoint, 0, sizeof *endpoint);
    snprintf(endpoint->name, sizeof endpoint->name, "%s", name);
    return endpoint;
}

bool http_breaker_enter(struct http_breaker *breaker, const char *name, int64_t now_ms,
                        int64_t *wait_ms, char reason[HTTP_REASON_MAX])
{
    struct http_endpoint *endpoint;
    bool may_go = true;

    if (breaker->failures_max < 0)
        return true;
    pthread_mutex_lock(&breaker->lock);
    endpoint = endpoint_find(breaker, name);
    if (endpoint && endpoint->failures >= breaker->failures_max) {
        endpoint->used_ms = now_ms;
        may_go = now_ms >= endpoint->rests_until_ms && !endpoint->is_probed;
        if (may_go) {
            endpoint->is_probed = true;
        } else {
            /* Others wait for the one that tries it: a second is enough to look again. */
            *wait_ms = endpoint->rests_until_ms > now_ms ? endpoint->rests_until_ms - now_ms : 1000;
            snprintf(reason, HTTP_REASON_MAX, "%s", endpoint->reason);
        }
    }
    pthread_mutex_unlock(&breaker->lock);
    return may_go;
}

void http_breaker_leave(struct http_breaker *breaker, const char *name, int64_t now_ms,
                        enum http_verdict verdict, const char *reason)
{
    struct http_endpoint *endpoint;

    if (breaker->failures_max < 0)
        return;
    pthread_mutex_lock(&breaker->lock);
    endpoint = endpoint_find(breaker, name);
    if (!endpoint && verdict == HTTP_FAILS)
        endpoint = endpoint_add(breaker, name);
    if (endpoint) {
        endpoint->is_probed = false;
        endpoint->used_ms = now_ms;
    }
    if (verdict == HTTP_FAILS) {
        if (endpoint->failures < UINT32_MAX)
            endpoint->failures++;
        endpoint->rests_until_ms = now_ms + breaker->rest_ms;
        snprintf(endpoint->reason, sizeof endpoint->reason, "%s", reason);
    } else if (endpoint && verdict == HTTP_WORKS) {
        *endpoint = breaker->endpoints[--breaker->endpoint_count];
    }
    pthread_mutex_unlock(&breaker->lock);
}
