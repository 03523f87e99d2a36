/* Figures in the text format that Prometheus reads (version 0.0.4). A page is a buffer; a family
 * begins with its name, kind and help, and each sample of it follows. Called by whoever shows
 * metrics; keeps nothing itself but histograms. */
#ifndef CT_COMMON_METRIC_H
#define CT_COMMON_METRIC_H

#include "common/buf.h"

#define METRIC_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric_label {
    const char *name;
    struct ct_str value; /* any bytes: written escaped, what is no UTF-8 replaced */
};

#define METRIC_LABEL_BYTES_MAX 200 /* of a value; a longer one is cut, at a character */

/* "# HELP" and "# TYPE". */
void metric_family(struct ct_buf *page, const char *name, enum metric_kind kind, const char *help);
void metric_sample(struct ct_buf *page, const char *name, const struct metric_label *labels,
                   uint32_t label_count, double value);
void metric_count(struct ct_buf *page, const char *name, const struct metric_label *labels,
                  uint32_t label_count, uint64_t value);

/* Upper bounds in seconds, ascending; what is above the last counts in +Inf. */
struct metric_bounds {
    const double *items;
    uint32_t count;
};

#define METRIC_BUCKETS_MAX 24

struct metric_histogram {
    uint64_t buckets[METRIC_BUCKETS_MAX + 1]; /* not cumulated */
    uint64_t count;
    double sum;
};

void metric_observe(struct metric_histogram *histogram, const struct metric_bounds *bounds,
                    double value);
/* Its _bucket, _sum and _count samples. */
void metric_histogram(struct ct_buf *page, const char *name, const struct metric_label *labels,
                      uint32_t label_count, const struct metric_bounds *bounds,
                      const struct metric_histogram *histogram);

#endif
