/* Reads cron expressions. Pure.
 *
 * The dialect is defined by rewriting text: names become numbers, then each * the text of the whole
 * range, and only then is the field taken apart. So "1*" among hours is "10-23". Stored expressions
 * may lean on that; this file works the same way instead of by a cleaner grammar. */
#include "cron/cron.h"

#include <stdio.h>
#include <string.h>

#include "common/str.h"
#include "cron/cron_rewrite.h"

#define FIELD_COUNT      6
#define FIELD_NUMBER_MAX 1000000 /* larger ones count as this */
#define NTH_NEVER        6

enum { SECOND, MINUTE, HOUR, DAY, MONTH, WEEKDAY };

#define FIELD_CHARACTERS ",*0123456789/-"

static const struct cron_field_kind field_kinds[FIELD_COUNT] = {
    [SECOND] = {"second", 0, 59, FIELD_CHARACTERS, NULL, 0},
    [MINUTE] = {"minute", 0, 59, FIELD_CHARACTERS, NULL, 0},
    [HOUR] = {"hour", 0, 23, FIELD_CHARACTERS, NULL, 0},
    [DAY] = {"day of month", 1, 31, FIELD_CHARACTERS "?L", NULL, 0},
    [MONTH] = {"month", 1, 12, FIELD_CHARACTERS, "janfebmaraprmayjunjulaugsepoctnovdec", 1},
    [WEEKDAY] = {"day of week", 0, 7, FIELD_CHARACTERS "?L", "sunmontuewedthufrisat", 0},
};

/* A field while it is read. */
struct field {
    const struct cron_field_kind *kind;
    enum cron_edition edition;
    struct ct_str text;        /* as the user wrote it, for errors */
    unsigned counts[60];       /* how often each value is listed */
    unsigned last_count;       /* texts with an L */
    unsigned plain_last_count; /* of them: L and nothing else */
    bool has_bare_last;        /* one of them does not begin with a digit */
    uint8_t last_weekdays;
};

static enum ct_code fail(const struct field *field, struct ct_error *err, const char *problem)
{
    return ct_error_set(err, CT_E_INVALID, "cron field '%s' is '%.*s': %s (%d to %d)",
                        field->kind->name, field->text.len > 40 ? 40 : (int)field->text.len,
                        field->text.data, problem, field->kind->min, field->kind->max);
}

/* A number as JavaScript's + reads these texts: nothing is 0. False for anything but digits. */
static bool read_number(struct ct_str text, int *out)
{
    int value = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        value = value * 10 + (text.data[i] - '0');
        if (value > FIELD_NUMBER_MAX)
            value = FIELD_NUMBER_MAX;
    }
    *out = value;
    return true;
}

/* The text up to `separator`; *rest is what follows it, absent when there is none. */
static struct ct_str cut(struct ct_str text, char separator, struct ct_str *rest)
{
    const char *at = text.len > 0 ? memchr(text.data, separator, text.len) : NULL;

    *rest = CT_STR_NONE;
    if (!at)
        return text;
    size_t len = (size_t)(at - text.data);
    *rest = (struct ct_str){at + 1, text.len - len - 1};
    return (struct ct_str){text.data, len};
}

static enum ct_code add_value(struct field *field, int value, struct ct_error *err)
{
    if (value < field->kind->min || value > field->kind->max)
        return fail(field, err, "a number is out of range");
    if (field->kind == &field_kinds[WEEKDAY])
        value %= 7;
    field->counts[value]++;
    return CT_E_OK;
}

static enum ct_code add_range(struct field *field, int min, int max, int step, struct ct_error *err)
{
    bool has_sunday = false;
    int since = step; /* values since the last one taken; the first is always taken */

    if (min < field->kind->min || max > field->kind->max)
        return fail(field, err, "a range goes beyond what the field has");
    if (min > max)
        return fail(field, err, "a range runs backwards: write two, like 22-23,0-6");
    if (step == 0)
        return fail(field, err, "a step (/n) must be 1 or more");
    if (field->kind == &field_kinds[WEEKDAY] && max % 7 == 0 &&
        (field->edition == CRON_4 || (max - min) % step == 0)) {
        field->counts[0]++; /* in CRON_4 a range that ends on a Sunday has it whatever the step */
        has_sunday = true;
    }
    for (int value = min; value <= max; value++, since++) {
        if ((value == 0 && has_sunday) || since % step != 0)
            continue;
        field->counts[value]++;
        since = 0;
    }
    return CT_E_OK;
}

/* A text that is neither number nor range: only an L makes sense of it. */
static enum ct_code add_last(struct field *field, struct ct_str text, struct ct_error *err)
{
    if (text.len == 0 || !memchr(text.data, 'L', text.len))
        return fail(field, err, "not a number");
    if (field->edition == CRON_5 && text.data[0] == 'L' && field->kind == &field_kinds[WEEKDAY])
        return fail(field, err, "L needs a day in front of it");
    field->last_count++;
    if (ct_str_is(text, "L"))
        field->plain_last_count++;
    if (text.data[0] >= '0' && text.data[0] <= '9')
        field->last_weekdays |= (uint8_t)(1u << ((text.data[0] - '0') % 7));
    else
        field->has_bare_last = true;
    return CT_E_OK;
}

static size_t digits_of(struct ct_str text)
{
    size_t len = 0;

    while (len < text.len && text.data[len] >= '0' && text.data[len] <= '9')
        len++;
    return len;
}

/* a, a-b, a-b/n, a/n; `step` is absent, or what stands behind the slash. */
static enum ct_code add_item(struct field *field, struct ct_str item, struct ct_str step_text,
                             struct ct_error *err)
{
    if (field->edition == CRON_5) /* what follows the digits does not count */
        step_text.len = digits_of(step_text);
    struct ct_str rest, beyond;
    struct ct_str left = cut(item, '-', &rest);
    int min, max, step = 1;

    if (step_text.data && !rest.data && read_number(item, &min)) /* a/n: to the end */
        return read_number(step_text, &step) ? add_range(field, min, field->kind->max, step, err)
                                             : fail(field, err, "a step (/n) is not a number");
    if (!rest.data)
        return read_number(item, &min) && item.len > 0 ? add_value(field, min, err)
                                                       : add_last(field, item, err);
    if (left.len == 0) { /* -0 is a number, everything else with a leading minus is none */
        if (step_text.data || rest.len == 0 || !read_number(rest, &max) || max != 0)
            return fail(field, err, "a minus needs a number on both sides");
        return add_value(field, 0, err);
    }
    struct ct_str right = cut(rest, '-', &beyond); /* what follows a second minus never counted */
    if (!read_number(left, &min) || !read_number(right, &max))
        return fail(field, err, "a range (a-b) needs two numbers");
    if (step_text.data && !read_number(step_text, &step))
        return fail(field, err, "a step (/n) is not a number");
    return add_range(field, min, max, step, err);
}

static enum ct_code add_list(struct field *field, struct ct_str list, struct ct_error *err)
{
    while (list.data) {
        struct ct_str rest, step, beyond;
        struct ct_str item = cut(list, ',', &rest);

        if (item.len == 0)
            return fail(field, err, "an entry of a list is empty");
        struct ct_str range = cut(item, '/', &step);
        cut(step, '/', &beyond);
        if (beyond.data)
            return fail(field, err, "more than one slash");
        if (step.data && range.len == 0)
            return fail(field, err, "nothing stands before the slash: write */n");
        enum ct_code rc = add_item(field, range, step, err);
        if (rc != CT_E_OK)
            return rc;
        list = rest;
    }
    return CT_E_OK;
}

/* --- fields ---------------------------------------------------------------------------------- */

static bool is_any(struct ct_str text)
{
    return ct_str_is(text, "*") || ct_str_is(text, "?");
}

static enum ct_code check_once(const struct field *field, struct ct_error *err)
{
    for (int value = 0; value <= field->kind->max; value++) {
        if (field->counts[value] > 1)
            return fail(field, err, "a value is listed twice");
    }
    return CT_E_OK;
}

static enum ct_code read_field(struct field *field, struct ct_str text, uint32_t seed,
                               struct ct_error *err)
{
    char plain[CRON_FIELD_MAX + 1], whole[CRON_FIELD_MAX + 1];
    const struct cron_field_kind *kind = field->kind;

    if (!cron_replace_names(kind, text, plain))
        return fail(field, err, "an unknown name: use the first three letters in English");
    if (field->edition == CRON_5 && !cron_replace_hashed(kind, seed, plain))
        return fail(field, err, "H may stand alone, or as H(a-b), H/n, H(a-b)/n");
    if (plain[0] == '\0' || !cron_has_only(kind, field->edition, plain))
        return fail(field, err, "a character that is not allowed here");
    cron_replace_marks(kind, field->edition, plain, whole);
    return add_list(field, ct_str_of(whole), err);
}

/* day#n: takes the n off the text. */
static enum ct_code take_nth(struct field *field, struct ct_str *text, uint8_t *nth,
                             struct ct_error *err)
{
    struct ct_str number, beyond;
    struct ct_str day = cut(*text, '#', &number);
    double value;

    if (!number.data)
        return CT_E_OK;
    if (memchr(text->data, ',', text->len) || memchr(text->data, '/', text->len) ||
        memchr(text->data, '-', text->len))
        return fail(field, err, "# cannot stand together with , - or /");
    cut(number, '#', &beyond);
    if (number.len > 0 && number.data[0] == '+')
        number = (struct ct_str){number.data + 1, number.len - 1};
    if (beyond.data || !ct_str_to_double(number, &value) || value < 1 || value > 5)
        return fail(field, err, "behind # must stand a number from 1 to 5");
    *nth = value == (int)value ? (uint8_t)value : NTH_NEVER;
    *text = day;
    return CT_E_OK;
}

/* --- the whole ------------------------------------------------------------------------------- */

static uint64_t bits_of(const struct field *field)
{
    uint64_t bits = 0;

    for (int value = 0; value <= field->kind->max; value++)
        bits |= (uint64_t)(field->counts[value] > 0) << value;
    return bits;
}

static unsigned count_of(const struct field *field)
{
    unsigned count = field->last_count;

    for (int value = 0; value <= field->kind->max; value++)
        count += field->counts[value];
    return count;
}

/* With a single month, days that it never has are dropped, and an expression of such days only
 * is refused; in CRON_5 unless a weekday may do instead. */
static enum ct_code fit_days_to_month(struct field *days, const struct field *months,
                                      bool has_any_weekday, struct ct_error *err)
{
    static const unsigned char longest[] = {0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int month = 1, first = 1;

    if (count_of(months) != 1)
        return CT_E_OK;
    while (months->counts[month] == 0)
        month++;
    while (first <= 31 && days->counts[first] == 0)
        first++;
    if (days->edition == CRON_5 && !has_any_weekday && first > longest[month])
        return CT_E_OK;
    if (first <= 31 && first > longest[month])
        return fail(days, err, "the month does not have this day");
    for (int day = longest[month] + 1; day <= 31; day++)
        days->counts[day] = 0;
    /* Of texts with an L only the plain one survives this. */
    if (days->edition == CRON_4)
        days->last_count = days->plain_last_count;
    return CT_E_OK;
}

static const char *replace_alias(const char *text, enum cron_edition edition)
{
    static const struct {
        const char *name, *text;
        enum cron_edition since;
    } aliases[] = {{"@yearly", "0 0 1 1 *", CRON_4},     {"@monthly", "0 0 1 * *", CRON_4},
                   {"@weekly", "0 0 * * 0", CRON_4},     {"@daily", "0 0 * * *", CRON_4},
                   {"@hourly", "0 * * * *", CRON_4},     {"@minutely", "* * * * *", CRON_5},
                   {"@secondly", "* * * * * *", CRON_5}, {"@weekdays", "0 0 * * 1-5", CRON_5},
                   {"@weekends", "0 0 * * 0,6", CRON_5}};

    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++) {
        if (strcmp(text, aliases[i].name) == 0 && edition >= aliases[i].since)
            return aliases[i].text;
    }
    return text;
}

/* Splits at blanks; false for more than six fields. They are right-aligned: seconds may be absent.
 */
static bool split_fields(const char *text, struct ct_str out[FIELD_COUNT])
{
    static const char blanks[] = " \t\n\v\f\r";
    struct ct_str found[FIELD_COUNT];
    size_t count = 0;

    for (text += strspn(text, blanks); *text; text += strspn(text, blanks)) {
        if (count == FIELD_COUNT)
            return false;
        found[count] = (struct ct_str){text, strcspn(text, blanks)};
        text += found[count++].len;
    }
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        size_t missing = FIELD_COUNT - count;
        if (i >= missing)
            out[i] = found[i - missing];
        else
            out[i] = i == SECOND ? CT_STR_LIT("0") : CT_STR_LIT("*");
    }
    return true;
}

/* What H stands for in an expression: the same whoever works it out, and whenever. */
static uint32_t seed_of(const char *text)
{
    uint32_t seed = 2166136261u;

    for (; *text; text++)
        seed = (seed ^ (unsigned char)*text) * 16777619u;
    return seed;
}

enum ct_code cron_parse(const char *text, enum cron_edition edition, struct cron *out,
                        struct ct_error *err)
{
    uint32_t seed = seed_of(text);
    struct field fields[FIELD_COUNT] = {0};
    struct ct_str texts[FIELD_COUNT];
    uint8_t nth = 0;
    enum ct_code rc = CT_E_OK;

    if (strlen(text) > CRON_TEXT_MAX)
        return ct_error_set(err, CT_E_TOO_LARGE,
                            "a cron expression may have %d bytes (CRON_TEXT_MAX)", CRON_TEXT_MAX);
    if (!split_fields(replace_alias(text, edition), texts))
        return ct_error_set(err, CT_E_INVALID,
                            "the cron expression '%.60s' has more than 6 fields: second minute "
                            "hour day-of-month month day-of-week",
                            text);
    for (int i = 0; i < FIELD_COUNT && rc == CT_E_OK; i++) {
        fields[i].kind = &field_kinds[i];
        fields[i].edition = edition;
        fields[i].text = texts[i];
        if (i == WEEKDAY)
            rc = take_nth(&fields[i], &texts[i], &nth, err);
        if (rc == CT_E_OK)
            rc = read_field(&fields[i], texts[i], seed * (uint32_t)(2 * i + 1), err);
    }
    if (rc == CT_E_OK)
        rc = fit_days_to_month(&fields[DAY], &fields[MONTH], is_any(texts[WEEKDAY]), err);
    for (int i = 0; i < FIELD_COUNT && rc == CT_E_OK && edition == CRON_5; i++)
        rc = check_once(&fields[i], err);
    if (rc != CT_E_OK)
        return rc;
    uint32_t weekdays = (uint32_t)bits_of(&fields[WEEKDAY]); /* 0 and 7 are both Sunday */
    *out = (struct cron){
        .edition = edition,
        .seconds = bits_of(&fields[SECOND]),
        .minutes = bits_of(&fields[MINUTE]),
        .hours = (uint32_t)bits_of(&fields[HOUR]),
        .days = (uint32_t)bits_of(&fields[DAY]),
        .months = (uint32_t)bits_of(&fields[MONTH]),
        .weekdays = weekdays | weekdays >> 7,
        .day_count = edition == CRON_4    ? count_of(&fields[DAY])
                     : is_any(texts[DAY]) ? 31
                                          : 0,
        .has_every_hour = count_of(&fields[HOUR]) == 24,
        .has_any_weekday =
            edition == CRON_4 ? count_of(&fields[WEEKDAY]) == 8 : is_any(texts[WEEKDAY]),
        .has_last_day = fields[DAY].last_count > 0,
        .has_bare_last = fields[WEEKDAY].has_bare_last,
        .last_weekdays = fields[WEEKDAY].last_weekdays,
        .nth_weekday = nth,
    };
    return CT_E_OK;
}
