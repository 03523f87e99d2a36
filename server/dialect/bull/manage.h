/* Changing Bull's queues by hand, for cartrita-q. */
#ifndef CT_DIALECT_BULL_MANAGE_H
#define CT_DIALECT_BULL_MANAGE_H

#include "queue/manage.h"

extern const struct manager bull_manager;

#endif
