/* URLs and addresses of the HTTP client. See http_parts.h. */
#include "http_parts.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct range {
    uint32_t network, mask;
};

/* What IANA lists as not globally reachable, multicast and what is reserved. */
static const struct range private_ranges[] = {
    {0x00000000u, 0xff000000u}, /* 0.0.0.0/8 */
    {0x0a000000u, 0xff000000u}, /* 10.0.0.0/8 */
    {0x64400000u, 0xffc00000u}, /* 100.64.0.0/10 */
    {0x7f000000u, 0xff000000u}, /* 127.0.0.0/8 */
    {0xa9fe0000u, 0xffff0000u}, /* 169.254.0.0/16 */
    {0xac100000u, 0xfff00000u}, /* 172.16.0.0/12 */
    {0xc0000000u, 0xffffff00u}, /* 192.0.0.0/24 */
    {0xc0000200u, 0xffffff00u}, /* 192.0.2.0/24 */
    {0xc0a80000u, 0xffff0000u}, /* 192.168.0.0/16 */
    {0xc6120000u, 0xfffe0000u}, /* 198.18.0.0/15 */
    {0xc6336400u, 0xffffff00u}, /* 198.51.100.0/24 */
    {0xcb007100u, 0xffffff00u}, /* 203.0.113.0/24 */
    {0xe0000000u, 0xe0000000u}, /* 224.0.0.0/3 */
};

static bool is_private_v4(uint32_t address)
{
    for (size_t i = 0; i < sizeof private_ranges / sizeof *private_ranges; i++) {
        if ((address & private_ranges[i].mask) == private_ranges[i].network)
            return true;
    }
    return false;
}

static uint32_t read_v4(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static bool is_private_v6(const unsigned char a[16])
{
    static const unsigned char zeros[12], nat64[12] = {0, 0x64, 0xff, 0x9b},
                                          mapped[12] = {[10] = 0xff, [11] = 0xff};

    if (memcmp(a, mapped, 12) == 0 || memcmp(a, nat64, 12) == 0)
        return is_private_v4(read_v4(a + 12));
    if (a[0] == 0x20 && a[1] == 0x02) /* 6to4 */
        return is_private_v4(read_v4(a + 2));
    /* ::, ::1 and the old embedding; what is not 2000::/3 is local, multicast or not given out. */
    return memcmp(a, zeros, 12) == 0 || (a[0] & 0xe0) != 0x20;
}

bool http_address_is_private(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;

        memcpy(&in, address, sizeof in);
        return is_private_v4(ntohl(in.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;

        memcpy(&in6, address, sizeof in6);
        return is_private_v6(in6.sin6_addr.s6_addr);
    }
    return true;
}

static bool target_fill(CURLU *parts, struct http_target *target, struct sdk_error *error)
{
    char *scheme = NULL, *host = NULL, *port = NULL, *shown = NULL;
    bool is_ok = false;

    if (curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        (strcasecmp(scheme, "http") != 0 && strcasecmp(scheme, "https") != 0)) {
        sdk_refuse(error, "UrlError", "only http:// and https:// are requested, not \"%.20s://\"",
                   scheme ? scheme : "");
        goto out;
    }
    if (curl_url_get(parts, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
        curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK ||
        strlen(host) > 253) {
        sdk_refuse(error, "UrlError", "the URL names no host");
        goto out;
    }
    curl_url_set(parts, CURLUPART_USER, NULL, 0);
    curl_url_set(parts, CURLUPART_PASSWORD, NULL, 0);
    curl_url_set(parts, CURLUPART_QUERY, NULL, 0);
    curl_url_set(parts, CURLUPART_FRAGMENT, NULL, 0);
    if (curl_url_get(parts, CURLUPART_URL, &shown, 0) != CURLUE_OK) {
        sdk_retry_later(error, "MemoryError", "out of memory");
        goto out;
    }
    snprintf(target->shown, sizeof target->shown, "%s", shown);
    snprintf(target->endpoint, sizeof target->endpoint, "%s://%s:%s", scheme, host, port);
    is_ok = true;
out:
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_free(shown);
    return is_ok;
}

bool http_target_read(const char *url, struct http_target *target, struct sdk_error *error)
{
    CURLU *parts = curl_url();
    CURLUcode code;
    bool is_ok;

    if (!parts)
        return sdk_retry_later(error, "MemoryError", "out of memory");
    code =
        url ? curl_url_set(parts, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME | CURLU_PATH_AS_IS)
            : CURLUE_MALFORMED_INPUT;
    if (code != CURLUE_OK)
        is_ok = sdk_refuse(error, "UrlError", "this is no URL (%s)", curl_url_strerror(code));
    else
        is_ok = target_fill(parts, target, error);
    curl_url_cleanup(parts);
    return is_ok;
}
