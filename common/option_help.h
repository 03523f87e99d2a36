/* Pieces that --help and manual pages share. For option_help.c and option_man.c only. */
#ifndef CT_COMMON_OPTION_HELP_H
#define CT_COMMON_OPTION_HELP_H

#include "common/buf.h"
#include "common/option.h"

/* "-o, --output table|json" */
void option_append_flag(struct ct_buf *buf, const struct ct_option *option);
/* " Range: 1 to 5 jobs. Default: 2 jobs. Environment: NAME." */
void option_append_facts(struct ct_buf *buf, const struct ct_option *option);

#endif
