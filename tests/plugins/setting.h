/* How the plugins of the tests read their settings. */
#ifndef TESTS_PLUGINS_SETTING_H
#define TESTS_PLUGINS_SETTING_H

#include <stdio.h>
#include <string.h>

/* The text setting `key` of a flat JSON object without escapes; "" when it is absent. */
static inline void setting_read(const char *config, const char *key, char *out, size_t size)
{
    char quoted[32];
    const char *at;

    out[0] = '\0';
    snprintf(quoted, sizeof quoted, "\"%s\"", key);
    at = strstr(config, quoted);
    if (!at)
        return;
    at += strlen(quoted);
    at += strspn(at, " :\"");
    snprintf(out, size, "%.*s", (int)strcspn(at, "\",}"), at);
}

#endif
