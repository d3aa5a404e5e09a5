/*
 * Sockets: their life, their names, and what can be asked of them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "socket.h"

#include <asm/ioctls.h>

/*
 * All who wait to connect to a listener with a full queue wait here. They look again when any listener's queue has
 * room.
 */
static struct pv_queue connectors;

void socket_changed(struct socket *socket)
{
    if (socket && socket->file)
        file_changed(socket->file);
}

int socket_find(unsigned long fd, struct file **file, struct socket **socket)
{
    *file = fd_file(fd);
    if (!*file)
        return -EBADF;
    if ((*file)->ops != &socket_ops)
        return -ENOTSOCK;
    *socket = (*file)->data;
    return 0;
}

static struct credentials own_credentials(void)
{
    /* Each user has a group of his own number. */
    return (struct credentials){ .pid = task_pid(), .uid = task_uid(), .gid = task_uid() };
}

static struct socket *socket_new(int family, int type)
{
    struct socket *socket = pv_alloc(sizeof(*socket));

    if (!socket)
        return NULL;
    socket->family = family;
    socket->type = type;
    socket->own = own_credentials();
    return socket;
}

static void socket_join(struct socket *a, struct socket *b)
{
    a->peer = b;
    b->peer = a;
    a->connected = b->connected = true;
    a->others = b->own;
    b->others = a->own;
    a->peer_address = b->address;
    b->peer_address = a->address;
}

/* Separates a socket from its peer. If unread bytes are lost, the peer gets an error. */
static void socket_part(struct socket *socket)
{
    struct socket *peer = socket->peer;

    if (!peer)
        return;
    peer->peer = NULL;
    if (socket->type == SOCK_STREAM) {
        peer->shut = SHUT_ALL;
        if (fifo_used(&socket->bytes) || !socket->file)
            peer->error = ECONNRESET;
    }
    socket_changed(peer);
}

static void socket_free(struct socket *socket)
{
    struct rights *rights;

    socket_part(socket);
    netlink_forget(socket);
    while ((rights = socket->rights)) {
        socket->rights = rights->next;
        rights_free(rights);
    }
    datagrams_free(socket);
    fifo_free(&socket->bytes);
    if (socket->node) {
        socket->node->socket = NULL;
        node_put(socket->node);
    }
    pv_free(socket);
}

static void socket_close(struct file *file)
{
    struct socket *socket = file->data, *waiting;

    while ((waiting = socket->queue)) {
        socket->queue = waiting->next;
        socket_free(waiting);
    }
    if (socket->listening)
        pv_queue_wake(&connectors);
    socket_free(socket);
}

static struct file *socket_file(struct socket *socket, int flags)
{
    struct file *file = file_new(&socket_ops, O_RDWR | (flags & O_NONBLOCK), socket);

    if (file)
        socket->file = file;
    return file;
}

/* ---- as files ---- */

static long socket_read(struct file *file, struct user_iter *to, uint64_t pos)
{
    struct message message = { .iter = to };
    long done = socket_receive(file->data, &message);

    rights_free(message.rights);
    return done;
}

static long socket_write(struct file *file, struct user_iter *from, uint64_t pos)
{
    struct message message = { .iter = from };

    return socket_send(file->data, &message);
}

static unsigned int socket_poll(struct file *file)
{
    struct socket *socket = file->data;
    unsigned int ready = 0;

    if (socket->error)
        ready |= POLLERR;
    if (socket->shut == SHUT_ALL)
        ready |= POLLHUP;
    if (socket->shut & SHUT_RECEIVE)
        ready |= POLLRDHUP | POLLIN;
    if (fifo_used(&socket->bytes) || socket->datagrams || socket->queue)
        ready |= POLLIN;
    if (socket->type == SOCK_STREAM && !socket->connected && !socket->listening)
        ready |= POLLHUP;
    if (socket_writable(socket))
        ready |= POLLOUT;
    return ready;
}

static long socket_ioctl(struct file *file, unsigned int command, uintptr_t arg)
{
    struct socket *socket = file->data;
    int answer;

    if (command != SIOCINQ && command != SIOCOUTQ)
        return -ENOTTY;
    if (socket->listening)
        return -EINVAL;
    if (command == SIOCOUTQ)
        socket = socket->peer;
    answer = !socket ? 0 : socket->type == SOCK_STREAM ? (int)fifo_used(&socket->bytes)
                         : socket->datagrams ? (int)socket->datagrams->size : 0;
    return user_write(arg, &answer, sizeof(answer));
}

static void socket_stat(struct file *file, struct stat *st)
{
    st->st_mode = S_IFSOCK | 0777;
    st->st_nlink = 1;
    st->st_blksize = PV_PAGE;
}

const struct file_ops socket_ops = {
    .read = socket_read,
    .write = socket_write,
    .poll = socket_poll,
    .ioctl = socket_ioctl,
    .stat = socket_stat,
    .close = socket_close,
};

/* ---- making ---- */

static int family_check(int family, int type, int protocol)
{
    if (family == AF_NETLINK) {
        if (type != SOCK_DGRAM && type != SOCK_RAW)
            return -ESOCKTNOSUPPORT;
        return protocol == NETLINK_KOBJECT_UEVENT ? 0 : -EPROTONOSUPPORT;
    }
    if (family != AF_UNIX)
        return -EAFNOSUPPORT;
    if (protocol && protocol != AF_UNIX)
        return -EPROTONOSUPPORT;
    return type == SOCK_STREAM || type == SOCK_DGRAM ? 0 : -ESOCKTNOSUPPORT;
}

/* Splits the argument into the type, and the flags as open() has them. */
static int split_type(unsigned long argument, int *type, int *flags)
{
    *type = (int)argument & SOCK_TYPE_MASK;
    *flags = (int)argument & ~SOCK_TYPE_MASK;
    return *flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC) ? -EINVAL : 0;
}

static int socket_open(int family, int type, int flags, struct file **file)
{
    struct socket *socket = socket_new(family, type);

    if (!socket)
        return -ENOMEM;
    *file = socket_file(socket, flags);
    if (*file)
        return 0;
    socket_free(socket);
    return -ENOMEM;
}

long sys_socket(const unsigned long a[6])
{
    int type, flags, rc = split_type(a[1], &type, &flags);
    struct file *file;

    if (!rc)
        rc = family_check((int)a[0], type, (int)a[2]);
    if (!rc)
        rc = socket_open((int)a[0], type, flags, &file);
    return rc ? rc : fd_install(file, 0, flags & O_CLOEXEC);
}

long sys_socketpair(const unsigned long a[6])
{
    int type, flags, rc = split_type(a[1], &type, &flags);
    struct file *ends[2];

    if (!rc)
        rc = (int)a[0] == AF_NETLINK ? -EOPNOTSUPP : family_check((int)a[0], type, (int)a[2]);
    if (!rc)
        rc = socket_open(AF_UNIX, type, flags, &ends[0]);
    if (rc)
        return rc;
    rc = socket_open(AF_UNIX, type, flags, &ends[1]);
    if (rc) {
        file_put(ends[0]);
        return rc;
    }
    socket_join(ends[0]->data, ends[1]->data);
    return fd_install_pair(ends[0], ends[1], flags & O_CLOEXEC, a[3]);
}

/* ---- names ---- */

/* The path of an AF_UNIX address, ended by NUL. Abstract names, which have no file, are not supported. */
static int path_get(uintptr_t address, unsigned long length, char path[UNIX_PATH_MAX + 1])
{
    struct sockaddr_un un;
    int rc;

    if ((int)length <= (int)offsetof(struct sockaddr_un, sun_path) || length > sizeof(un))
        return -EINVAL;
    pv_zero(&un, sizeof(un));
    rc = user_read(&un, address, length);
    if (rc)
        return rc;
    if (un.sun_family != AF_UNIX || !un.sun_path[0])
        return -EINVAL;
    pv_copy(path, un.sun_path, UNIX_PATH_MAX);
    path[UNIX_PATH_MAX] = '\0';
    return 0;
}

static int bind_path(struct socket *socket, const char *path)
{
    struct found found;
    struct node *node;
    size_t n;
    int rc = node_walk(AT_FDCWD, path, 0, &found);

    if (rc)
        return rc;
    if (found.node)
        return -EADDRINUSE;
    if (found.slash)
        return -ENOENT;
    if (socket->node)
        return -EINVAL;
    rc = node_make(&found, S_IFSOCK | (0777 & ~task_fs()->umask), &node);
    if (rc)
        return rc;
    node->socket = socket;
    socket->node = node_get(node);
    n = pv_strlen(path) + 1;
    socket->address.length = (unsigned int)(offsetof(struct sockaddr_un, sun_path) + n);
    pv_copy(socket->address.path, path, n);
    return 0;
}

static int bind_netlink(struct socket *socket, uintptr_t address, unsigned long length)
{
    struct sockaddr_nl nl;
    int rc = (unsigned int)length < sizeof(nl) ? -EINVAL : user_read(&nl, address, sizeof(nl));

    if (rc)
        return rc;
    if (nl.nl_family != AF_NETLINK)
        return -EINVAL;
    socket->groups = nl.nl_groups;
    netlink_listen(socket);
    return 0;
}

long sys_bind(const unsigned long a[6])
{
    char path[UNIX_PATH_MAX + 1];
    struct socket *socket;
    struct file *file;
    int rc = socket_find(a[0], &file, &socket);

    if (rc)
        return rc;
    if (socket->family == AF_NETLINK)
        return bind_netlink(socket, a[1], a[2]);
    rc = path_get(a[1], (unsigned int)a[2], path);
    if (rc)
        return rc;
    if (socket->type != SOCK_STREAM)
        return -EOPNOTSUPP; /* datagrams to an address are not supported */
    return bind_path(socket, path);
}

long sys_listen(const unsigned long a[6])
{
    struct socket *socket;
    struct file *file;
    unsigned int backlog = (unsigned int)a[1];
    int rc = socket_find(a[0], &file, &socket);

    if (rc)
        return rc;
    if (socket->type != SOCK_STREAM)
        return -EOPNOTSUPP;
    if (!socket->node || socket->connected)
        return -EINVAL;
    socket->listening = true;
    socket->backlog = backlog < BACKLOG_MAX ? backlog : BACKLOG_MAX;
    socket->own = own_credentials();
    pv_queue_wake(&connectors);
    socket_changed(socket);
    return 0;
}

/* The socket that listens at this path, for the caller. */
static int listener_find(const struct socket *socket, const char *path, struct socket **listener)
{
    struct found found;
    int rc = node_walk(AT_FDCWD, path, WALK_FOLLOW, &found);

    if (!rc && !found.node)
        rc = -ENOENT;
    if (!rc)
        rc = node_may(found.node, MAY_WRITE);
    if (rc)
        return rc;
    *listener = found.node->socket;
    if ((found.node->mode & S_IFMT) != S_IFSOCK || !*listener)
        return -ECONNREFUSED;
    if ((*listener)->type != socket->type)
        return -EPROTOTYPE;
    return (*listener)->listening && !((*listener)->shut & SHUT_RECEIVE) ? 0 : -ECONNREFUSED;
}

/* Makes the socket's peer, which waits in the listener's queue until it is accepted. */
static int connect_to(struct socket *socket, struct socket *listener)
{
    struct socket *other = socket_new(AF_UNIX, SOCK_STREAM), **end = &listener->queue;

    if (!other)
        return -ENOMEM;
    socket->own = own_credentials();
    other->own = listener->own;
    other->address = listener->address;
    socket_join(socket, other);
    while (*end)
        end = &(*end)->next;
    *end = other;
    listener->queued++;
    socket_changed(listener);
    socket_changed(socket);
    return 0;
}

/* After each wait the socket is checked again: another thread may have connected it. */
static long do_connect(struct file *file, struct socket *socket, const char *path)
{
    for (;;) {
        struct socket *listener;
        int rc;

        if (socket->listening)
            return -EINVAL;
        if (socket->connected)
            return -EISCONN;
        rc = listener_find(socket, path, &listener);
        if (rc)
            return rc;
        if (listener->queued <= listener->backlog)
            return connect_to(socket, listener);
        if (file->flags & O_NONBLOCK)
            return -EAGAIN;
        rc = task_wait(&connectors, PV_FOREVER);
        if (rc)
            return rc;
    }
}

long sys_connect(const unsigned long a[6])
{
    char path[UNIX_PATH_MAX + 1];
    struct socket *socket;
    struct file *file;
    long rc = socket_find(a[0], &file, &socket);

    if (rc)
        return rc;
    if (socket->family != AF_UNIX || socket->type != SOCK_STREAM)
        return -EOPNOTSUPP;
    rc = path_get(a[1], (unsigned int)a[2], path);
    if (rc)
        return rc;
    file_get(file);
    rc = do_connect(file, socket, path);
    file_put(file);
    return rc;
}

/* Writes an address to the program: as much of it as there is room for, and its full length. */
static int address_put(const void *address, unsigned int size, uintptr_t to, uintptr_t length)
{
    int room, rc = user_read(&room, length, sizeof(room));

    if (rc)
        return rc;
    if (room < 0)
        return -EINVAL;
    rc = user_write(to, address, (unsigned int)room < size ? (unsigned int)room : size);
    return rc ? rc : user_write(length, &size, sizeof(size));
}

static int path_put(const struct socket_address *address, uintptr_t to, uintptr_t length)
{
    struct { uint16_t family; char path[UNIX_PATH_MAX + 1]; } un = { .family = AF_UNIX };

    pv_copy(un.path, address->path, sizeof(un.path));
    return address_put(&un, address->length ? address->length : sizeof(un.family), to, length);
}

static int next_waiting(struct file *file, struct socket *socket)
{
    while (!socket->queue) {
        int rc;

        if (socket->shut & SHUT_RECEIVE)
            return -EINVAL;
        if (file->flags & O_NONBLOCK)
            return -EAGAIN;
        rc = file_wait(file, POLLIN, PV_FOREVER);
        if (rc)
            return rc;
    }
    return 0;
}

static long accept_next(struct socket *listener, int flags, uintptr_t address, uintptr_t length)
{
    struct socket *socket = listener->queue;
    struct file *file = socket_file(socket, flags);
    int rc;

    if (!file)
        return -ENOMEM;
    listener->queue = socket->next;
    socket->next = NULL;
    listener->queued--;
    pv_queue_wake(&connectors);
    rc = address ? path_put(&socket->peer_address, address, length) : 0;
    if (rc) {
        file_put(file);
        return rc;
    }
    return fd_install(file, 0, flags & O_CLOEXEC);
}

long sys_accept4(const unsigned long a[6])
{
    struct socket *socket;
    struct file *file;
    int flags = (int)a[3];
    long rc = socket_find(a[0], &file, &socket);

    if (!rc && (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)))
        rc = -EINVAL;
    if (!rc && socket->type != SOCK_STREAM)
        rc = -EOPNOTSUPP;
    if (!rc && !socket->listening)
        rc = -EINVAL;
    if (rc)
        return rc;
    file_get(file);
    rc = next_waiting(file, socket);
    if (!rc)
        rc = accept_next(socket, flags, a[1], a[2]);
    file_put(file);
    return rc;
}

long sys_accept(const unsigned long a[6])
{
    const unsigned long with_flags[6] = { a[0], a[1], a[2] };

    return sys_accept4(with_flags);
}

static long name_put(const struct socket *socket, bool peer, uintptr_t to, uintptr_t length)
{
    struct sockaddr_nl nl = { .nl_family = AF_NETLINK, .nl_groups = socket->groups };

    if (socket->family == AF_NETLINK) {
        if (peer)
            nl.nl_groups = 0;
        return address_put(&nl, sizeof(nl), to, length);
    }
    if (peer && !socket->connected)
        return -ENOTCONN;
    return path_put(peer ? &socket->peer_address : &socket->address, to, length);
}

long sys_getsockname(const unsigned long a[6])
{
    struct socket *socket;
    struct file *file;
    int rc = socket_find(a[0], &file, &socket);

    return rc ? rc : name_put(socket, false, a[1], a[2]);
}

long sys_getpeername(const unsigned long a[6])
{
    struct socket *socket;
    struct file *file;
    int rc = socket_find(a[0], &file, &socket);

    return rc ? rc : name_put(socket, true, a[1], a[2]);
}

long sys_shutdown(const unsigned long a[6])
{
    struct socket *socket;
    struct file *file;
    unsigned int what = (unsigned int)a[1] + 1;
    int rc = socket_find(a[0], &file, &socket);

    if (rc)
        return rc;
    if ((unsigned int)a[1] > 2)
        return -EINVAL;
    socket->shut |= what;
    if (socket->peer && socket->type == SOCK_STREAM)
        socket->peer->shut |= (what & SHUT_SEND ? SHUT_RECEIVE : 0U) |
                              (what & SHUT_RECEIVE ? SHUT_SEND : 0U);
    if (socket->listening)
        pv_queue_wake(&connectors);
    socket_changed(socket);
    socket_changed(socket->peer);
    return 0;
}

/* ---- options ---- */

static int option_value(struct socket *socket, int name, int *value)
{
    switch (name) {
    case SO_TYPE:
        *value = socket->type;
        return 0;
    case SO_ERROR:
        *value = -socket_error(socket);
        return 0;
    case SO_DOMAIN:
        *value = socket->family;
        return 0;
    case SO_PROTOCOL:
        *value = socket->family == AF_NETLINK ? NETLINK_KOBJECT_UEVENT : 0;
        return 0;
    case SO_ACCEPTCONN:
        *value = socket->listening;
        return 0;
    case SO_SNDBUF:
    case SO_RCVBUF:
        *value = FIFO_SIZE;
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

long sys_getsockopt(const unsigned long a[6])
{
    struct socket *socket;
    struct file *file;
    int name = (int)a[2], value, rc = socket_find(a[0], &file, &socket);

    if (rc)
        return rc;
    if ((int)a[1] != SOL_SOCKET)
        return socket->family == AF_NETLINK ? -ENOPROTOOPT : -EOPNOTSUPP;
    if (name == SO_PEERCRED) {
        static const struct credentials nobody = { .uid = ~0U, .gid = ~0U };

        return address_put(socket->connected ? &socket->others : &nobody, sizeof(nobody), a[3],
                           a[4]);
    }
    rc = option_value(socket, name, &value);
    return rc ? rc : address_put(&value, sizeof(value), a[3], a[4]);
}

/* Options that are accepted and ignored: sizes of buffers, which are fixed, and the reuse of addresses. */
static bool is_advice(int name)
{
    return name == SO_SNDBUF || name == SO_RCVBUF || name == SO_SNDBUFFORCE ||
           name == SO_RCVBUFFORCE || name == SO_REUSEADDR || name == SO_KEEPALIVE;
}

long sys_setsockopt(const unsigned long a[6])
{
    struct socket *socket;
    struct file *file;
    int value, rc = socket_find(a[0], &file, &socket);

    if (rc)
        return rc;
    if ((int)a[1] != SOL_SOCKET)
        return socket->family == AF_NETLINK ? -ENOPROTOOPT : -EOPNOTSUPP;
    if (!is_advice((int)a[2]))
        return -ENOPROTOOPT;
    return (int)a[4] < (int)sizeof(value) ? -EINVAL : user_read(&value, a[3], sizeof(value));
}
