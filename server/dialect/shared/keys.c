/* Names only; what lies behind them is the scripts'. */
#include "dialect/shared/keys.h"

#include <stdlib.h>

#include "common/assert.h"
#include "common/base64.h"
#include "common/mem.h"

void queue_keys_init(struct queue_keys *keys, const struct key_table *table, const char *prefix,
                     const char *name)
{
    struct redis_command command;
    struct ct_buf text;

    ct_assert(table->count <= KEYS_MAX);
    keys->count = table->count;
    keys->base = ct_asprintf("%s:%s:", prefix, name);
    ct_buf_init(&text);
    ct_buf_printf(&text, "%s:", prefix);
    ct_base64_append(&text, ct_str_of(name));
    keys->client_name = ct_buf_take(&text, NULL);

    /* The same arguments begin every call, so they are written once. */
    redis_command_init(&command, NULL);
    redis_command_int(&command, (int64_t)table->count);
    for (size_t i = 0; i < table->count; i++) {
        keys->key[i] = ct_asprintf("%s%s", keys->base, table->texts[i]);
        redis_command_text(&command, keys->key[i]);
    }
    redis_command_text(&command, keys->base);
    keys->head = command.body;
    keys->head_argc = command.argc;
}

void queue_keys_fini(struct queue_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++)
        free(keys->key[i]);
    free(keys->base);
    free(keys->client_name);
    ct_buf_free(&keys->head);
}

void queue_keys_begin(const struct queue_keys *keys, const struct redis_script *script,
                      int64_t now_ms, const char *token, struct redis_command *command)
{
    command->script = script;
    ct_buf_append_str(&command->body, ct_buf_str(&keys->head));
    command->argc += keys->head_argc;
    redis_command_int(command, now_ms);
    redis_command_text(command, token);
}

bool key_table_has(const struct key_table *table, struct ct_str id)
{
    for (size_t i = 0; i < table->count; i++) {
        if (ct_str_is(id, table->texts[i]))
            return true;
    }
    for (const char *const *other = table->others; *other; other++) {
        if (ct_str_is(id, *other))
            return true;
    }
    return false;
}

void keys_append_glob(struct ct_buf *buf, const char *text)
{
    for (; *text; text++) {
        if (strchr("*?[]\\", *text))
            ct_buf_append_char(buf, '\\');
        ct_buf_append_char(buf, *text);
    }
}
