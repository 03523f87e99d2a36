/* The answer as its caller sees it. See cartrita/sdk/http.h. */
#include "http_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BODY_SHOWN_MAX 300u

const char *http_method(const struct sdk_http_request *request)
{
    return request->method ? request->method : "GET";
}

void sdk_http_response_free(struct sdk_http_response *response)
{
    for (size_t i = 0; i < response->header_count; i++)
        free(response->headers[i]);
    free(response->headers);
    free(response->body);
    memset(response, 0, sizeof *response);
}

const char *sdk_http_header(const struct sdk_http_response *response, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < response->header_count; i++) {
        const char *line = response->headers[i];

        if (strncmp(line, name, len) == 0 && line[len] == ':')
            return line + len + 1 + strspn(line + len + 1, " ");
    }
    return NULL;
}

bool http_status_is_failure(long status)
{
    return status == 408 || status == 425 || status == 429 || status >= 500;
}

int64_t http_retry_after_ms(const struct sdk_http_response *response)
{
    const char *value = sdk_http_header(response, "retry-after");
    int64_t wait_ms;
    time_t date;
    char *end;

    if (!value || !*value)
        return -1;
    errno = 0;
    long long seconds = strtoll(value, &end, 10);
    if (end != value && *end == '\0') {
        if (seconds < 0)
            return -1;
        return errno != 0 || seconds > HTTP_RETRY_AFTER_MAX_MS / 1000 ? HTTP_RETRY_AFTER_MAX_MS
                                                                      : (int64_t)seconds * 1000;
    }
    date = curl_getdate(value, NULL);
    if (date == (time_t)-1)
        return -1;
    wait_ms = ((int64_t)date - (int64_t)time(NULL)) * 1000;
    if (wait_ms < 0)
        return 0;
    return wait_ms > HTTP_RETRY_AFTER_MAX_MS ? HTTP_RETRY_AFTER_MAX_MS : wait_ms;
}

static const char *status_text(long status)
{
    static const struct {
        long status;
        const char *text;
    } texts[] = {
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {415, "Unsupported Media"},
        {416, "Range Not Satisfiable"},
        {422, "Unprocessable"},
        {425, "Too Early"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (texts[i].status == status)
            return texts[i].text;
    }
    return status >= 500 ? "Server Error" : status >= 400 ? "Refused" : "Redirect";
}

/* The beginning of the body as one line. What is no UTF-8 is not shown; a cut character goes. */
static void body_show(const struct sdk_http_response *response, char shown[BODY_SHOWN_MAX + 3])
{
    size_t len = 0;
    json_t *probe;

    shown[0] = '\0';
    for (size_t i = 0; i < response->body_len && len < BODY_SHOWN_MAX; i++) {
        unsigned char byte = (unsigned char)response->body[i];

        if (byte == 0)
            return (void)(shown[0] = '\0');
        if (byte > ' ' && byte != 0x7f)
            shown[2 + len++] = (char)byte;
        else if (len > 0 && shown[1 + len] != ' ')
            shown[2 + len++] = ' ';
    }
    if (len == BODY_SHOWN_MAX) {
        while (len > 0 && ((unsigned char)shown[1 + len] & 0xc0) == 0x80)
            len--;
        if (len > 0 && (unsigned char)shown[1 + len] >= 0xc0)
            len--;
    }
    probe = json_stringn(shown + 2, len);
    if (len > 0 && probe) {
        shown[0] = ':';
        shown[1] = ' ';
        shown[2 + len] = '\0';
    }
    json_decref(probe);
}

bool sdk_http_refused(const struct sdk_http_request *request,
                      const struct sdk_http_response *response, struct sdk_error *error)
{
    struct http_target target = {"", ""};
    char body[BODY_SHOWN_MAX + 3];
    bool (*end)(struct sdk_error *, const char *, const char *, ...) =
        http_status_is_failure(response->status) ? sdk_retry_later : sdk_refuse;

    http_target_read(request->url, &target, NULL);
    body_show(response, body);
    end(error, "HttpError", "%s %s: %ld %s%s", http_method(request), target.shown, response->status,
        status_text(response->status), body);
    if (error && response->status == 429)
        error->delay_ms = http_retry_after_ms(response);
    return false;
}
