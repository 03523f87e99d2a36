/* What the API says when it does not. */
#include "common/json.h"
#include "server/api/api.h"

void api_refuse(struct http_request *request, unsigned status, const char *code,
                struct ct_str message)
{
    struct ct_buf body;

    ct_buf_init(&body);
    ct_buf_printf(&body, "{\"error\":{\"code\":\"%s\",\"message\":", code);
    ct_json_append_string(&body, message);
    ct_buf_append(&body, "}}\n", 3);
    http_answer(request, status, "application/json", ct_buf_str(&body));
    ct_buf_free(&body);
}
