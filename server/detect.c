/* Which dialect a queue speaks. See detect.h. */
#include "server/detect.h"

#include <stdlib.h>

#include "common/mem.h"

extern const struct dialect bull_dialect;

struct detect {
    char *wanted; /* owned; NULL: auto */
};

struct detect *detect_begin(const struct queue_name *name, const char *wanted)
{
    struct detect *detect = ct_zalloc(sizeof *detect);

    detect->wanted = wanted ? ct_strdup(wanted) : NULL;
    return detect;
}

bool detect_step(struct detect *detect, struct redis_link *link, const struct dialect **out,
                 struct ct_error *err)
{
    *out = &bull_dialect;
    return true;
}

void detect_cancel(struct detect *detect)
{
    free(detect->wanted);
    free(detect);
}
