/* Tail's lines come into the ring; a turn wakes listeners, which fill from there. See
 * event_source.h. */
#include "server/api/event_source.h"

#include <stdlib.h>
#include <string.h>

#include "common/assert.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/random.h"

struct event_source {
    uv_loop_t *loop;
    struct children *children;
    char *prefix; /* owned */
    void (*idle)(void *ctx, struct event_source *source);
    void *ctx;
    uint64_t epoch;
    struct event_ring ring;
    struct ct_list listeners;
    uint32_t listener_count;
    /* --- tail --- */
    struct child *child;   /* NULL: it does not run */
    struct ct_buf partial; /* of a line */
    bool is_skipping;      /* the rest of a line that is too long */
    bool is_listening, is_told_missed;
    size_t turn_bytes; /* read in this turn */
    uint64_t restart_ms, linger_ms;
    /* --- */
    uv_timer_t turn, pulse, life; /* life: the next start, or the end of lingering */
    uint32_t handles;
};

struct listener {
    struct ct_list link;
    struct event_source *source;
    struct http_feed *feed;
    struct event_filter filter;
    uint64_t next;      /* number of the event that it looks at next */
    struct ct_buf head; /* before any event */
    bool is_awake;      /* its client takes, or will */
    bool wants_pulse;
    void (*gone)(void *ctx);
    void *ctx;
};

static void source_start_turns(struct event_source *source);

/* --- listeners --- */

static struct event_place listener_place(const struct listener *listener)
{
    return (struct event_place){listener->source->epoch, listener->next - 1};
}

static void listener_write_missed(struct listener *listener, struct ct_buf *out, const char *reason)
{
    struct event *event = event_notice(EVENT_MISSED, ct_str_of(reason));

    event_write(out, event, listener_place(listener));
    event_free(event);
}

/* Its client was slower than the ring is long. */
static void listener_catch_up(struct listener *listener, struct ct_buf *out)
{
    const struct event_ring *ring = &listener->source->ring;

    if (listener->next >= ring->first)
        return;
    listener->next = ring->first;
    listener_write_missed(listener, out, "this listener was too slow (EVENT_RING_MAX)");
}

static void listener_fill(void *arg, struct ct_buf *out)
{
    struct listener *listener = arg;
    struct event_source *source = listener->source;
    const struct event_ring *ring = &source->ring;

    ct_buf_append_str(out, ct_buf_str(&listener->head));
    ct_buf_free(&listener->head);
    listener_catch_up(listener, out);
    for (int looks = 0;
         looks < EVENT_FILL_LOOKS && out->len < EVENT_FILL_BYTES && listener->next < ring->next;
         looks++) {
        const struct event *event = event_ring_at(ring, listener->next++);

        if (event_filter_fits(&listener->filter, event))
            event_write(out, event, listener_place(listener));
    }
    if (out->len == 0 && listener->wants_pulse)
        event_write_pulse(out, listener_place(listener));
    listener->wants_pulse = false;
    listener->is_awake = out->len > 0;
    if (!listener->is_awake && listener->next < ring->next)
        source_start_turns(source);
}

static void source_linger(struct event_source *source);

static void listener_gone(void *arg)
{
    struct listener *listener = arg;
    struct event_source *source = listener->source;
    void (*gone)(void *ctx) = listener->gone;
    void *ctx = listener->ctx;

    ct_list_remove(&listener->link);
    event_filter_free(&listener->filter);
    ct_buf_free(&listener->head);
    free(listener);
    if (--source->listener_count == 0)
        source_linger(source);
    gone(ctx);
}

/* Where it goes on; it is told when that is not where it was. */
static void listener_find_place(struct listener *listener, const char *last_place)
{
    const struct event_source *source = listener->source;
    struct event_place place;

    listener->next = source->ring.next;
    if (!last_place)
        return;
    if (event_place_parse(last_place, &place) && place.epoch == source->epoch &&
        place.number < source->ring.next && place.number + 1 >= source->ring.first)
        listener->next = place.number + 1;
    else
        listener_write_missed(listener, &listener->head,
                              "what happened since Last-Event-ID is not kept");
}

/* --- turns --- */

static bool listener_is_waiting(const struct listener *listener)
{
    return !listener->is_awake &&
           (listener->wants_pulse || listener->next < listener->source->ring.next);
}

/* Wakes some; those go to the end, so that the next turn is others'. Whether all are awake. */
static bool source_wake(struct event_source *source)
{
    uint32_t woken = 0;

    CT_LIST_FOREACH_SAFE (node, following, &source->listeners) {
        struct listener *listener = CT_CONTAINER(node, struct listener, link);

        if (!listener_is_waiting(listener))
            continue;
        if (woken++ == EVENT_TURN_WAKES)
            return false;
        listener->is_awake = true;
        ct_list_remove(node);
        ct_list_push_back(&source->listeners, node);
        http_feed_wake(listener->feed);
    }
    return true;
}

static void source_on_turn(uv_timer_t *timer)
{
    struct event_source *source = timer->data;
    const bool was_full = source->turn_bytes >= EVENT_TURN_BYTES;

    source->turn_bytes = 0;
    if (source->child && was_full)
        child_go_on(source->child);
    if (source_wake(source) && !was_full)
        uv_timer_stop(&source->turn);
}

static void source_start_turns(struct event_source *source)
{
    if (!uv_is_active((uv_handle_t *)&source->turn))
        uv_timer_start(&source->turn, source_on_turn, EVENT_TURN_MS, EVENT_TURN_MS);
}

static void source_on_pulse(uv_timer_t *timer)
{
    struct event_source *source = timer->data;

    CT_LIST_FOREACH (node, &source->listeners)
        CT_CONTAINER(node, struct listener, link)->wants_pulse = true;
    source_start_turns(source);
}

/* --- what tail says --- */

static void source_push(struct event_source *source, struct event *event)
{
    event_ring_push(&source->ring, event);
    source_start_turns(source);
}

static void source_push_missed(struct event_source *source, struct ct_str reason)
{
    source_push(source, event_notice(EVENT_MISSED, reason));
}

static void source_take_line(struct event_source *source, struct ct_str line)
{
    struct event *event;
    struct ct_error err;

    if (event_parse(line, &event, &err) != CT_E_OK) {
        ct_log_warn("cartrita-q tail wrote what is no event", CT_ERR(&err));
        return;
    }
    if (event->kind == EVENT_LATE) {
        event_free(event);
        return;
    }
    if (event->kind == EVENT_LISTENING)
        source->restart_ms = EVENT_RESTART_MS;
    if (event->kind != EVENT_OF_QUEUE) {
        source->is_listening = event->kind == EVENT_LISTENING;
        source->is_told_missed = event->kind == EVENT_MISSED;
    }
    source_push(source, event);
}

/* Up to the end of a line, or all. */
static void source_take_part(struct event_source *source, struct ct_str part, bool is_end)
{
    if (!source->is_skipping)
        ct_buf_append_str(&source->partial, part);
    if (source->partial.len > EVENT_LINE_MAX) {
        source->is_skipping = true;
        source_push_missed(source,
                           CT_STR_LIT("an event had more than 65536 bytes (EVENT_LINE_MAX)"));
        ct_buf_free(&source->partial);
    }
    if (!is_end)
        return;
    if (!source->is_skipping)
        source_take_line(source, ct_buf_str(&source->partial));
    source->is_skipping = false;
    ct_buf_clear(&source->partial);
}

static void source_hear(void *ctx, struct ct_str bytes)
{
    struct event_source *source = ctx;
    const char *end;

    source->turn_bytes += bytes.len;
    source_start_turns(source);
    if (source->turn_bytes >= EVENT_TURN_BYTES)
        child_hold(source->child);
    while ((end = memchr(bytes.data, '\n', bytes.len))) {
        const size_t len = (size_t)(end - bytes.data);

        source_take_part(source, (struct ct_str){bytes.data, len}, true);
        bytes = (struct ct_str){end + 1, bytes.len - len - 1};
    }
    source_take_part(source, bytes, false);
}

/* --- tail's life --- */

static void source_on_life(uv_timer_t *timer);

static void source_ended(void *ctx, const struct child_result *result)
{
    struct event_source *source = ctx;
    struct ct_str why = child_complaint(result);

    source->child = NULL;
    source->is_listening = false;
    source->is_skipping = false;
    ct_buf_free(&source->partial);
    if (why.len == 0)
        why = CT_STR_LIT("cartrita-q tail has ended");
    if (!source->is_told_missed) {
        source_push_missed(source, why);
        ct_log_warn("events are not heard", CT_STR("prefix", source->prefix),
                    CT_BYTES("reason", why), CT_INT("again_in_ms", (int64_t)source->restart_ms));
    }
    source->is_told_missed = true;
    if (source->listener_count == 0)
        return; /* it lingers; who comes starts it */
    uv_timer_start(&source->life, source_on_life, source->restart_ms, 0);
    source->restart_ms *= 2;
    if (source->restart_ms > EVENT_RESTART_MAX_MS)
        source->restart_ms = EVENT_RESTART_MAX_MS;
}

static void source_start(struct event_source *source)
{
    char *prefix = ct_asprintf("--prefix=%s", source->prefix);
    const char *const argv[] = {"tail", "--output=jsonl", "--notices", prefix, NULL};

    source->child = children_run(source->children, &(struct child_order){
                                                       .argv = argv,
                                                       .hear = source_hear,
                                                       .done = source_ended,
                                                       .ctx = source,
                                                       .time_ms = CHILD_ENDLESS,
                                                   });
    ct_assert(source->child); /* one a source, and fewer of these than may run */
    free(prefix);
}

static void source_on_life(uv_timer_t *timer)
{
    struct event_source *source = timer->data;

    if (source->listener_count > 0)
        source_start(source);
    else
        source->idle(source->ctx, source);
}

static void source_linger(struct event_source *source)
{
    uv_timer_start(&source->life, source_on_life, source->linger_ms, 0);
}

/* --- life --- */

static void source_open_timer(struct event_source *source, uv_timer_t *timer)
{
    uv_timer_init(source->loop, timer);
    timer->data = source;
    source->handles++;
}

struct event_source *event_source_open(const struct event_source_options *options)
{
    struct event_source *source = ct_zalloc(sizeof *source);

    source->loop = options->loop;
    source->children = options->children;
    source->prefix = ct_strdup(options->prefix);
    source->idle = options->idle;
    source->ctx = options->ctx;
    source->epoch = ct_random_next(&ct_random_system);
    source->restart_ms = EVENT_RESTART_MS;
    source->linger_ms = options->linger_ms > 0 ? options->linger_ms : EVENT_LINGER_MS;
    event_ring_init(&source->ring);
    ct_list_init(&source->listeners);
    source_open_timer(source, &source->turn);
    source_open_timer(source, &source->pulse);
    source_open_timer(source, &source->life);
    uv_timer_start(&source->pulse, source_on_pulse, EVENT_PULSE_MS, EVENT_PULSE_MS);
    source_linger(source);
    return source;
}

const char *event_source_prefix(const struct event_source *source)
{
    return source->prefix;
}

void event_source_listen(struct event_source *source, const struct event_listener *wanted)
{
    struct listener *listener = ct_zalloc(sizeof *listener);
    const struct http_feed_calls calls = {listener_fill, listener_gone, listener};

    listener->source = source;
    listener->filter = wanted->filter;
    listener->gone = wanted->gone;
    listener->ctx = wanted->ctx;
    event_write_head(&listener->head);
    listener_find_place(listener, wanted->last_place);
    if (source->is_listening) {
        struct event *event = event_notice(EVENT_LISTENING, CT_STR_NONE);
        event_write(&listener->head, event, listener_place(listener));
        event_free(event);
    }
    listener->is_awake = true; /* it fills as soon as it is answered */
    ct_list_push_back(&source->listeners, &listener->link);
    if (source->listener_count++ == 0) {
        uv_timer_stop(&source->life);
        if (!source->child)
            source_start(source);
    }
    listener->feed = http_feed_begin(wanted->request, "text/event-stream", &calls);
}

static void source_on_closed(uv_handle_t *handle)
{
    struct event_source *source = handle->data;

    if (--source->handles > 0)
        return;
    event_ring_fini(&source->ring);
    ct_buf_free(&source->partial);
    free(source->prefix);
    free(source);
}

void event_source_close(struct event_source *source)
{
    ct_assert(source->listener_count == 0);
    if (source->child)
        child_cancel(source->child);
    source->child = NULL;
    uv_close((uv_handle_t *)&source->turn, source_on_closed);
    uv_close((uv_handle_t *)&source->pulse, source_on_closed);
    uv_close((uv_handle_t *)&source->life, source_on_closed);
}
