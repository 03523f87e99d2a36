/* See the header. */
#include "cron/cron_rewrite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool cron_replace_names(const struct cron_field_kind *kind, struct ct_str text,
                        char out[CRON_FIELD_MAX + 1])
{
    size_t len = 0;

    for (size_t at = 0; at < text.len;) {
        const char *c = text.data + at;
        int index = -1;

        if (!kind->names || text.len - at < 3 || !is_letter(c[0]) || !is_letter(c[1]) ||
            !is_letter(c[2])) {
            out[len++] = *c;
            at++;
            continue;
        }
        for (int i = 0; kind->names[3 * i]; i++) {
            if (strncasecmp(c, kind->names + 3 * i, 3) == 0)
                index = i;
        }
        if (index < 0)
            return false;
        len += (size_t)snprintf(out + len, 3, "%d", index + kind->first_name);
        at += 3;
    }
    out[len] = '\0';
    return true;
}

/* --- H ---------------------------------------------------------------------------------------- */

/* (a-b) and /n behind an H, each of which may be absent. */
struct hashed {
    int min, max, step; /* step 0: none */
};

/* A number of digits alone, at most 9999. */
static bool take_number(const char **at, int *out)
{
    size_t len = strspn(*at, "0123456789");

    if (len == 0 || len > 4)
        return false;
    *out = atoi(*at);
    *at += len;
    return true;
}

static bool take_hashed(const char **at, const struct cron_field_kind *kind, struct hashed *out)
{
    *out = (struct hashed){kind->min, kind->max, 0};
    if (**at == '(') {
        (*at)++;
        if (!take_number(at, &out->min) || *(*at)++ != '-' || !take_number(at, &out->max) ||
            *(*at)++ != ')' || out->min > out->max)
            return false;
        out->min = out->min < kind->min ? kind->min : out->min;
        out->max = out->max > kind->max ? kind->max : out->max;
        if (out->min > out->max)
            return false;
    }
    if (**at == '/') {
        (*at)++;
        return take_number(at, &out->step) && out->step > 0;
    }
    return true;
}

/* A number below `below`, the same for the same seed. */
static int pick(uint32_t seed, int below)
{
    seed ^= seed >> 16;
    seed *= 0x45d9f3bu;
    seed ^= seed >> 16;
    return (int)((uint64_t)seed * (uint64_t)below >> 32);
}

/* Appends it; false: there is no room. */
static bool add_number(char *out, size_t *len, bool is_first, int number)
{
    if (*len + 4 > CRON_FIELD_MAX)
        return false;
    *len += (size_t)snprintf(out + *len, 5, is_first ? "%d" : ",%d", number);
    return true;
}

static bool add_hashed(const struct hashed *hashed, uint32_t seed, char *out, size_t *len)
{
    bool is_first = true;

    if (hashed->step > 0) {
        int value = hashed->min / hashed->step * hashed->step + pick(seed, hashed->step);

        for (; value <= hashed->max; value += hashed->step) {
            if (value < hashed->min)
                continue;
            if (!add_number(out, len, is_first, value))
                return false;
            is_first = false;
        }
    }
    if (!is_first)
        return true;
    return add_number(out, len, true, hashed->min + pick(seed, hashed->max - hashed->min + 1));
}

bool cron_replace_hashed(const struct cron_field_kind *kind, uint32_t seed,
                         char text[CRON_FIELD_MAX + 1])
{
    char whole[CRON_FIELD_MAX + 1];
    size_t len = 0;

    if (!strchr(text, 'H'))
        return true;
    for (const char *at = text; *at;) {
        struct hashed hashed;

        if (len == CRON_FIELD_MAX)
            return false;
        if (*at != 'H') {
            whole[len++] = *at++;
            continue;
        }
        at++;
        if (!take_hashed(&at, kind, &hashed) || !add_hashed(&hashed, seed, whole, &len))
            return false;
    }
    memcpy(text, whole, len);
    text[len] = '\0';
    return true;
}

/* --- marks ------------------------------------------------------------------------------------ */

bool cron_has_only(const struct cron_field_kind *kind, enum cron_edition edition, const char *text)
{
    for (; *text; text++) {
        if (!strchr(kind->characters, *text) && !(edition == CRON_5 && *text == '?'))
            return false;
    }
    return true;
}

void cron_replace_marks(const struct cron_field_kind *kind, enum cron_edition edition,
                        const char *text, char out[CRON_FIELD_MAX + 1])
{
    const char *marks = edition == CRON_5 ? "*?" : strchr(text, '*') ? "*" : "?";
    size_t len = 0;

    for (; *text; text++) {
        if (!strchr(marks, *text))
            out[len++] = *text;
        else if (len + 4 <= CRON_FIELD_MAX)
            len += (size_t)snprintf(out + len, 5, "%d-%d", kind->min, kind->max);
        if (len == CRON_FIELD_MAX)
            break;
    }
    out[len] = '\0';
}
