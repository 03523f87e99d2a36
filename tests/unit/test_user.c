/* worker/user and worker/environment: whose runners they are, and what they get to see. */
#include <check.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/unit.h"
#include "worker/config/user.h"
#include "worker/supervisor/environment.h"

static void check_found(const char *text, uid_t uid, gid_t gid)
{
    struct ct_error err = {.detail = ""};
    struct user user;

    ck_assert_msg(user_find(text, &user, &err) == CT_E_OK, "%s", err.detail);
    ck_assert_uint_eq(user.uid, uid);
    ck_assert_uint_eq(user.gid, gid);
    ck_assert_ptr_nonnull(user.name);
    ck_assert_ptr_nonnull(user.home);
    ck_assert(user.is_other == (uid != geteuid() || gid != getegid()));
    user_free(&user);
}

static void check_refused(const char *text, const char *says)
{
    struct ct_error err;
    struct user user;

    ck_assert(user_find(text, &user, &err) == CT_E_USAGE);
    ck_assert_msg(strstr(err.detail, says) != NULL, "%s", err.detail);
}

START_TEST(test_ourselves_by_name_and_number)
{
    const struct passwd *account = getpwuid(geteuid());
    char text[64];

    snprintf(text, sizeof text, "%u", geteuid());
    check_found(text, geteuid(), getegid());
    snprintf(text, sizeof text, "%u:%u", geteuid(), getegid());
    check_found(text, geteuid(), getegid());
    if (account)
        check_found(account->pw_name, geteuid(), getegid());
    if (geteuid() != 0)
        check_found(NULL, geteuid(), getegid());
}
END_TEST

START_TEST(test_what_is_no_user)
{
    check_refused("no-such-user", "does not exist");
    check_refused("", "does not exist");
    check_refused("-1", "does not exist");
    check_refused("4294967295", "does not exist"); /* to the system calls it means "unchanged" */
    check_refused("1:", "does not exist");
    check_refused("1:x", "does not exist");
}
END_TEST

START_TEST(test_others_are_for_root)
{
    const struct passwd *account = getpwnam(USER_DEFAULT);

    if (!account)
        account = getpwnam(USER_FALLBACK);
    if (geteuid() != 0) {
        check_refused("0:0", "only a worker that is started as root");
        return;
    }
    ck_assert_ptr_nonnull(account);
    check_found(NULL, account->pw_uid, account->pw_gid);
    check_found("12345:54321", 12345, 54321);
    check_refused("4000000000", "has no account, and so no group");
}
END_TEST

START_TEST(test_becoming_is_for_good)
{
    int status;
    pid_t child;

    if (geteuid() != 0)
        return;
    child = fork();
    if (child == 0) {
        struct ct_error err;
        bool is_done = user_become(12345, 54321, &err) == CT_E_OK;

        /* It reads itself still: a plugin may be loaded by its descriptor. */
        _exit(is_done && getuid() == 12345 && getegid() == 54321 && getgroups(0, NULL) == 0 &&
                      setuid(0) != 0 && access("/proc/self/fd/0", F_OK) == 0
                  ? 0
                  : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(test_becoming_can_be_refused)
{
    struct ct_error err;

    if (geteuid() == 0)
        return;
    ck_assert(user_become(12345, 54321, &err) == CT_E_SYSTEM);
    ck_assert_ptr_nonnull(strstr(err.detail, "becoming user 12345:54321"));
}
END_TEST

static const char *find(char *const *list, const char *name)
{
    const char *found = NULL;
    size_t len = strlen(name);

    for (size_t i = 0; list[i]; i++) {
        if (strncmp(list[i], name, len) == 0 && list[i][len] == '=') {
            ck_assert_msg(!found, "%s is there twice", name);
            found = list[i] + len + 1;
        }
    }
    return found;
}

START_TEST(test_a_runner_sees_no_secret)
{
    struct user user = {.name = (char *)"mail", .home = (char *)"/var/mail", .is_other = true};
    char **list;

    setenv("REDIS_URL", "redis://:secret@h", 1);
    setenv("REDIS_URL_NOT", "stays", 1);
    setenv("CARTRITA_REDIS_URL", "redis://:secret@h", 1);
    setenv("CREDENTIALS_DIRECTORY", "/run/credentials/x", 1);
    setenv("NOTIFY_SOCKET", "/run/x", 1);
    setenv("WATCHDOG_USEC", "1", 1);
    setenv("WATCHDOG_PID", "1", 1);
    setenv("HOME", "/root", 1);
    setenv("TMPDIR", "/elsewhere", 1);
    setenv("PATH", "/usr/bin", 1);
    list = environment_runner(&user, "/tmp/x", "uuid");
    ck_assert_ptr_null(find(list, "REDIS_URL"));
    ck_assert_ptr_null(find(list, "CARTRITA_REDIS_URL"));
    ck_assert_ptr_null(find(list, "CREDENTIALS_DIRECTORY"));
    ck_assert_ptr_null(find(list, "NOTIFY_SOCKET"));
    ck_assert_ptr_null(find(list, "WATCHDOG_USEC"));
    ck_assert_ptr_null(find(list, "WATCHDOG_PID"));
    ck_assert_str_eq(find(list, "REDIS_URL_NOT"), "stays");
    ck_assert_str_eq(find(list, "PATH"), "/usr/bin");
    ck_assert_str_eq(find(list, "HOME"), "/var/mail");
    ck_assert_str_eq(find(list, "USER"), "mail");
    ck_assert_str_eq(find(list, "LOGNAME"), "mail");
    ck_assert_str_eq(find(list, "TMPDIR"), "/tmp/x");
    ck_assert_str_eq(find(list, "TMP"), "/tmp/x");
    ck_assert_str_eq(find(list, "TEMP"), "/tmp/x");
    free(list);
    user.is_other = false;
    list = environment_runner(&user, NULL, "uuid");
    ck_assert_str_eq(find(list, "HOME"), "/root");
    ck_assert_str_eq(find(list, "TMPDIR"), "/elsewhere");
    free(list);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, test_ourselves_by_name_and_number);
    tcase_add_test(tcase, test_what_is_no_user);
    tcase_add_test(tcase, test_others_are_for_root);
    tcase_add_test(tcase, test_becoming_is_for_good);
    tcase_add_test(tcase, test_becoming_can_be_refused);
    tcase_add_test(tcase, test_a_runner_sees_no_secret);
}

int main(void)
{
    return unit_run("user", add_tests);
}
