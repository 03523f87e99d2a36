/* Any text as a Redis URL and as a daemon's address: what is read must survive printing, and a
 * password must show nowhere. Corpus: tests/fuzz/corpus/url. */
#include <stdlib.h>
#include <string.h>

#include "common/assert.h"
#include "common/mem.h"
#include "common/url.h"

#define FUZZ_SECRET_MIN 4 /* shorter ones are part of other words by chance */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_address(const char *text)
{
    struct ct_address address, again;
    struct ct_error err = {0};

    if (ct_address_parse(text, &address, &err) != CT_E_OK) {
        ct_assert(err.detail[0]);
        return;
    }
    char *printed = ct_address_print(&address);
    ct_assert(ct_address_parse(printed, &again, &err) == CT_E_OK);
    ct_assert(again.port == address.port);
    ct_assert(strcmp(again.path ? again.path : again.host,
                     address.path ? address.path : address.host) == 0);
    ct_address_free(&again);
    free(printed);
    ct_address_free(&address);
}

static void check_redis(const char *text)
{
    struct ct_redis_url url, again;
    struct ct_error err = {0};

    if (ct_redis_url_parse(text, &url, &err) != CT_E_OK) {
        ct_assert(err.detail[0]);
        return;
    }
    char *printed = ct_redis_url_print(&url);
    ct_assert(ct_redis_url_parse(printed, &again, &err) == CT_E_OK);
    ct_assert(again.port == url.port && again.db == url.db);
    ct_assert(!again.user == !url.user && (!url.user || strcmp(again.user, url.user) == 0));
    ct_assert(!again.host == !url.host && (!url.host || strcmp(again.host, url.host) == 0));
    ct_assert(!again.path == !url.path && (!url.path || strcmp(again.path, url.path) == 0));
    ct_assert(!url.password || strcmp(again.password, "***") == 0);
    ct_redis_url_free(&again);
    ct_redis_url_free(&url);
    free(printed);
}

/* The text as a password of URLs that are wrong behind it. */
static void check_silence(const char *secret)
{
    static const char *const forms[] = {"redis://u:%s@h:99999", "redis://:%s@h/x", "redis://:%s@",
                                        "rediss://:%s@h",       "unix://:%s@x",    "http://:%s@h"};
    struct ct_redis_url url;

    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        size_t len = strcspn(forms[i], "%");
        char *text = ct_asprintf("%.*s%s%s", (int)len, forms[i], secret, forms[i] + len + 2);
        struct ct_error silent = {0};
        if (ct_redis_url_parse(text, &url, &silent) == CT_E_OK)
            ct_redis_url_free(&url);
        else
            ct_assert(!strstr(silent.detail, secret));
        free(text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = ct_strndup((const char *)data, size);

    check_redis(text);
    check_address(text);
    /* None of our own words has one of these, so a match is a leak. */
    if (strlen(text) >= FUZZ_SECRET_MIN && strpbrk(text, "#~^"))
        check_silence(text);
    free(text);
    return 0;
}
