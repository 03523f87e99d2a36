/* Warnings about single jobs. An outage or a producer of broken jobs can bring thousands at once:
 * of each kind a few lines a second are written, the others are counted and the next line says how
 * many there were. Called by the rest of the engine. */
#include "queue/queue_internal.h"

#include "common/log.h"

enum { WINDOW_MS = 1000 };

static const char *const texts[] = {
#define WARN_TEXT(name, text) [WARN_##name] = text,
    WARN_KINDS(WARN_TEXT)
#undef WARN_TEXT
};

void warn_job(struct queue *queue, enum warn_kind kind, struct ct_str id, const char *error)
{
    struct warn_window *window = &queue->warnings[kind];
    const int64_t now_ms = ct_monotonic_ms(queue->clock);

    if (now_ms - window->since_ms >= WINDOW_MS) {
        window->since_ms = now_ms;
        window->count = 0;
    }
    if (window->count++ >= WARN_LINES_MAX) {
        window->skipped++;
        return;
    }
    ct_log_warn(texts[kind], CT_STR("queue", queue->name), CT_BYTES("job", id),
                CT_STR("error", error), CT_INT("skipped", window->skipped));
    window->skipped = 0;
}

void warn_dead_letters(struct queue *queue, const struct dead_letters *letters)
{
    queue->tally->dead += (uint64_t)letters->count;
    if (letters->err.code == CT_E_OK) {
        if (letters->count > 0)
            queue->dead_trouble = (struct trouble){CT_E_OK, 0};
    } else if (trouble_note(&queue->dead_trouble, letters->err.code)) {
        ct_log_warn("failed jobs do not reach the dead-letter queue", CT_STR("queue", queue->name),
                    CT_STR("dead_letter_queue", queue->settings.dead_letter_queue
                                                    ? queue->settings.dead_letter_queue
                                                    : ""),
                    CT_ERR(&letters->err));
    }
}
