/* The user that runners run as. See user.h.
 *
 * Failures: an account that does not exist, a number without a group, another's account while we
 * are not root, and a system that refuses the change (a container without CAP_SETUID, a user
 * namespace in which the number means nobody). */
#include "worker/config/user.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/str.h"

#define USER_ID_MAX (UINT32_MAX - 1) /* the last one means "unchanged" */

static void user_set(struct user *out, const struct passwd *account, uid_t uid, gid_t gid)
{
    *out = (struct user){
        .uid = uid,
        .gid = gid,
        .name = account ? ct_strdup(account->pw_name) : ct_asprintf("%" PRIu32, (uint32_t)uid),
        .home = ct_strdup(account && account->pw_dir[0] ? account->pw_dir : "/"),
        .is_other = uid != geteuid() || gid != getegid(),
    };
}

static bool user_parse_id(struct ct_str text, uint32_t *out)
{
    int64_t number;

    if (!ct_str_to_int(text, &number) || number < 0 || number > USER_ID_MAX)
        return false;
    *out = (uint32_t)number;
    return true;
}

/* UID or UID:GID. False: `text` is no number. */
static bool user_find_id(const char *text, struct user *out, bool *has_group)
{
    const char *colon = strchr(text, ':');
    struct ct_str id = {text, colon ? (size_t)(colon - text) : strlen(text)};
    const struct passwd *account;
    uint32_t uid, gid = getegid();

    if (!user_parse_id(id, &uid) || (colon && !user_parse_id(ct_str_of(colon + 1), &gid)))
        return false;
    account = getpwuid(uid);
    if (!colon && uid != geteuid() && account)
        gid = account->pw_gid;
    *has_group = colon || account || uid == geteuid();
    user_set(out, account, uid, gid);
    return true;
}

static enum ct_code user_find_named(const char *text, struct user *out, struct ct_error *err)
{
    const struct passwd *account = getpwnam(text);
    bool has_group = true;

    if (account)
        user_set(out, account, account->pw_uid,
                 account->pw_uid == geteuid() ? getegid() : account->pw_gid);
    else if (!user_find_id(text, out, &has_group))
        return ct_error_set(err, CT_E_USAGE,
                            "user '%.60s' does not exist: name an account (see getent passwd), or "
                            "give UID:GID",
                            text);
    if (has_group)
        return CT_E_OK;
    user_free(out);
    return ct_error_set(err, CT_E_USAGE,
                        "user %.60s has no account, and so no group: write user as UID:GID", text);
}

static enum ct_code user_find_default(struct user *out, struct ct_error *err)
{
    const struct passwd *account = getpwnam(USER_DEFAULT);

    if (!account)
        account = getpwnam(USER_FALLBACK);
    if (!account)
        return ct_error_set(err, CT_E_USAGE,
                            "started as root, and there is neither an account " USER_DEFAULT
                            " nor " USER_FALLBACK " for the jobs: give --user");
    user_set(out, account, account->pw_uid, account->pw_gid);
    return CT_E_OK;
}

enum ct_code user_find(const char *text, struct user *out, struct ct_error *err)
{
    struct user found;
    enum ct_code rc;

    if (geteuid() != 0 && !text) {
        user_set(out, getpwuid(geteuid()), geteuid(), getegid());
        return CT_E_OK;
    }
    rc = text ? user_find_named(text, &found, err) : user_find_default(&found, err);
    if (rc != CT_E_OK)
        return rc;
    if (geteuid() != 0 && found.is_other) {
        rc = ct_error_set(err, CT_E_USAGE,
                          "user %.60s: only a worker that is started as root can run jobs as "
                          "another user; leave the option out",
                          text);
        user_free(&found);
        return rc;
    }
    *out = found;
    return CT_E_OK;
}

void user_free(struct user *user)
{
    free(user->name);
    free(user->home);
    memset(user, 0, sizeof *user);
}

/* As far as it could be asked back: no set of ids may hold what was given up. */
static bool user_has_become(uid_t uid, gid_t gid)
{
    uid_t uids[3];
    gid_t gids[3];

    if (getresuid(&uids[0], &uids[1], &uids[2]) != 0 ||
        getresgid(&gids[0], &gids[1], &gids[2]) != 0 || getgroups(0, NULL) != 0)
        return false;
    for (int i = 0; i < 3; i++)
        if (uids[i] != uid || gids[i] != gid)
            return false;
    return uid == 0 || (setuid(0) != 0 && seteuid(0) != 0 && setresuid(0, 0, 0) != 0);
}

enum ct_code user_become(uid_t uid, gid_t gid, struct ct_error *err)
{
    int dumpable = prctl(PR_GET_DUMPABLE);

    if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
        return ct_error_set(err, CT_E_SYSTEM,
                            "becoming user %" PRIu32 ":%" PRIu32 ": %s; give the worker the right "
                            "to (CAP_SETUID, CAP_SETGID), or choose another --user",
                            (uint32_t)uid, (uint32_t)gid, strerror(errno));
    if (!user_has_become(uid, gid))
        return ct_error_set(err, CT_E_SYSTEM,
                            "user %" PRIu32 ":%" PRIu32 " could become root again: nothing is run",
                            (uint32_t)uid, (uint32_t)gid);
    /* The change has taken that back; whether others of this user may look into the process is not
     * decided here. */
    prctl(PR_SET_DUMPABLE, dumpable);
    return CT_E_OK;
}
