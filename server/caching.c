/* The result cache of runners, in Redis. Called by session.c; the keys are queue/cache.h's.
 *
 * It is a help and no more: whatever goes wrong here is answered as a result that is not there, and
 * a result that cannot be stored is forgotten. */
#include <stdlib.h>

#include "common/log.h"
#include "common/mem.h"
#include "queue/cache.h"
#include "server/conn_internal.h"

struct caching {
    struct ct_list link; /* in conn->cachings */
    struct conn *conn;   /* NULL once it is gone */
    uint64_t request;
};

static void caching_answer(struct conn *conn, uint64_t request, struct ct_str stamp,
                           struct ct_str value)
{
    const struct proto_message message = {
        .type = PROTO_CACHED,
        .as.cached = {.request = request,
                      .has_stamp = stamp.data != NULL,
                      .stamp = stamp,
                      .has_value = value.data != NULL,
                      .value = value},
    };

    conn_tell(conn, &message);
}

static void caching_part(struct caching *caching)
{
    ct_list_remove(&caching->link);
    caching->conn->caching_count--;
    caching->conn = NULL;
}

/* An outage is told by the links; what remains are rights that this user of Redis does not have. */
static void caching_tell(const struct ct_error *err)
{
    static uint64_t count;

    if (err->code == CT_E_CLOSED || err->code == CT_E_REDIS_DOWN)
        return;
    count++;
    if ((count & (count - 1)) == 0)
        ct_log_warn("result cache not available in Redis", CT_ERR(err), CT_INT("times", count));
}

static void caching_on_found(void *arg, const struct redis_reply *reply, const struct ct_error *err)
{
    struct caching *caching = arg;
    struct ct_str value = CT_STR_NONE;
    struct ct_buf stamp;

    ct_buf_init(&stamp);
    if (err)
        caching_tell(err);
    else
        cache_parse_get(reply, &stamp, &value);
    if (caching->conn) {
        struct ct_str found = stamp.len ? ct_buf_str(&stamp) : CT_STR_LIT("");

        caching_answer(caching->conn, caching->request, err ? CT_STR_NONE : found, value);
        conns_mark(caching->conn);
        caching_part(caching);
    }
    ct_buf_free(&stamp);
    free(caching);
}

void caching_get(struct conn *conn, const struct proto_cache_get *get)
{
    struct hosts *hosts = conn->conns->hosts;
    struct redis_command command;
    struct caching *caching;
    struct ct_error err;

    redis_command_init(&command, NULL);
    if (!hosts_redis_is_up(hosts) || conn->caching_count >= CONN_CACHINGS_MAX ||
        cache_build_get(get->key, get->has_tags ? get->tags : CT_STR_NONE, &command, &err) !=
            CT_E_OK) {
        caching_answer(conn, get->request, CT_STR_NONE, CT_STR_NONE);
        redis_command_fini(&command);
        return;
    }
    caching = ct_zalloc(sizeof *caching);
    caching->conn = conn;
    caching->request = get->request;
    ct_list_push_back(&conn->cachings, &caching->link);
    conn->caching_count++;
    hosts_call(hosts, &command, caching_on_found, caching);
    redis_command_fini(&command);
}

static void caching_on_put(void *arg, const struct redis_reply *reply, const struct ct_error *err)
{
    if (err)
        caching_tell(err);
}

void caching_put(struct conn *conn, const struct proto_cache_put *put)
{
    struct hosts *hosts = conn->conns->hosts;
    struct redis_command command;
    struct ct_error err;

    redis_command_init(&command, NULL);
    if (!hosts_redis_is_up(hosts))
        ; /* forgotten */
    else if (cache_build_put(put->key, put->stamp, put->value, put->ttl_ms, &command, &err) ==
             CT_E_OK)
        hosts_call(hosts, &command, caching_on_put, NULL);
    else
        ct_log_warn("result not cached", CT_INT("pid", conn->pid), CT_ERR(&err));
    redis_command_fini(&command);
}

void caching_abandon(struct conn *conn)
{
    CT_LIST_FOREACH_SAFE (node, following, &conn->cachings)
        caching_part(CT_CONTAINER(node, struct caching, link));
}
