/* common/notify: the datagrams, against a socket as a service manager has it. */
#include <check.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/notify.h"
#include "tests/lib/unit.h"

static char folder[] = "/tmp/cartrita-notify-XXXXXX";
static char path[sizeof folder + 16];

/* At `name`, a path or @ and a name. */
static int listen_at(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(name);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

    memcpy(address.sun_path, name, len + 1);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
                     0);
    return fd;
}

/* The next datagram; NULL: there is none. */
static const char *heard(int fd)
{
    static char text[4096];
    ssize_t len = recv(fd, text, sizeof text - 1, 0);

    if (len < 0)
        return NULL;
    text[len] = '\0';
    return text;
}

static void setup(void)
{
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/notify", folder);
}

static void teardown(void)
{
    unlink(path);
    rmdir(folder);
}

START_TEST(test_what_is_said)
{
    struct ct_notify notify;
    char status[2 * CT_NOTIFY_TEXT_MAX];
    unsigned long long told_us;
    int end = 0, fd;

    fd = listen_at(path);
    setenv("NOTIFY_SOCKET", path, 1);
    ct_notify_open(&notify);
    ck_assert(ct_notify_is_on(&notify));
    ct_notify_ready(&notify, "serving 2 pools");
    ck_assert_str_eq(heard(fd), "READY=1\nSTATUS=serving 2 pools");
    ct_notify_status(&notify, "a\nREADY=1");
    ck_assert_str_eq(heard(fd), "STATUS=a READY=1"); /* still one line */
    ct_notify_reloading(&notify);
    ck_assert_int_eq(sscanf(heard(fd), "RELOADING=1\nMONOTONIC_USEC=%llu%n", &told_us, &end), 1);
    ck_assert_uint_gt(told_us, 0);
    ct_notify_stopping(&notify, 35000, "draining");
    ck_assert_str_eq(heard(fd), "STOPPING=1\nEXTEND_TIMEOUT_USEC=35000000\nSTATUS=draining");
    ct_notify_alive(&notify);
    ck_assert_str_eq(heard(fd), "WATCHDOG=1");
    memset(status, 's', sizeof status);
    status[sizeof status - 1] = '\0';
    ct_notify_status(&notify, status);
    ck_assert_uint_eq(strlen(heard(fd)), CT_NOTIFY_TEXT_MAX - 1);
    ct_notify_close(&notify);
    close(fd);
    ct_notify_alive(&notify); /* nobody is told, and nothing breaks */
}
END_TEST

START_TEST(test_an_abstract_socket)
{
    struct ct_notify notify;
    char name[64];
    int fd;

    snprintf(name, sizeof name, "@cartrita-notify-%d", (int)getpid());
    fd = listen_at(name);
    setenv("NOTIFY_SOCKET", name, 1);
    ct_notify_open(&notify);
    ct_notify_alive(&notify);
    ck_assert_str_eq(heard(fd), "WATCHDOG=1");
    ct_notify_close(&notify);
    close(fd);
}
END_TEST

START_TEST(test_without_a_manager)
{
    static const char *const names[] = {NULL, "", "/", "relative", "vsock:2:3"};
    char too_long[200];
    struct ct_notify notify;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i])
            setenv("NOTIFY_SOCKET", names[i], 1);
        ct_notify_open(&notify);
        ck_assert(!ct_notify_is_on(&notify));
        ct_notify_ready(&notify, "");
    }
    memset(too_long, 'x', sizeof too_long);
    too_long[0] = '/';
    too_long[sizeof too_long - 1] = '\0';
    setenv("NOTIFY_SOCKET", too_long, 1);
    ct_notify_open(&notify);
    ck_assert(!ct_notify_is_on(&notify));
    setenv("NOTIFY_SOCKET", path, 1); /* that nobody listens at */
    ct_notify_open(&notify);
    ct_notify_ready(&notify, "");
    ct_notify_close(&notify);
}
END_TEST

START_TEST(test_the_environment_is_not_for_children)
{
    struct ct_notify notify;

    setenv("NOTIFY_SOCKET", path, 1);
    setenv("WATCHDOG_USEC", "5000000", 1);
    setenv("WATCHDOG_PID", "1", 1);
    ct_notify_open(&notify);
    ck_assert_ptr_null(getenv("NOTIFY_SOCKET"));
    ck_assert_ptr_null(getenv("WATCHDOG_USEC"));
    ck_assert_ptr_null(getenv("WATCHDOG_PID"));
    ck_assert_uint_eq(notify.watchdog_ms, 0); /* that is another process */
    ct_notify_close(&notify);
}
END_TEST

START_TEST(test_the_watchdog)
{
    static const struct {
        const char *text;
        uint64_t ms;
    } cases[] = {{"5000000", 5000}, {"1", 2},    {"0", 0},    {"-1", 0},
                 {"", 0},           {"soon", 0}, {"3000", 3}, {"1999", 2}};
    char pid[16];

    snprintf(pid, sizeof pid, "%d", (int)getpid());
    for (size_t i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
        struct ct_notify notify;

        setenv("WATCHDOG_USEC", cases[i / 2].text, 1);
        if (i % 2)
            setenv("WATCHDOG_PID", pid, 1);
        ct_notify_open(&notify);
        ck_assert_uint_eq(notify.watchdog_ms, cases[i / 2].ms);
    }
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_what_is_said);
    tcase_add_test(tcase, test_an_abstract_socket);
    tcase_add_test(tcase, test_without_a_manager);
    tcase_add_test(tcase, test_the_environment_is_not_for_children);
    tcase_add_test(tcase, test_the_watchdog);
}

int main(void)
{
    return unit_run("notify", add_tests);
}
