/* What a supervisor is told to do with its pools, by `order` of PROTOCOL.md. Called by fleet.c;
 * only tells pools what is wanted of them, they do it in their own time. */
#ifndef WORKER_ORDERS_H
#define WORKER_ORDERS_H

#include "proto/codec.h"
#include "worker/supervisor/generation.h"

/* Carries out an order for the pools of `generation`. `detail` gets text for people in any case;
 * it is empty when there is nothing to say. A drain of the whole worker is none of these: see
 * orders_is_leave. */
enum ct_code orders_obey(struct generation *generation, const struct proto_order *order,
                         struct ct_error *detail);
/* The whole worker should go. */
bool orders_is_leave(const struct proto_order *order);

#endif
