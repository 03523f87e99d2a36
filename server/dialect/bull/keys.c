/* Names only; what lies behind them is the scripts'. */
#include "dialect/bull/keys.h"

#include <stdlib.h>

#include "common/base64.h"
#include "common/mem.h"

static const char *const key_texts[] = {
#define BULL_KEY_TEXT(name, text) text,
    BULL_KEY_LIST(BULL_KEY_TEXT)
#undef BULL_KEY_TEXT
};

void bull_keys_init(struct bull_keys *keys, const char *prefix, const char *name)
{
    struct redis_command command;
    struct ct_buf text;

    keys->base = ct_asprintf("%s:%s:", prefix, name);
    ct_buf_init(&text);
    ct_buf_printf(&text, "%s:", prefix);
    ct_base64_append(&text, ct_str_of(name));
    keys->client_name = ct_buf_take(&text, NULL);

    /* The same arguments begin every call, so they are written once. */
    redis_command_init(&command, NULL);
    redis_command_int(&command, BULL_KEY_COUNT);
    for (int i = 0; i < BULL_KEY_COUNT; i++) {
        keys->key[i] = ct_asprintf("%s%s", keys->base, key_texts[i]);
        redis_command_text(&command, keys->key[i]);
    }
    redis_command_text(&command, keys->base);
    keys->head = command.body;
    keys->head_argc = command.argc;
}

void bull_keys_fini(struct bull_keys *keys)
{
    for (int i = 0; i < BULL_KEY_COUNT; i++)
        free(keys->key[i]);
    free(keys->base);
    free(keys->client_name);
    ct_buf_free(&keys->head);
}

void bull_keys_begin(const struct bull_keys *keys, const struct redis_script *script,
                     int64_t now_ms, const char *token, struct redis_command *command)
{
    command->script = script;
    ct_buf_append_str(&command->body, ct_buf_str(&keys->head));
    command->argc += keys->head_argc;
    redis_command_int(command, now_ms);
    redis_command_text(command, token);
}

bool bull_keys_is_reserved(struct ct_str id)
{
    static const char *const others[] = {"meta",           "limiter",
                                         "limiter:index",  "limiter:limited",
                                         "metrics:failed", "metrics:completed"};

    for (size_t i = 0; i < BULL_KEY_COUNT; i++) {
        if (ct_str_is(id, key_texts[i]))
            return true;
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (ct_str_is(id, others[i]))
            return true;
    }
    return false;
}

void bull_append_glob(struct ct_buf *buf, const char *text)
{
    for (; *text; text++) {
        if (strchr("*?[]\\", *text))
            ct_buf_append_char(buf, '\\');
        ct_buf_append_char(buf, *text);
    }
}
