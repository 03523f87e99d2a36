/* Prometheus' text format. See metric.h. */
#include "common/metric.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/assert.h"

#define METRIC_REPLACEMENT "\xef\xbf\xbd"

static const char *const metric_kinds[] = {"counter", "gauge", "histogram"};

void metric_family(struct ct_buf *page, const char *name, enum metric_kind kind, const char *help)
{
    ct_buf_printf(page, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, metric_kinds[kind]);
}

static void metric_append_value(struct ct_buf *page, struct ct_str value)
{
    size_t len;

    for (size_t at = 0; at < value.len; at += len) {
        len = ct_str_utf8_len(value, at);
        if (at + (len ? len : 1) > METRIC_LABEL_BYTES_MAX)
            return;
        char first = value.data[at];
        if (len == 0) {
            ct_buf_append(page, METRIC_REPLACEMENT, strlen(METRIC_REPLACEMENT));
            len = 1;
        } else if (first == '\n') {
            ct_buf_append(page, "\\n", 2);
        } else {
            if (first == '"' || first == '\\')
                ct_buf_append_char(page, '\\');
            ct_buf_append(page, value.data + at, len);
        }
    }
}

/* `bound` NULL: none; the last label of a bucket. */
static void metric_append_name(struct ct_buf *page, const char *name, const char *suffix,
                               const struct metric_label *labels, uint32_t count, const char *bound)
{
    char separator = '{';

    ct_buf_printf(page, "%s%s", name, suffix);
    for (uint32_t i = 0; i < count; i++) {
        ct_buf_printf(page, "%c%s=\"", separator, labels[i].name);
        metric_append_value(page, labels[i].value);
        ct_buf_append_char(page, '"');
        separator = ',';
    }
    if (bound) {
        ct_buf_printf(page, "%cle=\"%s\"", separator, bound);
        separator = ',';
    }
    ct_buf_append(page, separator == ',' ? "} " : " ", separator == ',' ? 2 : 1);
}

static void metric_append_number(struct ct_buf *page, double value)
{
    if (isnan(value))
        ct_buf_append(page, "NaN", 3);
    else if (isinf(value))
        ct_buf_printf(page, "%s", value > 0 ? "+Inf" : "-Inf");
    else
        ct_buf_printf(page, "%.15g", value);
}

void metric_sample(struct ct_buf *page, const char *name, const struct metric_label *labels,
                   uint32_t label_count, double value)
{
    metric_append_name(page, name, "", labels, label_count, NULL);
    metric_append_number(page, value);
    ct_buf_append_char(page, '\n');
}

void metric_count(struct ct_buf *page, const char *name, const struct metric_label *labels,
                  uint32_t label_count, uint64_t value)
{
    metric_append_name(page, name, "", labels, label_count, NULL);
    ct_buf_printf(page, "%llu\n", (unsigned long long)value);
}

void metric_observe(struct metric_histogram *histogram, const struct metric_bounds *bounds,
                    double value)
{
    uint32_t i = 0;

    ct_assert(bounds->count <= METRIC_BUCKETS_MAX);
    while (i < bounds->count && value > bounds->items[i])
        i++;
    histogram->buckets[i]++;
    histogram->count++;
    histogram->sum += value;
}

void metric_histogram(struct ct_buf *page, const char *name, const struct metric_label *labels,
                      uint32_t label_count, const struct metric_bounds *bounds,
                      const struct metric_histogram *histogram)
{
    uint64_t below = 0;
    char bound[32];

    for (uint32_t i = 0; i <= bounds->count; i++) {
        below += histogram->buckets[i];
        if (i < bounds->count)
            snprintf(bound, sizeof bound, "%.15g", bounds->items[i]);
        metric_append_name(page, name, "_bucket", labels, label_count,
                           i < bounds->count ? bound : "+Inf");
        ct_buf_printf(page, "%llu\n", (unsigned long long)below);
    }
    metric_append_name(page, name, "_sum", labels, label_count, NULL);
    metric_append_number(page, histogram->sum);
    ct_buf_append_char(page, '\n');
    metric_append_name(page, name, "_count", labels, label_count, NULL);
    ct_buf_printf(page, "%llu\n", (unsigned long long)histogram->count);
}
