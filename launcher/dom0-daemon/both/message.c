/*
 * Packets between keeper and worker (see message.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "message.h"

#include <errno.h>
#include <sys/socket.h>

#define MAX_REQUESTS 64 /* taken as one */

int message_send(int fd, const struct message *message)
{
    ssize_t n;

    do
        n = send(fd, message, sizeof(*message), MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

static const uint32_t limits[MESSAGE_TYPES] = {
    [MESSAGE_READY] = 1,
    [MESSAGE_BACKEND_STATE] = MESSAGE_MAX_CONSOLES,
    [MESSAGE_FRONTEND] = MESSAGE_MAX_CONSOLES,
    [MESSAGE_SLOT] = MESSAGE_MAX_SLOTS,
    [MESSAGE_FILE] = MESSAGE_MAX_FILES,
    [MESSAGE_QMP] = 1,
    [MESSAGE_ENDED] = 1,
};

int message_receive(int fd, struct message *message)
{
    ssize_t n;

    do
        n = recv(fd, message, sizeof(*message), MSG_DONTWAIT | MSG_TRUNC);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN ? 0 : -errno;
    if (n == 0)
        return -EPIPE;
    if (n != sizeof(*message) || message->type >= MESSAGE_TYPES)
        return -EPROTO;
    return message->index < limits[message->type] ? 1 : -EPROTO;
}

int message_take_requests(int fd)
{
    char octets[8];
    ssize_t n;
    int packets = 0;

    while ((n = recv(fd, octets, sizeof(octets), MSG_DONTWAIT)) > 0)
        if (++packets == MAX_REQUESTS)
            return 1;
    if (n == 0)
        return -EPIPE;
    if (errno != EAGAIN && errno != EINTR)
        return -errno;
    return packets > 0;
}
