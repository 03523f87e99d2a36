/* A service manager's socket for service.test.mjs: `notify_manager PATH` writes each datagram to
 * stderr as one line, with | between its lines. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

int main(int argc, char **argv)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    char text[4096];
    ssize_t len;

    if (argc != 2 || strlen(argv[1]) >= sizeof address.sun_path)
        return 2;
    strcpy(address.sun_path, argv[1]);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        perror("notify_manager");
        return 1;
    }
    fprintf(stderr, "listening\n");
    while ((len = recv(fd, text, sizeof text, 0)) >= 0) {
        for (ssize_t i = 0; i < len; i++)
            if (text[i] == '\n')
                text[i] = '|';
        fprintf(stderr, "%.*s\n", (int)len, text);
    }
    return 0;
}
