/* libvips in this process. */
#include "image/image.h"

#include <stdlib.h>
#include <unistd.h>
#include <vips/vips.h>

/* libvips looks for its modules (AVIF is one) below VIPSHOME. A Node process that has loaded sharp
 * hands one on to its children that names a directory of the machine where sharp was built. */
static void image_forget_wrong_home(void)
{
    const char *home = getenv("VIPSHOME");

    if (home && access(home, F_OK) != 0)
        (void)unsetenv("VIPSHOME");
}

bool image_open(const struct file_settings *settings, struct sdk_error *error)
{
    image_forget_wrong_home();
    if (VIPS_INIT("cartrita") != 0) {
        char *text = vips_error_buffer_copy();

        (void)sdk_refuse(error, "SettingError", "libvips does not start: %.300s", text);
        g_free(text);
        return false;
    }
    /* A pool has processes and job threads of its own. */
    vips_concurrency_set((int)settings->vips_threads);
    vips_cache_set_max(settings->vips_cache > 0 ? 100 : 0);
    vips_cache_set_max_mem((size_t)settings->vips_cache);
    vips_cache_set_max_files(settings->vips_cache > 0 ? 20 : 0);
#if VIPS_MAJOR_VERSION > 8 || (VIPS_MAJOR_VERSION == 8 && VIPS_MINOR_VERSION >= 13)
    /* Loaders that were not made for data from strangers. */
    vips_block_untrusted_set(TRUE);
#endif
    return true;
}

bool image_is_queue_form(const json_t *data)
{
    return json_is_string(json_object_get(data, "operation")) &&
           json_object_get(data, "imageUrl") != NULL;
}
