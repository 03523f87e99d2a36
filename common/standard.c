/* Standard input, output and error. See standard.h. */
#include "common/standard.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

void ct_standard_open(void)
{
    /* The lowest number that is free is given: in this order, the one that was just missed. */
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)open("/dev/null", O_RDWR);
}
