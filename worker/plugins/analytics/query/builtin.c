/* Queries that are built in. See builtin.h; README.md tells what they answer. */
#include "query/builtin.h"

#include <stddef.h>

#define WINDOW \
    "{\"name\": \"from\", \"type\": \"timestamp\"}, {\"name\": \"to\", \"type\": \"timestamp\"}"
#define ONE_TYPE "{\"name\": \"eventType\", \"type\": \"text\", \"default\": null}"

const struct query_builtin query_builtins[] = {
    {"eventCounts", "[" WINDOW ", " ONE_TYPE "]",
     "SELECT event_type AS \"eventType\", count(*) AS events, count(DISTINCT user_id) AS users"
     " FROM events WHERE at >= $1 AND at < $2 AND ($3 IS NULL OR event_type = $3)"
     " GROUP BY event_type ORDER BY events DESC, event_type"},

    {"eventSeries",
     "[" WINDOW ", " ONE_TYPE
     ", {\"name\": \"step\", \"type\": \"text\", \"default\": \"1 hour\"}]",
     "SELECT date_bin($4::interval, at, $1) AS \"from\", count(*) AS events,"
     " count(DISTINCT user_id) AS users"
     " FROM events WHERE at >= $1 AND at < $2 AND ($3 IS NULL OR event_type = $3)"
     " GROUP BY 1 ORDER BY 1"},

    /* Without a field: the users. */
    {"topK",
     "[" WINDOW ", " ONE_TYPE ", {\"name\": \"field\", \"type\": \"text\", \"default\": null}"
     ", {\"name\": \"k\", \"type\": \"integer\", \"default\": 10}]",
     "SELECT CASE WHEN $4 IS NULL THEN user_id ELSE data->>$4 END AS value, count(*) AS events"
     " FROM events WHERE at >= $1 AND at < $2 AND ($3 IS NULL OR event_type = $3)"
     " AND CASE WHEN $4 IS NULL THEN user_id ELSE data->>$4 END IS NOT NULL"
     " GROUP BY 1 ORDER BY events DESC, value LIMIT $5"},

    /* Values that are no numbers do not count. */
    {"percentiles",
     "[" WINDOW ", {\"name\": \"field\", \"type\": \"text\"}, " ONE_TYPE
     ", {\"name\": \"percentiles\", \"type\": \"texts\", \"default\": [\"50\", \"90\", \"95\","
     " \"99\"]}]",
     "WITH wanted AS (SELECT p::float8 AS percentile FROM unnest($5) AS p),"
     " numbers AS (SELECT (data->>$3)::float8 AS value FROM events"
     " WHERE at >= $1 AND at < $2 AND ($4 IS NULL OR event_type = $4)"
     " AND jsonb_typeof(data->$3) = 'number'),"
     " found AS (SELECT count(*) AS n, percentile_cont((SELECT array_agg(percentile / 100"
     " ORDER BY percentile) FROM wanted)) WITHIN GROUP (ORDER BY value) AS list FROM numbers)"
     " SELECT w.percentile, w.value, found.n AS events FROM found,"
     " LATERAL (SELECT percentile, list[row_number() OVER (ORDER BY percentile)] AS value"
     " FROM wanted) AS w ORDER BY w.percentile"},

    /* From each user's first event of the first step on, each next step after the one before. */
    {"funnel",
     "[" WINDOW ", {\"name\": \"steps\", \"type\": \"texts\"}"
     ", {\"name\": \"within\", \"type\": \"text\", \"default\": \"7 days\"}]",
     "WITH RECURSIVE steps AS (SELECT event_type, n FROM unnest($3) WITH ORDINALITY"
     " AS s(event_type, n)),"
     " reached AS (SELECT e.user_id, 1::bigint AS n, min(e.at) AS at, min(e.at) AS began"
     " FROM events e JOIN steps s ON s.n = 1 AND s.event_type = e.event_type"
     " WHERE e.at >= $1 AND e.at < $2 AND e.user_id IS NOT NULL GROUP BY e.user_id"
     " UNION ALL"
     " SELECT r.user_id, r.n + 1, next.at, r.began FROM reached r"
     " JOIN steps s ON s.n = r.n + 1,"
     " LATERAL (SELECT min(e.at) AS at FROM events e WHERE e.user_id = r.user_id"
     " AND e.event_type = s.event_type AND e.at > r.at AND e.at < $2"
     " AND e.at <= r.began + $4::interval) AS next WHERE next.at IS NOT NULL)"
     " SELECT s.n AS step, s.event_type AS \"eventType\", count(r.user_id) AS users"
     " FROM steps s LEFT JOIN reached r ON r.n = s.n GROUP BY s.n, s.event_type ORDER BY s.n"},

    {NULL, NULL, NULL},
};
