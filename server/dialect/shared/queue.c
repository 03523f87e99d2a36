/* The life of a queue's names and settings. */
#include "dialect/shared/queue.h"

#include <stdlib.h>

#include "common/mem.h"

enum ct_code dialect_queue_open(const struct key_table *table, const struct commit_rules *rules,
                                const struct queue_name *name,
                                const struct queue_settings *settings, struct dialect_queue **out,
                                struct ct_error *err)
{
    if (!name->name || !*name->name)
        return ct_error_set(err, CT_E_INVALID, "the name of a queue is empty");
    if (strlen(name->name) > QUEUE_NAME_MAX || strlen(name->prefix) > QUEUE_NAME_MAX)
        return ct_error_set(err, CT_E_TOO_LARGE,
                            "prefix and name of a queue: at most %d bytes each", QUEUE_NAME_MAX);
    struct dialect_queue *queue = ct_zalloc(sizeof *queue);
    queue->rules = rules;
    queue->prefix = ct_strdup(name->prefix);
    queue->name = ct_strdup(name->name);
    queue_keys_init(&queue->keys, table, name->prefix, name->name);
    queue_settings_copy(&queue->settings, settings);
    *out = queue;
    return CT_E_OK;
}

void dialect_queue_close(struct dialect_queue *queue)
{
    if (!queue)
        return;
    queue_keys_fini(&queue->keys);
    free(queue->prefix);
    free(queue->name);
    free(queue->worker_client);
    queue_settings_fini(&queue->settings);
    free(queue);
}

void dialect_queue_configure(struct dialect_queue *queue, const struct queue_settings *settings)
{
    queue_settings_fini(&queue->settings);
    queue_settings_copy(&queue->settings, settings);
}
