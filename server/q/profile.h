/* Profiles: what the user has written down of each Redis and daemon, under a name, in
 * ~/.config/cartrita/q.yaml. Called by main.c, once the flags and the environment are read. */
#ifndef Q_PROFILE_H
#define Q_PROFILE_H

#include "common/option.h"

/* --profile, as a row of an option table; `field` is a const char * in `type`. */
#define PROFILE_OPTION(type, field)                                                              \
    {                                                                                            \
        .name = "profile", .kind = CT_OPTION_STRING, .offset = offsetof(type, field),            \
        .value_name = "NAME", .env = {"CARTRITA_PROFILE"}, .group = "Where",                     \
        .help = "What follows, from the profile of this name in ~/.config/cartrita/q.yaml; a "   \
                "profile that is named beats the environment, the file's default: one does not." \
    }

/* Puts the values of the profile that is wished for into the options; without a wish, of the
 * file's default, if there is one. USAGE: no such profile; INVALID: the file is wrong, or holds a
 * password that others can read. */
enum ct_code profile_apply(struct ct_option_set *set, struct ct_error *err) CT_MUST_CHECK;

/* Names of the profiles; of a file that is wrong, none. */
void profile_each(void (*on_name)(void *ctx, const char *name), void *ctx);

#endif
