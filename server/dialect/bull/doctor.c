/* What can be wrong with a Bull queue, and what dialect/shared/doctor.c needs to find it. The names
 * of what has a cure are those that the repair scripts know. */
#include "dialect/shared/doctor.h"

#include "bull_lua.h"
#include "dialect/bull/parts.h"

static const struct illness illnesses[ILL_COUNT] = {
    [ILL_NO_STATE] = {"no state", "the job is stored and in no list or set: it never runs",
                      "put it into failed (completed, if it has its result): nothing runs again "
                      "that nobody asked for"},
    [ILL_TWO_STATES] = {"two states", "the job is in several places: it may run twice",
                        "leave it in one: active while a worker has it, else where it ended, else "
                        "where it waits"},
    [ILL_NO_JOB] = {"no job",
                    "an id is listed whose job is gone: a Bull worker would run it as an "
                    "empty job",
                    "take the id out"},
    [ILL_NO_LOCK] = {"no lock",
                     "the job is active and no worker holds it, for 2 s and longer: it "
                     "waits for a stalled check",
                     "let it wait again, counted as stalled"},
    [ILL_PRIORITY_LEFT] = {"priority left",
                           "a member of priority that does not wait: jobs with a "
                           "priority are put in the wrong place",
                           "take it out of priority"},
    [ILL_TWO_LISTS] = {"two waiting lists",
                       "jobs wait in the list that is not in use: they do not run with the others, "
                       "and Bull's pause and resume overwrite one list with the other",
                       "move them to the list that is in use, to be run first"},
    [ILL_LOCK_LEFT] = {"lock without job", "a lock whose job is gone", "delete it"},
    [ILL_LOCK_ENDLESS] = {"lock without end", "the job can never be taken from whoever locked it",
                          "let it end in 30 s, unless it is renewed"},
    [ILL_LOGS_LEFT] = {"logs without job", "the log of a job that is gone: memory", "delete it"},
    [ILL_DEBOUNCE_LEFT] = {"debounce without job",
                           "a debounce id of a job that is gone: it keeps "
                           "jobs from being added for ever",
                           "delete it"},
    [ILL_SERIES_DEAD] = {"series without job",
                         "a repeatable job is listed and its next one is "
                         "gone: it does not repeat. Add it again, or remove "
                         "it",
                         NULL},
    [ILL_BAD_DATA] = {"data no JSON",
                      "the job fails when its turn comes; in Bull it stalls. "
                      "Correct its hash, or remove it",
                      NULL},
    [ILL_BAD_OPTS] = {"opts no JSON",
                      "the job fails when its turn comes; in Bull it stalls. "
                      "Correct its hash, or remove it",
                      NULL},
    [ILL_HUGE_JOB] = {"huge job", "data and opts of 1 MiB and more: each fetch holds up Redis",
                      NULL},
    [ILL_HUGE_LOGS] = {"huge log", "10000 lines and more: memory", NULL},
    [ILL_HUGE_SET] = {"huge set",
                      "a million jobs and more that have ended or are delayed: memory. "
                      "See removeOnComplete and removeOnFail",
                      NULL},
    [ILL_FOREIGN_TYPE] = {"foreign type",
                          "a key of the queue is of another type, or no job: the "
                          "scripts that meet it fail. See what wrote it",
                          NULL},
    [ILL_MIXED] = {"mixed dialects",
                   "Bull and BullMQ write to it: neither sees all jobs. Give one "
                   "of them another prefix",
                   NULL},
};
_Static_assert(DOCTOR_JOB_BYTES_MAX == 1 << 20 && DOCTOR_LOG_LINES_MAX == 10000 &&
                   DOCTOR_SET_SIZE_MAX == 1000000,
               "the texts name the bounds");

static const char *const families[] = {"limiter:", "metrics:", NULL};
static const char *const child_parts[] = {NULL};

const struct doctor bull_doctor = {
    .illnesses = illnesses,
    .keys = &bull_key_table,
    .families = families,
    .ranks = "priority",
    .child_parts = child_parts,
    .ids_of_series = doctor_md5_ids,
    .look_queue = &bull_doctor_look_queue_script,
    .look_page = &bull_doctor_look_page_script,
    .look_jobs = &bull_doctor_look_jobs_script,
    .look_where = &bull_doctor_look_where_script,
    .repair = &bull_doctor_repair_script,
};
