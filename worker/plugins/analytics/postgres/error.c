/* Errors of PostgreSQL. See error.h. */
#include "postgres/error.h"

#include <stdio.h>
#include <string.h>

/* SQLSTATEs, by prefix: what no repetition can help. The longest prefix that fits decides; what is
 * not in the table may work another time: connections, locks, resources, a server that restarts. */
static const struct {
    const char *prefix;
    bool is_permanent;
} decisions[] = {
    {"0A", true},     /* feature not supported */
    {"21", true},     /* cardinality violation */
    {"22", true},     /* the data is not what the column takes */
    {"23", true},     /* integrity */
    {"25006", false}, /* read-only: a standby that was the primary; the next connection knows */
    {"42", true},     /* syntax, unknown names, types, privileges */
    {"42P05", false}, /* traces of other sessions behind a pooler */
    {"44", true},     /* view with check option */
    {"54", true},     /* limits of the program: too many columns, too complex */
};

static bool error_is_permanent(const char *sqlstate)
{
    size_t best = 0;
    bool is_permanent = false;

    for (size_t i = 0; i < sizeof decisions / sizeof decisions[0]; i++) {
        size_t len = strlen(decisions[i].prefix);

        if (len > best && strncmp(sqlstate, decisions[i].prefix, len) == 0) {
            best = len;
            is_permanent = decisions[i].is_permanent;
        }
    }
    return is_permanent;
}

/* Messages of libpq end with a line feed and may have several lines. */
static void error_line(const char *message, char *out, size_t size)
{
    snprintf(out, size, "%s", message && message[0] ? message : "no reason given");
    for (char *end = out + strlen(out); end > out && (end[-1] == '\n' || end[-1] == ' ');)
        *--end = '\0';
    for (char *at = out; (at = strchr(at, '\n'));)
        *at = ' ';
}

/* What to do about it, where that is not plain. */
static const char *error_remedy(const char *sqlstate)
{
    if (strcmp(sqlstate, "57014") == 0)
        return "; it took longer than statementTimeout or queryTimeout allow, or was cancelled";
    if (strcmp(sqlstate, "42501") == 0)
        return "; grant it to the user of the url";
    if (strcmp(sqlstate, "53100") == 0)
        return "; free space on the database's disk";
    return "";
}

/* A check that failed has a name. Without one there is no partition for the row, which can be made.
 */
static bool error_is_no_partition(const char *sqlstate, const PGresult *result)
{
    return strcmp(sqlstate, PG_NO_PARTITION) == 0 &&
           !PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
}

bool pg_lost(const char *what, const PGconn *connection, struct sdk_error *error)
{
    char line[600];

    error_line(PQerrorMessage(connection), line, sizeof line);
    return sdk_retry_later(error, "ConnectionError", "%s: %s", what, line);
}

bool pg_refused(const char *what, const PGconn *connection, const PGresult *result,
                struct sdk_error *error)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
    char line[500], more[200] = "";

    if (!sqlstate)
        return pg_lost(what, connection, error);
    error_line(PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY), line, sizeof line);
    if (detail) {
        error_line(detail, more + 2, sizeof more - 2);
        memcpy(more, ": ", 2);
    }
    if (error_is_permanent(sqlstate) && !error_is_no_partition(sqlstate, result))
        return sdk_refuse(error, "DatabaseError", "%s: %s%s (%s)%s", what, line, more, sqlstate,
                          error_remedy(sqlstate));
    return sdk_retry_later(error, "DatabaseError", "%s: %s%s (%s)%s", what, line, more, sqlstate,
                           error_remedy(sqlstate));
}

bool pg_error_is(const struct sdk_error *error, const char *sqlstate)
{
    char quoted[16];

    snprintf(quoted, sizeof quoted, " (%s)", sqlstate);
    return strstr(error->text, quoted) != NULL;
}
