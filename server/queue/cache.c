/* Commands of the result cache; see the header. */
#include "queue/cache.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

static void cache_name(struct redis_command *command, const char *kind, struct ct_str name)
{
    struct ct_buf key;

    ct_buf_init(&key);
    ct_buf_printf(&key, "{cartrita:cache}:%s:", kind);
    ct_buf_append_str(&key, name);
    redis_command_str(command, ct_buf_str(&key));
    ct_buf_free(&key);
}

static enum ct_code cache_check_key(struct ct_str key, struct ct_error *err)
{
    size_t digits = 0;

    while (digits < key.len && strchr("0123456789abcdef", key.data[digits]) && key.data[digits])
        digits++;
    if (key.len != CACHE_KEY_LEN || digits != key.len)
        return ct_error_set(err, CT_E_INVALID, "cache: the key must have %d hexadecimal digits",
                            CACHE_KEY_LEN);
    return CT_E_OK;
}

static enum ct_code cache_check_tag(struct ct_str tag, struct ct_error *err)
{
    bool is_plain = tag.len > 0 && tag.len <= CACHE_TAG_MAX;

    for (size_t i = 0; i < tag.len && is_plain; i++)
        is_plain = (unsigned char)tag.data[i] >= ' ' && tag.data[i] != 127;
    if (!is_plain)
        return ct_error_set(err, CT_E_INVALID,
                            "a tag must have 1 to %d bytes and no control characters",
                            CACHE_TAG_MAX);
    return CT_E_OK;
}

enum ct_code cache_build_get(struct ct_str key, struct ct_str tags, struct redis_command *command,
                             struct ct_error *err)
{
    enum ct_code rc = cache_check_key(key, err);
    unsigned count = 0;

    redis_command_text(command, "MGET");
    while (rc == CT_E_OK && tags.len > 0) {
        const char *end = memchr(tags.data, '\n', tags.len);
        struct ct_str tag = {tags.data, end ? (size_t)(end - tags.data) : tags.len};
        size_t used = tag.len + (end ? 1 : 0);

        rc = cache_check_tag(tag, err);
        if (rc == CT_E_OK && ++count > CACHE_TAGS_MAX)
            rc = ct_error_set(err, CT_E_TOO_LARGE, "cache: more than %d tags (CACHE_TAGS_MAX)",
                              CACHE_TAGS_MAX);
        cache_name(command, "tag", tag);
        tags = (struct ct_str){tags.data + used, tags.len - used};
    }
    cache_name(command, "job", key);
    return rc;
}

void cache_parse_get(const struct redis_reply *reply, struct ct_buf *stamp, struct ct_str *value)
{
    const size_t count = redis_reply_count(reply);
    const size_t before = stamp->len;
    struct ct_str entry, now;

    *value = CT_STR_NONE;
    for (size_t i = 0; i + 1 < count; i++) {
        struct ct_str number = redis_reply_str(redis_reply_at(reply, i));

        if (i > 0)
            ct_buf_append_char(stamp, ',');
        /* Of whatever else lies there no more than fits. */
        number.len = number.len > 16 ? 16 : number.len;
        ct_buf_append_str(stamp, number.len ? number : CT_STR_LIT("-"));
    }
    if (count == 0)
        return;
    entry = redis_reply_str(redis_reply_at(reply, count - 1));
    now = (struct ct_str){ct_buf_data(stamp) + before, stamp->len - before};
    if (entry.data && entry.len > now.len && entry.data[now.len] == '\n' &&
        (now.len == 0 || memcmp(entry.data, now.data, now.len) == 0))
        *value = (struct ct_str){entry.data + now.len + 1, entry.len - now.len - 1};
}

enum ct_code cache_build_put(struct ct_str key, struct ct_str stamp, struct ct_str value,
                             uint64_t ttl_ms, struct redis_command *command, struct ct_error *err)
{
    enum ct_code rc = cache_check_key(key, err);
    struct ct_buf entry;

    if (rc == CT_E_OK && (value.len > CACHE_VALUE_MAX || stamp.len > CACHE_STAMP_MAX ||
                          (stamp.len > 0 && memchr(stamp.data, '\n', stamp.len))))
        rc = ct_error_set(err, CT_E_TOO_LARGE,
                          "cache: a result may have %u bytes (CACHE_VALUE_MAX)", CACHE_VALUE_MAX);
    if (rc == CT_E_OK && (ttl_ms == 0 || ttl_ms > CACHE_TTL_MAX_MS))
        rc = ct_error_set(err, CT_E_INVALID, "cache: a result is kept for 1 to %lld ms",
                          (long long)CACHE_TTL_MAX_MS);
    if (rc != CT_E_OK)
        return rc;
    ct_buf_init(&entry);
    ct_buf_append_str(&entry, stamp);
    ct_buf_append_char(&entry, '\n');
    ct_buf_append_str(&entry, value);
    redis_command_text(command, "SET");
    cache_name(command, "job", key);
    redis_command_str(command, ct_buf_str(&entry));
    redis_command_text(command, "PX");
    redis_command_int(command, (int64_t)ttl_ms);
    ct_buf_free(&entry);
    return CT_E_OK;
}

enum ct_code cache_build_drop(struct ct_str tag, const struct ct_random *random,
                              struct redis_command *command, struct ct_error *err)
{
    char *number;

    if (cache_check_tag(tag, err) != CT_E_OK)
        return err->code;
    number = ct_asprintf("%016" PRIx64, ct_random_next(random));
    redis_command_text(command, "SET");
    cache_name(command, "tag", tag);
    redis_command_text(command, number);
    redis_command_text(command, "PX");
    redis_command_int(command, CACHE_TTL_MAX_MS + 60000);
    free(number);
    return CT_E_OK;
}
