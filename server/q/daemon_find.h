/* Which daemon a command means when nobody says. Called by daemon_link.c. */
#ifndef Q_DAEMON_FIND_H
#define Q_DAEMON_FIND_H

#include "common/error.h"

#define DAEMON_FIND_MAX 16 /* private daemons that are looked at */

/* The default address where a daemon listens there; else the private daemon of this user's one
 * worker. CLOSED, with the remedy: there is none, or (CONFLICT) there are several. *out is the
 * caller's to free. */
enum ct_code daemon_find(char **out, struct ct_error *err) CT_MUST_CHECK;

#endif
