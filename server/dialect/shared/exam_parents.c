/* PARENTS of an examination; see doctor.c. Each is seen in one moment together with its children,
 * whose end and its own release are one step: what looks stuck is stuck. */
#include "dialect/shared/exam.h"

#define CHILDREN_MAX 1000 /* a call; of one job that has more a part is looked at */

void exam_build_parents(const struct examination *exam, struct redis_command *command)
{
    command->script = exam->doctor->look_parents;
    redis_command_int(command, 0);
    redis_command_text(command, exam->base);
    redis_command_int(command, CHILDREN_MAX);
    for (size_t i = exam->parents.done; i < exam->parents.count; i++)
        redis_command_text(command, exam->parents.items[i]);
}

static void tell_children(const struct teller *teller, enum ill ill, struct ct_str id,
                          int64_t number, int64_t count, struct ct_str example)
{
    struct ct_buf text;

    ct_buf_init(&text);
    ct_buf_printf(&text, "%lld of %lld, such as %.*s", (long long)number, (long long)count,
                  (int)example.len, example.data ? example.data : "");
    exam_tell(teller, ill, id, ct_buf_str(&text));
    ct_buf_free(&text);
}

static void read_parent(struct ct_str id, const struct redis_reply *row,
                        const struct teller *teller)
{
    int64_t count = redis_reply_int(redis_reply_at(row, 0), -1);
    int64_t seen = redis_reply_int(redis_reply_at(row, 1), 0);
    int64_t gone = redis_reply_int(redis_reply_at(row, 2), 0);
    int64_t completed = redis_reply_int(redis_reply_at(row, 3), 0);
    int64_t failed = redis_reply_int(redis_reply_at(row, 4), 0);
    struct ct_str example = redis_reply_str(redis_reply_at(row, 5));

    if (count < 0)
        return; /* it has gone on */
    if (count == 0)
        exam_tell(teller, ILL_NO_CHILDREN, id, CT_STR_NONE);
    else if (gone + completed > 0)
        tell_children(teller, ILL_CHILDREN_GONE, id, gone + completed, count, example);
    else if (failed == seen && seen >= count)
        tell_children(teller, ILL_CHILDREN_FAILED, id, failed, count, example);
}

enum ct_code exam_read_parents(struct examination *exam, const struct redis_reply *reply,
                               const struct teller *teller, struct ct_error *err)
{
    size_t count = redis_reply_count(reply);

    if (count == 0 || exam->parents.done + count > exam->parents.count)
        return ct_error_set(err, CT_E_REDIS_ERROR, "a look at parents gave no answer");
    for (size_t i = 0; i < count; i++) {
        const char *id = exam->parents.items[exam->parents.done++];

        read_parent(ct_str_of(id), redis_reply_at(reply, i), teller);
    }
    return CT_E_OK;
}
