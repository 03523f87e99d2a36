/* What can be wrong with a BullMQ queue, and what dialect/shared/doctor.c needs to find it. The
 * names of what has a cure are those that the repair scripts know. */
#include "dialect/shared/doctor.h"

#include <stdlib.h>

#include "bullmq_lua.h"
#include "common/mem.h"
#include "dialect/bullmq/parts.h"

static const struct illness illnesses[ILL_COUNT] = {
    [ILL_NO_STATE] = {"no state", "the job is stored and in no list or set: it never runs",
                      "put it into waiting-children where it waits for children, else into failed "
                      "(completed, if it has its result): nothing runs again that nobody asked "
                      "for"},
    [ILL_TWO_STATES] = {"two states", "the job is in several places: it may run twice",
                        "leave it in one: active while a worker has it, else where it ended, else "
                        "where it waits"},
    [ILL_NO_JOB] = {"no job",
                    "an id is listed whose job is gone: a Node worker would run it as a job "
                    "without name and data",
                    "take the id out"},
    [ILL_NO_LOCK] = {"no lock",
                     "the job is active and no worker holds it, for 2 s and longer: it "
                     "waits for a stalled check",
                     "let it wait again, counted as stalled"},
    [ILL_TWO_LISTS] = {"two waiting lists",
                       "jobs lie in `paused`, where BullMQ 6 looks for none, beside others that "
                       "wait: clients of 5.x overwrite one list with the other when they pause or "
                       "resume",
                       "move them to `wait`, to be run first, as a resume does"},
    [ILL_LOCK_LEFT] = {"lock without job", "a lock whose job is gone", "delete it"},
    [ILL_LOCK_ENDLESS] = {"lock without end", "the job can never be taken from whoever locked it",
                          "let it end in 30 s, unless it is renewed"},
    [ILL_LOGS_LEFT] = {"logs without job", "the log of a job that is gone: memory", "delete it"},
    [ILL_DEBOUNCE_LEFT] = {"deduplication without job",
                           "a deduplication id of a job that is gone: older clients add no job "
                           "with it for ever",
                           "delete it"},
    [ILL_KEPT_LEFT] = {"kept job without owner",
                       "a job was put aside until another one ends, which is gone: it is never "
                       "added. See its payload in the key dn:ID, add it, and delete the key",
                       NULL},
    [ILL_SERIES_DEAD] = {"series without job",
                         "a scheduler is listed and its next job is gone: it does not repeat. "
                         "Upsert it again, or remove it",
                         NULL},
    [ILL_SERIES_BARE] = {"scheduler without rule",
                         "a scheduler is listed and what it is to do is gone: whoever lists "
                         "schedulers deletes it",
                         "delete the entry"},
    [ILL_SERIES_OLD] = {"old repeatable",
                        "a repeatable job of Bull or BullMQ before 5.10: BullMQ 6 runs its next "
                        "job and adds none after it, and cannot list its schedulers. See "
                        "`cartrita-q compat check`",
                        NULL},
    [ILL_NO_CHILDREN] = {"nothing to wait for",
                         "the job waits for children and none is left: it never runs",
                         "let it go on"},
    [ILL_CHILDREN_GONE] = {"missing children",
                           "the job waits for children that are gone or have completed: it never "
                           "runs",
                           "wait for them no more, with the results that there are, and let the "
                           "job go on when nothing else is left"},
    [ILL_CHILDREN_FAILED] = {"failed children",
                             "all that the job waits for has failed, with no leave to: it never "
                             "runs. Retry the children, or remove them",
                             NULL},
    [ILL_CHILDREN_LEFT] = {"children without job",
                           "what a job knew of its children, and the job is gone: memory",
                           "delete it"},
    [ILL_OLD_MARKER] = {"old marker",
                        "an entry of BullMQ 4 or older that is no job, in a list where newer "
                        "workers have been",
                        "take it out"},
    [ILL_OLD_ATTEMPTS] = {"old attempts",
                          "the job has its attempts from BullMQ 4, older, or Bull: a Node worker "
                          "of 5 or newer retries it without end",
                          "count them where newer workers do"},
    [ILL_BAD_DATA] = {"data no JSON",
                      "the job fails when its turn comes; in BullMQ it stalls. Correct its hash, "
                      "or remove it",
                      NULL},
    [ILL_BAD_OPTS] = {"opts no JSON",
                      "the job fails when its turn comes; in BullMQ it stalls. Correct its hash, "
                      "or remove it",
                      NULL},
    [ILL_HUGE_JOB] = {"huge job", "data and opts of 1 MiB and more: each fetch holds up Redis",
                      NULL},
    [ILL_HUGE_LOGS] = {"huge log", "10000 lines and more: memory. See keepLogs", NULL},
    [ILL_HUGE_SET] = {"huge set",
                      "a million jobs and more in one set: memory. See removeOnComplete and "
                      "removeOnFail",
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

/* Those before 5.10 named their jobs otherwise. */
static size_t ids_of_series(const char *member, const char *score, char *out[DOCTOR_READINGS_MAX])
{
    char *rest[DOCTOR_READINGS_MAX];
    size_t count = doctor_md5_ids(member, score, rest);

    out[0] = ct_asprintf("repeat:%s:%s", member, score);
    for (size_t i = 0; i < count; i++) {
        if (i + 1 < DOCTOR_READINGS_MAX)
            out[i + 1] = rest[i];
        else
            free(rest[i]);
    }
    return count + 1 < DOCTOR_READINGS_MAX ? count + 1 : DOCTOR_READINGS_MAX;
}

static const char *const families[] = {"limiter:", "metrics:", NULL};
static const char *const child_parts[] = {":dependencies", ":processed", ":failed", ":unsuccessful",
                                          NULL};

const struct doctor bullmq_doctor = {
    .illnesses = illnesses,
    .keys = &bullmq_key_table,
    .families = families,
    .rules = "repeat:",
    .child_parts = child_parts,
    .ids_of_series = ids_of_series,
    .look_queue = &bullmq_doctor_look_queue_script,
    .look_page = &bullmq_doctor_look_page_script,
    .look_jobs = &bullmq_doctor_look_jobs_script,
    .look_where = &bullmq_doctor_look_where_script,
    .repair = &bullmq_doctor_repair_script,
    .look_parents = &bullmq_doctor_look_parents_script,
};
