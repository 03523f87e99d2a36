/* The table of a pool's options. See pool_options.h. */
#include "worker/pool_options.h"

#include "worker/threads.h"
#include "worker/tree.h"
#include "worker/user.h"

const char *const pool_dialects[] = {"bull", "bullmq", "auto", NULL};

#define FIELD(name) .offset = offsetof(struct pool_options, name)

static const struct ct_option rows[] = {
    {.name = "prefix",
     .kind = CT_OPTION_STRING,
     FIELD(prefix),
     .value_name = "PREFIX",
     .group = "Pools (here for all of them; in the file also for each)",
     .help = "What the queues' keys begin with; the daemon's default is bull."},
    {.name = "dialect",
     .kind = CT_OPTION_ENUM,
     FIELD(dialect),
     .choices = pool_dialects,
     .help = "Who else works with the queues; auto looks at their keys."},
    {.name = "processes",
     .kind = CT_OPTION_INT,
     FIELD(processes),
     .fallback = "1",
     .min = 1,
     .max = POOL_PROCESSES_MAX,
     .help = "Runners of a pool, each a process."},
    {.name = "processes-max",
     .kind = CT_OPTION_INT,
     FIELD(processes_max),
     .fallback = "0",
     .min = 0,
     .max = POOL_PROCESSES_MAX,
     .help = "Runners at the most: one is added while all threads are busy, and goes when it has "
             "been idle for half a minute; 0: as many as --processes."},
    {.name = "concurrency",
     .letter = 'c',
     .kind = CT_OPTION_INT,
     FIELD(concurrency),
     .fallback = "1",
     .min = 1,
     .max = THREADS_MAX,
     .help = "Jobs at once in each runner (for a plugin that takes batches: batches at once)."},
    {.name = "sandbox",
     .kind = CT_OPTION_LIST,
     FIELD(sandbox),
     .value_name = "PRESET",
     .group = "Sandbox of a pool",
     .help =
         "What jobs may do to the machine: pure (compute), network (write only temporary files; "
         "the default) or open; with files:/PATH to read and write, read:/PATH to read below "
         "it. worker/sandbox/README.md says what each denies."},
    {.name = "core",
     .kind = CT_OPTION_BOOL,
     FIELD(core),
     .help = "Leave core dumps of crashed runners, which hold job data."},
    {.name = "user",
     .kind = CT_OPTION_STRING,
     FIELD(user),
     .value_name = "NAME|UID[:GID]",
     .env = {"CARTRITA_USER"},
     .help = "User that the runners become, when started as root; default: " USER_DEFAULT
             " if there is such an account, else " USER_FALLBACK ". root keeps root."},
    {.name = "timeout",
     .kind = CT_OPTION_DURATION_MS,
     FIELD(timeout_ms),
     .fallback = "30m",
     .min = 1,
     .max = INT64_C(365) * 24 * 3600 * 1000,
     .group = "Limits of a pool",
     .help = "Time limit of a job that has no timeout option of its own."},
    {.name = "memory-max",
     .kind = CT_OPTION_INT,
     FIELD(memory_max_mib),
     .fallback = "0",
     .unit = "MiB",
     .min = 0,
     .max = 1024 * 1024,
     .help = "Resident memory of a runner and all processes below it, beyond which it is killed "
             "and replaced; 0: no limit."},
    {.name = "children-max",
     .kind = CT_OPTION_INT,
     FIELD(children_max),
     .fallback = "256",
     .min = 0,
     .max = TREE_MAX - 1,
     .help = "Processes that the jobs of a runner may have started, at a time and with all their "
             "descendants; beyond, it is killed and replaced; 0: no limit."},
};

const struct ct_program pool_program = {
    .name = "pool",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
};
