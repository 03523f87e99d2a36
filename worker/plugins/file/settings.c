/* The plugin's settings: one table. Each part of the plugin has its block of rows. */
#include "settings.h"

#include <stddef.h>

#include "cartrita/sdk/settings.h"

#define AT(member) offsetof(struct file_settings, member)
#define COUNT(of)  (sizeof(of) / sizeof(of)[0])

static const struct sdk_setting table[] = {
    {"roots", SDK_SETTING_JSON, AT(roots), NULL, 0, 0, NULL, false},
    {"inputMax", SDK_SETTING_SIZE, AT(input_max), "256M", 1, INT64_MAX, NULL, false},
    {"outputMax", SDK_SETTING_SIZE, AT(output_max), "1G", 1, INT64_MAX, NULL, false},
    {"inlineMax", SDK_SETTING_SIZE, AT(inline_max), "256k", 0, 16 << 20, NULL, false},
    {"filesMax", SDK_SETTING_INTEGER, AT(files_max), "1000", 1, 100000, NULL, false},
    {"stepsMax", SDK_SETTING_INTEGER, AT(steps_max), "16", 1, 256, NULL, false},

    {"pixelsMax", SDK_SETTING_INTEGER, AT(pixels_max), "100000000", 1, INT64_MAX, NULL, false},
    {"variantsMax", SDK_SETTING_INTEGER, AT(variants_max), "64", 1, 1000, NULL, false},
    {"vipsThreads", SDK_SETTING_INTEGER, AT(vips_threads), "1", 1, 64, NULL, false},
    {"vipsCache", SDK_SETTING_SIZE, AT(vips_cache), "0", 0, INT64_MAX, NULL, false},

    {"archiveMaxBytes", SDK_SETTING_SIZE, AT(archive_bytes_max), "4G", 1, INT64_MAX, NULL, false},
    {"archiveMaxFileBytes", SDK_SETTING_SIZE, AT(archive_file_bytes_max), "2G", 1, INT64_MAX, NULL,
     false},
    {"archiveMaxEntries", SDK_SETTING_INTEGER, AT(archive_entries_max), "100000", 1, INT32_MAX,
     NULL, false},
    {"archiveMaxRatio", SDK_SETTING_INTEGER, AT(archive_ratio_max), "200", 1, INT32_MAX, NULL,
     false},
    {"archiveMaxDepth", SDK_SETTING_INTEGER, AT(archive_depth_max), "32", 1, 128, NULL, false},
    {"archiveListMax", SDK_SETTING_INTEGER, AT(archive_list_max), "10000", 0, 1000000, NULL, false},

    {"s3", SDK_SETTING_JSON, AT(s3), NULL, 0, 0, NULL, false},
    {"s3MultipartBytes", SDK_SETTING_SIZE, AT(s3_multipart_bytes), "64M", 1, (int64_t)5 << 30, NULL,
     false},
    {"s3PartBytes", SDK_SETTING_SIZE, AT(s3_part_bytes), "16M", 5 << 20, (int64_t)5 << 30, NULL,
     false},
    {"transferDirectory", SDK_SETTING_TEXT, AT(transfer_directory), NULL, 0, 0, NULL, false},
    {"transferMaxBytes", SDK_SETTING_SIZE, AT(transfer_bytes_max), "16G", 1, INT64_MAX, NULL,
     false},

    {"httpConnectTimeout", SDK_SETTING_DURATION, AT(http_connect_ms), "10s", 0, 0, NULL, false},
    {"httpTimeout", SDK_SETTING_DURATION, AT(http_timeout_ms), "5m", 0, 0, NULL, false},
    {"httpIdleTimeout", SDK_SETTING_DURATION, AT(http_idle_ms), "30s", 0, 0, NULL, false},
    {"httpAttempts", SDK_SETTING_INTEGER, AT(http_attempts), "3", 1, 100, NULL, false},
    {"httpRefusePrivate", SDK_SETTING_BOOLEAN, AT(http_refuses_private), "false", 0, 0, NULL,
     false},
    {"httpCaFile", SDK_SETTING_TEXT, AT(http_ca_file), NULL, 0, 0, NULL, false},
    {"httpProxy", SDK_SETTING_TEXT, AT(http_proxy), NULL, 0, 0, NULL, false},
};

bool settings_read(const char *config, struct file_settings *out, struct sdk_error *error)
{
    return sdk_settings_read(config, table, COUNT(table), out, error);
}

void settings_free(struct file_settings *settings)
{
    sdk_settings_free(table, COUNT(table), settings);
}
