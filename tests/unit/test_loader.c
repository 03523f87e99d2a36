/* worker/loader: every refusal, with shared objects that are really wrong in that way. They are
 * compiled here, into a folder of their own. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "tests/lib/unit.h"
#include "worker/runner/loader.h"

static char folder[] = "/tmp/test_loader-XXXXXX";

static void make_folder(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void remove_folder(void)
{
    char *command = ct_asprintf("rm -rf %s", folder);

    ck_assert_int_eq(system(command), 0);
    free(command);
}

/* Where plugin.h is: beside this source file, which is compiled from the project's root. */
static char *include_folder(void)
{
    const char *here = __FILE__;
    const char *tests = strstr(here, "tests/unit/");

    return ct_asprintf("%.*sworker/include", (int)(tests - here), here);
}

/* Compiles `body`, with plugin.h in front, to a .so; its path, for the caller to free. */
static char *build(const char *name, const char *body)
{
    char *source = ct_asprintf("%s/%s.c", folder, name);
    char *object = ct_asprintf("%s/%s.so", folder, name);
    char *include = include_folder();
    char *command = ct_asprintf("cc -shared -fPIC -w -I%s -o %s %s", include, object, source);
    FILE *file = fopen(source, "w");

    ck_assert_ptr_nonnull(file);
    fprintf(file,
            "#include <stdlib.h>\n#include <unistd.h>\n#include \"cartrita/plugin.h\"\n"
            "static void run(void *self, struct cartrita_job *const *jobs, size_t n) {}\n%s\n",
            body);
    fclose(file);
    ck_assert_int_eq(system(command), 0);
    free(command);
    free(include);
    free(source);
    return object;
}

/* Each row: what is wrong, and what the refusal must say besides the file's name. */
static const struct {
    const char *name, *body;
    const char *says[4];
} wrongs[] = {
    {"nosymbol", "", {"does not export cartrita_plugin", "not a Cartrita plugin"}},
    {"null",
     "const struct cartrita_plugin *cartrita_plugin(void) { return NULL; }",
     {"returned NULL", "CARTRITA_PLUGIN"}},
    {"major",
     "CARTRITA_PLUGIN(.name = \"x\", .version = \"1\", .run = run, .abi_major = 2)",
     {"built for plugin ABI 2.2", "speaks 1.2", "rebuild"}},
    {"older",
     "CARTRITA_PLUGIN(.name = \"x\", .version = \"1\", .run = run, .abi_major = 0, .abi_minor = 9)",
     {"built for plugin ABI 0.9", "speaks 1.2", "rebuild"}},
    {"minor",
     "CARTRITA_PLUGIN(.name = \"x\", .version = \"1\", .run = run, .abi_minor = 7)",
     {"built for plugin ABI 1.7", "newer than the 1.2", "update cartrita"}},
    {"small",
     "CARTRITA_PLUGIN(.name = \"x\", .version = \"1\", .run = run, .size = 24)",
     {"descriptor has 24 bytes", "needs", "CARTRITA_PLUGIN"}},
    {"tiny",
     "CARTRITA_PLUGIN(.name = \"x\", .version = \"1\", .run = run, .size = 2)",
     {"2 bytes", "too few to hold an ABI version"}},
    {"norun",
     "CARTRITA_PLUGIN(.name = \"x\", .version = \"1.4\")",
     {"(x 1.4)", "no run function", "set .run"}},
    {"noname", "CARTRITA_PLUGIN(.version = \"1\", .run = run)", {"has no name", "set .name"}},
    {"noversion", "CARTRITA_PLUGIN(.name = \"x\", .run = run)", {"has no version", "set .version"}},
    {"emptyname", "CARTRITA_PLUGIN(.name = \"\", .version = \"1\", .run = run)", {"has no name"}},
    {"batch",
     "CARTRITA_PLUGIN(.name = \"x\", .version = \"1\", .run = run, .batch_max = 100000)",
     {"batch_max is 100000", "the most is 1024"}},
    {"wait",
     "CARTRITA_PLUGIN(.name = \"x\", .version = \"1\", .run = run, .batch_wait_ms = 3600000)",
     {"batch_wait_ms is 3600000", "the most is 60000"}},
    {"undefined",
     "extern int not_anywhere(void); int use(void) { return not_anywhere(); }\n"
     "CARTRITA_PLUGIN(.name = \"x\", .version = \"1\", .run = run)",
     {"cannot be loaded", "not_anywhere"}},
};

START_TEST(test_wrong_plugins)
{
    char *path = build(wrongs[_i].name, wrongs[_i].body);
    const struct cartrita_plugin *plugin = NULL;
    struct ct_error err;

    ck_assert(loader_load(path, -1, &plugin, &err) == CT_E_PLUGIN);
    ck_assert_ptr_null(plugin);
    ck_assert_msg(strstr(err.detail, path) != NULL, "names no file: %s", err.detail);
    for (size_t i = 0; i < 4 && wrongs[_i].says[i]; i++)
        ck_assert_msg(strstr(err.detail, wrongs[_i].says[i]) != NULL, "no '%s' in: %s",
                      wrongs[_i].says[i], err.detail);
    free(path);
}
END_TEST

START_TEST(test_what_is_no_plugin_at_all)
{
    const struct cartrita_plugin *plugin = NULL;
    struct ct_error err;
    char *text = ct_asprintf("%s/text.so", folder);
    FILE *file = fopen(text, "w");

    fputs("not ELF\n", file);
    fclose(file);
    ck_assert(loader_load("/nonexistent/x.so", -1, &plugin, &err) == CT_E_PLUGIN);
    ck_assert_ptr_nonnull(strstr(err.detail, "/nonexistent/x.so: No such file"));
    ck_assert(loader_load(folder, -1, &plugin, &err) == CT_E_PLUGIN);
    ck_assert_ptr_nonnull(strstr(err.detail, "is not a file"));
    ck_assert(loader_load(text, -1, &plugin, &err) == CT_E_PLUGIN);
    ck_assert_ptr_nonnull(strstr(err.detail, "cannot be loaded"));
    free(text);
}
END_TEST

START_TEST(test_good_plugin)
{
    char *path = build("good", "CARTRITA_PLUGIN(.name = \"good\", .version = \"2.1\", .run = run)");
    const struct cartrita_plugin *plugin;
    struct ct_error err;

    ck_assert_msg(loader_load(path, -1, &plugin, &err) == CT_E_OK, "%s", err.detail);
    ck_assert_str_eq(plugin->name, "good");
    ck_assert_str_eq(plugin->version, "2.1");
    ck_assert_int_eq(loader_check_main(path, 10000), EXIT_SUCCESS);
    free(path);
}
END_TEST

/* Loading runs constructors: a crash or a hang there must not be the checker's. */
START_TEST(test_check_survives_constructors)
{
    char *crash =
        build("crash", "__attribute__((constructor)) static void boom(void) { abort(); }");
    char *hang = build("hang", "__attribute__((constructor)) static void hang(void) { pause(); }");

    ck_assert_int_eq(loader_check_main(crash, 10000), EXIT_FAILURE);
    ck_assert_int_eq(loader_check_main(hang, 200), EXIT_FAILURE);
    ck_assert_int_eq(loader_check_main("/nonexistent/x.so", 10000), EXIT_FAILURE);
    free(crash);
    free(hang);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_unchecked_fixture(tcase, make_folder, remove_folder);
    tcase_add_loop_test(tcase, test_wrong_plugins, 0, sizeof wrongs / sizeof wrongs[0]);
    tcase_add_test(tcase, test_what_is_no_plugin_at_all);
    tcase_add_test(tcase, test_good_plugin);
    tcase_add_test(tcase, test_check_survives_constructors);
}

int main(void)
{
    return unit_run("loader", add_tests);
}
