/* The numbered steps that make the tables. A step that has been released is never changed: what is
 * to be different is another step. */
#ifndef SCHEMA_MIGRATIONS_H
#define SCHEMA_MIGRATIONS_H

/* migration_steps[n - 1] brings version n - 1 to n. Run with the schema first in the search path.
 */
extern const char *const migration_steps[];
extern const int migration_count;

#endif
