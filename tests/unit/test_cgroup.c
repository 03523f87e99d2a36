/* worker/cgroup, on folders that look like control groups. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "tests/lib/unit.h"
#include "worker/watch/cgroup.h"

#define PID 4711

static char root[64];
static struct cgroup *cgroup;
static struct ct_error err;

static char *path_of(const char *name)
{
    return ct_asprintf("%s/%s", root, name);
}

static void put(const char *name, const char *text)
{
    char *path = path_of(name);
    FILE *file = fopen(path, "w");

    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
    free(path);
}

static const char *get(const char *name)
{
    static char text[4096];
    char *path = path_of(name);
    FILE *file = fopen(path, "r");

    ck_assert_ptr_nonnull(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    free(path);
    return text;
}

static void make(const char *name)
{
    char *path = path_of(name);

    ck_assert_int_eq(mkdir(path, 0755), 0);
    free(path);
}

/* What the kernel puts into a new group is put there before. */
static void begin(void)
{
    strcpy(root, "/tmp/cartrita-cgroup-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
    make("ours");
    put("ours/cgroup.controllers", "cpu memory pids\n");
    put("ours/cgroup.procs", "4711\n");
    put("ours/cgroup.subtree_control", "");
    make("ours/supervisor");
    put("ours/supervisor/cgroup.procs", "");
    make("ours/runner-mail-0");
    for (const char *const *name =
             (const char *const[]){"memory.max", "memory.oom.group", "pids.max", "cgroup.procs",
                                   "cgroup.kill", NULL};
         *name; name++) {
        char *path = ct_asprintf("ours/runner-mail-0/%s", *name);

        put(path, "");
        free(path);
    }
    put("self", "1:name=systemd:/x\n0::/ours\n");
}

static void end(void)
{
    char *command = ct_asprintf("rm -r %s", root);

    cgroup_close(cgroup);
    ck_assert_int_eq(system(command), 0);
    free(command);
}

static enum ct_code open_it(void)
{
    char *self = path_of("self");
    enum ct_code rc = cgroup_open(root, self, PID, &cgroup, &err);

    free(self);
    return rc;
}

START_TEST(test_takes_what_is_ours)
{
    char *path;

    begin();
    ck_assert_int_eq(open_it(), CT_E_OK);
    ck_assert_str_eq(get("ours/supervisor/cgroup.procs"), "4711");
    ck_assert_str_eq(get("ours/cgroup.subtree_control"), "+memory +pids");
    ck_assert_int_eq(cgroup_make(cgroup, "mail-0", (uint64_t)1024 << 20, 10, &path, &err), CT_E_OK);
    ck_assert_str_eq(get("ours/runner-mail-0/memory.max"), "1207959552"); /* an eighth more */
    ck_assert_str_eq(get("ours/runner-mail-0/memory.oom.group"), "1");
    ck_assert_str_eq(get("ours/runner-mail-0/pids.max"), "576");
    ck_assert_int_eq(cgroup_enter(path, 4712, &err), CT_E_OK);
    ck_assert_str_eq(get("ours/runner-mail-0/cgroup.procs"), "4712");
    cgroup_kill(path);
    ck_assert_str_eq(get("ours/runner-mail-0/cgroup.kill"), "1");
    cgroup_remove(cgroup, path);
    end();
}
END_TEST

START_TEST(test_limits_that_are_none_are_not_written)
{
    char *path;

    begin();
    ck_assert_int_eq(open_it(), CT_E_OK);
    ck_assert_int_eq(cgroup_make(cgroup, "mail-0", 0, 0, &path, &err), CT_E_OK);
    ck_assert_str_eq(get("ours/runner-mail-0/memory.max"), "");
    ck_assert_str_eq(get("ours/runner-mail-0/pids.max"), "");
    cgroup_remove(cgroup, path);
    end();
}
END_TEST

START_TEST(test_knows_a_death_for_want_of_memory)
{
    char *path;

    begin();
    path = path_of("ours/runner-mail-0");
    ck_assert(!cgroup_was_oom(path)); /* no such file */
    put("ours/runner-mail-0/memory.events", "low 0\nhigh 0\nmax 7\noom 1\noom_kill 0\n");
    ck_assert(!cgroup_was_oom(path));
    put("ours/runner-mail-0/memory.events", "low 0\nhigh 0\nmax 7\noom 1\noom_kill 2\n");
    ck_assert(cgroup_was_oom(path));
    free(path);
    end();
}
END_TEST

START_TEST(test_leaves_alone_what_is_not_ours)
{
    begin();
    put("ours/cgroup.procs", "4711\n4712\n");
    ck_assert_int_ne(open_it(), CT_E_OK);
    ck_assert_ptr_nonnull(strstr(err.detail, "is not ours alone"));
    put("ours/cgroup.procs", "4711\n");
    put("ours/cgroup.controllers", "cpu memory-x pids\n");
    ck_assert_int_ne(open_it(), CT_E_OK);
    ck_assert_ptr_nonnull(strstr(err.detail, "does not control memory and pids"));
    put("self", "0::/elsewhere\n");
    ck_assert_int_ne(open_it(), CT_E_OK);
    ck_assert_ptr_nonnull(strstr(err.detail, "no control group of version 2"));
    put("self", "4:memory:/x\n");
    ck_assert_int_ne(open_it(), CT_E_OK);
    ck_assert_str_eq(get("ours/supervisor/cgroup.procs"), "");
    end();
}
END_TEST

START_TEST(test_goes_back_when_it_gets_no_control)
{
    char *path;

    begin();
    path = path_of("ours/cgroup.subtree_control");
    ck_assert_int_eq(unlink(path), 0);
    free(path);
    ck_assert_int_ne(open_it(), CT_E_OK);
    ck_assert_ptr_nonnull(strstr(err.detail, "gives no control"));
    ck_assert_int_eq(strncmp(get("ours/cgroup.procs"), "4711", 4), 0);
    end();
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_takes_what_is_ours);
    tcase_add_test(tcase, test_limits_that_are_none_are_not_written);
    tcase_add_test(tcase, test_knows_a_death_for_want_of_memory);
    tcase_add_test(tcase, test_leaves_alone_what_is_not_ours);
    tcase_add_test(tcase, test_goes_back_when_it_gets_no_control);
}

int main(void)
{
    return unit_run("cgroup", add_tests);
}
