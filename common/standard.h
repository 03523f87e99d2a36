/* Standard input, output and error. Called first of all by each program's main. */
#ifndef CT_COMMON_STANDARD_H
#define CT_COMMON_STANDARD_H

/* Those that this process was started without lead to /dev/null from now on. Else the first files
 * and sockets that are opened take their numbers: the log would go into one of them, and what is
 * spawned be given others. */
void ct_standard_open(void);

#endif
