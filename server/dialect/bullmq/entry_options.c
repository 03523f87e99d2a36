/* See entry.h. BullMQ's producers check their options before they send them; ours are checked
 * alike, and what BullMQ would store although its own scripts break on it later is refused as well.
 */
#include <math.h>
#include <stdlib.h>

#include "dialect/bullmq/entry.h"
#include "dialect/shared/entry.h"

#define ENTRY_PRIORITY_MAX 2097151 /* what a score has room for above the order of arrival */

/* Options that are stored under a short name. Both names are taken, the long one first: options
 * that were read from a job may be given again. */
static const struct {
    const char *given, *stored;
    bool is_policy; /* what happens to a parent when the job fails */
} renames[] = {
    {"failParentOnFailure", "fpof", true},
    {"continueParentOnFailure", "cpof", true},
    {"ignoreDependencyOnFailure", "idof", true},
    {"removeDependencyOnFailure", "rdof", true},
    {"keepLogs", "kl", false},
    {"deduplication", "de", false},
};

#define RENAME_COUNT (sizeof renames / sizeof *renames)

static const struct {
    const char *name, *advice;
} refused[] = {
    {"repeat", "belongs to a job scheduler: use `cartrita-q scheduler add`"},
    {"repeatJobKey", "belongs to a job scheduler: use `cartrita-q scheduler add`"},
    {"debounce", "is called deduplication now"},
};

static void drop_nulls(struct memberlist *opts)
{
    for (uint32_t i = opts->count; i-- > 0;) {
        if (ct_str_is(ct_str_of(opts->member[i].value), "null"))
            memberlist_remove(opts, opts->member[i].name);
    }
}

static void shorten(struct memberlist *opts)
{
    struct ct_str telemetry = memberlist_find(opts, "telemetry");

    for (size_t i = 0; i < RENAME_COUNT; i++) {
        struct ct_str value = memberlist_find(opts, renames[i].given);

        if (!value.data)
            continue;
        memberlist_set(opts, renames[i].stored, value);
        memberlist_remove(opts, renames[i].given);
    }
    if (!telemetry.data || telemetry.data[0] != '{')
        return;
    struct ct_str carrier = members_find(telemetry, "metadata");
    struct ct_str omits = members_find(telemetry, "omitContext");
    if (carrier.data && !ct_str_is(carrier, "null"))
        memberlist_set(opts, "tm", carrier);
    if (omits.data && !ct_str_is(omits, "null"))
        memberlist_set(opts, "omc", omits);
    memberlist_remove(opts, "telemetry");
}

static enum ct_code check_names(const struct memberlist *opts, struct ct_error *err)
{
    struct ct_str carrier = memberlist_find(opts, "tm");

    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        if (memberlist_find(opts, refused[i].name).data)
            return ct_error_set(err, CT_E_INVALID, "option %s %s", refused[i].name,
                                refused[i].advice);
    }
    if (memberlist_find(opts, "telemetry").data)
        return ct_error_set(err, CT_E_INVALID,
                            "option telemetry must be {\"metadata\": text, \"omitContext\": "
                            "true or false}");
    if (carrier.data && carrier.data[0] != '"')
        return ct_error_set(err, CT_E_INVALID, "option telemetry.metadata must be text");
    return CT_E_OK;
}

/* Numeric text becomes the number. */
static enum ct_code normalise_number(struct memberlist *opts, const char *name,
                                     struct ct_error *err)
{
    double number;

    if (!memberlist_find(opts, name).data)
        return CT_E_OK;
    enum ct_code rc = entry_number(opts, name, 0, &number, err);
    if (rc == CT_E_OK)
        memberlist_set_number(opts, name, number);
    return rc;
}

static enum ct_code normalise_numbers(struct memberlist *opts, struct ct_error *err)
{
    static const char *const names[] = {"attempts", "delay",           "priority",
                                        "kl",       "stackTraceLimit", "sizeLimit"};
    enum ct_code rc = CT_E_OK;

    if (!memberlist_find(opts, "attempts").data)
        memberlist_set_number(opts, "attempts", 0);
    for (size_t i = 0; rc == CT_E_OK && i < sizeof names / sizeof *names; i++)
        rc = normalise_number(opts, names[i], err);
    return rc;
}

static enum ct_code check_limit(const struct memberlist *opts, const char *name,
                                struct ct_error *err)
{
    struct ct_str limit = members_find(memberlist_find(opts, name), "limit");
    double number;

    if (limit.data && !ct_str_to_double(limit, &number))
        return ct_error_set(err, CT_E_INVALID, "option %s.limit must be a number of jobs", name);
    return CT_E_OK;
}

static enum ct_code check_jitter(const struct memberlist *opts, struct ct_error *err)
{
    struct ct_str jitter = members_find(memberlist_find(opts, "backoff"), "jitter");
    double number = members_number(jitter);

    if (jitter.data && !ct_str_is(jitter, "null") && !(number >= 0 && number <= 1))
        return ct_error_set(err, CT_E_INVALID, "option backoff.jitter must be from 0 to 1");
    return CT_E_OK;
}

static enum ct_code read_priority(struct entry_options *options, const struct memberlist *opts,
                                  struct ct_error *err)
{
    enum ct_code rc = entry_number(opts, "priority", 0, &options->priority, err);

    if (rc == CT_E_OK && !(options->priority >= 0 && options->priority <= ENTRY_PRIORITY_MAX &&
                           options->priority == trunc(options->priority)))
        rc = ct_error_set(err, CT_E_INVALID, "option priority must be a whole number from 0 to %d",
                          ENTRY_PRIORITY_MAX);
    return rc;
}

static enum ct_code read_policy(struct entry_options *options, const struct memberlist *opts,
                                struct ct_error *err)
{
    const char *first = NULL;

    for (size_t i = 0; i < RENAME_COUNT; i++) {
        if (!renames[i].is_policy || js_is_falsy(memberlist_find(opts, renames[i].stored)))
            continue;
        if (first)
            return ct_error_set(err, CT_E_INVALID, "options %s and %s exclude each other", first,
                                renames[i].given);
        first = renames[i].given;
        options->policy = renames[i].stored;
    }
    return CT_E_OK;
}

static enum ct_code read_dedup(struct entry_options *options, const struct memberlist *opts,
                               struct ct_error *err)
{
    static const struct {
        const char *name;
        char letter;
    } modes[] = {{"extend", 'e'}, {"replace", 'r'}, {"reschedule", 's'}, {"keepLastIfActive", 'k'}};
    struct ct_str json = memberlist_find(opts, "de");
    struct ct_str id = members_find(json, "id");
    struct ct_buf text;
    size_t count = 0;

    if (!json.data)
        return CT_E_OK;
    ct_buf_init(&text);
    if (json.data[0] == '{' && !js_is_falsy(id) && js_append_text(&text, id))
        options->deid = ct_buf_take(&text, NULL);
    ct_buf_free(&text);
    if (!options->deid)
        return ct_error_set(err, CT_E_INVALID, "option deduplication needs an id");
    if (strlen(options->deid) > ENTRY_ID_MAX)
        return ct_error_set(err, CT_E_TOO_LARGE, "option deduplication.id is over %d bytes",
                            ENTRY_ID_MAX);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (!js_is_falsy(members_find(json, modes[i].name)))
            options->dedup_mode[count++] = modes[i].letter;
    }
    struct ct_str ttl = members_find(json, "ttl");
    return entry_ttl(ct_str_is(ttl, "0") ? CT_STR_NONE : ttl, "deduplication.ttl",
                     &options->dedup_ttl, err);
}

enum ct_code entry_options_read(struct entry_options *options, struct memberlist *opts,
                                int64_t now_ms, struct ct_error *err)
{
    *options = (struct entry_options){.size_limit = NAN};
    drop_nulls(opts);
    shorten(opts);
    enum ct_code rc = check_names(opts, err);
    if (rc == CT_E_OK)
        rc = normalise_numbers(opts, err);
    if (rc == CT_E_OK)
        rc = entry_times(opts, now_ms, &options->delay, &options->timestamp, err);
    if (rc == CT_E_OK)
        rc = entry_check_keeps(opts, err);
    if (rc == CT_E_OK)
        rc = check_limit(opts, "removeOnComplete", err);
    if (rc == CT_E_OK)
        rc = check_limit(opts, "removeOnFail", err);
    if (rc == CT_E_OK)
        rc = entry_normalise_backoff(opts, err);
    if (rc == CT_E_OK)
        rc = check_jitter(opts, err);
    if (rc == CT_E_OK)
        rc = read_priority(options, opts, err);
    if (rc == CT_E_OK)
        rc = read_policy(options, opts, err);
    if (rc == CT_E_OK)
        rc = read_dedup(options, opts, err);
    if (rc == CT_E_OK)
        rc = entry_number(opts, "sizeLimit", NAN, &options->size_limit, err);
    options->is_lifo = !js_is_falsy(memberlist_find(opts, "lifo"));
    return rc;
}

void entry_options_fini(struct entry_options *options)
{
    free(options->deid);
    options->deid = NULL;
}
