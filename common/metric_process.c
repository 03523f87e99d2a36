/* Figures of the process itself. */
#include "common/metric_process.h"

#include <uv.h>

void metric_gauge(struct ct_buf *page, const char *name, const char *help, double value)
{
    metric_family(page, name, METRIC_GAUGE, help);
    metric_sample(page, name, NULL, 0, value);
}

void metric_counter(struct ct_buf *page, const char *name, const char *help, double value)
{
    metric_family(page, name, METRIC_COUNTER, help);
    metric_sample(page, name, NULL, 0, value);
}

void metric_process(struct ct_buf *page, const char *build, int64_t started_ms)
{
    const struct metric_label version = {"version", CT_STR_LIT(CARTRITA_VERSION)};
    uv_rusage_t usage;
    size_t resident;

    metric_family(page, build, METRIC_GAUGE, "Always 1; its label tells more.");
    metric_count(page, build, &version, 1, 1);
    metric_gauge(page, "process_start_time_seconds", "When it was started, in Unix time.",
                 (double)started_ms / 1000);
    if (uv_getrusage(&usage) == 0)
        metric_counter(page, "process_cpu_seconds_total", "CPU time, user's and system's.",
                       (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
    if (uv_resident_set_memory(&resident) == 0)
        metric_gauge(page, "process_resident_memory_bytes", "Resident memory.", (double)resident);
}
