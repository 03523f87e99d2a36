/* Any text as the settings of a queue: refused with a reason and nothing changed, or settings that
 * are within their bounds, can be copied, and give delays that can be waited for.
 * Corpus: tests/fuzz/corpus/settings. */
#include "common/assert.h"
#include "common/random.h"
#include "queue/settings.h"

#define FUZZ_DAY_MS   (24 * 3600 * 1000ll)
#define FUZZ_YEAR_MS  (366 * FUZZ_DAY_MS)
#define FUZZ_ATTEMPTS 70 /* beyond what 64 bits can double */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_strategy(const struct queue_settings *settings, const struct strategy *strategy)
{
    uint64_t state = 1;
    const struct ct_random random = ct_random_seeded(&state);

    ct_assert(queue_settings_strategy(settings, ct_str_of(strategy->name)) == strategy);
    for (uint32_t attempts = 0; attempts <= FUZZ_ATTEMPTS; attempts++) {
        int64_t delay_ms = strategy_delay(strategy, attempts, &random);

        ct_assert(delay_ms >= -1 && delay_ms <= FUZZ_YEAR_MS);
        ct_assert(strategy->max_ms == 0 || delay_ms <= strategy->max_ms);
    }
    int64_t last_ms = strategy_delay(strategy, UINT32_MAX, &random);
    ct_assert(last_ms >= -1 && last_ms <= FUZZ_YEAR_MS);
}

static void check_bounds(const struct queue_settings *settings)
{
    ct_assert(settings->lock_duration_ms >= 10 && settings->lock_duration_ms <= FUZZ_DAY_MS);
    ct_assert(settings->lock_renew_ms >= 1);
    ct_assert(settings->lock_renew_ms < settings->lock_duration_ms);
    ct_assert(settings->stalled_interval_ms >= 0 && settings->stalled_interval_ms <= FUZZ_DAY_MS);
    ct_assert(settings->max_stalled_count >= 0);
    ct_assert(settings->guard_interval_ms >= 1 && settings->guard_interval_ms <= FUZZ_DAY_MS);
    ct_assert(settings->retry_process_delay_ms >= 0);
    ct_assert(settings->drain_delay_ms >= 10 && settings->drain_delay_ms <= 3600 * 1000);
    ct_assert((settings->limiter_max > 0) == (settings->limiter_duration_ms > 0));
    ct_assert(settings->metrics_max_points >= 0 && settings->metrics_max_points <= 1000000);
    ct_assert(settings->strategy_count <= QUEUE_STRATEGIES_MAX);
    for (uint32_t i = 0; i < settings->strategy_count; i++)
        check_strategy(settings, &settings->strategies[i]);
}

/* What is set at the start: a refused text must not touch it, a good one may build on it. */
static void begin(struct queue_settings *settings)
{
    enum ct_code rc;

    queue_settings_init(settings);
    rc =
        queue_settings_parse(settings,
                             CT_STR_LIT("{\"limiter\":{\"max\":5,\"duration\":1000,\"groupKey\":"
                                        "\"a.b\"},\"backoffStrategies\":{\"own\":{\"delays\":[1,-1]"
                                        "}},\"lockDuration\":4000}"),
                             NULL);
    ct_assert(rc == CT_E_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ct_str text = {(const char *)data, size};
    struct queue_settings settings, before, copy;
    struct ct_error err = {CT_E_OK, ""};

    begin(&settings);
    queue_settings_copy(&before, &settings);
    if (queue_settings_parse(&settings, text, &err) != CT_E_OK) {
        ct_assert(err.code != CT_E_OK && err.detail[0]);
        ct_assert(queue_settings_equal(&settings, &before));
    }
    check_bounds(&settings);
    queue_settings_copy(&copy, &settings);
    ct_assert(queue_settings_equal(&copy, &settings));
    if (err.code == CT_E_OK) { /* a second time changes nothing */
        ct_assert(queue_settings_parse(&copy, text, &err) == CT_E_OK);
        ct_assert(queue_settings_equal(&copy, &settings));
    }
    queue_settings_fini(&copy);
    queue_settings_fini(&before);
    queue_settings_fini(&settings);
    return 0;
}
