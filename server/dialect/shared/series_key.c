/* Keys of series that tell what they are. Where a name or an id holds colons such a key can be read
 * in several ways, but only the right one leads to the id of a job: each is tried. Pure. */
#include "dialect/shared/series_key.h"

#include <math.h>
#include <stdlib.h>

#include "common/md5.h"
#include "common/mem.h"
#include "cron/cron.h"

#define COLONS_MAX 32 /* that are looked at; Bull's own reading knows but four */

/* --- reading ---------------------------------------------------------------------------------- */

static struct ct_str part(struct ct_str key, size_t from, size_t until)
{
    return (struct ct_str){key.data + from, until - from};
}

static bool is_moment(struct ct_str text)
{
    int64_t number;

    return text.len == 0 || ct_str_to_int(text, &number);
}

static bool is_interval(struct ct_str text)
{
    double every;

    return ct_str_to_double(text, &every) && every > 0;
}

/* What is behind the end date: a cron expression has no colons, a zone (UTC+03:30) may. */
static bool read_rule(struct ct_str text, enum series_key_form form, struct series_key *out)
{
    out->cron = out->tz = out->every = CT_STR_NONE;
    for (size_t i = text.len; i > 0; i--) {
        if (text.data[i - 1] == ':') {
            struct ct_str rule = part(text, i, text.len);

            out->tz = part(text, 0, i - 1);
            if (form == SERIES_KEY_BULLMQ && is_interval(rule))
                out->every = rule;
            else
                out->cron = rule;
            return rule.len > 0;
        }
    }
    out->every = text;
    return form == SERIES_KEY_BULL && is_interval(text);
}

struct colons {
    size_t at[COLONS_MAX];
    size_t count;
};

static void find_colons(struct ct_str key, struct colons *out)
{
    out->count = 0;
    for (size_t i = 0; i < key.len && out->count < COLONS_MAX; i++) {
        if (key.data[i] == ':')
            out->at[out->count++] = i;
    }
}

static bool read_at(struct ct_str key, enum series_key_form form, size_t a, size_t b, size_t c,
                    struct series_key *out)
{
    out->name = part(key, 0, a);
    out->job_id = part(key, a + 1, b);
    out->end = part(key, b + 1, c);
    return is_moment(out->end) && read_rule(part(key, c + 1, key.len), form, out);
}

uint32_t series_key_read(struct ct_str key, enum series_key_form form,
                         struct series_key out[SERIES_KEY_READINGS_MAX])
{
    struct colons colons;
    uint32_t count = 0;

    find_colons(key, &colons);
    for (size_t a = 0; a + 2 < colons.count; a++) {
        for (size_t b = a + 1; b + 1 < colons.count; b++) {
            bool is_read = false;

            /* Name and id are the same for what follows the first that fits. */
            for (size_t c = b + 1; c < colons.count && !is_read && count < SERIES_KEY_READINGS_MAX;
                 c++)
                is_read = read_at(key, form, colons.at[a], colons.at[b], colons.at[c], &out[count]);
            count += is_read;
        }
    }
    return count;
}

/* The shape by which BullMQ tells such keys from ids of schedulers. */
bool series_key_is_legacy(struct ct_str key)
{
    struct ct_str rule;
    struct colons colons;
    int64_t number;

    find_colons(key, &colons);
    if (colons.count < 4 || !is_moment(part(key, colons.at[1] + 1, colons.at[2])))
        return false;
    rule = part(key, colons.at[3] + 1, key.len);
    return rule.len > 0 && (memchr(rule.data, ' ', rule.len) || ct_str_to_int(rule, &number));
}

/* --- what it says ----------------------------------------------------------------------------- */

static char *copy(struct ct_str text)
{
    return text.len ? ct_strndup(text.data, text.len) : NULL;
}

static double number_or_nan(struct ct_str text)
{
    double number;

    return text.len && ct_str_to_double(text, &number) ? number : NAN;
}

static bool makes_sense(const struct series_key *reading)
{
    struct cron cron;
    char *text = copy(reading->cron);
    bool is_fine = !text || cron_parse(text, CRON_4, &cron, NULL) == CT_E_OK;

    free(text);
    return is_fine;
}

/* Of several ways to read a key the first whose rule is one: in "mail:send:::1000" 1000 is no cron
 * expression, so "send" is no id. */
static const struct series_key *best_of(const struct series_key *readings, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (makes_sense(&readings[i]))
            return &readings[i];
    }
    return count > 0 ? readings : NULL;
}

void schedule_begin(struct schedule *schedule, struct ct_str key)
{
    *schedule = (struct schedule){.key = ct_strndup(key.data, key.len),
                                  .every_ms = NAN,
                                  .limit = NAN,
                                  .start_ms = NAN,
                                  .end_ms = NAN,
                                  .made_count = NAN,
                                  .offset_ms = NAN,
                                  .next_ms = NAN,
                                  .state = SCHEDULE_STOPPED};
}

bool series_key_fill(struct ct_str key, enum series_key_form form, struct schedule *schedule)
{
    struct series_key readings[SERIES_KEY_READINGS_MAX];
    const struct series_key *reading = best_of(readings, series_key_read(key, form, readings));

    if (!reading)
        return false;
    schedule->name = ct_strndup(reading->name.data, reading->name.len);
    schedule->job_id = copy(reading->job_id);
    schedule->end_ms = number_or_nan(reading->end);
    schedule->tz = copy(reading->tz);
    schedule->cron = copy(reading->cron);
    schedule->every_ms = number_or_nan(reading->every);
    return true;
}

/* --- ids -------------------------------------------------------------------------------------- */

void series_id_append(const char *joint, struct ct_str name, struct ct_str job_id,
                      struct ct_str key, struct ct_buf *out)
{
    char digest[CT_MD5_HEX_LEN + 1];
    struct ct_buf text;

    ct_md5_hex(key, digest);
    ct_buf_init(&text);
    ct_buf_append_str(&text, name);
    ct_buf_append_str(&text, job_id);
    ct_buf_printf(&text, "%s%s", joint, digest);
    ct_md5_hex(ct_buf_str(&text), digest);
    ct_buf_free(&text);
    ct_buf_printf(out, "repeat:%s:", digest);
}
