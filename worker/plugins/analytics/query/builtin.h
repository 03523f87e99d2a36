/* Queries over the table of events that are there without any configuration. */
#ifndef QUERY_BUILTIN_H
#define QUERY_BUILTIN_H

struct query_builtin {
    const char *name;
    const char *params; /* JSON, as in the configuration */
    const char *sql;
};

extern const struct query_builtin query_builtins[]; /* ends with a name of NULL */

#endif
