/* See the header. */
#include "q/flow_read.h"

#include <stdlib.h>

#include "common/json.h"
#include "common/mem.h"
#include "dialect/shared/members.h"

static enum ct_code refuse(const struct flow_job *job, const char *what, struct ct_error *err)
{
    return ct_error_set(err, CT_E_USAGE, "job \"%.60s\" of the flow: %s",
                        job->name ? job->name : "", what);
}

static bool is_absent(struct ct_str json)
{
    return !json.data || ct_str_is(json, "null");
}

static enum ct_code read_job(struct flow_job *job, struct ct_str text, const char *prefix,
                             struct ct_error *err)
{
    struct ct_str given = members_find(text, "prefix");

    job->name = members_string(members_find(text, "name"));
    job->queue = members_string(members_find(text, "queueName"));
    job->prefix = is_absent(given) ? ct_strdup(prefix) : members_string(given);
    job->children = members_find(text, "children");
    job->add.data = members_find(text, "data");
    job->add.opts = members_find(text, "opts");
    if (is_absent(job->children))
        job->children = CT_STR_NONE;
    if (is_absent(job->add.opts))
        job->add.opts = CT_STR_NONE;
    if (members_trim(text).data[0] != '{')
        return refuse(job, "it is no object", err);
    if (!job->name)
        return refuse(job, "it needs a \"name\", which is text", err);
    if (!job->queue || !*job->queue)
        return refuse(job, "it needs a \"queueName\", which is text", err);
    if (!job->prefix)
        return refuse(job, "its \"prefix\" is no text", err);
    if (job->children.data && job->children.data[0] != '[')
        return refuse(job, "its \"children\" are no array", err);
    job->add.name = ct_str_of(job->name);
    job->add.node = &job->node;
    job->node.queue = (struct queue_name){job->prefix, job->queue};
    return CT_E_OK;
}

static enum ct_code add_job(struct flow *flow, struct ct_str text, struct flow_job *parent,
                            const char *prefix, struct ct_error *err)
{
    if (flow->count == FLOW_JOBS_MAX)
        return ct_error_set(err, CT_E_TOO_LARGE, "the flow has more than %d jobs (FLOW_JOBS_MAX)",
                            FLOW_JOBS_MAX);
    struct flow_job *job = &flow->jobs[flow->count++];
    ct_list_init(&job->add.link);
    if (parent) {
        parent->node.has_children = true;
        job->node.parent = &parent->add;
    }
    return read_job(job, text, prefix, err);
}

enum ct_code flow_read(struct flow *flow, struct ct_str text, const char *prefix,
                       struct ct_error *err)
{
    struct members children;

    *flow = (struct flow){.jobs = ct_zalloc(FLOW_JOBS_MAX * sizeof *flow->jobs)};
    enum ct_code rc = ct_json_check(text, err);
    if (rc == CT_E_OK)
        rc = add_job(flow, members_trim(text), NULL, prefix, err);
    for (size_t i = 0; rc == CT_E_OK && i < flow->count; i++) {
        if (!members_begin_array(&children, flow->jobs[i].children))
            continue;
        while (rc == CT_E_OK && members_next(&children))
            rc = add_job(flow, children.value, &flow->jobs[i], prefix, err);
    }
    return rc;
}

void flow_free(struct flow *flow)
{
    for (size_t i = 0; i < flow->count; i++) {
        job_add_fini(&flow->jobs[i].add);
        free(flow->jobs[i].name);
        free(flow->jobs[i].queue);
        free(flow->jobs[i].prefix);
    }
    free(flow->jobs);
}
