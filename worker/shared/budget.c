/* Bytes a second. See budget.h; used by output.c and host.c. */
#include "worker/shared/budget.h"

void budget_init(struct budget *budget, uint64_t rate, uint64_t now_ms)
{
    *budget = (struct budget){.rate = rate, .left = rate * BUDGET_BURST_S, .filled_ms = now_ms};
}

bool budget_take(struct budget *budget, size_t bytes, uint64_t now_ms)
{
    uint64_t most = budget->rate * BUDGET_BURST_S;
    uint64_t passed_ms = now_ms - budget->filled_ms;

    if (budget->rate == 0)
        return true;
    if (passed_ms > BUDGET_BURST_S * 1000u)
        passed_ms = BUDGET_BURST_S * 1000u;
    if (budget->rate * passed_ms >= 1000u) { /* less would be lost in the division, every time */
        budget->left += budget->rate * passed_ms / 1000u;
        budget->filled_ms = now_ms;
    }
    if (budget->left > most)
        budget->left = most;
    if (budget->left < bytes)
        return false;
    budget->left -= bytes;
    return true;
}
