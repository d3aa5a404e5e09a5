/*
 * Descriptors that are on their way through a socket (SCM_RIGHTS).
 *
 * A socket that waits in its own queue, or two that wait in each other's, would never be closed. Linux collects such
 * garbage. Here it cannot arise: a socket that is on its way accepts no descriptors, and a socket in whose queue
 * descriptors wait cannot be sent. So no chain is longer than one, and closing does not recurse deeper.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "socket.h"

static unsigned int in_flight[2]; /* [0]: of all users but root, [1]: of root */

static struct socket *socket_in(const struct file *file)
{
    return file->ops == &socket_ops ? file->data : NULL;
}

static void rights_account(struct rights *rights, int direction)
{
    in_flight[rights->root] += (unsigned int)(direction * (int)rights->count);
    for (unsigned int i = 0; i < rights->count; i++) {
        struct socket *socket = socket_in(rights->files[i]);

        if (socket)
            socket->in_flight += (unsigned int)direction;
    }
}

static struct rights *rights_alloc(unsigned int count, bool root)
{
    struct rights *rights;

    if (in_flight[root] + count > RIGHTS_IN_FLIGHT)
        return NULL;
    rights = pv_alloc(sizeof(*rights));
    if (rights)
        rights->root = root;
    return rights;
}

int rights_new(uintptr_t fds, size_t count, struct rights **rights)
{
    bool root = task_uid() == MICRO_ROOT;
    int list[RIGHTS_MAX], rc;
    struct rights *new;

    if (count > RIGHTS_MAX)
        return -EINVAL;
    rc = user_read(list, fds, count * sizeof(list[0]));
    if (rc)
        return rc;
    for (size_t i = 0; i < count; i++)
        if (list[i] < 0 || !fd_file((unsigned int)list[i]))
            return -EBADF;
    if (in_flight[root] + count > RIGHTS_IN_FLIGHT)
        return -ETOOMANYREFS;
    new = rights_alloc((unsigned int)count, root);
    if (!new)
        return -ENOMEM;
    for (; new->count < count; new->count++) {
        new->files[new->count] = fd_file((unsigned int)list[new->count]);
        file_get(new->files[new->count]);
    }
    rights_account(new, 1);
    *rights = new;
    return 0;
}

struct rights *rights_copy(const struct rights *rights)
{
    struct rights *copy = rights_alloc(rights->count, rights->root);

    if (!copy)
        return NULL;
    for (; copy->count < rights->count; copy->count++) {
        copy->files[copy->count] = rights->files[copy->count];
        file_get(copy->files[copy->count]);
    }
    rights_account(copy, 1);
    return copy;
}

void rights_free(struct rights *rights)
{
    if (!rights)
        return;
    rights_account(rights, -1);
    for (unsigned int i = 0; i < rights->count; i++)
        file_put(rights->files[i]);
    pv_free(rights);
}

static bool has_rights(const struct socket *socket)
{
    for (const struct datagram *datagram = socket->datagrams; datagram; datagram = datagram->next)
        if (datagram->rights)
            return true;
    return socket->rights;
}

/* A socket that is not accepted yet takes no descriptors either, since it has no file that could be closed. */
int rights_allowed(const struct rights *rights, const struct socket *receiver)
{
    if (receiver->in_flight || !receiver->file)
        return -ETOOMANYREFS;
    for (unsigned int i = 0; i < rights->count; i++) {
        const struct socket *socket = socket_in(rights->files[i]);

        if (socket && (socket == receiver || has_rights(socket)))
            return -ETOOMANYREFS;
    }
    return 0;
}
