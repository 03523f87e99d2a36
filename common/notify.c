/* Datagrams to the service manager. See notify.h. */
#include "common/notify.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/str.h"

/* A path, or with @ a name in the abstract namespace; false: neither. */
static bool notify_address(struct ct_notify *notify, const char *text)
{
    size_t len = text ? strlen(text) : 0;

    if (len < 2 || len >= sizeof notify->to.sun_path || (text[0] != '/' && text[0] != '@'))
        return false;
    notify->to.sun_family = AF_UNIX;
    memcpy(notify->to.sun_path, text, len + 1);
    notify->to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    if (text[0] == '@')
        notify->to.sun_path[0] = '\0';
    else
        notify->to_len++;
    return true;
}

static int64_t notify_number(const char *name)
{
    int64_t number;

    return ct_str_to_int(ct_str_of(getenv(name)), &number) ? number : 0;
}

void ct_notify_open(struct ct_notify *notify)
{
    int64_t watchdog_us = notify_number("WATCHDOG_USEC");
    int64_t pid = notify_number("WATCHDOG_PID");

    *notify = (struct ct_notify){.fd = -1};
    if (notify_address(notify, getenv("NOTIFY_SOCKET")))
        notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (watchdog_us > 0 && (pid == 0 || pid == getpid()))
        notify->watchdog_ms = watchdog_us < 2000 ? 2 : (uint64_t)watchdog_us / 1000;
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

void ct_notify_close(struct ct_notify *notify)
{
    if (notify->fd >= 0)
        close(notify->fd);
    notify->fd = -1;
}

static void notify_send(const struct ct_notify *notify, const char *text)
{
    ssize_t ignored;

    if (notify->fd < 0)
        return;
    ignored = sendto(notify->fd, text, strlen(text), MSG_NOSIGNAL,
                     (const struct sockaddr *)&notify->to, notify->to_len);
    (void)ignored;
}

/* `first` with the status behind it, which must stay one line. */
static void notify_send_status(const struct ct_notify *notify, const char *first,
                               const char *status)
{
    char text[CT_NOTIFY_TEXT_MAX];
    int start = snprintf(text, sizeof text, "%sSTATUS=", first);

    snprintf(text + start, sizeof text - (size_t)start, "%s", status);
    for (char *c = text + start; *c; c++)
        if (*c == '\n')
            *c = ' ';
    notify_send(notify, text);
}

void ct_notify_ready(const struct ct_notify *notify, const char *status)
{
    notify_send_status(notify, "READY=1\n", status);
}

void ct_notify_status(const struct ct_notify *notify, const char *status)
{
    notify_send_status(notify, "", status);
}

void ct_notify_reloading(const struct ct_notify *notify)
{
    struct timespec now = {0};
    char text[128];

    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
             (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u);
    notify_send(notify, text);
}

void ct_notify_stopping(const struct ct_notify *notify, uint64_t max_ms, const char *status)
{
    char first[128];

    snprintf(first, sizeof first, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRIu64 "\n", max_ms * 1000u);
    notify_send_status(notify, first, status);
}

void ct_notify_alive(const struct ct_notify *notify)
{
    notify_send(notify, "WATCHDOG=1");
}
