/* Step `checksum`: digests of files, in one pass over each, compared with what is expected. Hands
 * its files on to the next step as they are. */
#include <errno.h>
#include <openssl/evp.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "cartrita/sdk/text.h"
#include "step.h"

#define CHECKSUM_BLOCK   65536u
#define CHECKSUM_KINDS   4
#define CHECKSUM_DEFAULT 1 /* sha256 */

static const char *const kinds[CHECKSUM_KINDS + 1] = {"md5", "sha256", "sha1", "sha512", NULL};

struct checksum {
    struct file_work *work;
    bool is_wanted[CHECKSUM_KINDS];
    const char *expected[CHECKSUM_KINDS]; /* hex; NULL: none */
};

/* --- options ------------------------------------------------------------------------------------
 */

static int checksum_kind(const char *name)
{
    for (int i = 0; name && i < CHECKSUM_KINDS; i++)
        if (strcasecmp(kinds[i], name) == 0)
            return i;
    return -1;
}

static bool checksum_want(struct checksum *checksum, struct sdk_reader *reader, const char *member,
                          const char *name)
{
    int kind = checksum_kind(name);

    if (kind < 0)
        return sdk_reader_refuse(reader, member, "\"%.40s\" is none of md5, sha1, sha256, sha512",
                                 name ? name : "(not a text)");
    checksum->is_wanted[kind] = true;
    return true;
}

/* The kind of a digest shows in its length. */
static int checksum_kind_of(const char *hex)
{
    size_t len = strlen(hex);

    for (int i = 0; i < CHECKSUM_KINDS; i++)
        if ((size_t)EVP_MD_get_size(EVP_get_digestbyname(kinds[i])) * 2 == len)
            return i;
    return -1;
}

static bool checksum_expect(struct checksum *checksum, struct sdk_reader *reader)
{
    const json_t *expected = sdk_any(reader, "expected");
    const char *name;
    json_t *value;

    if (json_is_string(expected)) {
        int kind = checksum_kind_of(json_string_value(expected));

        if (kind < 0)
            return sdk_reader_refuse(reader, "expected",
                                     "it is no digest in hexadecimal of md5, sha1, sha256 or "
                                     "sha512");
        checksum->is_wanted[kind] = true;
        checksum->expected[kind] = json_string_value(expected);
        return true;
    }
    if (expected && !json_is_object(expected))
        return sdk_reader_refuse(reader, "expected", "it is a digest or {\"sha256\": \"...\"}");
    json_object_foreach((json_t *)expected, name, value)
    {
        if (!checksum_want(checksum, reader, "expected", name))
            return false;
        if (!json_is_string(value))
            return sdk_reader_refuse(reader, "expected", "%.40s is not a text", name);
        checksum->expected[checksum_kind(name)] = json_string_value(value);
    }
    return true;
}

static bool checksum_read(struct checksum *checksum, struct sdk_reader *reader)
{
    static const char *const members[] = {"source",     "sources",  "algorithm",
                                          "algorithms", "expected", NULL};
    const char *one = sdk_text(reader, "algorithm", NULL, 16);
    const json_t *many = sdk_array(reader, "algorithms", CHECKSUM_KINDS);
    bool has_one = false;

    if (!sdk_reader_only(reader, members) || !checksum_expect(checksum, reader))
        return false;
    if (one && !checksum_want(checksum, reader, "algorithm", one))
        return false;
    for (size_t i = 0; i < json_array_size(many); i++)
        if (!checksum_want(checksum, reader, "algorithms",
                           json_string_value(json_array_get(many, i))))
            return false;
    for (int i = 0; i < CHECKSUM_KINDS; i++)
        has_one = has_one || checksum->is_wanted[i];
    checksum->is_wanted[CHECKSUM_DEFAULT] |= !has_one;
    return sdk_reader_ok(reader);
}

/* --- digests ------------------------------------------------------------------------------------
 */

/* All digests of what `fd` holds. */
static bool checksum_stream(const struct checksum *checksum, const char *name, int fd,
                            EVP_MD_CTX *const *contexts)
{
    struct sdk_call *call = checksum->work->call;
    char block[CHECKSUM_BLOCK];

    for (;;) {
        ssize_t count = read(fd, block, sizeof block);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return sdk_retry_later(&call->error, "IOError", "reading %.200s: %s", name,
                                   strerror(errno));
        if (count == 0)
            return true;
        for (int i = 0; i < CHECKSUM_KINDS; i++)
            if (contexts[i] && EVP_DigestUpdate(contexts[i], block, (size_t)count) != 1)
                return sdk_retry_later(&call->error, "MemoryError", "out of memory");
        if (!sdk_call_goes_on(call))
            return false;
    }
}

/* Adds the digest of kind `i`, and compares it. */
static bool checksum_finish(const struct checksum *checksum, const char *name, int i,
                            EVP_MD_CTX *context, json_t *json)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    char hex[2 * EVP_MAX_MD_SIZE + 1];
    unsigned len = 0;

    if (EVP_DigestFinal_ex(context, digest, &len) != 1)
        return sdk_retry_later(&checksum->work->call->error, "MemoryError", "out of memory");
    sdk_hex(digest, len, hex);
    (void)json_object_set_new(json, kinds[i], json_string(hex));
    if (checksum->expected[i] && strcasecmp(checksum->expected[i], hex) != 0)
        return sdk_refuse(&checksum->work->call->error, "ChecksumError",
                          "%.200s is not what was expected: its %s is %s, not %.128s", name,
                          kinds[i], hex, checksum->expected[i]);
    return true;
}

static bool checksum_file(struct file_work *work, void *ctx, const struct file_item *item,
                          json_t *json)
{
    const struct checksum *checksum = ctx;
    EVP_MD_CTX *contexts[CHECKSUM_KINDS] = {NULL};
    struct sdk_error *error = &work->call->error;
    bool is_done = true;
    int64_t size;
    int fd = file_item_open(work, item, &size);

    if (fd < 0)
        return false;
    for (int i = 0; is_done && i < CHECKSUM_KINDS; i++) {
        if (!checksum->is_wanted[i])
            continue;
        contexts[i] = EVP_MD_CTX_new();
        is_done = contexts[i] &&
                  EVP_DigestInit_ex(contexts[i], EVP_get_digestbyname(kinds[i]), NULL) == 1;
        if (!is_done)
            (void)sdk_refuse(error, "ChecksumError", "this OpenSSL does not compute %s", kinds[i]);
    }
    is_done = is_done && checksum_stream(checksum, item->name, fd, contexts);
    (void)json_object_set_new(json, "name", json_string(item->name));
    (void)json_object_set_new(json, "bytes", json_integer(size));
    for (int i = 0; i < CHECKSUM_KINDS; i++) {
        if (is_done && contexts[i])
            is_done = checksum_finish(checksum, item->name, i, contexts[i], json);
        EVP_MD_CTX_free(contexts[i]);
    }
    close(fd);
    return is_done;
}

bool checksum_step(struct file_work *work)
{
    struct checksum checksum = {.work = work};

    return checksum_read(&checksum, work->options) && file_each(work, checksum_file, &checksum);
}
