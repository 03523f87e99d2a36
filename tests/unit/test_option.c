/* common/option: one table read from four places, what beats what, every refusal, and help. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/option.h"
#include "tests/lib/unit.h"

struct settings {
    const char *redis_url;
    const char *config;
    int64_t processes;
    int64_t grace_ms;
    bool is_dry;
    bool is_quiet;
    int level;
    struct ct_option_list queues;
};

static const char *const levels[] = {"debug", "info", "warn", NULL};

static const struct ct_option options[] = {
    {.name = "redis",
     .letter = 'r',
     .kind = CT_OPTION_STRING,
     .offset = offsetof(struct settings, redis_url),
     .value_name = "URL",
     .fallback = "redis://127.0.0.1:6379",
     .env = {"TEST_CARTRITA_URL", "TEST_URL"},
     .group = "Connections",
     .help = "Redis server that holds the queues."},
    {.name = "config",
     .kind = CT_OPTION_STRING,
     .offset = offsetof(struct settings, config),
     .value_name = "FILE",
     .help = "Configuration file.",
     .not_in_file = true},
    {.name = "processes",
     .letter = 'n',
     .kind = CT_OPTION_INT,
     .offset = offsetof(struct settings, processes),
     .unit = "runners",
     .fallback = "2",
     .min = 1,
     .max = 64,
     .group = "Pool",
     .help = "How many runners."},
    {.name = "grace",
     .kind = CT_OPTION_DURATION_MS,
     .offset = offsetof(struct settings, grace_ms),
     .fallback = "30s",
     .min = 1,
     .max = 3600000,
     .env = {"TEST_GRACE"},
     .help = "How long."},
    {.name = "dry-run",
     .letter = 'd',
     .kind = CT_OPTION_BOOL,
     .offset = offsetof(struct settings, is_dry),
     .env = {"TEST_DRY"},
     .help = "Change nothing."},
    {.name = "quiet",
     .letter = 'q',
     .kind = CT_OPTION_BOOL,
     .offset = offsetof(struct settings, is_quiet),
     .fallback = "true",
     .help = "Say little."},
    {.name = "log-level",
     .kind = CT_OPTION_ENUM,
     .offset = offsetof(struct settings, level),
     .fallback = "info",
     .choices = levels,
     .env = {"TEST_LEVEL"},
     .help = "What is logged."},
    {.name = "queue",
     .kind = CT_OPTION_LIST,
     .offset = offsetof(struct settings, queues),
     .value_name = "NAME",
     .env = {"TEST_QUEUES"},
     .help = "Queue to serve."},
    {.name = "runner",
     .kind = CT_OPTION_BOOL,
     .offset = offsetof(struct settings, is_dry),
     .not_in_file = true},
};

static const struct ct_program program = {.name = "cartrita-test",
                                          .version = "1.2.3",
                                          .about = "Tries options.",
                                          .footer = "Examples:\n  cartrita-test -n 3",
                                          .options = options,
                                          .option_count = sizeof options / sizeof *options};

static struct settings settings;
static struct ct_option_set set;
static struct ct_error err;

static void setup(void)
{
    static const char *const names[] = {"TEST_CARTRITA_URL", "TEST_URL",   "TEST_GRACE",
                                        "TEST_DRY",          "TEST_LEVEL", "TEST_QUEUES"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unsetenv(names[i]);
    ct_option_open(&set, &program, &settings);
}

static void teardown(void)
{
    ct_option_close(&set);
}

/* Arguments between blanks. */
static enum ct_code read_args(const char *text)
{
    static char words[20][80]; /* positionals point into it */
    static char *argv[20];
    int argc = 0, used = 0;

    while (argc < 20 && sscanf(text, "%79s%n", words[argc], &used) == 1) {
        argv[argc] = words[argc];
        argc++;
        text += used;
    }
    return ct_option_read_args(&set, argc, argv, &err);
}

static enum ct_code read_file(const char *text, const char *const *sections)
{
    struct ct_yaml *yaml;
    enum ct_code rc = ct_yaml_parse("c.yaml", ct_str_of(text), &yaml, &err);

    ck_assert_int_eq(rc, CT_E_OK);
    rc = ct_option_read_file(&set, yaml->root, sections, &err);
    ct_yaml_free(yaml);
    return rc;
}

START_TEST(test_defaults)
{
    ck_assert_str_eq(settings.redis_url, "redis://127.0.0.1:6379");
    ck_assert_ptr_null(settings.config);
    ck_assert_int_eq(settings.processes, 2);
    ck_assert_int_eq(settings.grace_ms, 30000);
    ck_assert(!settings.is_dry);
    ck_assert(settings.is_quiet);
    ck_assert_int_eq(settings.level, 1);
    ck_assert_uint_eq(settings.queues.count, 0);
    ck_assert_int_eq(ct_option_source_of(&set, "grace"), CT_OPTION_FROM_DEFAULT);
}
END_TEST

START_TEST(test_forms)
{
    ck_assert_int_eq(read_args("one --redis=redis://a=b -n3 --grace 2m -dq --log-level warn "
                               "--queue a --queue=b"),
                     CT_E_OK);
    ck_assert_str_eq(settings.redis_url, "redis://a=b");
    ck_assert_int_eq(settings.processes, 3);
    ck_assert_int_eq(settings.grace_ms, 120000);
    ck_assert(settings.is_dry);
    ck_assert(settings.is_quiet);
    ck_assert_int_eq(settings.level, 2);
    ck_assert_uint_eq(settings.queues.count, 2);
    ck_assert_str_eq(settings.queues.items[1], "b");
    ck_assert_uint_eq(set.positional_count, 1);
    ck_assert_str_eq(set.positionals[0], "one");
    ck_assert_int_eq(ct_option_source_of(&set, "grace"), CT_OPTION_FROM_FLAG);
}
END_TEST

START_TEST(test_more_forms)
{
    ck_assert_int_eq(read_args("-r u --no-quiet --dry-run=false - -5 -n 4 -n 5 -- --redis x"),
                     CT_E_OK);
    ck_assert_str_eq(settings.redis_url, "u");
    ck_assert(!settings.is_quiet);
    ck_assert(!settings.is_dry);
    ck_assert_int_eq(settings.processes, 5);
    ck_assert_uint_eq(set.positional_count, 4);
    ck_assert_str_eq(set.positionals[1], "-5");
    ck_assert_str_eq(set.positionals[2], "--redis");
}
END_TEST

static const char *const wrong[][2] = {
    {"--quue a", "unknown option --quue: did you mean --queue?"},
    {"--verison", "unknown option --verison: did you mean --version?"},
    {"--banana", "unknown option --banana: see cartrita-test --help"},
    {"-x", "unknown option -x in -x: see cartrita-test --help"},
    {"-dx", "unknown option -x in -dx: see cartrita-test --help"},
    {"--redis", "--redis needs a value: --redis URL"},
    {"-r", "--redis needs a value: --redis URL"},
    {"--redis --dry-run", "--redis needs a value, but --dry-run follows: write --redis=VALUE"},
    {"-n x", "--processes: 'x' is not a whole number"},
    {"-n 65", "--processes: 65 is out of range: use 1 to 64"},
    {"--processes=", "--processes: '' is not a whole number"},
    {"--grace 5x", "--grace: '5x' is not a duration: write 500ms, 5s or 2m"},
    {"--grace -1", "--grace: '-1' is not a duration"},
    {"--grace 2h", "--grace: 2h is out of range: use 1 to 3600000 (milliseconds)"},
    {"--dry-run=maybe", "--dry-run: 'maybe' is neither true nor false"},
    {"--no-redis", "unknown option --no-redis"},
    {"--log-level loud", "--log-level: 'loud' is not one of debug, info, warn"},
};

START_TEST(test_wrong)
{
    ck_assert_int_eq(read_args(wrong[_i][0]), CT_E_USAGE);
    ck_assert_msg(strncmp(err.detail, wrong[_i][1], strlen(wrong[_i][1])) == 0, "%s", err.detail);
}
END_TEST

START_TEST(test_what_beats_what)
{
    setenv("TEST_GRACE", "7s", 1);
    setenv("TEST_URL", "from-env", 1);
    setenv("TEST_CARTRITA_URL", "", 1); /* empty: as if not set */
    setenv("TEST_LEVEL", "debug", 1);
    ck_assert_int_eq(read_args("--grace 1s"), CT_E_OK);
    ck_assert_int_eq(ct_option_read_env(&set, &err), CT_E_OK);
    ck_assert_int_eq(read_file("grace: 9s\nredis: from-file\nprocesses: 8\ndry-run: true\n", NULL),
                     CT_E_OK);
    ck_assert_int_eq(settings.grace_ms, 1000);
    ck_assert_str_eq(settings.redis_url, "from-env");
    ck_assert_int_eq(settings.level, 0);
    ck_assert_int_eq(settings.processes, 8);
    ck_assert(settings.is_dry);
    ck_assert_int_eq(ct_option_source_of(&set, "redis"), CT_OPTION_FROM_ENV);
    ck_assert_int_eq(ct_option_source_of(&set, "processes"), CT_OPTION_FROM_FILE);
    setenv("TEST_CARTRITA_URL", "first", 1);
    ck_assert_int_eq(ct_option_read_env(&set, &err), CT_E_OK);
    ck_assert_str_eq(settings.redis_url, "first");
}
END_TEST

START_TEST(test_lists_are_replaced_whole)
{
    ck_assert_int_eq(read_file("queue: [a, b, c]\n", NULL), CT_E_OK);
    ck_assert_uint_eq(settings.queues.count, 3);
    setenv("TEST_QUEUES", "x,y", 1);
    ck_assert_int_eq(ct_option_read_env(&set, &err), CT_E_OK);
    ck_assert_uint_eq(settings.queues.count, 2);
    ck_assert_str_eq(settings.queues.items[1], "y");
    ck_assert_int_eq(read_args("--queue z,1"), CT_E_OK);
    ck_assert_uint_eq(settings.queues.count, 1);
    ck_assert_str_eq(settings.queues.items[0], "z,1");
    ck_assert_int_eq(read_file("queue: late\n", NULL), CT_E_OK);
    ck_assert_str_eq(settings.queues.items[0], "z,1");
}
END_TEST

/* A part of the file that repeats options: what the whole says is its default. */
START_TEST(test_a_part_inherits_and_overrides)
{
    struct settings own;
    struct ct_option_set part;
    struct ct_yaml *yaml;

    ck_assert_int_eq(read_args("--redis redis://h --queue a --queue b --grace 5s -d"), CT_E_OK);
    ct_option_open(&part, &program, &own);
    ct_option_inherit(&part, &set);
    ck_assert_str_eq(own.redis_url, "redis://h");
    ck_assert(own.is_dry && own.grace_ms == 5000 && own.level == settings.level);
    ck_assert_uint_eq(own.queues.count, 2);
    ck_assert_int_eq(ct_yaml_parse("c.yaml",
                                   CT_STR_LIT("processes: 9\nqueue: [c]\nother: 1\ngrace: soon\n"),
                                   &yaml, &err),
                     CT_E_OK);
    ck_assert_int_eq(ct_option_read_node(&part, ct_yaml_find(yaml->root, "processes"), &err),
                     CT_E_OK);
    ck_assert_int_eq(ct_option_read_node(&part, ct_yaml_find(yaml->root, "queue"), &err), CT_E_OK);
    ck_assert_int_eq(ct_option_read_node(&part, ct_yaml_find(yaml->root, "other"), &err),
                     CT_E_NOT_FOUND);
    ck_assert_int_eq(ct_option_read_node(&part, ct_yaml_find(yaml->root, "grace"), &err),
                     CT_E_USAGE);
    ck_assert_ptr_nonnull(strstr(err.detail, "c.yaml:4:8: grace: 'soon'"));
    ct_yaml_free(yaml);
    ck_assert_int_eq(own.processes, 9);
    ck_assert_uint_eq(own.queues.count, 1);
    ck_assert_str_eq(own.queues.items[0], "c");
    ck_assert_uint_eq(settings.queues.count, 2); /* the whole keeps its own */
    ct_option_close(&part);
}
END_TEST

static const char *const wrong_files[][2] = {
    {"proceses: 3\n", "c.yaml:1:1: unknown setting 'proceses': did you mean 'processes'?"},
    {"processes: many\n", "c.yaml:1:12: processes: 'many' is not a whole number"},
    {"a: 1\n", "c.yaml:1:1: unknown setting 'a'"},
    {"config: x\n", "c.yaml:1:1: unknown setting 'config'"},
    {"redis:\n", "c.yaml:1:7: redis: needs a text, not nothing"},
    {"redis: [a]\n", "c.yaml:1:8: redis: needs a text, not a list"},
    {"queue: [[a]]\n", "c.yaml:1:9: needs a text, not a list"},
    {"- 1\n", "c.yaml:1:1: needs a map"},
};

START_TEST(test_wrong_files)
{
    enum ct_code rc = read_file(wrong_files[_i][0], NULL);

    ck_assert(rc == CT_E_INVALID || rc == CT_E_USAGE);
    ck_assert_msg(strncmp(err.detail, wrong_files[_i][1], strlen(wrong_files[_i][1])) == 0, "%s",
                  err.detail);
}
END_TEST

START_TEST(test_sections_are_the_callers)
{
    static const char *const sections[] = {"queues", "pools", NULL};

    ck_assert_int_eq(read_file("queues: {a: 1}\npools: []\nprocesses: 3\n", sections), CT_E_OK);
    ck_assert_int_eq(settings.processes, 3);
    ck_assert_int_eq(read_file("pool: []\n", sections), CT_E_INVALID);
    ck_assert_ptr_nonnull(strstr(err.detail, "did you mean 'pools'?"));
}
END_TEST

START_TEST(test_wrong_environment)
{
    setenv("TEST_GRACE", "soon", 1);
    ck_assert_int_eq(ct_option_read_env(&set, &err), CT_E_USAGE);
    ck_assert_ptr_nonnull(strstr(err.detail, "TEST_GRACE: 'soon' is not a duration"));
}
END_TEST

START_TEST(test_verbs)
{
    static struct ct_program verbs; /* the fixture closes the set after this function */
    char *argv[] = {"--redis", "u", "retry", "--not-mine", "-h"};

    ct_option_close(&set);
    verbs = program;
    verbs.stops_at_positional = true;
    ct_option_open(&set, &verbs, &settings);
    ck_assert_int_eq(ct_option_read_args(&set, 5, argv, &err), CT_E_OK);
    ck_assert_uint_eq(set.positional_count, 3);
    ck_assert_str_eq(set.positionals[0], "retry");
    ck_assert_int_eq(set.wish, CT_OPTION_WISH_NONE);
}
END_TEST

static char *answer(void)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    ck_assert(ct_option_answer(&set, out));
    fclose(out);
    return text;
}

START_TEST(test_help)
{
    ck_assert_int_eq(read_args("-d --help --banana"), CT_E_OK);
    char *text = answer();
    ck_assert_str_eq(text, "Usage: cartrita-test [OPTION]...\n"
                           "\n"
                           "Tries options.\n"
                           "\n"
                           "Connections:\n"
                           "  -r, --redis URL\n"
                           "        Redis server that holds the queues. Default: "
                           "redis://127.0.0.1:6379.\n"
                           "        Environment: TEST_CARTRITA_URL, then TEST_URL.\n"
                           "  --config FILE\n"
                           "        Configuration file.\n"
                           "\n"
                           "Pool:\n"
                           "  -n, --processes N\n"
                           "        How many runners. Range: 1 to 64 runners. Default: 2 runners.\n"
                           "  --grace DURATION\n"
                           "        How long. Range: 1ms to 1h. Default: 30s. Environment: "
                           "TEST_GRACE.\n"
                           "  -d, --dry-run\n"
                           "        Change nothing. Environment: TEST_DRY.\n"
                           "  -q, --quiet\n"
                           "        Say little. Default: true.\n"
                           "  --log-level debug|info|warn\n"
                           "        What is logged. Default: info. Environment: TEST_LEVEL.\n"
                           "  --queue NAME\n"
                           "        Queue to serve. May be given more than once. Environment: "
                           "TEST_QUEUES.\n"
                           "\n"
                           "Other:\n"
                           "  -h, --help\n"
                           "        Print this text.\n"
                           "  --man\n"
                           "        Print the manual page, for `man -l -`.\n"
                           "  --version\n"
                           "        Print the version.\n"
                           "\n"
                           "Examples:\n"
                           "  cartrita-test -n 3\n");
    free(text);
}
END_TEST

/* What a text says is shown, not obeyed. */
START_TEST(test_man)
{
    static const struct ct_option one[] = {{.name = "level",
                                            .letter = 'l',
                                            .kind = CT_OPTION_ENUM,
                                            .choices = levels,
                                            .fallback = "info",
                                            .group = "What's \\fBit",
                                            .help = ".so /etc/passwd\n'br \\n(.x - ~"}};
    static const struct ct_program paged = {
        .name = "test a-verb",
        .version = "1.2",
        .about = "Does a thing. And more.",
        .options = one,
        .option_count = 1,
        .footer = ".nx lines\n\nExit status:\n  2  wrong -x\n  as it is",
    };
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    ct_option_print_man(&paged, out);
    fclose(out);
    ck_assert_str_eq(text, ".TH \"test\\-a\\-verb\" 1 \"\" \"Cartrita 1.2\" \"Cartrita\"\n"
                           ".nh\n.ad l\n"
                           ".SH \"NAME\"\n"
                           "test\\-a\\-verb \\- Does a thing\n"
                           ".SH \"SYNOPSIS\"\n"
                           ".B test a\\-verb\n"
                           "[OPTION]...\n"
                           ".SH \"DESCRIPTION\"\n"
                           "Does a thing. And more.\n"
                           ".SH \"OPTIONS\"\n"
                           ".SS \"What\\(aqs \\efBit\"\n"
                           ".TP\n"
                           ".B \\-l, \\-\\-level debug|info|warn\n"
                           "\\&.so /etc/passwd\n"
                           "\\&\\(aqbr \\en(.x \\- \\(ti Default: info.\n"
                           ".SS Other\n"
                           ".TP\n.B \\-h, \\-\\-help\nPrint the options.\n"
                           ".TP\n.B \\-\\-man\nPrint this page.\n"
                           ".TP\n.B \\-\\-version\nPrint the version.\n"
                           ".SH \"NOTES\"\n"
                           "\\&.nx lines\n"
                           ".SH \"EXIT STATUS\"\n"
                           ".TP\n.B 2\nwrong \\-x\n"
                           ".nf\n  as it is\n.fi\n"
                           ".SH \"SEE ALSO\"\n"
                           ".BR cartrita\\-queued (1),\n"
                           ".BR cartrita\\-worker (1),\n"
                           ".BR cartrita\\-q (1)\n");
    free(text);
}
END_TEST

START_TEST(test_version)
{
    ck_assert_int_eq(read_args("--version"), CT_E_OK);
    char *text = answer();
    ck_assert_str_eq(text, "cartrita-test 1.2.3\n");
    free(text);
}
END_TEST

START_TEST(test_no_wish)
{
    ck_assert_int_eq(read_args(""), CT_E_OK);
    ck_assert(!ct_option_answer(&set, stdout));
}
END_TEST

START_TEST(test_durations)
{
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {{"500", 500},
                {"500ms", 500},
                {"5s", 5000},
                {"2m", 120000},
                {"1h", 3600000},
                {"1d", 86400000},
                {"0", 0},
                {"", -1},
                {"s", -1},
                {"1.5s", -1},
                {"5 s", -1},
                {"-5s", -1},
                {"5S", -1},
                {"9223372036854775807s", -1},
                {"99999999999999999999", -1}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t ms = -1;
        ck_assert(ct_option_duration_ms(ct_str_of(rows[i].text), &ms) == (rows[i].ms >= 0));
        ck_assert_int_eq(ms, rows[i].ms);
    }
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_defaults);
    tcase_add_test(tcase, test_forms);
    tcase_add_test(tcase, test_more_forms);
    tcase_add_loop_test(tcase, test_wrong, 0, sizeof wrong / sizeof wrong[0]);
    tcase_add_test(tcase, test_what_beats_what);
    tcase_add_test(tcase, test_lists_are_replaced_whole);
    tcase_add_loop_test(tcase, test_wrong_files, 0, sizeof wrong_files / sizeof wrong_files[0]);
    tcase_add_test(tcase, test_sections_are_the_callers);
    tcase_add_test(tcase, test_wrong_environment);
    tcase_add_test(tcase, test_verbs);
    tcase_add_test(tcase, test_help);
    tcase_add_test(tcase, test_man);
    tcase_add_test(tcase, test_version);
    tcase_add_test(tcase, test_a_part_inherits_and_overrides);
    tcase_add_test(tcase, test_no_wish);
    tcase_add_test(tcase, test_durations);
}

int main(void)
{
    return unit_run("option", add_tests);
}
