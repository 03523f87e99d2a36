/* What a service tells its manager, by the sd_notify protocol of systemd: one datagram of lines to
 * the socket that $NOTIFY_SOCKET names. Called by the two long-running programs. Best effort: a
 * manager that does not listen changes nothing, and nothing here ever blocks. */
#ifndef CT_COMMON_NOTIFY_H
#define CT_COMMON_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#define CT_NOTIFY_TEXT_MAX 512u /* bytes of one datagram; a longer status is cut */

struct ct_notify {
    int fd; /* owned; -1: nobody wants to know */
    struct sockaddr_un to;
    socklen_t to_len;
    uint64_t watchdog_ms; /* ct_notify_alive is expected more often than this; 0: it is not */
};

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID and removes them from the environment: they
 * are not for the processes that we start. */
void ct_notify_open(struct ct_notify *notify);
void ct_notify_close(struct ct_notify *notify);

static inline bool ct_notify_is_on(const struct ct_notify *notify)
{
    return notify->fd >= 0;
}

/* `status` is one line for people. */
void ct_notify_ready(const struct ct_notify *notify, const char *status);
void ct_notify_status(const struct ct_notify *notify, const char *status);
/* ct_notify_ready ends it. */
void ct_notify_reloading(const struct ct_notify *notify);
/* It may take this long. */
void ct_notify_stopping(const struct ct_notify *notify, uint64_t max_ms, const char *status);
/* From the loop itself, so that a loop that hangs is noticed. */
void ct_notify_alive(const struct ct_notify *notify);

#endif
