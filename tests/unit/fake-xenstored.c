/*
 * A xenstored for the real libxenstore (see fake-xenstored.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "fake-xenstored.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

static bool get(int fd, void *buf, size_t len)
{
    return len == 0 || recv(fd, buf, len, MSG_WAITALL) == (ssize_t)len;
}

static void serve_connection(int fd, xenstored_answer *answer)
{
    struct xsd_sockmsg header;
    char payload[4097];

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (get(fd, &header, sizeof(header)) && header.len < sizeof(payload) && get(fd, payload, header.len)) {
        payload[header.len] = '\0';
        answer(fd, &header, payload);
    }
    _exit(0);
}

pid_t xenstored_start(const char *path, xenstored_answer *answer)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    pid_t pid;

    unlink(path);
    strcpy(address.sun_path, path);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 8), 0);
    setenv("XENSTORED_PATH", path, 1);
    pid = fork();
    while (pid == 0) {
        int fd = accept(listener, NULL, NULL);

        if (fork() == 0)
            serve_connection(fd, answer);
        close(fd);
    }
    close(listener);
    return pid;
}

void xenstored_say(int fd, const struct xsd_sockmsg *to, uint32_t type, const char *text, size_t len)
{
    struct xsd_sockmsg header = { .type = type, .req_id = to->req_id, .tx_id = to->tx_id, .len = len };

    send(fd, &header, sizeof(header), MSG_NOSIGNAL);
    send(fd, text, len, MSG_NOSIGNAL);
}
