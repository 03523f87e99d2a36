/* worker/trust: who could replace a plugin. */
#include <check.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/unit.h"
#include "worker/config/trust.h"
#include "worker/shared/rmtree.h"

#define STRANGER 54321

static char base[64], file[128];
static struct ct_option_list folders, owners;
static const struct trust trust = {&folders, &owners};

/* BASE/a/b/x.so, all of it ours alone, in the sticky /tmp. */
static void setup(void)
{
    umask(022);
    strcpy(base, "/tmp/test_trust-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(base));
    ck_assert_int_eq(chdir(base), 0);
    ck_assert_int_eq(mkdir("a", 0755), 0);
    ck_assert_int_eq(mkdir("a/b", 0755), 0);
    ck_assert_int_eq(close(open("a/b/x.so", O_CREAT | O_WRONLY, 0644)), 0);
    snprintf(file, sizeof file, "%s/a/b/x.so", base);
    folders = owners = (struct ct_option_list){NULL, 0};
}

static void teardown(void)
{
    struct ct_error err;

    ck_assert_int_eq(chdir("/"), 0);
    ck_assert(rmtree(AT_FDCWD, base, &err) == CT_E_OK);
}

static void check_safe(const char *path, const char *real)
{
    struct ct_error err = {.detail = ""};
    char *out = NULL;

    ck_assert_msg(trust_check(&trust, path, &out, &err) == CT_E_OK, "%s", err.detail);
    ck_assert_str_eq(out, real);
    free(out);
}

static void check_unsafe(const char *path, const char *names, const char *remedy)
{
    struct ct_error err;
    char *out = NULL;

    ck_assert(trust_check(&trust, path, &out, &err) == CT_E_PLUGIN);
    ck_assert_ptr_null(out);
    ck_assert_msg(strstr(err.detail, names) && strstr(err.detail, remedy), "%s", err.detail);
}

START_TEST(test_ours_alone)
{
    char system[PATH_MAX];

    check_safe(file, file);
    check_safe("a/b/x.so", file);
    check_safe("a/../a/b/x.so", file);
    ck_assert_int_eq(chdir("a/b"), 0);
    check_safe("x.so", file);
    check_safe("/bin/true", realpath("/bin/true", system)); /* root's */
}
END_TEST

START_TEST(test_what_others_may_write)
{
    static const char *const parts[] = {"a/b/x.so", "a/b", "a", "."};
    char real[128];

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        mode_t mode = i == 0 ? 0644 : 0755;

        ck_assert_ptr_nonnull(realpath(parts[i], real));
        ck_assert_int_eq(chmod(parts[i], mode | 0002), 0);
        check_unsafe(file, real, "chmod o-w");
        ck_assert_int_eq(chmod(parts[i], mode), 0);
    }
    check_safe(file, file);
}
END_TEST

START_TEST(test_groups)
{
    if (geteuid() != 0)
        return; /* which groups we may give a file to is not known */
    ck_assert_int_eq(chmod("a", 0775), 0);
    check_safe(file, file); /* root's */
    ck_assert_int_eq(chown("a", 0, STRANGER), 0);
    ck_assert_int_eq(chmod("a", 0775), 0);
    check_unsafe(file, "group 54321 may write to", "chmod g-w");
}
END_TEST

START_TEST(test_owners)
{
    static const char *stranger[] = {"54321"};
    struct ct_error err;

    if (geteuid() != 0)
        return;
    ck_assert_int_eq(chown("a", STRANGER, 0), 0);
    check_unsafe(file, "belongs to user 54321", "chown root it");
    owners = (struct ct_option_list){stranger, 1};
    check_safe(file, file);
    ck_assert(trust_check_owners(&owners, &err) == CT_E_OK);
    stranger[0] = "root";
    ck_assert(trust_check_owners(&owners, &err) == CT_E_OK);
    check_unsafe(file, "belongs to user 54321", "plugin-owner");
    stranger[0] = "no-such-user";
    ck_assert(trust_check_owners(&owners, &err) == CT_E_USAGE);
    ck_assert_ptr_nonnull(strstr(err.detail, "'no-such-user' does not exist"));
    stranger[0] = "54321";
}
END_TEST

/* A folder of ours in it is safe, as all the other tests show; a plugin in it is not. */
START_TEST(test_a_folder_for_everybody)
{
    char lone[] = "/tmp/test_trust_lone-XXXXXX";

    close(mkstemp(lone));
    check_unsafe(lone, lone, "move it to a folder of its own");
    ck_assert_int_eq(unlink(lone), 0);
    ck_assert_int_eq(chmod("a/b", 01777), 0);
    check_unsafe(file, file, "move it to a folder of its own");
    ck_assert_int_eq(chmod("a/b", 0755), 0);
    ck_assert_int_eq(chmod("a", 01777), 0);
    check_safe(file, file);
}
END_TEST

START_TEST(test_links)
{
    char link[128];

    ck_assert_int_eq(symlink(file, "a/link.so"), 0);
    snprintf(link, sizeof link, "%s/a/link.so", base);
    check_safe(link, file); /* what is loaded is what was looked at */
    ck_assert_int_eq(mkdir("open", 0755), 0);
    ck_assert_int_eq(chmod("open", 0777), 0);
    ck_assert_int_eq(symlink(file, "open/link.so"), 0);
    check_unsafe("open/link.so", "everybody may write to", "chmod o-w");
    ck_assert_int_eq(symlink("nowhere.so", "a/broken.so"), 0);
    check_unsafe("a/broken.so", "No such file", "give the path of a .so file");
}
END_TEST

START_TEST(test_allowed_folders)
{
    char allowed[128], near[128];
    const char *list[] = {"/nonexistent", allowed};

    folders = (struct ct_option_list){list, 2};
    snprintf(allowed, sizeof allowed, "%s/a", base);
    check_safe(file, file);
    snprintf(allowed, sizeof allowed, "%s/a/b/", base);
    check_safe(file, file);
    snprintf(allowed, sizeof allowed, "/");
    check_safe(file, file);
    /* Not by the beginning of its name, nor by a link that leads out. */
    snprintf(near, sizeof near, "%s/ab", base);
    ck_assert_int_eq(mkdir(near, 0755), 0);
    ck_assert_int_eq(symlink(file, "ab/link.so"), 0);
    snprintf(allowed, sizeof allowed, "%s/ab", base);
    check_unsafe("ab/link.so", file, "plugin-dir");
    snprintf(allowed, sizeof allowed, "%s/a", base);
    ck_assert_int_eq(rename("a/b/x.so", "ab/x.so"), 0);
    check_unsafe("ab/x.so", "none of the folders that are allowed", "plugin-dir");
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_ours_alone);
    tcase_add_test(tcase, test_what_others_may_write);
    tcase_add_test(tcase, test_groups);
    tcase_add_test(tcase, test_owners);
    tcase_add_test(tcase, test_a_folder_for_everybody);
    tcase_add_test(tcase, test_links);
    tcase_add_test(tcase, test_allowed_folders);
}

int main(void)
{
    return unit_run("trust", add_tests);
}
