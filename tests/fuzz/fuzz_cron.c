/* Any text as a cron expression; the first bytes choose zone and moment. A slot must be later than
 * the base and must repeat. Corpus: tests/fuzz/corpus/cron. */
#include <stdlib.h>
#include <string.h>

#include "common/assert.h"
#include "common/mem.h"
#include "cron/cron.h"
#include "cron/zone.h"

#define FUZZ_HEAD 6

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const fuzz_zones[] = {
    "UTC", "Europe/Madrid", "America/Havana", "Australia/Lord_Howe", "Pacific/Apia", "utc-03:30"};

static void check_next(const struct cron *cron, const char *tz, int64_t base_ms)
{
    struct ct_error err = {0};
    int64_t slot_ms, again_ms;
    enum ct_code rc = cron_next(cron, tz, base_ms, INT64_MAX, &slot_ms, &err);

    ct_assert(rc == CT_E_OK || rc == CT_E_NOT_FOUND);
    if (rc != CT_E_OK)
        return;
    ct_assert(slot_ms > base_ms);
    ct_assert(slot_ms % 1000 == 0);
    ct_assert(cron_next(cron, tz, base_ms, slot_ms, &again_ms, &err) == CT_E_OK);
    ct_assert(again_ms == slot_ms);
    ct_assert(cron_next(cron, tz, base_ms, slot_ms - 1, &again_ms, &err) == CT_E_NOT_FOUND);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ct_error err = {0};
    struct posix_tz rule;
    struct cron cron;

    if (size < FUZZ_HEAD)
        return 0;
    const char *tz = fuzz_zones[data[0] % (sizeof fuzz_zones / sizeof fuzz_zones[0])];
    int64_t base_ms = 0;
    for (int i = 1; i < FUZZ_HEAD; i++) /* 40 bits, doubled below: up to the year 2039 */
        base_ms = base_ms * 256 + data[i];
    char *text = ct_strndup((const char *)data + FUZZ_HEAD, size - FUZZ_HEAD);

    for (int edition = CRON_4; edition <= CRON_5; edition++) {
        if (cron_parse(text, (enum cron_edition)edition, &cron, &err) == CT_E_OK)
            check_next(&cron, tz, base_ms * 2);
        else
            ct_assert(err.detail[0]);
    }
    if (posix_tz_parse(text, &rule)) {
        struct zone_span span = posix_tz_span_at(&rule, base_ms);
        ct_assert(span.from_s <= base_ms && base_ms < span.until_s);
    }
    free(text);
    return 0;
}
