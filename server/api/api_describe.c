/* The API in OpenAPI's words, from the table. */
#include <string.h>

#include "common/json.h"
#include "server/api/api.h"
#include "server/api/api_routes.h"

static void describe_place(struct ct_buf *out, struct ct_str name)
{
    ct_buf_printf(out,
                  "{\"name\":\"%.*s\",\"in\":\"path\",\"required\":true,\"schema\":"
                  "{\"type\":\"string\"}},",
                  (int)name.len, name.data);
}

static void describe_param(void *arg, const char *name, size_t len, enum api_param kind)
{
    ct_buf_printf(arg, "{\"name\":\"%.*s\",\"in\":\"query\",\"schema\":{\"type\":\"%s\"}},",
                  (int)len, name, kind == API_PARAM_FLAG ? "boolean" : "string");
}

static void describe_params(struct ct_buf *out, const struct api_route *route)
{
    ct_buf_printf(out, "\"parameters\":[");
    for (const char *at = strchr(route->path, '{'); at; at = strchr(at + 1, '{'))
        describe_place(out, (struct ct_str){at + 1, strcspn(at + 1, "}")});
    api_each_param(route, describe_param, out);
    if (ct_buf_data(out)[out->len - 1] == ',')
        out->len--;
    ct_buf_printf(out, "],");
}

static void describe_route(struct ct_buf *out, const struct api_route *route)
{
    ct_buf_append_char(out, '"');
    for (const char *c = route->method; *c; c++)
        ct_buf_append_char(out, (char)(*c | 0x20));
    ct_buf_printf(out,
                  "\":{\"summary\":\"%s\",\"description\":\"Role: %s. As cartrita-q %s%s%s.\",",
                  route->about, access_role_text(route->role), route->noun, route->verb ? " " : "",
                  route->verb ? route->verb : "");
    describe_params(out, route);
    if (route->kind == API_ADD_JOB)
        ct_buf_printf(out, "\"requestBody\":{\"content\":{\"application/json\":{\"schema\":"
                           "{\"$ref\":\"#/components/schemas/Job\"}}}},");
    ct_buf_printf(out,
                  "\"responses\":{\"%s\":{\"description\":\"What cartrita-q prints with -o "
                  "json\",\"content\":{\"%s\":{}}},"
                  "\"default\":{\"$ref\":\"#/components/responses/Error\"}}},",
                  route->kind == API_ADD_JOB ? "201" : "200",
                  route->kind == API_FEED ? "text/event-stream" : "application/json");
}

static bool is_first_of_path(size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (strcmp(api_routes[i].path, api_routes[index].path) == 0)
            return false;
    return true;
}

static void describe_paths(struct ct_buf *out)
{
    for (size_t i = 0; i < api_route_count; i++) {
        if (!is_first_of_path(i))
            continue;
        ct_buf_printf(out, "\"%s%s\":{", API_PREFIX, api_routes[i].path);
        for (size_t k = i; k < api_route_count; k++)
            if (strcmp(api_routes[k].path, api_routes[i].path) == 0)
                describe_route(out, &api_routes[k]);
        out->len--; /* the last comma */
        ct_buf_append(out, "},", 2);
    }
    out->len--;
}

void api_describe(struct http_request *request)
{
    struct ct_buf out;

    ct_buf_init(&out);
    ct_buf_printf(&out,
                  "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"Cartrita\",\"version\":\"%s\"},"
                  "\"security\":[{\"token\":[]}],\"paths\":{",
                  CARTRITA_VERSION);
    describe_paths(&out);
    ct_buf_printf(
        &out,
        "},\"components\":{\"securitySchemes\":{\"token\":{\"type\":\"http\",\"scheme\":\"bearer\"}"
        "},"
        "\"schemas\":{\"Job\":{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},"
        "\"data\":{},\"opts\":{\"type\":\"object\"}},\"additionalProperties\":false},"
        "\"Error\":{\"type\":\"object\",\"properties\":{\"error\":{\"type\":\"object\","
        "\"properties\":"
        "{\"code\":{\"type\":\"string\"},\"message\":{\"type\":\"string\"}}}}}},"
        "\"responses\":{\"Error\":{\"description\":\"Why not\",\"content\":{\"application/json\":"
        "{\"schema\":{\"$ref\":\"#/components/schemas/Error\"}}}}}}}\n");
    http_answer(request, 200, "application/json", ct_buf_str(&out));
    ct_buf_free(&out);
}
