/* Documents on their way into a search index: gathered to batches, sent to _bulk, and each one's
 * answer looked at. Called by index.c. */
#ifndef ANALYTICS_INDEX_BULK_H
#define ANALYTICS_INDEX_BULK_H

#include "analytics.h"
#include "cartrita/sdk/http.h"
#include "cartrita/sdk/text.h"

#define BULK_ERRORS_MAX 100u /* that are told one by one */
#define BULK_ID_MAX     512u /* bytes, the servers' own limit */

struct bulk_item {
    size_t offset, len; /* both lines, in `text` */
    bool is_done;
};

struct bulk {
    struct sdk_call *call;
    const struct analytics *analytics;
    bool is_create; /* a document that is there already stays as it is */
    struct sdk_string text;
    struct bulk_item *items; /* owned */
    size_t count, capacity;
    size_t per_request; /* documents; becomes less when the server finds requests too large */
    int64_t indexed, existing, refused;
    json_t *errors; /* owned: {id, index, status, type, reason} */
};

void bulk_init(struct bulk *bulk, struct sdk_call *call, bool is_create);
void bulk_free(struct bulk *bulk);
/* `source`: a JSON object on one line. Sends what was gathered when it is enough. */
bool bulk_add(struct bulk *bulk, const char *index, const char *id, const char *source, size_t len);
/* Sends all that is left. False: call->error; some of it may be indexed. */
bool bulk_flush(struct bulk *bulk);

#endif
