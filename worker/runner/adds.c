/* Jobs that plugins enqueue: sent as add, answered once through the plugin's callback, on the loop.
 * Part of leases.h. What was not sent when the connection is lost is sent by the next one; what was
 * sent and not answered is reported as unknown, for saying it twice could add it twice. */
#include "worker/runner/leases.h"

#include <stdlib.h>

#include "common/log.h"
#include "common/mem.h"

struct add {
    struct ct_list link; /* in leases->adds */
    uint64_t request;
    bool is_sent;
    struct add_note *note; /* owned */
};

/* Answers and frees. */
static void adds_finish(struct leases *leases, struct add *add, const char *id, const char *error)
{
    struct add_note *note = add->note;
    struct cartrita_job *job = note->job;

    ct_list_remove(&add->link);
    leases->add_count--;
    leases->is_changed = true;
    if (--job->adds_open == 0 && job->has_outcome && !job->is_sent && !job->is_lost)
        leases_send_outcome(leases, job); /* it waits for its children, and they are there */
    if (note->done)
        note->done(note->ctx, id, error);
    else if (error)
        ct_log_warn("job not enqueued", CT_STR("queue", note->queue), CT_STR("error", error));
    add_note_free(note);
    free(add);
}

static void adds_send(struct leases *leases, struct add *add)
{
    const struct add_note *note = add->note;
    struct proto_message message = {.type = PROTO_ADD};
    struct proto_add *sent = &message.as.add;
    struct ct_error err;

    sent->request = add->request;
    sent->queue = ct_str_of(note->queue);
    sent->has_prefix = leases->options.prefix != NULL;
    sent->prefix = ct_str_of(leases->options.prefix);
    sent->has_dialect = leases->options.dialect != NULL;
    sent->dialect = ct_str_of(leases->options.dialect);
    sent->has_name = note->name != NULL;
    sent->name = ct_str_of(note->name);
    sent->has_data = true;
    sent->data = ct_str_of(note->data);
    sent->has_opts = note->opts != NULL;
    sent->opts = ct_str_of(note->opts);
    if (proto_client_send(leases->client, &message, &err) == CT_E_OK)
        add->is_sent = true;
    else if (err.code != CT_E_CLOSED)
        adds_finish(leases, add, NULL, err.detail);
}

void adds_take(struct leases *leases, struct add_note *note)
{
    struct add *add = ct_zalloc(sizeof *add);

    add->note = note;
    add->request = leases->add_next++;
    note->job->adds_open++;
    ct_list_push_back(&leases->adds, &add->link);
    leases->add_count++;
    if (note->error)
        adds_finish(leases, add, NULL, note->error);
    else if (leases->add_count > LEASES_ADDS_MAX)
        adds_finish(leases, add, NULL,
                    "enqueue: too many enqueued jobs wait for the daemon (limit LEASES_ADDS_MAX)");
    else if (leases->is_up)
        adds_send(leases, add);
}

void adds_answered(struct leases *leases, const struct proto_added *added)
{
    CT_LIST_FOREACH (node, &leases->adds) {
        struct add *add = CT_CONTAINER(node, struct add, link);
        char *text;

        if (add->request != added->request)
            continue;
        if (added->code == CT_E_OK && added->has_id) {
            text = ct_strndup(added->id.data, added->id.len);
            adds_finish(leases, add, text, NULL);
        } else {
            text = added->has_detail && added->detail.len
                       ? ct_strndup(added->detail.data, added->detail.len)
                       : ct_strdup(ct_error_text((enum ct_code)added->code));
            adds_finish(leases, add, NULL, text);
        }
        free(text);
        return;
    }
}

void adds_up(struct leases *leases)
{
    CT_LIST_FOREACH_SAFE (node, following, &leases->adds)
        adds_send(leases, CT_CONTAINER(node, struct add, link));
}

void adds_down(struct leases *leases)
{
    CT_LIST_FOREACH_SAFE (node, following, &leases->adds) {
        struct add *add = CT_CONTAINER(node, struct add, link);

        if (add->is_sent)
            adds_finish(leases, add, NULL,
                        "the connection was lost before the daemon answered: the job may have been "
                        "added or not");
    }
}

void adds_close(struct leases *leases)
{
    CT_LIST_FOREACH_SAFE (node, following, &leases->adds)
        adds_finish(leases, CT_CONTAINER(node, struct add, link), NULL, "the worker is stopping");
}
