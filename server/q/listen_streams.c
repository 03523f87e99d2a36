/* Happy path: the end of each stream is asked for on the session's connection; then XREAD with
 * those ids, again and again, on one of its own. A connection that is lost is tried again by the
 * link, and goes on where it was: what was trimmed away meanwhile is missed. An error of Redis (a
 * right, a foreign type) ends reading, and is told. */
#include "q/listen_streams.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/mem.h"

#define ENTRIES_AT_ONCE 1000 /* of all streams in one answer, about */
#define ENTRIES_EACH    100
#define FIND_SHARE      20 /* looking for queues takes this part of the time at the most */
#define ASKED_AT_ONCE   64

struct stream {
    char *queue, *key; /* owned */
    char *last;        /* owned; id of the last entry that was read; NULL: not known yet */
    uint32_t wanted;   /* a bit for each name of the watcher */
};

struct listen_streams {
    struct session *session;       /* borrowed */
    const struct watcher *watcher; /* borrowed */
    struct listen_streams_told told;
    struct redis_link *link; /* owned */
    uv_timer_t tick;         /* turns the loop for who looks for queues */
    size_t open;             /* link and timer: the last one that closes frees */
    struct stream *items;    /* owned */
    size_t count, cap;
    bool is_asked;  /* an XREAD is under way */
    bool is_broken; /* Redis has refused one */
    bool is_closed;
    bool was_looked, is_full;
    int64_t look_ms; /* monotonic; when to look for queues again */
};

/* --- the list ------------------------------------------------------------------------------- */

static size_t index_of(const struct watcher *watcher, const char *event)
{
    size_t custom = 0;

    for (size_t i = 0; watcher->names[i]; i++) {
        if (strcmp(watcher->names[i], event) == 0)
            return i;
        custom = i; /* the last one, if the dialect has any */
    }
    return custom;
}

static struct stream *find(struct listen_streams *streams, struct ct_str key)
{
    for (size_t i = 0; i < streams->count; i++) {
        if (ct_str_is(key, streams->items[i].key))
            return &streams->items[i];
    }
    return NULL;
}

static char *key_of(const struct listen_streams *streams, const char *queue)
{
    const struct queue_name name = {streams->session->settings->prefix, queue};
    struct ct_buf key;

    ct_buf_init(&key);
    streams->watcher->write_stream(&name, &key);
    return ct_buf_take(&key, NULL);
}

void listen_streams_add(struct listen_streams *streams, const char *queue, const char *event)
{
    char *key = key_of(streams, queue);
    struct stream *stream = find(streams, ct_str_of(key));
    uint32_t wanted = event ? (uint32_t)1 << index_of(streams->watcher, event) : ~(uint32_t)0;

    if (stream || streams->count == LISTEN_STREAMS_MAX) {
        free(key);
        if (stream)
            stream->wanted |= wanted;
        else if (!streams->is_full)
            fprintf(stderr, "only the events of %d queues are read\n", LISTEN_STREAMS_MAX);
        streams->is_full = streams->is_full || !stream;
        return;
    }
    if (streams->count == streams->cap) {
        streams->cap = streams->cap ? 2 * streams->cap : 16;
        streams->items = ct_realloc(streams->items, streams->cap * sizeof *streams->items);
    }
    streams->items[streams->count++] =
        (struct stream){.queue = ct_strdup(queue), .key = key, .wanted = wanted};
}

/* --- where they end ------------------------------------------------------------------------- */

struct ending {
    char *last; /* owned; NULL: it has no entries */
    struct ct_error err;
    size_t *pending; /* borrowed */
};

static void on_ending(void *arg, const struct redis_reply *reply, const struct ct_error *err)
{
    struct ending *ending = arg;
    struct ct_str id = redis_reply_str(redis_reply_at(redis_reply_at(reply, 0), 0));

    --*ending->pending;
    if (err)
        ending->err = *err;
    else if (id.data)
        ending->last = ct_strndup(id.data, id.len);
}

static void ask_ending(struct session *session, const char *key, struct ending *ending)
{
    struct redis_command command;

    redis_command_init(&command, NULL);
    redis_command_text(&command, "XREVRANGE");
    redis_command_text(&command, key);
    redis_command_text(&command, "+");
    redis_command_text(&command, "-");
    redis_command_text(&command, "COUNT");
    redis_command_int(&command, 1);
    redis_link_call(session->link, &command, on_ending, ending);
    redis_command_fini(&command);
}

/* A part of them: what could not be asked for is an error, and leaves those without an id. */
static enum ct_code settle_part(struct listen_streams *streams, size_t from, size_t to,
                                struct ct_error *err)
{
    struct ending endings[ASKED_AT_ONCE];
    enum ct_code rc = CT_E_OK;
    size_t pending = to - from;

    for (size_t i = from; i < to; i++) {
        endings[i - from] = (struct ending){.pending = &pending};
        ask_ending(streams->session, streams->items[i].key, &endings[i - from]);
    }
    session_wait(streams->session, &pending);
    for (size_t i = from; i < to; i++) {
        struct ending *ending = &endings[i - from];

        if (ending->err.code != CT_E_OK)
            rc = ct_error_set(err, ending->err.code, "%s", ending->err.detail);
        else if (!streams->items[i].last)
            streams->items[i].last = ending->last ? ending->last : ct_strdup("0-0");
        else
            free(ending->last);
    }
    return rc;
}

static void ask(struct listen_streams *streams);

enum ct_code listen_streams_settle(struct listen_streams *streams, struct ct_error *err)
{
    enum ct_code rc = session_ready(streams->session, err);

    for (size_t from = 0; from < streams->count && rc == CT_E_OK; from += ASKED_AT_ONCE) {
        size_t left = streams->count - from;

        rc = settle_part(streams, from, from + (left < ASKED_AT_ONCE ? left : ASKED_AT_ONCE), err);
    }
    if (rc == CT_E_OK)
        ask(streams);
    return rc;
}

/* --- reading -------------------------------------------------------------------------------- */

struct reading {
    struct listen_streams *streams;
    const struct stream *stream;
};

static void on_event(void *ctx, const struct watch_event *event)
{
    const struct reading *reading = ctx;
    const struct listen_streams *streams = reading->streams;

    if (reading->stream->wanted >> index_of(streams->watcher, event->name) & 1)
        streams->told.on_event(streams->told.ctx, event);
}

static void take_entries(struct listen_streams *streams, const struct redis_reply *part)
{
    struct stream *stream = find(streams, redis_reply_str(redis_reply_at(part, 0)));
    const struct redis_reply *entries = redis_reply_at(part, 1);
    struct reading reading = {streams, stream};

    for (size_t i = 0; stream && i < redis_reply_count(entries); i++) {
        const struct redis_reply *entry = redis_reply_at(entries, i);
        struct ct_str id = redis_reply_str(redis_reply_at(entry, 0));

        streams->watcher->read_entry(stream->queue, entry, on_event, &reading);
        free(stream->last);
        stream->last = ct_strndup(id.data ? id.data : "", id.len);
    }
}

static void on_entries(void *arg, const struct redis_reply *reply, const struct ct_error *err)
{
    struct listen_streams *streams = arg;

    streams->is_asked = false;
    if (streams->is_closed)
        return;
    for (size_t i = 0; !err && i < redis_reply_count(reply) && !streams->is_closed; i++)
        take_entries(streams, redis_reply_at(reply, i));
    if (err && session_may_be_done(err->code))
        return; /* asked again when the link is up */
    if (err) {
        streams->is_broken = true;
        streams->told.on_error(streams->told.owner, err);
        return;
    }
    ask(streams);
}

static bool is_settled(const struct stream *stream)
{
    return stream->last != NULL;
}

static void ask(struct listen_streams *streams)
{
    struct redis_command command;
    size_t count = 0;

    for (size_t i = 0; i < streams->count; i++)
        count += is_settled(&streams->items[i]);
    if (count == 0 || streams->is_asked || streams->is_broken || streams->is_closed ||
        !redis_link_is_up(streams->link))
        return;
    size_t each = ENTRIES_AT_ONCE / count;
    redis_command_init(&command, NULL);
    redis_command_text(&command, "XREAD");
    redis_command_text(&command, "COUNT");
    redis_command_int(&command, each < 1 ? 1 : each > ENTRIES_EACH ? ENTRIES_EACH : (int64_t)each);
    redis_command_text(&command, "BLOCK");
    redis_command_int(&command, LISTEN_BLOCK_MS);
    redis_command_text(&command, "STREAMS");
    for (size_t i = 0; i < streams->count; i++) {
        if (is_settled(&streams->items[i]))
            redis_command_text(&command, streams->items[i].key);
    }
    for (size_t i = 0; i < streams->count; i++) {
        if (is_settled(&streams->items[i]))
            redis_command_text(&command, streams->items[i].last);
    }
    streams->is_asked = true;
    redis_link_call(streams->link, &command, on_entries, streams);
    redis_command_fini(&command);
}

/* --- new queues ----------------------------------------------------------------------------- */

/* Adds those of these queues that have entries. */
static enum ct_code find_part(struct listen_streams *streams, char *const *names, size_t count,
                              struct ct_error *err)
{
    struct ending endings[ASKED_AT_ONCE];
    enum ct_code rc = CT_E_OK;
    size_t pending = 0;

    for (size_t i = 0; i < count; i++) {
        char *key = key_of(streams, names[i]);

        endings[i] = (struct ending){.pending = &pending};
        if (!find(streams, ct_str_of(key))) {
            pending++;
            ask_ending(streams->session, key, &endings[i]);
        }
        free(key);
    }
    session_wait(streams->session, &pending);
    for (size_t i = 0; i < count; i++) {
        struct ending *ending = &endings[i];
        size_t known = streams->count;

        if (ending->err.code != CT_E_OK && ending->err.code != CT_E_REDIS_TYPE)
            rc = ct_error_set(err, ending->err.code, "%s", ending->err.detail);
        if (ending->last)
            listen_streams_add(streams, names[i], NULL);
        if (streams->count > known)
            streams->items[known].last = ct_strdup(streams->was_looked ? "0-0" : ending->last);
        free(ending->last);
    }
    return rc;
}

enum ct_code listen_streams_find(struct listen_streams *streams, struct ct_error *err)
{
    const int64_t start_ms = ct_monotonic_ms(&ct_clock_system);
    struct session_names names = {0};
    enum ct_code rc;

    if (streams->was_looked && start_ms < streams->look_ms)
        return CT_E_OK;
    rc = session_names(streams->session, &names, err);
    for (size_t from = 0; from < names.count && rc == CT_E_OK; from += ASKED_AT_ONCE) {
        size_t left = names.count - from;

        rc = find_part(streams, names.items + from, left < ASKED_AT_ONCE ? left : ASKED_AT_ONCE,
                       err);
    }
    session_names_free(&names);
    streams->was_looked = streams->was_looked || rc == CT_E_OK;
    int64_t end_ms = ct_monotonic_ms(&ct_clock_system);
    int64_t rest_ms = FIND_SHARE * (end_ms - start_ms);
    streams->look_ms = end_ms + (rest_ms > LISTEN_FIND_MS ? rest_ms : LISTEN_FIND_MS);
    if (rc == CT_E_OK)
        ask(streams);
    return rc;
}

/* --- life ----------------------------------------------------------------------------------- */

static void on_up(void *ctx)
{
    struct listen_streams *streams = ctx;

    streams->told.on_up(streams->told.owner);
    ask(streams);
}

static void on_down(void *ctx, const struct ct_error *why)
{
    struct listen_streams *streams = ctx;

    streams->told.on_error(streams->told.owner, why);
}

static void on_tick(uv_timer_t *tick)
{
    (void)tick;
}

struct listen_streams *listen_streams_open(struct session *session, const struct watcher *watcher,
                                           const struct listen_streams_told *told)
{
    struct listen_streams *streams = ct_zalloc(sizeof *streams);

    streams->session = session;
    streams->watcher = watcher;
    streams->told = *told;
    streams->open = 2;
    uv_timer_init(&session->loop, &streams->tick);
    streams->tick.data = streams;
    uv_timer_start(&streams->tick, on_tick, LISTEN_FIND_MS, LISTEN_FIND_MS);
    streams->link = redis_link_open(&(struct redis_link_options){
        .loop = &session->loop,
        .url = &session->url,
        .random = &ct_random_system,
        .reply_timeout_ms = LISTEN_BLOCK_MS + (uint64_t)session->settings->timeout_ms,
        .on_up = on_up,
        .on_down = on_down,
        .ctx = streams,
    });
    return streams;
}

static void on_closed(void *ctx)
{
    struct listen_streams *streams = ctx;

    if (--streams->open > 0)
        return;
    for (size_t i = 0; i < streams->count; i++) {
        free(streams->items[i].queue);
        free(streams->items[i].key);
        free(streams->items[i].last);
    }
    free(streams->items);
    free(streams);
}

static void on_tick_closed(uv_handle_t *handle)
{
    on_closed(handle->data);
}

void listen_streams_close(struct listen_streams *streams)
{
    if (!streams)
        return;
    streams->is_closed = true;
    uv_close((uv_handle_t *)&streams->tick, on_tick_closed);
    redis_link_close(streams->link, on_closed, streams);
}
