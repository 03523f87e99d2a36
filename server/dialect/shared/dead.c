/* Dead letters: what the scripts need to write them (inc/dead.lua) and what they tell of them.
 * Called by the files that build and parse those scripts' calls. */
#include "dialect/shared/dead.h"

#include <string.h>

#include "common/json.h"

static void put_queue(struct redis_command *command, const struct dialect_queue *queue)
{
    struct ct_buf text;

    ct_buf_init(&text);
    ct_buf_printf(&text, "%s:%s:", queue->prefix, queue->settings.dead_letter_queue);
    redis_command_str(command, ct_buf_str(&text));
    redis_command_int(command, queue->settings.dead_letter_max);
    ct_buf_clear(&text);
    ct_json_append_string(&text, ct_str_of(queue->name));
    redis_command_str(command, ct_buf_str(&text));
    ct_buf_free(&text);
}

/* The texts of leased jobs were checked when they came; the script need not look again. */
void dead_put_commit(const struct dialect_queue *queue, const struct commit *commit,
                     struct redis_command *command)
{
    uint32_t failing = 0, broken = 0;

    if (!queue->settings.dead_letter_queue)
        return;
    CT_LIST_FOREACH (node, &commit->effects) {
        failing += effect_may_fail(CT_CONTAINER(node, struct effect, link));
    }
    if (failing == 0)
        return;
    redis_command_text(command, "Z");
    put_queue(command, queue);
    size_t hole = redis_command_hole(command);
    CT_LIST_FOREACH (node, &commit->effects) {
        const struct effect *effect = CT_CONTAINER(node, struct effect, link);

        if (effect_may_fail(effect) && effect->job->broken) {
            redis_command_str(command, effect->job->id);
            broken++;
        }
    }
    redis_command_patch(command, hole, broken);
}

void dead_put_sweep(const struct dialect_queue *queue, struct redis_command *command)
{
    if (!queue->settings.dead_letter_queue)
        return;
    put_queue(command, queue);
    redis_command_int(command, -1);
}

void foreign_parse(struct ct_str text, struct ct_error *err)
{
    const char *key = text.data ? memchr(text.data, ' ', text.len) : NULL;

    err->code = CT_E_OK;
    if (!key)
        return;
    key++;
    ct_error_set(err, CT_E_REDIS_TYPE,
                 "a key has a type it never has in a queue, rename or delete it: %.*s",
                 (int)(text.len - (size_t)(key - text.data)), key);
}

void problem_parse(struct ct_str text, struct ct_error *err)
{
    struct ct_str rest = text;

    /* Redis's own words for it name no key. */
    if (ct_str_skip(&rest, "WRONGTYPE ") && !ct_str_skip(&rest, "Operation "))
        foreign_parse(text, err);
    else
        (void)redis_error_parse(text, err);
}

void dead_parse(const struct redis_reply *what, struct dead_letters *out)
{
    struct ct_str problem = redis_reply_str(what);

    *out = (struct dead_letters){.count = problem.data ? 0 : redis_reply_int(what, 0)};
    if (ct_str_is(problem, "LETTERS"))
        ct_error_set(&out->err, CT_E_TOO_LARGE,
                     "a letter about a letter, and so on: 8 are the most that lie in each other "
                     "(LETTERS_MAX). Do these queues lead to each other?");
    else if (problem.data)
        problem_parse(problem, &out->err);
}
