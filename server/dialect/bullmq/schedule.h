/* Job schedulers of BullMQ, and repeatable jobs of its older versions, for cartrita-q. */
#ifndef BULLMQ_SCHEDULE_H
#define BULLMQ_SCHEDULE_H

#include "queue/schedule.h"

extern const struct scheduler bullmq_scheduler;

/* Of that table; schedule_upsert.c has them. */
enum ct_code bullmq_plan(const struct schedule_wish *wish, int64_t now_ms, struct schedule *out,
                         struct ct_error *err);
enum ct_code bullmq_build_upsert(const struct queue_name *name, const struct schedule_wish *wish,
                                 int64_t now_ms, struct redis_command *command,
                                 struct ct_error *err);
enum ct_code bullmq_parse_upsert(const struct redis_reply *reply, struct schedule *schedule,
                                 struct ct_error *err);

#endif
