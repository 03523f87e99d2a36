/* What each of our programs tells of its own process, in the names of Prometheus' clients. */
#ifndef CT_COMMON_METRIC_PROCESS_H
#define CT_COMMON_METRIC_PROCESS_H

#include "common/metric.h"

/* `build` names the metric that carries the version; `started_ms` is wall time. */
void metric_process(struct ct_buf *page, const char *build, int64_t started_ms);
/* A figure without labels, alone in its family. */
void metric_gauge(struct ct_buf *page, const char *name, const char *help, double value);
void metric_counter(struct ct_buf *page, const char *name, const char *help, double value);

#endif
