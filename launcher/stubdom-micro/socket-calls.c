/*
 * The calls that send and receive, with their flags, descriptors and addresses.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "socket.h"

#include <linux/signal.h>

/* struct msghdr and struct cmsghdr as the kernel sees them: Linux's headers leave both to the C library. */
struct user_message {
    uintptr_t name;
    int name_size, pad;
    uintptr_t vecs;
    size_t vec_count;
    uintptr_t control;
    size_t control_size;
    unsigned int flags, pad2;
};
struct control { size_t size; int level, type; };
_Static_assert(sizeof(struct user_message) == 56 && sizeof(struct control) == 16, "struct msghdr");

#define CONTROL_MAX 1024U /* bytes: more than RIGHTS_MAX descriptors need */

static size_t control_space(size_t n)
{
    return (n + 7) & ~(size_t)7;
}

/* ---- sending ---- */

static bool may_wait(const struct file *file, const struct message *message)
{
    return !(file->flags & O_NONBLOCK) && !(message->flags & MSG_DONTWAIT);
}

/* A blocking stream sends all bytes, however long it takes. A datagram is sent as a whole in any case. */
static long send_loop(struct file *file, struct message *message)
{
    long all = 0;

    for (;;) {
        long done = socket_send(file->data, message);
        int rc;

        if (done > 0)
            all += done;
        if (done >= 0 && !message->iter->left)
            return all;
        if (done < 0 && done != -EAGAIN) {
            if (done == -EPIPE && !all && !(message->flags & MSG_NOSIGNAL))
                task_raise(SIGPIPE);
            return all ? all : done;
        }
        if (!may_wait(file, message))
            return all ? all : -EAGAIN;
        if (done > 0)
            continue;
        rc = file_wait(file, POLLOUT, PV_FOREVER);
        if (rc)
            return all ? all : rc;
    }
}

/* An empty message on a stream does nothing. */
static long send_message(struct file *file, struct message *message)
{
    struct socket *socket = file->data;

    if (socket->type == SOCK_STREAM && !message->iter->left)
        return socket->connected ? 0 : -ENOTCONN;
    return send_loop(file, message);
}

/* An address in sendto() is an error. Streams have a peer, and datagrams to an address are not supported. */
static int target_check(const struct socket *socket, uintptr_t name, int size)
{
    if (!name || !size || socket->family == AF_NETLINK)
        return 0;
    return socket->type == SOCK_STREAM && socket->connected ? -EISCONN : -EOPNOTSUPP;
}

static int control_rights(uintptr_t at, const struct control *control, struct rights **rights)
{
    size_t bytes = control->size - sizeof(*control);

    if (control->level != SOL_SOCKET)
        return 0;
    if (control->type != SCM_RIGHTS || *rights)
        return -EINVAL;
    return bytes / sizeof(int) ? rights_new(at + sizeof(*control), bytes / sizeof(int), rights) : 0;
}

static int control_get(const struct user_message *user, struct rights **rights)
{
    size_t at = 0;

    *rights = NULL;
    if (user->control_size > CONTROL_MAX)
        return -ENOBUFS;
    while (user->control_size - at >= sizeof(struct control)) {
        struct control control;
        int rc = user_read(&control, user->control + at, sizeof(control));

        if (!rc && (control.size < sizeof(control) || control.size > user->control_size - at))
            rc = -EINVAL;
        if (!rc)
            rc = control_rights(user->control + at, &control, rights);
        if (rc) {
            rights_free(*rights);
            return rc;
        }
        at += control_space(control.size);
        if (at >= user->control_size)
            break;
    }
    return 0;
}

static long do_sendmsg(struct file *file, const struct user_message *user, unsigned int flags)
{
    struct message message = { .flags = flags };
    struct io_buffers buffers;
    long rc = target_check(file->data, user->name, user->name_size);

    if (!rc)
        rc = io_buffers_get(&buffers, user->vecs, user->vec_count);
    if (rc)
        return rc == -EINVAL && user->vec_count > USER_VECS_MAX ? -EMSGSIZE : rc;
    message.iter = &buffers.iter;
    rc = control_get(user, &message.rights);
    if (!rc) {
        rc = send_message(file, &message);
        rights_free(message.rights);
    }
    io_buffers_put(&buffers);
    return rc;
}

long sys_sendmsg(const unsigned long a[6])
{
    struct user_message user;
    struct socket *socket;
    struct file *file;
    long rc = socket_find(a[0], &file, &socket);

    if (!rc)
        rc = user_read(&user, a[1], sizeof(user));
    if (rc)
        return rc;
    file_get(file);
    rc = do_sendmsg(file, &user, (unsigned int)a[2]);
    file_put(file);
    return rc;
}

long sys_sendto(const unsigned long a[6])
{
    struct message message = { .flags = (unsigned int)a[3] };
    struct io_buffers buffers;
    struct socket *socket;
    struct file *file;
    long rc = socket_find(a[0], &file, &socket);

    if (!rc)
        rc = target_check(socket, a[4], (int)a[5]);
    if (rc)
        return rc;
    io_buffers_one(&buffers, a[1], a[2]);
    message.iter = &buffers.iter;
    file_get(file);
    rc = send_message(file, &message);
    file_put(file);
    return rc;
}

/* ---- receiving ---- */

/* With MSG_WAITALL a stream waits until all bytes are there; but not with MSG_PEEK. */
static bool wants_more(const struct socket *socket, const struct message *message)
{
    return socket->type == SOCK_STREAM && (message->flags & MSG_WAITALL) &&
           !(message->flags & MSG_PEEK) && message->iter->left && !message->rights;
}

static long receive_loop(struct file *file, struct message *message)
{
    struct socket *socket = file->data;
    long all = 0;

    if (socket->type == SOCK_STREAM && !message->iter->left && socket->connected)
        return 0;
    for (;;) {
        long done = socket_receive(socket, message);
        int rc;

        if (done >= 0) {
            all += done;
            if (!done || !wants_more(socket, message))
                return all;
            continue;
        }
        if (done != -EAGAIN || !may_wait(file, message))
            return all ? all : done;
        rc = file_wait(file, POLLIN, PV_FOREVER);
        if (rc)
            return all ? all : rc;
    }
}

/* Installs descriptors that came with the message: as many as the program's buffer and its table have room for. */
static int rights_put(struct user_message *user, struct message *message)
{
    struct control control = { .level = SOL_SOCKET, .type = SCM_RIGHTS };
    size_t room = user->control_size, max, n = 0;
    struct rights *rights = message->rights;
    int rc = 0;

    user->control_size = 0;
    if (!rights)
        return 0;
    max = room > sizeof(control) ? (room - sizeof(control)) / sizeof(int) : 0;
    for (; n < rights->count && n < max; n++) {
        int fd;

        file_get(rights->files[n]);
        fd = fd_install(rights->files[n], 0, message->flags & MSG_CMSG_CLOEXEC);
        if (fd < 0)
            break;
        rc = user_write(user->control + sizeof(control) + n * sizeof(int), &fd, sizeof(fd));
        if (rc)
            return rc; /* the new descriptor stays, though the program does not learn its number */
    }
    if (n < rights->count)
        message->said |= MSG_CTRUNC;
    if (!n)
        return 0;
    control.size = sizeof(control) + n * sizeof(int);
    user->control_size = control_space(control.size) < room ? control_space(control.size) : room;
    return user_write(user->control, &control, sizeof(control));
}

/* Writes the sender's address: a uevent's is the kernel; all others have none. */
static int sender_put(const struct socket *socket, uintptr_t to, int room, int *size)
{
    struct sockaddr_nl nl = { .nl_family = AF_NETLINK, .nl_groups = 1 };

    *size = 0;
    if (!to || socket->family != AF_NETLINK)
        return 0;
    if (room < 0)
        return -EINVAL;
    *size = sizeof(nl);
    return user_write(to, &nl, (size_t)room < sizeof(nl) ? (size_t)room : sizeof(nl));
}

static long do_recvmsg(struct file *file, struct user_message *user, unsigned int flags)
{
    struct message message = { .flags = flags, .want_rights = user->control_size };
    struct io_buffers buffers;
    long done = io_buffers_get(&buffers, user->vecs, user->vec_count);
    int rc;

    if (done)
        return done == -EINVAL && user->vec_count > USER_VECS_MAX ? -EMSGSIZE : done;
    message.iter = &buffers.iter;
    done = receive_loop(file, &message);
    io_buffers_put(&buffers);
    if (done < 0)
        return done;
    rc = rights_put(user, &message);
    rights_free(message.rights);
    if (!rc)
        rc = sender_put(file->data, user->name, user->name_size, &user->name_size);
    user->flags = message.said | (flags & MSG_CMSG_CLOEXEC);
    return rc ? rc : done;
}

/* Writes only those fields of the program's structure that are answers. */
static int message_answer(uintptr_t at, const struct user_message *user)
{
    int rc = 0;

    if (user->name)
        rc = user_write(at + offsetof(struct user_message, name_size), &user->name_size,
                        sizeof(user->name_size));
    if (!rc)
        rc = user_write(at + offsetof(struct user_message, control_size), &user->control_size,
                        sizeof(user->control_size));
    if (!rc)
        rc = user_write(at + offsetof(struct user_message, flags), &user->flags, sizeof(user->flags));
    return rc;
}

long sys_recvmsg(const unsigned long a[6])
{
    struct user_message user;
    struct socket *socket;
    struct file *file;
    long done = socket_find(a[0], &file, &socket);
    int rc;

    if (!done)
        done = user_read(&user, a[1], sizeof(user));
    if (done)
        return done;
    file_get(file);
    done = do_recvmsg(file, &user, (unsigned int)a[2]);
    file_put(file);
    rc = done < 0 ? 0 : message_answer(a[1], &user);
    return rc ? rc : done;
}

long sys_recvfrom(const unsigned long a[6])
{
    struct message message = { .flags = (unsigned int)a[3] };
    struct io_buffers buffers;
    struct socket *socket;
    struct file *file;
    int room = 0, size, rc = socket_find(a[0], &file, &socket);
    long done;

    if (!rc && a[4])
        rc = user_read(&room, a[5], sizeof(room));
    if (rc)
        return rc;
    io_buffers_one(&buffers, a[1], a[2]);
    message.iter = &buffers.iter;
    file_get(file);
    done = receive_loop(file, &message);
    rights_free(message.rights);
    if (done >= 0 && a[4]) {
        rc = sender_put(socket, a[4], room, &size);
        if (!rc)
            rc = user_write(a[5], &size, sizeof(size));
    }
    file_put(file);
    return rc ? rc : done;
}
