/* Broken state in Bull's queues: what there is (doctor_ills.c), how it is found (doctor.c). */
#ifndef BULL_DOCTOR_H
#define BULL_DOCTOR_H

#include "queue/doctor.h"

enum ill {
    ILL_NO_STATE,
    ILL_TWO_STATES,
    ILL_NO_JOB,
    ILL_NO_LOCK,
    ILL_PRIORITY_LEFT,
    ILL_TWO_LISTS,
    ILL_LOCK_LEFT,
    ILL_LOCK_ENDLESS,
    ILL_LOGS_LEFT,
    ILL_DEBOUNCE_LEFT,
    ILL_SERIES_DEAD,
    ILL_BAD_DATA,
    ILL_BAD_OPTS,
    ILL_HUGE_JOB,
    ILL_HUGE_LOGS,
    ILL_HUGE_SET,
    ILL_FOREIGN_TYPE,
    ILL_MIXED,
    ILL_COUNT
};

/* From these on a key is called huge. */
#define DOCTOR_JOB_BYTES_MAX (1 << 20) /* data and opts of one job */
#define DOCTOR_LOG_LINES_MAX 10000     /* of one job */
#define DOCTOR_SET_SIZE_MAX  1000000   /* jobs in completed, failed or delayed */

extern const struct illness bull_illnesses[ILL_COUNT];
extern const struct doctor bull_doctor;

void bull_build_repair(const struct queue_name *name, const struct illness *illness,
                       struct ct_str id, int64_t now_ms, struct redis_command *command);
enum ct_code bull_parse_repair(const struct redis_reply *reply, enum repair_result *out,
                               struct ct_error *err);

#endif
