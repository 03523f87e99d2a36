/* Job threads: jobs that come together run together, on threads that slept. */
#include "worker/runner/threads.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/unit.h"
#include "worker/runner/host.h"

#define JOBS       8
#define ROUNDS     20
#define DEADLINE_S 5

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned running, most, round_number;
static uv_loop_t loop;
static struct outbox outbox;
static unsigned ended;

/* Holds its job until all of its round run at once; gives up at the deadline. */
static void meet(void *self, struct cartrita_job *const *jobs, size_t job_count)
{
    struct timespec until;
    unsigned mine;
    int rc = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += DEADLINE_S;
    pthread_mutex_lock(&lock);
    mine = round_number;
    running++;
    if (running > most)
        most = running;
    if (running == JOBS) {
        round_number++;
        pthread_cond_broadcast(&changed);
    }
    while (mine == round_number && rc == 0)
        rc = pthread_cond_timedwait(&changed, &lock, &until);
    running--;
    pthread_mutex_unlock(&lock);
}

static void on_notes(void *ctx, struct note *notes)
{
    while (notes) {
        struct note *next = notes->next;

        job_unref(CT_CONTAINER(notes, struct cartrita_job, end));
        ended++;
        notes = next;
    }
}

static void push_round(struct threads *threads)
{
    const struct job_spec spec = {.id = CT_STR_LIT("7"),
                                  .name = CT_STR_LIT("n"),
                                  .queue = CT_STR_LIT("q"),
                                  .data = CT_STR_LIT("{}"),
                                  .opts = CT_STR_LIT("{}"),
                                  .token = CT_STR_LIT("t")};
    struct ct_list jobs;

    ct_list_init(&jobs);
    for (int i = 0; i < JOBS; i++)
        ct_list_push_back(&jobs, &job_new(threads, &spec)->ready);
    threads_push(threads, &jobs);
}

START_TEST(test_a_burst_spreads_over_threads_that_slept)
{
    static const struct cartrita_plugin plugin = {.name = "meet", .version = "1", .run = meet};
    struct threads_options options = {.plugin = &plugin, .outbox = &outbox, .concurrency = JOBS};
    struct threads *threads;
    int recorder_fd = recorder_create();

    uv_loop_init(&loop);
    ck_assert(recorder_open(recorder_fd, JOBS, &options.recorder, NULL) == CT_E_OK);
    ck_assert_int_eq(outbox_open(&outbox, &loop, on_notes, NULL), 0);
    threads = threads_new(&options);
    for (unsigned i = 0; i < ROUNDS; i++) {
        most = 0;
        push_round(threads);
        while (ended < (i + 1) * JOBS)
            uv_run(&loop, UV_RUN_ONCE);
        ck_assert_uint_eq(most, JOBS);
    }

    threads_stop(threads);
    outbox_close(&outbox);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    threads_free(threads);
    recorder_close(options.recorder);
    close(recorder_fd);
    job_graves_free();
}
END_TEST

/* --- a job's temporary directory --- */

static char runner_dir[] = "/tmp/test_threads-XXXXXX";
static char seen[2][256];
static const char *after_end;

static void litter(void *self, struct cartrita_job *const *jobs, size_t job_count)
{
    char path[600];

    for (size_t i = 0; i < job_count; i++) {
        const char *dir = host_table.job_temp_dir(jobs[i]);
        FILE *file;

        snprintf(seen[i], sizeof seen[i], "%s", dir ? dir : "");
        snprintf(path, sizeof path, "%s/file", seen[i]);
        file = fopen(path, "w");
        if (file)
            fclose(file);
        if (dir != host_table.job_temp_dir(jobs[i]) || access(path, F_OK) != 0)
            seen[i][0] = '\0';
        host_table.complete(jobs[i], NULL, 0);
        after_end = host_table.job_temp_dir(jobs[i]);
    }
}

START_TEST(test_a_job_has_a_directory_of_its_own_while_it_runs)
{
    static const struct cartrita_plugin plugin = {
        .name = "litter", .version = "1", .batch_max = 2, .batch_wait_ms = 5000, .run = litter};
    struct threads_options options = {
        .plugin = &plugin, .outbox = &outbox, .concurrency = 1, .temp_dir = runner_dir};
    const struct job_spec spec = {.id = CT_STR_LIT("../7"), .name = CT_STR_LIT("n")};
    struct threads *threads;
    struct ct_list jobs;
    int recorder_fd = recorder_create();

    ck_assert_ptr_nonnull(mkdtemp(runner_dir));
    uv_loop_init(&loop);
    ck_assert(recorder_open(recorder_fd, 2, &options.recorder, NULL) == CT_E_OK);
    ck_assert_int_eq(outbox_open(&outbox, &loop, on_notes, NULL), 0);
    threads = threads_new(&options);
    ct_list_init(&jobs);
    for (int i = 0; i < 2; i++)
        ct_list_push_back(&jobs, &job_new(threads, &spec)->ready);
    threads_push(threads, &jobs);
    while (ended < 2)
        uv_run(&loop, UV_RUN_ONCE);
    threads_stop(threads);

    ck_assert_ptr_null(after_end);
    ck_assert_str_ne(seen[0], seen[1]);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(strncmp(seen[i], runner_dir, strlen(runner_dir)), 0);
        ck_assert_int_ne(access(seen[i], F_OK), 0);
    }
    ck_assert_int_eq(rmdir(runner_dir), 0);
    outbox_close(&outbox);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    threads_free(threads);
    recorder_close(options.recorder);
    close(recorder_fd);
    job_graves_free();
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_a_burst_spreads_over_threads_that_slept);
    tcase_add_test(tcase, test_a_job_has_a_directory_of_its_own_while_it_runs);
}

int main(void)
{
    return unit_run("threads", add_tests);
}
