/* The tables of the plugin: made and brought up to date before the first job that needs them, by
 * numbered migrations. Any number of runners may begin at once; one of them does it. */
#ifndef SCHEMA_SCHEMA_H
#define SCHEMA_SCHEMA_H

#include "analytics.h"
#include "postgres/session.h"

struct schema;

/* The name of the schema is checked; nothing is asked of the database yet. */
bool schema_open(struct analytics *analytics, struct schema **out, struct sdk_error *error);
void schema_close(struct schema *schema); /* NULL is allowed */

/* Once per process, on the primary; later calls return at once. A schema that is newer than this
 * plugin knows is refused. */
bool schema_ensure(struct schema *schema, const struct pg_stop *stop, struct sdk_error *error);

#endif
