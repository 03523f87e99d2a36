/* One question each, with the options that the line has so far. See the header. */
#include "q/complete_names.h"

#include <stdlib.h>

#include "common/mem.h"
#include "q/fleet.h"
#include "q/profile.h"

static bool read_options(struct ct_option_set *set, char *const *args, size_t arg_count)
{
    struct ct_error ignored;

    return ct_option_read_args(set, (int)arg_count, args, &ignored) == CT_E_OK &&
           ct_option_read_env(set, &ignored) == CT_E_OK && profile_apply(set, &ignored) == CT_E_OK;
}

static void bound(int64_t *timeout_ms)
{
    if (*timeout_ms > COMPLETE_MS)
        *timeout_ms = COMPLETE_MS;
}

static void tell_queues(struct session *session, complete_name_fn on_name, void *ctx)
{
    struct session_names names;
    struct ct_error ignored;

    if (session_names(session, &names, &ignored) != CT_E_OK)
        return;
    for (size_t i = 0; i < names.count; i++)
        on_name(ctx, names.items[i]);
    session_names_free(&names);
}

void complete_queues(const struct command *command, char *const *args, size_t arg_count,
                     complete_name_fn on_name, void *ctx)
{
    struct session_settings *settings;
    struct session session;
    struct ct_option_set set;
    struct ct_error ignored;

    if (!command->run)
        return;
    settings = ct_zalloc(command->settings_size);
    ct_option_open(&set, &command->program, settings);
    if (read_options(&set, args, arg_count)) {
        bound(&settings->timeout_ms);
        if (session_open(&session, &set, &ignored) == CT_E_OK) {
            tell_queues(&session, on_name, ctx);
            session_close(&session);
        }
    }
    ct_option_close(&set);
    free(settings);
}

/* The reports of a daemon; NULL: none. The caller frees them. */
static json_t *ask_fleet(const struct command *command, char *const *args, size_t arg_count)
{
    struct daemon_settings *settings;
    struct daemon_link link;
    struct ct_option_set set;
    struct ct_error ignored;
    json_t *fleet = NULL;

    if (!command->ask)
        return NULL;
    settings = ct_zalloc(command->settings_size);
    ct_option_open(&set, &command->program, settings);
    if (read_options(&set, args, arg_count)) {
        bound(&settings->timeout_ms);
        if (daemon_link_open(&link, settings, &ignored) == CT_E_OK) {
            if (fleet_fetch(&link, &fleet, &ignored) != CT_E_OK)
                fleet = NULL;
            daemon_link_close(&link);
        }
    }
    ct_option_close(&set);
    free(settings);
    return fleet;
}

void complete_workers(const struct command *command, char *const *args, size_t arg_count,
                      complete_name_fn on_name, void *ctx)
{
    json_t *fleet = ask_fleet(command, args, arg_count);
    struct ct_buf place;

    ct_buf_init(&place);
    for (size_t i = 0; i < json_array_size(fleet); i++) {
        ct_buf_clear(&place);
        fleet_append_place(&place, json_array_get(fleet, i));
        ct_buf_append_char(&place, '\0');
        on_name(ctx, ct_buf_data(&place));
    }
    if (json_array_size(fleet) > 1)
        on_name(ctx, "all");
    ct_buf_free(&place);
    json_decref(fleet);
}

/* Whether one of the first `count` workers has it. */
static bool is_told(const json_t *fleet, size_t count, const char *pool)
{
    for (size_t i = 0; i < count; i++) {
        if (fleet_pool(json_array_get(fleet, i), pool))
            return true;
    }
    return false;
}

void complete_pools(const struct command *command, char *const *args, size_t arg_count,
                    complete_name_fn on_name, void *ctx)
{
    json_t *fleet = ask_fleet(command, args, arg_count);

    for (size_t i = 0; i < json_array_size(fleet); i++) {
        const json_t *pools = fleet_list(json_array_get(fleet, i), "pools");

        for (size_t p = 0; p < json_array_size(pools); p++) {
            const char *name = fleet_text(json_array_get(pools, p), "name").data;

            if (!is_told(fleet, i, name))
                on_name(ctx, name);
        }
    }
    json_decref(fleet);
}
