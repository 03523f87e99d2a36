/* The pool of connections to the mail server. See pool.h. */
#include "smtp/pool.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define POOL_LOOK_MS    100  /* a job that waits for a connection looks whether it should stop */
#define POOL_GOODBYE_S  1    /* a server that does not answer QUIT is not waited for */
#define POOL_SERVER_MAX 300u /* host and port */

struct smtp_pool {
    const struct email_settings *settings; /* borrowed */
    char *url;                             /* owned: with port and our own name */
    char server[POOL_SERVER_MAX];
    pthread_mutex_t lock;
    pthread_cond_t returned;
    struct smtp_line *idle; /* owned; the one returned last is first */
    int64_t lent;
};

const struct email_settings *smtp_pool_settings(const struct smtp_pool *pool)
{
    return pool->settings;
}

const char *smtp_pool_server(const struct smtp_pool *pool)
{
    return pool->server;
}

/* --- the server's address ------------------------------------------------------------------------
 */

/* The name we greet with: the setting, else the machine's where it can be one. */
static void pool_own_name(const struct email_settings *settings, char *out, size_t size)
{
    if (settings->helo)
        snprintf(out, size, "%s", settings->helo);
    else if (gethostname(out, size) != 0)
        out[0] = '\0';
    out[size - 1] = '\0';
    for (const char *c = out; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr(".-[]:", *c))
            out[0] = '\0';
    if (!out[0])
        snprintf(out, size, "localhost");
}

static bool pool_refuse_url(const struct email_settings *settings, struct sdk_error *error)
{
    return sdk_refuse(error, "SettingsError",
                      "url=%.200s: must be smtp://HOST:PORT or smtps://HOST:PORT", settings->url);
}

static bool pool_take_parts(struct smtp_pool *pool, CURLU *url, struct sdk_error *error)
{
    char *scheme = NULL, *host = NULL, *port = NULL, *user = NULL, name[256];
    bool is_taken = false;

    curl_url_get(url, CURLUPART_SCHEME, &scheme, 0);
    curl_url_get(url, CURLUPART_HOST, &host, 0);
    curl_url_get(url, CURLUPART_PORT, &port, 0);
    curl_url_get(url, CURLUPART_USER, &user, 0);
    pool_own_name(pool->settings, name, sizeof name);
    if (user)
        sdk_refuse(error, "SettingsError",
                   "url: put the login into the settings user and password, not into the url");
    else if (!scheme || !host || (strcmp(scheme, "smtp") != 0 && strcmp(scheme, "smtps") != 0))
        pool_refuse_url(pool->settings, error);
    else {
        const char *number = port ? port : strcmp(scheme, "smtps") == 0 ? "465" : "25";
        size_t size = strlen(scheme) + strlen(host) + strlen(number) + strlen(name) + 8;

        snprintf(pool->server, sizeof pool->server, "%.250s:%s", host, number);
        pool->url = malloc(size);
        is_taken = pool->url != NULL;
        if (is_taken)
            snprintf(pool->url, size, "%s://%s:%s/%s", scheme, host, number, name);
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_free(user);
    return is_taken;
}

static bool pool_take_url(struct smtp_pool *pool, struct sdk_error *error)
{
    CURLU *url = curl_url();
    bool is_taken;

    if (url && curl_url_set(url, CURLUPART_URL, pool->settings->url, 0) == CURLUE_OK)
        is_taken = pool_take_parts(pool, url, error);
    else
        is_taken = pool_refuse_url(pool->settings, error);
    curl_url_cleanup(url);
    return is_taken;
}

bool smtp_pool_open(const struct email_settings *settings, struct smtp_pool **out,
                    struct sdk_error *error)
{
    struct smtp_pool *pool = calloc(1, sizeof *pool);

    if (!pool)
        return sdk_retry_later(error, "MemoryError", "out of memory");
    pool->settings = settings;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->returned, NULL);
    if (pool_take_url(pool, error)) {
        *out = pool;
        return true;
    }
    smtp_pool_close(pool);
    return false;
}

/* --- its lines -----------------------------------------------------------------------------------
 */

static void pool_set_tls(const struct email_settings *settings, CURL *curl)
{
    static const long wanted[] = {[EMAIL_TLS_NEVER] = CURLUSESSL_NONE,
                                  [EMAIL_TLS_TRY] = CURLUSESSL_TRY,
                                  [EMAIL_TLS_REQUIRED] = CURLUSESSL_ALL,
                                  [EMAIL_TLS_VERIFY] = CURLUSESSL_ALL};
    bool verifies = settings->tls == EMAIL_TLS_VERIFY;

    curl_easy_setopt(curl, CURLOPT_USE_SSL, wanted[settings->tls]);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, verifies ? 1L : 0L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, verifies ? 2L : 0L);
    if (settings->ca_file)
        curl_easy_setopt(curl, CURLOPT_CAINFO, settings->ca_file);
}

static struct smtp_line *pool_new_line(const struct smtp_pool *pool)
{
    const struct email_settings *settings = pool->settings;
    struct smtp_line *line = calloc(1, sizeof *line);
    CURL *curl = line ? curl_easy_init() : NULL;

    if (!curl) {
        free(line);
        return NULL;
    }
    line->curl = curl;
    curl_easy_setopt(curl, CURLOPT_URL, pool->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXCONNECTS, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXAGE_CONN, (long)(settings->idle_timeout_ms / 1000));
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)settings->connect_timeout_ms);
    curl_easy_setopt(curl, CURLOPT_SERVER_RESPONSE_TIMEOUT,
                     (long)(settings->reply_timeout_ms / 1000));
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)settings->send_timeout_ms);
    if (settings->user) {
        curl_easy_setopt(curl, CURLOPT_USERNAME, settings->user);
        curl_easy_setopt(curl, CURLOPT_PASSWORD, settings->password);
    }
    pool_set_tls(settings, curl);
    return line;
}

static void pool_free_line(struct smtp_line *line)
{
    curl_easy_setopt(line->curl, CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)POOL_GOODBYE_S);
    curl_easy_cleanup(line->curl);
    free(line);
}

void smtp_pool_close(struct smtp_pool *pool)
{
    if (!pool)
        return;
    while (pool->idle) {
        struct smtp_line *line = pool->idle;

        pool->idle = line->next;
        pool_free_line(line);
    }
    pthread_cond_destroy(&pool->returned);
    pthread_mutex_destroy(&pool->lock);
    free(pool->url);
    free(pool);
}

/* Under the lock. */
static void pool_wait(struct smtp_pool *pool)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += POOL_LOOK_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_cond_timedwait(&pool->returned, &pool->lock, &until);
}

struct smtp_line *smtp_pool_lend(struct smtp_pool *pool, struct sdk_call *call)
{
    struct smtp_line *line;
    bool goes_on = true;

    pthread_mutex_lock(&pool->lock);
    while (pool->lent >= pool->settings->connections && (goes_on = sdk_call_goes_on(call)))
        pool_wait(pool);
    line = goes_on ? pool->idle : NULL;
    if (line)
        pool->idle = line->next;
    else if (goes_on)
        line = pool_new_line(pool);
    if (line)
        pool->lent++;
    else if (goes_on)
        sdk_retry_later(&call->error, "MemoryError", "out of memory");
    pthread_mutex_unlock(&pool->lock);
    return line;
}

void smtp_pool_return(struct smtp_pool *pool, struct smtp_line *line)
{
    pthread_mutex_lock(&pool->lock);
    line->next = pool->idle;
    pool->idle = line;
    pool->lent--;
    pthread_cond_signal(&pool->returned);
    pthread_mutex_unlock(&pool->lock);
}
