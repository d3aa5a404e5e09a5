/*
 * Packets between keeper and worker (see message.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "message.h"

#include "util.h"

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

TABLE_BEGINS(limits);
static const uint32_t limits[] = {
    TABLE_ROW(MESSAGE_READY) = 1,
    TABLE_ROW(MESSAGE_BACKEND_STATE) = MESSAGE_MAX_CONSOLES,
    TABLE_ROW(MESSAGE_FRONTEND) = MESSAGE_MAX_CONSOLES,
    TABLE_ROW(MESSAGE_SLOT) = MESSAGE_MAX_SLOTS,
    TABLE_ROW(MESSAGE_FILE) = MESSAGE_MAX_FILES,
    TABLE_ROW(MESSAGE_QMP) = 1,
    TABLE_ROW(MESSAGE_ENDED) = 1,
};
TABLE_ENDS(limits, MESSAGE_TYPES);

/* A peer that ends before it has read everything resets the connection: it is gone all the same. */
static int receive_error(void)
{
    return errno == ECONNRESET ? -EPIPE : -errno;
}

int message_receive(int fd, struct message *message)
{
    ssize_t n;

    do
        n = recv(fd, message, sizeof(*message), MSG_DONTWAIT | MSG_TRUNC);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN ? 0 : receive_error();
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
        return receive_error();
    return packets > 0;
}
