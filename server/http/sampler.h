/* Looks at Redis, in turns, for how many jobs are where in each queue of the ledger: two cheap
 * questions a queue every SAMPLER_INTERVAL_MS, one at a time. Owned by the daemon's HTTP: without a
 * metrics page nobody asks. */
#ifndef CT_SERVER_HTTP_SAMPLER_H
#define CT_SERVER_HTTP_SAMPLER_H

#include "server/hosts.h"

#define SAMPLER_INTERVAL_MS 5000
#define SAMPLER_FIRST_MS    500

struct sampler;

struct sampler *sampler_open(uv_loop_t *loop, struct hosts *hosts);
/* Before the hosts are closed: a question under way is answered by their end, and then it is freed.
 */
void sampler_close(struct sampler *sampler);

#endif
