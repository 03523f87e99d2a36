/* worker/config: flags, environment and file become pools; what is wrong is said. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/unit.h"
#include "worker/config/config.h"

static char file[] = "/tmp/test_worker_config-XXXXXX";

static void write_file(const char *text)
{
    FILE *out;

    strcpy(file + sizeof file - 7, "XXXXXX");
    out = fdopen(mkstemp(file), "w");
    ck_assert_ptr_nonnull(out);
    fputs(text, out);
    fclose(out);
}

static enum config_outcome read_args(struct worker_config *config, struct ct_error *err,
                                     const char *a, const char *b, const char *c, const char *d,
                                     const char *e, const char *f)
{
    const char *const list[] = {"cartrita-worker", a, b, c, d, e, f, NULL};
    char *argv[8];
    char *check_plugin = NULL;
    int argc = 0;

    unsetenv("CARTRITA_SERVER");
    unsetenv("CARTRITA_CONFIG");
    while (list[argc]) {
        argv[argc] = (char *)list[argc];
        argc++;
    }
    argv[argc] = NULL;
    return config_read(argc, argv, config, &check_plugin, err);
}

static void check_file(const char *text, struct worker_config *config)
{
    struct ct_error err = {.detail = ""};

    write_file(text);
    ck_assert_msg(read_args(config, &err, "--config", file, NULL, NULL, NULL, NULL) == CONFIG_READY,
                  "%s", err.detail);
    unlink(file);
}

static void check_refused(const char *text, const char *says)
{
    struct worker_config config;
    struct ct_error err;

    write_file(text);
    ck_assert(read_args(&config, &err, "--config", file, NULL, NULL, NULL, NULL) == CONFIG_REFUSED);
    unlink(file);
    ck_assert_msg(strstr(err.detail, says) != NULL, "no '%s' in: %s", says, err.detail);
}

START_TEST(test_flags_make_one_pool)
{
    struct worker_config config;
    struct ct_error err = {.detail = ""};

    ck_assert_msg(read_args(&config, &err, "--queue=mail", "--plugin=/x/y.so", "--set=a=b=c",
                            "--concurrency=7", "--setting=lockDuration=5000",
                            "--server=127.0.0.1:99") == CONFIG_READY,
                  "%s", err.detail);
    ck_assert_uint_eq(config.pool_count, 1);
    ck_assert_str_eq(config.pools[0].queues[0], "mail");
    ck_assert_str_eq(config.pools[0].name, "mail");
    ck_assert_str_eq(config.pools[0].plugin, "/x/y.so");
    ck_assert_str_eq(config.pools[0].config, "{\"a\":\"b=c\"}");
    ck_assert_str_eq(config.pools[0].settings, "{\"lockDuration\":5000}");
    ck_assert_uint_eq(config.pools[0].options.concurrency, 7);
    ck_assert_uint_eq(config.pools[0].options.processes, 1);
    ck_assert_uint_eq(config.pools[0].options.timeout_ms, CONFIG_TIMEOUT_MS);
    ck_assert_uint_eq(config.grace_ms, CONFIG_GRACE_MS);
    ck_assert_uint_eq(config.cancel_grace_ms, CONFIG_CANCEL_GRACE_MS);
    ck_assert_ptr_null(config.redis_url);
    ck_assert_ptr_nonnull(strstr(config.server, "127.0.0.1:99"));
    config_free(&config);
}
END_TEST

START_TEST(test_file_of_pools)
{
    struct worker_config config;

    check_file("redis: redis://127.0.0.1:7777\n"
               "listen: unix:/tmp/x.sock\n" /* the daemon's */
               "queues: [{name: mail}]\n"
               "grace: 10s\n"
               "concurrency: 2\n"
               "pools:\n"
               "  - queue: email-processing\n"
               "    plugin: /p/email.so\n"
               "    concurrency: 5\n"
               "    processes: 3\n"
               "    timeout: 2m\n"
               "    set: {smtp: mail.example, port: 25}\n"
               "    limiter: {max: 100, duration: 60000}\n"
               "    backoffStrategies: {slow: {delays: [1000, 5000]}}\n"
               "  - pool: pictures\n"
               "    queues: [image-processing, thumbnails]\n"
               "    plugin: /p/image.so\n"
               "    prefix: app\n"
               "    dialect: bullmq\n"
               "    memory-max: 512\n",
               &config);
    ck_assert_str_eq(config.redis_url, "redis://127.0.0.1:7777");
    ck_assert_ptr_null(config.server);
    ck_assert_uint_eq(config.grace_ms, 10000);
    ck_assert_uint_eq(config.pool_count, 2);
    ck_assert_str_eq(config.pools[0].name, "email-processing");
    ck_assert_uint_eq(config.pools[0].options.concurrency, 5);
    ck_assert_uint_eq(config.pools[0].options.processes, 3);
    ck_assert_uint_eq(config.pools[0].options.timeout_ms, 120000);
    ck_assert_str_eq(config.pools[0].config, "{\"smtp\":\"mail.example\",\"port\":25}");
    ck_assert_str_eq(config.pools[0].settings,
                     "{\"limiter\":{\"max\":100,\"duration\":60000},"
                     "\"backoffStrategies\":{\"slow\":{\"delays\":[1000,5000]}}}");
    ck_assert_ptr_null(config.pools[0].options.prefix);
    ck_assert_str_eq(config.pools[1].name, "pictures");
    ck_assert_uint_eq(config.pools[1].queue_count, 2);
    ck_assert_uint_eq(config.pools[1].options.concurrency, 2); /* the file's default */
    ck_assert_str_eq(config.pools[1].options.prefix, "app");
    ck_assert_str_eq(pool_dialects[config.pools[1].options.dialect], "bullmq");
    ck_assert_str_eq(config.pools[1].config, "{}");
    ck_assert_ptr_null(config.pools[1].settings);
    ck_assert_int_eq(config.pools[1].options.memory_max_mib, 512);
    config_free(&config);
}
END_TEST

START_TEST(test_wrong_files)
{
    check_refused("pools: []\n", "1 to 256 pools");
    check_refused("pools: {a: 1}\n", "pools");
    check_refused("pools:\n  - plugin: x.so\n", "no queue");
    check_refused("pools:\n  - queue: a\n", "no plugin");
    check_refused("pools:\n  - {queue: a, plugin: x, timeout: soon}\n", "'soon' is not a duration");
    check_refused("pools:\n  - {queue: a, plugin: x, dialect: bul}\n",
                  "is not one of bull, bullmq, auto");
    check_refused("pools:\n  - {queues: [a, a], plugin: x}\n", "named twice");
    check_refused("pools:\n  - {queue: a, plugin: x, concurrency: 0}\n", "concurrency");
    check_refused("pols: []\n", "pools");
    check_refused("pools:\n  - {queue: a, plugin: x, processes: 4, processes-max: 2}\n",
                  "processes-max is 2, less than processes");
}
END_TEST

START_TEST(test_flags_and_pools_exclude_each_other)
{
    struct worker_config config;
    struct ct_error err;

    write_file("pools:\n  - {queue: a, plugin: x}\n");
    ck_assert(read_args(&config, &err, "--config", file, "--queue", "b", NULL, NULL) ==
              CONFIG_REFUSED);
    unlink(file);
    ck_assert_ptr_nonnull(strstr(err.detail, "use one or the other"));
}
END_TEST

/* A flag beats the environment, the environment the file: also between daemon and Redis. */
START_TEST(test_where_to_connect)
{
    struct worker_config config;
    struct ct_error err;

    write_file("server: 127.0.0.1:1\npools:\n  - {queue: a, plugin: x}\n");
    unsetenv("CARTRITA_REDIS_URL");
    unsetenv("REDIS_URL");
    ck_assert(read_args(&config, &err, "--config", file, NULL, NULL, NULL, NULL) == CONFIG_READY);
    ck_assert_ptr_nonnull(config.server);
    config_free(&config);
    setenv("REDIS_URL", "redis://h:2", 1);
    ck_assert(read_args(&config, &err, "--config", file, NULL, NULL, NULL, NULL) == CONFIG_READY);
    ck_assert_ptr_null(config.server);
    ck_assert_str_eq(config.redis_url, "redis://h:2");
    config_free(&config);
    ck_assert(read_args(&config, &err, "--config", file, "--server", "127.0.0.1:3", NULL, NULL) ==
              CONFIG_READY);
    ck_assert_ptr_nonnull(strstr(config.server, ":3"));
    config_free(&config);
    unsetenv("REDIS_URL");
    unlink(file);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_flags_make_one_pool);
    tcase_add_test(tcase, test_file_of_pools);
    tcase_add_test(tcase, test_wrong_files);
    tcase_add_test(tcase, test_flags_and_pools_exclude_each_other);
    tcase_add_test(tcase, test_where_to_connect);
}

int main(void)
{
    return unit_run("worker_config", add_tests);
}
