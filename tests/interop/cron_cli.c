/* Answers cron questions on stdin for cron_compare.test.mjs, one a line, fields between tabs; with
 * the argument 5 those about the edition of BullMQ 6: ZONE (empty: local)  AFTER_MS  END_MS (empty:
 * none)  EXPRESSION with one line each: the slot in ms, "none", or "error: DETAIL". In place of an
 * expression, "offset" asks for the zone's distance from UTC in seconds at AFTER_MS. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cron/cron.h"
#include "cron/zone.h"

static char *field(char **rest)
{
    char *text = strsep(rest, "\t");

    return text ? text : "";
}

static enum cron_edition edition = CRON_4;

static enum ct_code answer(const char *tz, int64_t after_ms, int64_t end_ms, const char *text,
                           int64_t *out, struct ct_error *err)
{
    const struct zone *zone;
    struct cron cron;
    enum ct_code rc;

    if (strcmp(text, "offset") == 0) {
        rc = zone_find(tz, &zone, err);
        if (rc == CT_E_OK)
            *out = zone_span_at(zone, after_ms / 1000).offset_s;
        return rc;
    }
    rc = cron_parse(text, edition, &cron, err);
    return rc == CT_E_OK ? cron_next(&cron, tz, after_ms, end_ms, out, err) : rc;
}

int main(int argc, char **argv)
{
    char line[4096];

    if (argc > 1 && strcmp(argv[1], "5") == 0)
        edition = CRON_5;
    while (fgets(line, sizeof line, stdin)) {
        struct ct_error err = {0};
        char *rest = line;
        int64_t number;

        line[strcspn(line, "\n")] = '\0';
        const char *tz = field(&rest), *after = field(&rest), *end = field(&rest);
        enum ct_code rc =
            answer(*tz ? tz : NULL, strtoll(after, NULL, 10),
                   *end ? strtoll(end, NULL, 10) : INT64_MAX, rest ? rest : "", &number, &err);
        if (rc == CT_E_OK)
            printf("%lld\n", (long long)number);
        else if (rc == CT_E_NOT_FOUND)
            printf("none\n");
        else
            printf("error: %s\n", err.detail);
    }
    return 0;
}
