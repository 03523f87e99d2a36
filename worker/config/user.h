/* Whose processes the runners are. A supervisor that was started as root runs nothing of its jobs
 * as root unless it is told to: config_pools.c finds the user of each pool, and the runner becomes
 * it before anything of a plugin runs. */
#ifndef WORKER_USER_H
#define WORKER_USER_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/error.h"

#define USER_DEFAULT  "cartrita" /* when started as root and nothing is said, if there is one */
#define USER_FALLBACK "nobody"

struct user {
    uid_t uid;
    gid_t gid;
    char *name; /* the number where there is no name; both owned */
    char *home;
    bool is_other; /* than this process's */
};

/* `text` is NAME, UID or UID:GID; NULL: nothing was said. For others than root only they themselves
 * will do. Reads the system's accounts: it may block, and is for the time of reading
 * configurations. */
enum ct_code user_find(const char *text, struct user *out, struct ct_error *err) CT_MUST_CHECK;
void user_free(struct user *user);

/* Makes this process `uid` and `gid` without other groups, for good; a process of one thread. What
 * the kernel resets on the way (death with the parent) is the caller's to set again. */
enum ct_code user_become(uid_t uid, gid_t gid, struct ct_error *err) CT_MUST_CHECK;

#endif
