/* Requests to an S3-compatible server; see s3.h. */
#include "transfer/s3.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cartrita/sdk/json.h"
#include "cartrita/sdk/secret.h"
#include "transfer/sign.h"

#define SETTING_MAX 1024u

struct s3 {
    char *endpoint;                                /* owned: "https://host:port" */
    char *region;                                  /* owned */
    char *access_key, *secret_key, *session_token; /* owned; the last may be NULL */
    bool is_path_style;
};

void s3_close(struct s3 *s3)
{
    if (!s3)
        return;
    free(s3->endpoint);
    free(s3->region);
    sdk_secret_free(s3->access_key);
    sdk_secret_free(s3->secret_key);
    sdk_secret_free(s3->session_token);
    free(s3);
}

bool s3_open(const json_t *setting, struct s3 **out, struct sdk_error *error)
{
    static const char *const members[] = {"endpoint",     "region",    "accessKey", "secretKey",
                                          "sessionToken", "pathStyle", NULL};
    struct sdk_reader in = sdk_reader(setting, "s3", error);
    struct s3 *s3;
    const char *endpoint, *region, *access, *secret, *token;
    char amazon[SETTING_MAX];
    size_t len;

    *out = NULL;
    if (!setting)
        return true;
    region = sdk_text(&in, "region", "us-east-1", 64);
    snprintf(amazon, sizeof amazon, "https://s3.%.64s.amazonaws.com", region ? region : "");
    endpoint = sdk_text(&in, "endpoint", amazon, SETTING_MAX);
    access = sdk_text(&in, "accessKey", SDK_REQUIRED, SETTING_MAX);
    secret = sdk_text(&in, "secretKey", SDK_REQUIRED, SETTING_MAX);
    token = sdk_text(&in, "sessionToken", NULL, SDK_SECRET_MAX);
    if (!sdk_reader_only(&in, members) || !sdk_reader_ok(&in))
        return false;
    if (strncmp(endpoint, "http://", 7) != 0 && strncmp(endpoint, "https://", 8) != 0)
        return sdk_reader_refuse(&in, "endpoint", "it begins with https:// or http://");
    s3 = calloc(1, sizeof *s3);
    if (!s3)
        return sdk_retry_later(error, "MemoryError", "out of memory");
    s3->is_path_style = sdk_boolean(&in, "pathStyle", endpoint != amazon);
    s3->region = strdup(region);
    len = strlen(endpoint);
    while (endpoint[len - 1] == '/')
        len--;
    s3->endpoint = strndup(endpoint, len);
    if (s3->region && s3->endpoint && sdk_reader_ok(&in) &&
        sdk_secret_read(access, &s3->access_key, error) &&
        sdk_secret_read(secret, &s3->secret_key, error) &&
        (!token || sdk_secret_read(token, &s3->session_token, error))) {
        *out = s3;
        return true;
    }
    s3_close(s3);
    return false;
}

/* --- signed requests ----------------------------------------------------------------------------
 */

void s3_signed_add(struct s3_signed *request, const char *name, const char *value)
{
    if (!value || request->count == S3_LINES_MAX)
        return;
    sdk_string_printf(&request->lines[request->count], "%s:%s", name, value);
    request->headers[request->count] = request->lines[request->count].bytes;
    request->count++;
}

void s3_signed_free(struct s3_signed *request)
{
    sdk_string_free(&request->url);
    for (size_t i = 0; i < request->count; i++)
        sdk_string_free(&request->lines[i]);
    *request = (struct s3_signed){0};
}

static void add_authorization(const struct s3 *s3, struct s3_signed *request,
                              struct sign_request *sign)
{
    struct sdk_string value = {0};

    sign->lines = request->headers;
    sign->line_count = request->count;
    sign->region = s3->region;
    sign->access_key = s3->access_key;
    sign->secret_key = s3->secret_key;
    sign_authorization(sign, &value);
    s3_signed_add(request, "authorization", value.bytes);
    sdk_string_free(&value);
}

bool s3_sign(const struct s3 *s3, const char *method, const char *location, const char *query,
             const char *payload_sha256, struct s3_signed *out, struct sdk_error *error)
{
    const char *bucket = location + strlen("s3://"), *key = strchr(bucket, '/');
    const char *host = s3 ? strstr(s3->endpoint, "://") + 3 : NULL;
    struct sdk_string path = {0}, whole_host = {0};
    time_t now = time(NULL);
    struct tm parts;
    char stamp[32];

    *out = (struct s3_signed){0};
    if (!s3)
        return sdk_refuse(error, "SettingsError",
                          "%s: this worker knows no S3 server; give the plugin's setting s3",
                          location);
    if (!key || key == bucket || !key[1])
        return sdk_refuse(error, "ValidationError", "%s: this is no s3://BUCKET/KEY", location);
    gmtime_r(&now, &parts);
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &parts);
    if (s3->is_path_style) {
        sdk_string_puts(&path, "/");
        sdk_url_encode_add(&path, bucket, (size_t)(key - bucket), false);
    } else {
        sdk_string_printf(&whole_host, "%.*s.", (int)(key - bucket), bucket);
    }
    sdk_string_puts(&whole_host, host);
    sdk_url_encode_add(&path, key, strlen(key), true);
    sdk_string_printf(&out->url, "%.*s%s%s%s%s", (int)(host - s3->endpoint), s3->endpoint,
                      whole_host.bytes, path.bytes, query[0] ? "?" : "", query);
    s3_signed_add(out, "host", whole_host.bytes);
    s3_signed_add(out, "x-amz-content-sha256", payload_sha256);
    s3_signed_add(out, "x-amz-date", stamp);
    s3_signed_add(out, "x-amz-security-token", s3->session_token);
    add_authorization(s3, out,
                      &(struct sign_request){.method = method,
                                             .path = path.bytes,
                                             .query = query,
                                             .payload_sha256 = payload_sha256,
                                             .time = stamp});
    sdk_string_free(&path);
    sdk_string_free(&whole_host);
    return true;
}

/* --- refusals -----------------------------------------------------------------------------------
 */

bool s3_element(const char *xml, const char *tag, char *out, size_t size)
{
    char open[64];
    const char *at, *end;

    snprintf(open, sizeof open, "<%s>", tag);
    at = xml ? strstr(xml, open) : NULL;
    at = at ? at + strlen(open) : NULL;
    end = at ? strchr(at, '<') : NULL;
    if (!end || (size_t)(end - at) >= size)
        return false;
    memcpy(out, at, (size_t)(end - at));
    out[end - at] = '\0';
    return true;
}

bool s3_refused(const char *location, const struct sdk_http_request *request,
                const struct sdk_http_response *response, struct sdk_error *error)
{
    static const struct {
        const char *code, *hint;
    } hints[] = {
        {"SignatureDoesNotMatch", "the secret key is not the one of this access key, or a proxy "
                                  "has changed the request"},
        {"InvalidAccessKeyId", "the server does not know this access key"},
        {"AccessDenied", "the key may not do this to this object"},
        {"RequestTimeTooSkewed", "the clock of this machine is wrong"},
        {"NoSuchBucket", "the bucket does not exist"},
        {"NoSuchKey", "the object does not exist"},
        {"PermanentRedirect", "the bucket lives elsewhere: set its endpoint and region"},
        {"AuthorizationHeaderMalformed", "the region is not the bucket's"},
        {"EntityTooLarge", "the object is too large for this server"},
    };
    char code[64] = "", message[256] = "";

    if (!s3_element(response->body, "Code", code, sizeof code))
        return sdk_http_refused(request, response, error);
    (void)s3_element(response->body, "Message", message, sizeof message);
    if (response->status >= 500 || response->status == 429 || strcmp(code, "SlowDown") == 0 ||
        strcmp(code, "InternalError") == 0 || strcmp(code, "RequestTimeout") == 0)
        return sdk_retry_later(error, "S3Error", "%.300s: %s (%ld): %s", location, code,
                               response->status, message);
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++)
        if (strcmp(code, hints[i].code) == 0)
            return sdk_refuse(error, "S3Error", "%.300s: %s (%ld): %s", location, code,
                              response->status, hints[i].hint);
    return sdk_refuse(error, "S3Error", "%.300s: %s (%ld): %s", location, code, response->status,
                      message);
}
