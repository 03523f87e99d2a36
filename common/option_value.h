/* The inside of the options: one value into one field. For option.c only. */
#ifndef CT_COMMON_OPTION_VALUE_H
#define CT_COMMON_OPTION_VALUE_H

#include "common/option.h"

/* What is being read: the option, and how the user wrote it, for errors. */
struct option_input {
    const struct ct_option *option;
    enum ct_option_source source;
    const char *where;
};

/* Puts one value into its field, unless a stronger source has been there. */
enum ct_code option_put(struct ct_option_set *set, const struct option_input *input,
                        struct ct_str text, struct ct_error *err) CT_MUST_CHECK;
/* The same, but a list is split at commas: an environment variable cannot be repeated. */
enum ct_code option_put_split(struct ct_option_set *set, const struct option_input *input,
                              const char *text, struct ct_error *err) CT_MUST_CHECK;

void option_list_clear(struct ct_option_list *list);
/* Replaces what `list` holds. */
void option_list_copy(struct ct_option_list *list, const struct ct_option_list *from);

#endif
