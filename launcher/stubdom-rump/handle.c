/*
 * handle.h
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "handle.h"

#include <sys/socket.h>
#include <unistd.h>

static struct host_handle *handles;
static struct host_poll *polls;

int host_handle_open(struct host_handle *handle, const struct host_handle_ops *ops)
{
    handle->fd = socket(AF_LOCAL, SOCK_STREAM, 0);
    if (handle->fd < 0)
        return -PV_ENOMEM;
    handle->ops = ops;
    handle->next = handles;
    handles = handle;
    return 0;
}

void host_handle_close(struct host_handle *handle)
{
    struct host_handle **at = &handles;

    while (*at != handle)
        at = &(*at)->next;
    *at = handle->next;
    close(handle->fd);
}

struct host_handle *host_handle_find(int fd)
{
    struct host_handle *handle = handles;

    while (handle && handle->fd != fd)
        handle = handle->next;
    return handle;
}

static bool looks_at(const struct host_poll *poll, int fd, short ready)
{
    for (nfds_t i = 0; i < poll->count; i++)
        if (poll->fds[i].fd == fd && poll->fds[i].events & ready)
            return true;
    return false;
}

void host_handle_wake(const struct host_handle *handle)
{
    short ready = handle->ops->ready(handle);

    for (struct host_poll *poll = polls; poll; poll = poll->next)
        if (looks_at(poll, handle->fd, ready)) {
            poll->thread->deadline = HOST_AT_ONCE;
            pv_wake(poll->thread->thread);
        }
}

void host_poll_begin(struct host_poll *poll)
{
    poll->next = polls;
    polls = poll;
}

void host_poll_end(struct host_poll *poll)
{
    struct host_poll **at = &polls;

    while (*at != poll)
        at = &(*at)->next;
    *at = poll->next;
}
