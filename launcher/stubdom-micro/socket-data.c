/*
 * What goes through sockets: streams of bytes, and messages of their own (datagrams, the kernel's uevents). Each
 * function tries once; socket-calls.c decides who waits, and who gets a signal.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "socket.h"

int socket_error(struct socket *socket)
{
    int error = socket->error;

    socket->error = 0;
    return -error;
}

/* ---- streams ---- */

static int send_refused(struct socket *socket)
{
    int rc = socket_error(socket);

    if (rc)
        return rc;
    if (!socket->connected)
        return -ENOTCONN;
    if (!socket->peer)
        return socket->type == SOCK_STREAM ? -EPIPE : -ECONNREFUSED;
    return (socket->shut & SHUT_SEND) || (socket->peer->shut & SHUT_RECEIVE) ? -EPIPE : 0;
}

static void rights_append(struct rights **list, struct rights *rights)
{
    while (*list)
        list = &(*list)->next;
    *list = rights;
}

long stream_send(struct socket *socket, struct message *message)
{
    struct rights *rights = message->rights;
    struct socket *to = socket->peer;
    long done = send_refused(socket);
    uint64_t start;

    if (!done && rights)
        done = rights_allowed(rights, to);
    if (done)
        return done;
    if (!fifo_room(&to->bytes))
        return -EAGAIN;
    start = to->bytes.in;
    done = fifo_write(&to->bytes, message->iter, message->iter->left);
    if (done <= 0)
        return done == -ENOMEM ? -ENOBUFS : done;
    if (rights) {
        rights->start = start;
        rights->end = to->bytes.in;
        rights_append(&to->rights, rights);
        message->rights = NULL;
    }
    socket_changed(to);
    return done;
}

/* Takes the first descriptors out of the queue; with MSG_PEEK a copy of them. */
static void rights_deliver(struct rights **from, struct message *message)
{
    struct rights *rights = *from;

    if (message->flags & MSG_PEEK) {
        message->rights = message->want_rights ? rights_copy(rights) : NULL;
        if (message->want_rights && !message->rights)
            message->said |= MSG_CTRUNC;
        return;
    }
    *from = rights->next;
    rights->next = NULL;
    message->rights = rights;
}

/* A call that receives descriptors does not read beyond the bytes that these came with. */
long stream_receive(struct socket *socket, struct message *message)
{
    struct fifo *bytes = &socket->bytes;
    uint64_t out = bytes->out;
    size_t n = message->iter->left;
    struct rights *first = socket->rights;
    long done;

    if (!socket->connected)
        return -EINVAL;
    if (!fifo_used(bytes)) {
        int rc = socket_error(socket);

        return rc ? rc : socket->shut & SHUT_RECEIVE ? 0 : -EAGAIN;
    }
    if (first && n > first->end - out)
        n = (size_t)(first->end - out);
    done = fifo_read(bytes, message->iter, n, message->flags & MSG_PEEK);
    if (done > 0 && first && out + (uint64_t)done > first->start)
        rights_deliver(&socket->rights, message);
    if (done > 0 && !(message->flags & MSG_PEEK))
        socket_changed(socket->peer);
    return done;
}

/* ---- datagrams ---- */

static bool has_room(const struct socket *to, size_t size)
{
    return to->datagram_count < DATAGRAMS_MAX && to->datagram_bytes + size <= DATAGRAM_BYTES_MAX;
}

static void datagram_append(struct socket *to, struct datagram *datagram)
{
    struct datagram **end = &to->datagrams;

    while (*end)
        end = &(*end)->next;
    *end = datagram;
    to->datagram_count++;
    to->datagram_bytes += datagram->size;
    socket_changed(to);
}

static struct datagram *datagram_detach(struct socket *socket)
{
    struct datagram *datagram = socket->datagrams;

    socket->datagrams = datagram->next;
    socket->datagram_count--;
    socket->datagram_bytes -= datagram->size;
    return datagram;
}

static struct datagram *datagram_new(size_t size)
{
    struct datagram *datagram = pv_alloc(sizeof(*datagram) + size);

    if (datagram)
        datagram->size = size;
    return datagram;
}

long datagram_send(struct socket *socket, struct message *message)
{
    struct socket *to = socket->peer;
    size_t size = message->iter->left;
    struct datagram *datagram;
    int rc = socket->family == AF_NETLINK ? -EPERM : send_refused(socket);

    if (!rc && message->rights)
        rc = rights_allowed(message->rights, to);
    if (rc)
        return rc;
    if (size > DATAGRAM_BYTES_MAX)
        return -EMSGSIZE;
    if (!has_room(to, size))
        return -EAGAIN;
    datagram = datagram_new(size);
    if (!datagram)
        return -ENOBUFS;
    rc = iter_get(message->iter, datagram->bytes, size);
    if (rc) {
        pv_free(datagram);
        return rc;
    }
    datagram->rights = message->rights;
    message->rights = NULL;
    datagram_append(to, datagram);
    return (long)size;
}

/* The part of a datagram that does not fit is lost. */
long datagram_receive(struct socket *socket, struct message *message)
{
    struct datagram *datagram = socket->datagrams;
    size_t n, size;
    int rc = socket_error(socket);

    if (rc)
        return rc;
    if (!datagram)
        return socket->shut & SHUT_RECEIVE ? 0 : -EAGAIN;
    size = datagram->size;
    n = message->iter->left < size ? message->iter->left : size;
    rc = iter_put(message->iter, datagram->bytes, n);
    if (rc)
        return rc;
    if (n < size)
        message->said |= MSG_TRUNC;
    if (datagram->rights)
        rights_deliver(&datagram->rights, message);
    if (!(message->flags & MSG_PEEK)) {
        pv_free(datagram_detach(socket));
        socket_changed(socket->peer);
    }
    return (long)(message->flags & MSG_TRUNC ? size : n);
}

void datagrams_free(struct socket *socket)
{
    while (socket->datagrams) {
        struct datagram *datagram = datagram_detach(socket);

        rights_free(datagram->rights);
        pv_free(datagram);
    }
}

/* ---- either ---- */

bool socket_writable(const struct socket *socket)
{
    const struct socket *to = socket->peer;

    if (socket->listening)
        return false;
    /* A write would not wait, but fail. */
    if (!to || (socket->shut & SHUT_SEND) || (to->shut & SHUT_RECEIVE))
        return true;
    if (socket->type == SOCK_STREAM)
        return fifo_used(&to->bytes) <= FIFO_SIZE / 4;
    return to->datagram_count < DATAGRAMS_MAX && to->datagram_bytes <= DATAGRAM_BYTES_MAX / 4;
}

long socket_send(struct socket *socket, struct message *message)
{
    return socket->type == SOCK_STREAM ? stream_send(socket, message)
                                       : datagram_send(socket, message);
}

long socket_receive(struct socket *socket, struct message *message)
{
    if (socket->listening)
        return -EINVAL;
    return socket->type == SOCK_STREAM ? stream_receive(socket, message)
                                       : datagram_receive(socket, message);
}

/* ---- uevents ---- */

static struct socket *listeners;

void netlink_listen(struct socket *socket)
{
    netlink_forget(socket);
    socket->next_listener = listeners;
    listeners = socket;
}

void netlink_forget(struct socket *socket)
{
    struct socket **link = &listeners;

    while (*link && *link != socket)
        link = &(*link)->next_listener;
    if (*link)
        *link = socket->next_listener;
}

/* A listener whose queue is full gets ENOBUFS: something is missing. */
static void uevent_deliver(struct socket *to, const char *text, size_t size)
{
    struct datagram *datagram = has_room(to, size) ? datagram_new(size) : NULL;

    if (!datagram) {
        to->error = ENOBUFS;
        socket_changed(to);
        return;
    }
    pv_copy(datagram->bytes, text, size);
    datagram_append(to, datagram);
}

void uevent_send(const char *text)
{
    for (struct socket *socket = listeners; socket; socket = socket->next_listener)
        if (socket->groups & 1)
            uevent_deliver(socket, text, pv_strlen(text) + 1);
}
