/* Memory of dead letters and their moves; what they mean is the dialect's. */
#include "queue/dead.h"

#include <stdlib.h>

void dead_letter_fini(struct dead_letter *letter)
{
    free(letter->queue);
    free(letter->id);
    free(letter->name);
    free((char *)letter->reason.data);
    free((char *)letter->data.data);
    free((char *)letter->opts.data);
    free((char *)letter->text.data);
    *letter = (struct dead_letter){.queue = NULL};
}

void dead_move_fini(struct dead_move *move)
{
    free(move->new_id);
    move->new_id = NULL;
}
