/* The workers of a daemon as commands see them: the reports of proto/PROTOCOL.md, read leniently (a
 * newer worker may say more, a strange one less). Called by the cmd_worker_*.c. */
#ifndef Q_FLEET_H
#define Q_FLEET_H

#include "common/json.h"
#include "q/daemon_link.h"
#include "q/view.h"

#define FLEET_SHORT     8     /* characters of a UUID that tables show */
#define FLEET_SILENT_MS 15000 /* a worker reports every 5 s; this long is worth a word */

/* Ends the help of commands that take a WORKER. */
#define FLEET_FOOTER                                                                          \
    "WORKER is the beginning of its UUID, HOST:PID, HOST where one runs there, or all. Its "  \
    "daemon "                                                                                 \
    "knows the\nworkers that are connected to it; a worker logs where its daemon listens as " \
    "\"server\"."

/* The reports, a JSON array of objects sorted by host and pid; a new reference. */
enum ct_code fleet_fetch(struct daemon_link *link, json_t **out,
                         struct ct_error *err) CT_MUST_CHECK;

/* The workers that `word` means: "all", the beginning of one UUID, HOST:PID, or the one on HOST.
 * *out is a new array that borrows nothing. NOT_FOUND and CONFLICT (several) name those there are.
 */
enum ct_code fleet_select(const json_t *fleet, const char *word, json_t **out,
                          struct ct_error *err) CT_MUST_CHECK;

/* Of a worker: the pool of this name; NULL: it has none. */
const json_t *fleet_pool(const json_t *worker, const char *name);
/* Leaves only workers that have the pool; NOT_FOUND with the nearest name when none has. */
enum ct_code fleet_keep_pool(json_t *workers, const char *name, struct ct_error *err) CT_MUST_CHECK;

/* A member, or what stands for it where it is absent or of another type. */
struct ct_str fleet_text(const json_t *object, const char *key);
int64_t fleet_number(const json_t *object, const char *key);
/* An array; what is none counts as one without elements (json_array_size). Borrowed. */
const json_t *fleet_list(const json_t *object, const char *key);

/* Runners of a pool in this state; `state` NULL: all that have a process. */
int64_t fleet_runners(const json_t *pool, const char *state);
/* The sum of a number over the runners of a pool. */
int64_t fleet_sum(const json_t *pool, const char *key);

/* The members of a report, as they are, for JSON; and a whole row of a list with them. */
void fleet_view_members(struct view *view, const json_t *report);
void fleet_view_row(struct view *view, const json_t *report);

/* Appends "HOST:PID". */
void fleet_append_place(struct ct_buf *buf, const json_t *worker);

#endif
