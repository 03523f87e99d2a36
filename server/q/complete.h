/* What could stand next on a command line: nouns, verbs, options, their values, names of queues,
 * workers and profiles. Called by cmd_completion.c for the shells' scripts; changes nothing. */
#ifndef Q_COMPLETE_H
#define Q_COMPLETE_H

#include "common/buf.h"

/* `line`: a command line from the program's name to the cursor. Appends a line for each candidate,
 * the whole word and, behind a tab, what it is; a line with nothing but "\tfiles" where names of
 * files belong. No error: what cannot be known is left out. */
void complete_line(const char *line, struct ct_buf *out);

#endif
