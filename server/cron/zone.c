/* Finds and reads time zone files (TZif, RFC 8536) and answers which offset holds when. Owns the
 * cache of zones. Never trusts a file's counts, never leaves the database's folder. */
#include "cron/zone.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/mem.h"
#include "cron/calendar.h"

#define ZONE_FOLDER     "/usr/share/zoneinfo"
#define ZONE_HEADER_LEN 44
#define ZONE_PATH_MAX   512
#define ZONE_OFFSET_MAX (26 * 3600)

struct zone {
    char name[ZONE_NAME_MAX + 1]; /* as asked for; empty: the process' own */
    size_t change_count;
    int64_t *changes_s;     /* owned; ascending; offsets[i] holds from changes_s[i] on */
    int32_t *offsets_s;     /* owned */
    int32_t first_offset_s; /* before the first change */
    bool has_rule;
    struct posix_tz rule; /* from the last change on */
};

static struct zone *zone_cache[ZONE_CACHE_MAX]; /* owned; filled from the front */
static size_t zone_cache_oldest;

static void zone_free(struct zone *zone)
{
    if (!zone)
        return;
    free(zone->changes_s);
    free(zone->offsets_s);
    free(zone);
}

/* --- the file -------------------------------------------------------------------------------- */

/* What a header announces, and where its block begins. */
struct zone_block {
    const unsigned char *data;
    size_t time_len; /* 4 or 8 bytes a moment */
    size_t isut_count, isstd_count, leap_count, change_count, type_count, char_count;
};

static int64_t load_be(const unsigned char *bytes, size_t len)
{
    uint64_t value = bytes[0] & 0x80 ? UINT64_MAX : 0; /* the sign goes on to the left */

    for (size_t i = 0; i < len; i++)
        value = value << 8 | bytes[i];
    return (int64_t)value;
}

static size_t block_len(const struct zone_block *block)
{
    return block->change_count * (block->time_len + 1) + block->type_count * 6 + block->char_count +
           block->leap_count * (block->time_len + 4) + block->isstd_count + block->isut_count;
}

static bool read_header(const unsigned char *data, size_t len, size_t time_len,
                        struct zone_block *out)
{
    size_t counts[6];

    if (len < ZONE_HEADER_LEN || memcmp(data, "TZif", 4) != 0)
        return false;
    for (size_t i = 0; i < 6; i++) {
        int64_t count = load_be(data + 20 + 4 * i, 4);
        if (count < 0 || count > ZONE_FILE_MAX)
            return false;
        counts[i] = (size_t)count;
    }
    *out = (struct zone_block){data + ZONE_HEADER_LEN,
                               time_len,
                               counts[0],
                               counts[1],
                               counts[2],
                               counts[3],
                               counts[4],
                               counts[5]};
    return out->type_count > 0 && block_len(out) <= len - ZONE_HEADER_LEN;
}

static bool read_block(const struct zone_block *block, struct zone *zone)
{
    const unsigned char *kinds = block->data + block->change_count * block->time_len;
    const unsigned char *types = kinds + block->change_count;

    zone->change_count = block->change_count;
    zone->changes_s = ct_alloc(block->change_count * sizeof *zone->changes_s);
    zone->offsets_s = ct_alloc(block->change_count * sizeof *zone->offsets_s);
    for (size_t i = 0; i < block->type_count; i++) {
        int64_t offset = load_be(types + 6 * i, 4);
        if (offset < -ZONE_OFFSET_MAX || offset > ZONE_OFFSET_MAX)
            return false;
    }
    zone->first_offset_s = (int32_t)load_be(types, 4);
    for (size_t i = 0; i < block->change_count; i++) {
        if (kinds[i] >= block->type_count)
            return false;
        zone->changes_s[i] = load_be(block->data + i * block->time_len, block->time_len);
        zone->offsets_s[i] = (int32_t)load_be(types + 6 * kinds[i], 4);
        if (i > 0 && zone->changes_s[i] <= zone->changes_s[i - 1])
            return false;
    }
    return true;
}

/* "\nRULE\n"; an empty rule: the last offset stays for ever. */
static bool read_footer(const unsigned char *data, size_t len, struct zone *zone)
{
    char text[128];
    const unsigned char *end = len > 1 ? memchr(data + 1, '\n', len - 1) : NULL;

    if (!end || data[0] != '\n' || (size_t)(end - data) > sizeof text)
        return false;
    size_t text_len = (size_t)(end - data - 1);
    memcpy(text, data + 1, text_len);
    text[text_len] = '\0';
    zone->has_rule = text_len > 0;
    return text_len == 0 || posix_tz_parse(text, &zone->rule);
}

static bool read_tzif(const unsigned char *data, size_t len, struct zone *zone)
{
    struct zone_block block;

    if (!read_header(data, len, 4, &block))
        return false;
    if (data[4] == '\0') /* version 1: no wide block, no footer */
        return read_block(&block, zone);

    size_t skip = ZONE_HEADER_LEN + block_len(&block);
    if (!read_header(data + skip, len - skip, 8, &block) || !read_block(&block, zone))
        return false;
    size_t used = skip + ZONE_HEADER_LEN + block_len(&block);
    return read_footer(data + used, len - used, zone);
}

static bool read_path(const char *path, struct zone *zone)
{
    unsigned char *data = ct_alloc(ZONE_FILE_MAX);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    size_t len = 0;
    ssize_t got = fd < 0 ? -1 : 1;

    while (got > 0 && len < ZONE_FILE_MAX) {
        got = read(fd, data + len, ZONE_FILE_MAX - len);
        if (got < 0 && errno == EINTR)
            got = 1;
        else if (got > 0)
            len += (size_t)got;
    }
    if (fd >= 0)
        close(fd);
    bool is_good = got == 0 && read_tzif(data, len, zone);
    free(data);
    return is_good;
}

/* --- names ----------------------------------------------------------------------------------- */

static const char *zone_folder(void)
{
    const char *folder = getenv("TZDIR");

    return folder && folder[0] == '/' ? folder : ZONE_FOLDER;
}

/* Area/Place[/Place]: nothing that could leave the folder or name the copies in it. */
static bool is_zone_name(const char *name)
{
    size_t len = strlen(name);
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/";

    return len > 0 && len <= ZONE_NAME_MAX && strspn(name, allowed) == len && name[0] != '/' &&
           name[len - 1] != '/' && !strstr(name, "//") && strncasecmp(name, "posix", 5) != 0 &&
           strncasecmp(name, "right/", 6) != 0 && strcasecmp(name, "localtime") != 0;
}

/* Appends to `path` the entry of that folder whose name is `part` but for its case. */
static bool append_entry(char path[ZONE_PATH_MAX], const char *part, size_t part_len)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;
    bool is_found = false;

    while (folder && !is_found && (entry = readdir(folder)) != NULL) {
        size_t len = strlen(path);

        is_found = strlen(entry->d_name) == part_len &&
                   strncasecmp(entry->d_name, part, part_len) == 0 &&
                   len + part_len + 2 <= ZONE_PATH_MAX;
        if (is_found) {
            path[len] = '/';
            memcpy(path + len + 1, entry->d_name, part_len + 1);
        }
    }
    if (folder)
        closedir(folder);
    return is_found;
}

/* As it is written first: that needs no look into folders. */
static bool read_named(const char *name, struct zone *zone)
{
    char path[ZONE_PATH_MAX];

    if (!is_zone_name(name))
        return false;
    if (snprintf(path, sizeof path, "%s/%s", zone_folder(), name) >= (int)sizeof path)
        return false;
    if (access(path, F_OK) == 0)
        return read_path(path, zone);

    snprintf(path, sizeof path, "%s", zone_folder());
    for (const char *part = name; *part;) {
        size_t len = strcspn(part, "/");
        if (!append_entry(path, part, len))
            return false;
        part += len + (part[len] == '/');
    }
    return read_path(path, zone);
}

static void become_fixed(struct zone *zone, int32_t offset_s)
{
    zone->change_count = 0;
    zone->first_offset_s = offset_s;
    zone->has_rule = false;
}

/* One or two digits; *at moves behind them. */
static bool read_two_digits(const char **at, size_t least, int *out)
{
    size_t len = strspn(*at, "0123456789");

    if (len < least || len > 2)
        return false;
    for (*out = 0; len > 0; len--, (*at)++)
        *out = *out * 10 + (**at - '0');
    return true;
}

/* utc, gmt, utc+3, utc-03:30 */
static bool read_fixed(const char *name, struct zone *zone)
{
    int hours, minutes = 0;

    if (strcasecmp(name, "utc") == 0 || strcasecmp(name, "gmt") == 0) {
        become_fixed(zone, 0);
        return true;
    }
    if (strncasecmp(name, "utc", 3) != 0 || (name[3] != '+' && name[3] != '-'))
        return false;
    const char *at = name + 4;
    if (!read_two_digits(&at, 1, &hours))
        return false;
    if (*at == ':') {
        at++;
        if (!read_two_digits(&at, 2, &minutes))
            return false;
    }
    if (*at != '\0')
        return false;
    int32_t offset_s = hours * 3600 + minutes * 60;
    become_fixed(zone, name[3] == '-' ? -offset_s : offset_s);
    return true;
}

/* The process' own zone, found as the C library does. */
static bool read_local(struct zone *zone)
{
    const char *name = getenv("TZ");

    if (!name) {
        if (!read_path("/etc/localtime", zone))
            become_fixed(zone, 0);
        return true;
    }
    if (*name == ':')
        name++;
    if (*name == '\0') {
        become_fixed(zone, 0);
        return true;
    }
    if (*name == '/' ? read_path(name, zone) : read_named(name, zone))
        return true;
    become_fixed(zone, 0);
    zone->has_rule = posix_tz_parse(name, &zone->rule);
    return zone->has_rule;
}

static bool is_local_name(const char *name)
{
    return strcasecmp(name, "local") == 0 || strcasecmp(name, "system") == 0 ||
           strcasecmp(name, "default") == 0;
}

enum ct_code zone_find(const char *name, const struct zone **out, struct ct_error *err)
{
    bool is_local = !name || is_local_name(name);
    const char *key = is_local ? "" : name;

    for (size_t i = 0; i < ZONE_CACHE_MAX && zone_cache[i]; i++) {
        if ((is_local || *key) && strcmp(zone_cache[i]->name, key) == 0) {
            *out = zone_cache[i];
            return CT_E_OK;
        }
    }
    struct zone *zone = ct_zalloc(sizeof *zone);
    if (is_local ? !read_local(zone) : !read_fixed(name, zone) && !read_named(name, zone)) {
        zone_free(zone);
        if (is_local)
            return ct_error_set(err, CT_E_INVALID,
                                "TZ of this process is '%.64s', which is no time zone: set it to "
                                "a name like Europe/Madrid, or unset it",
                                getenv("TZ"));
        return ct_error_set(err, CT_E_INVALID,
                            "unknown time zone '%.64s': use a name like Europe/Madrid (needs the "
                            "package tzdata; old names like US/Eastern need tzdata-legacy)",
                            name);
    }
    snprintf(zone->name, sizeof zone->name, "%s", key);
    zone_free(zone_cache[zone_cache_oldest]);
    zone_cache[zone_cache_oldest] = zone;
    zone_cache_oldest = (zone_cache_oldest + 1) % ZONE_CACHE_MAX;
    *out = zone;
    return CT_E_OK;
}

/* --- time ------------------------------------------------------------------------------------ */

struct zone_span zone_span_at(const struct zone *zone, int64_t at_s)
{
    size_t low = 0, high = zone->change_count; /* how many changes are not after at_s */

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (zone->changes_s[middle] <= at_s)
            low = middle + 1;
        else
            high = middle;
    }
    int64_t from_s = low > 0 ? zone->changes_s[low - 1] : INT64_MIN;
    if (zone->has_rule && low == zone->change_count) {
        struct zone_span span = posix_tz_span_at(&zone->rule, at_s);
        if (span.from_s < from_s)
            span.from_s = from_s;
        return span;
    }
    return (struct zone_span){from_s, low < zone->change_count ? zone->changes_s[low] : INT64_MAX,
                              low > 0 ? zone->offsets_s[low - 1] : zone->first_offset_s};
}

static int32_t offset_at_ms(const struct zone *zone, int64_t at_ms)
{
    return zone_span_at(zone, calendar_floor_div(at_ms, 1000)).offset_s;
}

int64_t zone_from_local(const struct zone *zone, int64_t local_ms, int32_t offset_s)
{
    int32_t second_s = offset_at_ms(zone, local_ms - (int64_t)offset_s * 1000);

    if (second_s == offset_s)
        return local_ms - (int64_t)offset_s * 1000;
    int32_t third_s = offset_at_ms(zone, local_ms - (int64_t)second_s * 1000);
    /* Two offsets that lead to each other: the reading is in a gap. The smaller one moves it on. */
    int32_t offset = second_s < third_s ? second_s : third_s;
    return local_ms - (int64_t)offset * 1000;
}
