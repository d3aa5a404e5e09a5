// sources: launcher/stubdom-micro/file.c launcher/stubdom-micro/poll.c launcher/stubdom-micro/fifo.c
// sources: launcher/stubdom-micro/pipe.c launcher/stubdom-micro/eventfd.c launcher/stubdom-micro/node.c
// sources: launcher/stubdom-micro/node-open.c launcher/stubdom-micro/node-calls.c
// sources: launcher/stubdom-micro/node-unpack.c launcher/stubdom-micro/memory-file.c launcher/stubdom-micro/mount.c
// sources: launcher/stubdom-micro/dev-misc.c launcher/stubdom-micro/socket.c launcher/stubdom-micro/socket-data.c
// sources: launcher/stubdom-micro/socket-rights.c launcher/stubdom-micro/socket-calls.c launcher/xen-layer/text.c
// sources: tests/unit/fake-pv.c tests/unit/fake-micro.c
// cflags: -D__XEN_INTERFACE_VERSION__=0x00040e00
/*
 * Sockets: streams, datagrams, listeners, descriptors in messages, uevents.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "micro-files.h"

#include "launcher/stubdom-micro/socket.h"

#include <asm/ioctls.h>

struct address { uint16_t family; char path[108]; };
struct header {
    void *name;
    int name_size;
    struct user_vec *vecs;
    size_t vec_count;
    void *control;
    size_t control_size;
    unsigned int flags;
};
struct rights_control { size_t size; int level, type; int fds[RIGHTS_MAX + 2]; };

static int ends[2];

static long pair(int type)
{
    return sys(socketpair, AF_UNIX, type, 0, ends);
}

static void close_pair(void)
{
    sys(close, ends[0]);
    sys(close, ends[1]);
}

static unsigned int ready(long fd)
{
    struct pollfd p = { .fd = (int)fd, .events = POLLIN | POLLOUT | POLLRDHUP };

    assert_true(sys(poll, &p, 1, 0) >= 0);
    return (unsigned short)p.revents;
}

/* ---- streams ---- */

static void test_stream(void **state)
{
    char bytes[16] = "";
    int n;

    assert_int_equal(pair(SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC), 0);
    assert_int_equal(sys(fcntl, 0, F_GETFD), 1);
    assert_int_equal(sys(fcntl, 0, F_GETFL), O_RDWR | O_NONBLOCK);
    assert_int_equal(ready(0), POLLOUT);
    assert_int_equal(sys(recvfrom, 0, bytes, 16, 0), -EAGAIN);
    assert_int_equal(sys(sendto, 0, "hello", 5, 0), 5);
    assert_int_equal(ready(1), POLLIN | POLLOUT);
    assert_int_equal(sys(ioctl, 1, FIONREAD, &n), 0);
    assert_int_equal(n, 5);
    assert_int_equal(sys(ioctl, 0, TIOCOUTQ, &n), 0);
    assert_int_equal(n, 5);
    assert_int_equal(sys(recvfrom, 1, bytes, 3, MSG_PEEK), 3);
    assert_int_equal(sys(read, 1, bytes, 16), 5);
    assert_memory_equal(bytes, "hello", 5);
    assert_int_equal(fake_pages_used, 0);
    assert_int_equal(sys(recvfrom, 1, bytes, 0, 0), 0);
    assert_int_equal(sys(sendto, 1, bytes, 0, 0), 0);
    assert_int_equal(sys(sendto, 1, "x", 1, 0, bytes, 2), -EISCONN);
    assert_int_equal(sys(sendto, 99, "x", 1, 0), -EBADF);
    assert_int_equal(sys(eventfd2, 0, 0), 2);
    assert_int_equal(sys(sendto, 2, "x", 1, 0), -ENOTSOCK);
}

static void test_kinds(void **state)
{
    assert_int_equal(sys(socket, AF_UNIX, 7, 0), -ESOCKTNOSUPPORT);
    assert_int_equal(sys(socket, AF_UNIX, SOCK_STREAM | 0x40, 0), -EINVAL);
    assert_int_equal(sys(socket, AF_UNIX, SOCK_STREAM, 9), -EPROTONOSUPPORT);
    assert_int_equal(sys(socket, 2, SOCK_STREAM, 0), -EAFNOSUPPORT);
    assert_int_equal(sys(socket, AF_NETLINK, SOCK_RAW, 0), -EPROTONOSUPPORT);
    assert_int_equal(sys(socket, AF_NETLINK, SOCK_STREAM, 15), -ESOCKTNOSUPPORT);
    assert_int_equal(sys(socketpair, AF_NETLINK, SOCK_RAW, 15, ends), -EOPNOTSUPP);
}

static void test_shutdown(void **state)
{
    char byte;

    pair(SOCK_STREAM);
    sys(write, 0, "a", 1);
    assert_int_equal(sys(shutdown, 0, 1), 0);
    assert_int_equal(ready(1), POLLIN | POLLOUT | POLLRDHUP);
    assert_int_equal(sys(write, 0, "x", 1), -EPIPE);
    assert_int_equal(fake_raises, 1);
    assert_int_equal(sys(sendto, 0, "x", 1, MSG_NOSIGNAL), -EPIPE);
    assert_int_equal(fake_raises, 1);
    assert_int_equal(sys(sendto, 0, "x", 1, 0), -EPIPE);
    assert_int_equal(fake_raises, 2);
    assert_int_equal(sys(read, 1, &byte, 1), 1);
    assert_int_equal(sys(read, 1, &byte, 1), 0);
    assert_int_equal(sys(write, 1, "b", 1), 1);
    assert_int_equal(sys(read, 0, &byte, 1), 1);
    assert_int_equal(sys(shutdown, 1, 2), 0);
    assert_int_equal(ready(0), POLLIN | POLLOUT | POLLHUP | POLLRDHUP);
    assert_int_equal(sys(shutdown, 1, 3), -EINVAL);
    assert_int_equal(sys(shutdown, 1, -1), -EINVAL);
}

static void test_closed_peer(void **state)
{
    char byte;

    pair(SOCK_STREAM);
    sys(write, 1, "ab", 2);
    sys(close, 1);
    assert_int_equal(ready(0), POLLIN | POLLOUT | POLLHUP | POLLRDHUP);
    assert_int_equal(sys(read, 0, &byte, 1), 1);
    assert_int_equal(sys(write, 0, "x", 1), -EPIPE);
    assert_int_equal(sys(read, 0, &byte, 1), 1);
    assert_int_equal(sys(read, 0, &byte, 1), 0);
    sys(close, 0);
    pair(SOCK_STREAM);
    sys(write, 0, "unread", 6);
    sys(close, 1);
    assert_int_equal(ready(0), POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP);
    assert_int_equal(sys(read, 0, &byte, 1), -ECONNRESET);
    assert_int_equal(sys(read, 0, &byte, 1), 0);
}

static size_t drained;
static bool drain_in_sleep(void)
{
    static char bytes[7777];
    long n = sys(recvfrom, 1, bytes, sizeof(bytes), MSG_DONTWAIT);

    assert_true(n > 0);
    drained += (size_t)n;
    return false;
}

static bool close_in_sleep(void)
{
    sys(close, 1);
    return false;
}

static bool shut_in_sleep(void)
{
    sys(shutdown, 1, 0);
    return false;
}

static void test_stream_full(void **state)
{
    static char much[300000];

    pair(SOCK_STREAM);
    assert_int_equal(sys(sendto, 0, much, sizeof(much), MSG_DONTWAIT), FIFO_SIZE);
    assert_int_equal(sys(sendto, 0, much, 1, MSG_DONTWAIT), -EAGAIN);
    assert_int_equal(ready(0), 0);
    drained = 0;
    fake_on_sleep = drain_in_sleep;
    assert_int_equal(sys(write, 0, much, sizeof(much)), sizeof(much));
    assert_true(drained >= sizeof(much));
    fake_on_sleep = NULL;
    sys(sendto, 0, much, sizeof(much), MSG_DONTWAIT);
    fake_signalled = true;
    assert_int_equal(sys(write, 0, much, 1), -EINTR);
    fake_signalled = false;
    fake_on_sleep = shut_in_sleep;
    assert_int_equal(sys(write, 0, much, 1), -EPIPE);
    fake_on_sleep = NULL;
    close_pair();
    pair(SOCK_STREAM);
    fake_on_sleep = close_in_sleep;
    assert_int_equal(sys(write, 0, much, sizeof(much)), FIFO_SIZE);
}

static bool write_in_sleep(void)
{
    assert_int_equal(sys(write, 1, "1234", 4), 4);
    return false;
}

static void test_waitall(void **state)
{
    char bytes[16];

    pair(SOCK_STREAM);
    sys(write, 1, "00", 2);
    fake_on_sleep = write_in_sleep;
    assert_int_equal(sys(recvfrom, 0, bytes, 2, MSG_WAITALL), 2);
    assert_int_equal(sys(recvfrom, 0, bytes, 7, MSG_WAITALL), 7);
    assert_memory_equal(bytes, "1234123", 7);
    assert_int_equal(sys(recvfrom, 0, bytes, 16, 0), 1);
    fake_on_sleep = close_in_sleep;
    sys(write, 1, "ab", 2);
    assert_int_equal(sys(recvfrom, 0, bytes, 7, MSG_WAITALL), 2);
}

/* ---- datagrams ---- */

static void test_datagrams(void **state)
{
    static char much[DATAGRAM_BYTES_MAX + 1];
    char bytes[16];
    struct user_vec vec = { (uintptr_t)bytes, 3 };
    struct header header = { .vecs = &vec, .vec_count = 1 };
    int n = 0;

    pair(SOCK_DGRAM | SOCK_NONBLOCK);
    assert_int_equal(ready(0), POLLOUT);
    assert_int_equal(sys(write, 0, "first", 5), 5);
    assert_int_equal(sys(sendto, 0, "2nd", 3, 0), 3);
    assert_int_equal(sys(recvmsg, 1, &header, 0), 3);
    assert_int_equal(header.flags, MSG_TRUNC);
    assert_int_equal(sys(recvfrom, 1, bytes, 1, MSG_PEEK | MSG_TRUNC), 3);
    assert_int_equal(sys(read, 1, bytes, 16), 3);
    assert_memory_equal(bytes, "2nd", 3);
    assert_int_equal(sys(read, 1, bytes, 16), -EAGAIN);
    assert_int_equal(sys(sendto, 0, much, 0, 0), 0);
    assert_int_equal(ready(1), POLLIN | POLLOUT);
    assert_int_equal(sys(recvfrom, 1, bytes, 16, 0), 0);
    assert_int_equal(sys(write, 0, much, sizeof(much)), -EMSGSIZE);
    assert_int_equal(sys(write, 0, FAKE_USER_BAD, 5), -EFAULT);
    while (sys(write, 0, "x", 1) == 1)
        n++;
    assert_int_equal(n, DATAGRAMS_MAX);
    assert_int_equal(ready(0), 0);
    sys(close, 1);
    assert_int_equal(sys(write, 0, "x", 1), -ECONNREFUSED);
    assert_int_equal(fake_raises, 0);
}

/* ---- listeners ---- */

static struct address address = { AF_UNIX, "/socket" };

static long listener(int flags)
{
    long fd = sys(socket, AF_UNIX, SOCK_STREAM | flags, 0);

    assert_int_equal(sys(bind, fd, &address, sizeof(address)), 0);
    assert_int_equal(sys(listen, fd, 1), 0);
    return fd;
}

static void test_listen(void **state)
{
    static struct address other = { AF_UNIX, "/another" };
    struct address name = { 0 };
    struct stat st;
    int size = sizeof(name), value, pid[3];
    char byte;
    long l = listener(SOCK_NONBLOCK), c = sys(socket, AF_UNIX, SOCK_STREAM, 0), a;

    assert_int_equal(ready(l), 0);
    assert_int_equal(ready(c), POLLOUT | POLLHUP);
    assert_int_equal(sys(read, l, &byte, 1), -EINVAL);
    assert_int_equal(sys(read, c, &byte, 1), -EINVAL);
    assert_int_equal(sys(write, c, &byte, 1), -ENOTCONN);
    assert_int_equal(sys(accept4, l, 0, 0, 0), -EAGAIN);
    assert_int_equal(sys(accept4, c, 0, 0, 0), -EINVAL);
    assert_int_equal(sys(stat, "/socket", &st), 0);
    assert_int_equal(st.st_mode, S_IFSOCK | 0755);
    assert_int_equal(sys(open, "/socket", O_RDWR), -ENXIO);
    assert_int_equal(sys(bind, c, &address, sizeof(address)), -EADDRINUSE);
    assert_int_equal(sys(bind, l, &address, sizeof(address)), -EADDRINUSE); /* as on Linux this is checked first */
    assert_int_equal(sys(bind, l, &other, sizeof(other)), -EINVAL);
    assert_int_equal(sys(listen, c, 1), -EINVAL);
    assert_int_equal(sys(connect, c, &address, sizeof(address)), 0);
    assert_int_equal(sys(connect, c, &address, sizeof(address)), -EISCONN);
    assert_int_equal(sys(connect, l, &address, sizeof(address)), -EINVAL);
    assert_int_equal(ready(l), POLLIN);
    assert_int_equal(sys(write, c, "early", 5), 5);
    a = sys(accept4, l, &name, &size, SOCK_CLOEXEC);
    assert_int_equal(a, c + 1);
    assert_int_equal(size, 2);
    assert_int_equal(name.family, AF_UNIX);
    assert_int_equal(sys(fcntl, a, F_GETFD), 1);
    assert_int_equal(sys(recvfrom, a, &name, 64, 0), 5);
    size = sizeof(name);
    assert_int_equal(sys(getsockname, a, &name, &size), 0);
    assert_int_equal(size, 10);
    assert_string_equal(name.path, "/socket");
    memset(&name, 0, sizeof(name));
    size = 5;
    assert_int_equal(sys(getpeername, c, &name, &size), 0);
    assert_int_equal(size, 10);
    assert_string_equal(name.path, "/so");
    size = -1;
    assert_int_equal(sys(getpeername, c, &name, &size), -EINVAL);
    assert_int_equal(sys(getpeername, l, &name, &size), -ENOTCONN);
    size = 4;
    assert_int_equal(sys(getsockopt, l, SOL_SOCKET, SO_ACCEPTCONN, &value, &size), 0);
    assert_int_equal(value, 1);
    size = sizeof(pid);
    assert_int_equal(sys(getsockopt, c, SOL_SOCKET, SO_PEERCRED, pid, &size), 0);
    assert_int_equal(pid[0], 42);
    assert_int_equal(sys(getsockopt, c, 6, 1, pid, &size), -EOPNOTSUPP);
    assert_int_equal(sys(getsockopt, c, SOL_SOCKET, 999, pid, &size), -ENOPROTOOPT);
    assert_int_equal(sys(setsockopt, c, SOL_SOCKET, SO_SNDBUF, &value, 4), 0);
    assert_int_equal(sys(setsockopt, c, SOL_SOCKET, SO_SNDBUF, &value, 3), -EINVAL);
    assert_int_equal(sys(setsockopt, c, SOL_SOCKET, 999, &value, 4), -ENOPROTOOPT);
    assert_int_equal(sys(setsockopt, c, 6, 1, &value, 4), -EOPNOTSUPP);
    sys(unlink, "/socket");
    assert_int_equal(sys(write, a, "x", 1), 1);
}

static void test_connect_refused(void **state)
{
    long c = sys(socket, AF_UNIX, SOCK_STREAM, 0), l, waiting;
    struct address bad = { AF_UNIX, "" };
    char byte;

    assert_int_equal(sys(connect, c, &address, sizeof(address)), -ENOENT);
    assert_int_equal(sys(connect, c, &address, 2), -EINVAL);
    assert_int_equal(sys(connect, c, &address, -1), -EINVAL);
    assert_int_equal(sys(connect, c, &address, 111), -EINVAL);
    assert_int_equal(sys(connect, c, &bad, sizeof(bad)), -EINVAL);
    bad.family = 2;
    assert_int_equal(sys(bind, c, &bad, sizeof(bad)), -EINVAL);
    l = listener(0);
    fake_uid = 100; /* this user may not write to root's socket */
    assert_int_equal(sys(connect, c, &address, sizeof(address)), -EACCES);
    fake_uid = 0;
    waiting = sys(socket, AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(sys(connect, waiting, &address, sizeof(address)), 0);
    sys(close, l);
    assert_int_equal(ready(waiting), POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP);
    assert_int_equal(sys(read, waiting, &byte, 1), -ECONNRESET);
    assert_int_equal(sys(connect, c, &address, sizeof(address)), -ECONNREFUSED);
    assert_int_equal(sys(bind, c, &address, sizeof(address)), -EADDRINUSE);
    /* A name of the greatest length, without a NUL. */
    memset(bad.path, 'n', sizeof(bad.path));
    bad.family = AF_UNIX;
    assert_int_equal(sys(bind, c, &bad, sizeof(bad)), 0);
}

static long accept_fd;
static bool accept_in_sleep(void)
{
    long fd = sys(accept4, accept_fd, 0, 0, 0);

    assert_true(fd >= 0);
    sys(close, fd);
    return false;
}

static bool close_listener(void)
{
    sys(close, accept_fd);
    return false;
}

static void test_backlog(void **state)
{
    long c[4];

    accept_fd = listener(0);
    for (int i = 0; i < 4; i++)
        c[i] = sys(socket, AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(sys(connect, c[0], &address, sizeof(address)), 0);
    assert_int_equal(sys(connect, c[1], &address, sizeof(address)), 0);
    sys(fcntl, c[2], F_SETFL, O_NONBLOCK);
    assert_int_equal(sys(connect, c[2], &address, sizeof(address)), -EAGAIN);
    sys(fcntl, c[2], F_SETFL, 0);
    fake_on_sleep = accept_in_sleep;
    assert_int_equal(sys(connect, c[2], &address, sizeof(address)), 0);
    fake_on_sleep = close_listener;
    assert_int_equal(sys(connect, c[3], &address, sizeof(address)), -ECONNREFUSED);
}

static bool connect_in_sleep(void)
{
    long c = sys(socket, AF_UNIX, SOCK_STREAM, 0);

    assert_int_equal(sys(connect, c, &address, sizeof(address)), 0);
    return false;
}

static void test_accept_waits(void **state)
{
    long l = listener(0);

    fake_on_sleep = connect_in_sleep;
    assert_int_equal(sys(accept, l, 0, 0), 2);
    fake_on_sleep = NULL;
    fake_signalled = true;
    assert_int_equal(sys(accept, l, 0, 0), -EINTR);
    sys(shutdown, l, 0);
    assert_int_equal(sys(accept, l, 0, 0), -EINVAL);
}

/* ---- descriptors in messages ---- */

static long send_fds(long to, const int *fds, unsigned int count)
{
    struct rights_control control = {
        .size = 16 + 4 * count, .level = SOL_SOCKET, .type = SCM_RIGHTS,
    };
    struct user_vec vec = { (uintptr_t)"m", 1 };
    struct header header = { .vecs = &vec, .vec_count = 1, .control = &control,
                             .control_size = 16 + 4 * count };

    memcpy(control.fds, fds, 4 * count);
    return sys(sendmsg, to, &header, MSG_DONTWAIT);
}

static struct header got;
static struct rights_control got_control;
static char got_bytes[64];
static long receive(long from, size_t bytes, size_t room, unsigned int flags)
{
    struct user_vec vec = { (uintptr_t)got_bytes, bytes };

    memset(&got_control, 0, sizeof(got_control));
    got = (struct header){ .vecs = &vec, .vec_count = 1, .control = &got_control,
           .control_size = room };
    return sys(recvmsg, from, &got, flags | MSG_DONTWAIT);
}

static void test_rights(void **state)
{
    int fds[3];

    pair(SOCK_STREAM);
    fds[0] = fds[1] = (int)sys(eventfd2, 5, 0);
    fds[2] = (int)sys(eventfd2, 6, 0);
    sys(write, 0, "before", 6);
    assert_int_equal(send_fds(0, fds, 3), 1);
    assert_int_equal(fd_file(2)->refs, 3);
    sys(write, 0, "after", 5);
    assert_int_equal(receive(1, 64, 16 + 12, MSG_CMSG_CLOEXEC), 7);
    assert_memory_equal(got_bytes, "beforem", 7);
    assert_int_equal(got.control_size, 28);
    assert_int_equal(got.flags, MSG_CMSG_CLOEXEC);
    assert_int_equal(got_control.size, 28);
    assert_int_equal(got_control.level, SOL_SOCKET);
    assert_int_equal(got_control.type, SCM_RIGHTS);
    assert_ptr_equal(fd_file((unsigned long)got_control.fds[0]), fd_file(2));
    assert_ptr_equal(fd_file((unsigned long)got_control.fds[2]), fd_file(3));
    assert_int_equal(sys(fcntl, got_control.fds[2], F_GETFD), 1);
    assert_int_equal(receive(1, 64, 64, 0), 5);
    assert_int_equal(got.control_size, 0);
}

static void test_rights_cut(void **state)
{
    int fds[2];

    pair(SOCK_STREAM);
    fds[0] = fds[1] = (int)sys(eventfd2, 5, 0);
    send_fds(0, fds, 2);
    assert_int_equal(receive(1, 64, 16 + 7, 0), 1);
    assert_int_equal(got.flags, MSG_CTRUNC);
    assert_int_equal(got_control.size, 20);
    assert_int_equal(fd_file(2)->refs, 2);
    send_fds(0, fds, 2);
    assert_int_equal(receive(1, 64, 0, 0), 1);
    assert_int_equal(got.flags, MSG_CTRUNC);
    send_fds(0, fds, 2);
    assert_int_equal(sys(read, 1, got_bytes, 64), 1);
    assert_int_equal(fd_file(2)->refs, 2);
    send_fds(0, fds, 2);
    assert_int_equal(receive(1, 64, 64, MSG_PEEK), 1);
    assert_int_equal(got_control.size, 24);
    assert_int_equal(fd_file(2)->refs, 6);
    assert_int_equal(receive(1, 64, 64, 0), 1);
    assert_int_equal(got_control.size, 24);
    /* The table of descriptors is full: those that do not fit are closed. */
    while (sys(dup, 0) >= 0)
        ;
    send_fds(0, fds, 2);
    sys(close, 100);
    assert_int_equal(receive(1, 64, 64, 0), 1);
    assert_int_equal(got_control.size, 20);
    assert_int_equal(got_control.fds[0], 100);
    assert_int_equal(got.flags, MSG_CTRUNC);
}

static void test_rights_lost(void **state)
{
    int fd;

    pair(SOCK_STREAM);
    fd = (int)sys(eventfd2, 5, 0);
    send_fds(0, &fd, 1);
    send_fds(0, &fd, 1);
    sys(close, fd);
    close_pair(); /* files_end() checks that nothing is left */
    pair(SOCK_DGRAM);
    fd = (int)sys(eventfd2, 5, 0);
    assert_int_equal(send_fds(0, &fd, 1), 1);
    assert_int_equal(receive(1, 64, 64, MSG_PEEK), 1);
    assert_int_equal(got_control.size, 20);
    assert_int_equal(receive(1, 64, 64, 0), 1);
    assert_int_equal(got_control.size, 20);
    send_fds(0, &fd, 1);
}

static void test_rights_refused(void **state)
{
    int fds[RIGHTS_MAX + 1];
    struct rights_control control = { .size = 8, .level = SOL_SOCKET, .type = SCM_RIGHTS };
    struct header header = { .control = &control, .control_size = 20 };
    struct user_vec vec = { (uintptr_t)"m", 1 };

    header.vecs = &vec;
    header.vec_count = 1;
    pair(SOCK_STREAM);
    fds[0] = 0;
    fds[1] = 99;
    assert_int_equal(send_fds(0, fds, 2), -EBADF);
    fds[1] = -1;
    assert_int_equal(send_fds(0, fds, 2), -EBADF);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        fds[i] = 0;
    assert_int_equal(send_fds(0, fds, RIGHTS_MAX + 1), -EINVAL);
    assert_int_equal(sys(sendmsg, 0, &header, 0), -EINVAL);
    control.size = 21;
    assert_int_equal(sys(sendmsg, 0, &header, 0), -EINVAL);
    control.size = ~0UL;
    assert_int_equal(sys(sendmsg, 0, &header, 0), -EINVAL);
    control.size = 20;
    control.type = 77;
    assert_int_equal(sys(sendmsg, 0, &header, 0), -EINVAL);
    control.level = 77; /* an unknown level */
    assert_int_equal(sys(sendmsg, 0, &header, 0), 1);
    header.control_size = 1UL << 40;
    assert_int_equal(sys(sendmsg, 0, &header, 0), -ENOBUFS);
    header.control_size = 20;
    header.control = (void *)FAKE_USER_BAD;
    assert_int_equal(sys(sendmsg, 0, &header, 0), -EFAULT);
    assert_int_equal(sys(sendmsg, 0, FAKE_USER_BAD, 0), -EFAULT);
    header.vec_count = USER_VECS_MAX + 1;
    assert_int_equal(sys(sendmsg, 0, &header, 0), -EMSGSIZE);
    assert_int_equal(fd_file(0)->refs, 1);
}

/* No socket may wait in its own queue, nor two in each other's: they could never be closed. */
static void test_rights_cycles(void **state)
{
    int fd;

    pair(SOCK_STREAM); /* 0 1 */
    sys(socketpair, AF_UNIX, SOCK_STREAM, 0, ends); /* 2 3 */
    fd = 1;
    assert_int_equal(send_fds(0, &fd, 1), -ETOOMANYREFS); /* 1 in 1 */
    fd = 0;
    assert_int_equal(send_fds(0, &fd, 1), 1); /* 0 in 1 */
    assert_int_equal(send_fds(1, &fd, 1), -ETOOMANYREFS); /* into 0, which is on its way */
    fd = 1;
    assert_int_equal(send_fds(2, &fd, 1), -ETOOMANYREFS); /* 1, in whose queue a descriptor waits */
    assert_int_equal(receive(1, 64, 64, 0), 1);
    fd = 1;
    assert_int_equal(send_fds(2, &fd, 1), 1); /* 1 in 3 */
    fd = 3;
    assert_int_equal(send_fds(0, &fd, 1), -ETOOMANYREFS); /* 3 into 1, which is on its way */
    for (fd = 0; fd < 8; fd++)
        sys(close, fd); /* files_end() checks that nothing is left */
}

static void test_rights_of_waiting(void **state)
{
    long l = listener(0), c = sys(socket, AF_UNIX, SOCK_STREAM, 0);
    int fd = (int)l;

    sys(connect, c, &address, sizeof(address));
    assert_int_equal(send_fds(c, &fd, 1), -ETOOMANYREFS);
    assert_int_equal(sys(accept, l, 0, 0), 2);
    assert_int_equal(send_fds(c, &fd, 1), 1);
}

static void test_rights_in_flight(void **state)
{
    int fds[RIGHTS_MAX], n = 0;

    pair(SOCK_STREAM);
    sys(eventfd2, 0, 0);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        fds[i] = 2;
    while (send_fds(0, fds, RIGHTS_MAX) == 1)
        n++;
    assert_int_equal(n, RIGHTS_IN_FLIGHT / RIGHTS_MAX);
    assert_int_equal(send_fds(0, fds, 1), -ETOOMANYREFS);
    fake_uid = 100; /* root has an account of its own */
    assert_int_equal(send_fds(0, fds, 1), 1);
    fake_uid = 0;
    sys(read, 1, got_bytes, 1);
    assert_int_equal(send_fds(0, fds, 1), 1);
}

static long attempt_rights(void)
{
    int fds[2] = { 2, 2 };
    long rc = send_fds(0, fds, 2);

    if (rc < 0)
        return rc;
    rc = sys(read, 1, got_bytes, 1);
    if (rc < 0) /* the message is still there */
        assert_int_equal(sys(read, 1, got_bytes, 1), 1);
    return rc;
}
static void nothing(void) { }
static void test_rights_failures(void **state)
{
    pair(SOCK_STREAM);
    sys(eventfd2, 0, 0);
    try_all_failures(attempt_rights, nothing);
    assert_int_equal(fd_file(2)->refs, 1);
}

static long attempt_pair(void) { return pair(SOCK_STREAM); }
static void test_pair_failures(void **state) { try_all_failures(attempt_pair, close_pair); }

static long attempt_connect(void)
{
    long l = sys(socket, AF_UNIX, SOCK_STREAM, 0), c, a, rc, left;

    if (l < 0)
        return l;
    rc = sys(bind, l, &address, sizeof(address));
    if (!rc)
        sys(listen, l, 1);
    c = rc ? rc : sys(socket, AF_UNIX, SOCK_STREAM, 0);
    rc = c < 0 ? c : sys(connect, c, &address, sizeof(address));
    a = rc ? rc : sys(accept, l, 0, 0);
    sys(close, l);
    if (c >= 0)
        sys(close, c);
    if (a >= 0)
        sys(close, a);
    left = fake_user_fails; /* cleaning up must not fail */
    fake_user_fails = -1;
    sys(unlink, "/socket");
    fake_user_fails = left;
    return a;
}
static void test_connect_failures(void **state) { try_all_failures(attempt_connect, nothing); }

/* ---- uevents ---- */

static void test_uevents(void **state)
{
    struct sockaddr_nl nl = { .nl_family = AF_NETLINK, .nl_groups = 1 }, from = { 0 };
    char text[64] = "";
    int size = sizeof(from);

    assert_int_equal(sys(socket, AF_NETLINK, SOCK_DGRAM | SOCK_NONBLOCK, 15), 0);
    assert_int_equal(sys(socket, AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, 15), 1);
    uevent_send("nobody listens yet");
    assert_int_equal(sys(bind, 0, &nl, 5), -EINVAL);
    assert_int_equal(sys(bind, 0, &nl, sizeof(nl)), 0);
    assert_int_equal(sys(bind, 0, &nl, sizeof(nl)), 0); /* a second bind does not make it listen twice */
    assert_int_equal(sys(bind, 1, &nl, sizeof(nl)), 0);
    assert_int_equal(ready(0), POLLOUT);
    uevent_send("add@/x");
    assert_int_equal(ready(0), POLLIN | POLLOUT);
    assert_int_equal(sys(recvfrom, 0, text, 64, 0, &from, &size), 7);
    assert_string_equal(text, "add@/x");
    assert_int_equal(size, sizeof(from));
    assert_int_equal(from.nl_family, AF_NETLINK);
    assert_int_equal(sys(read, 0, text, 64), -EAGAIN);
    assert_int_equal(sys(read, 1, text, 64), 7);
    assert_int_equal(sys(write, 0, "x", 1), -EPERM);
    for (unsigned int i = 0; i < DATAGRAMS_MAX; i++)
        uevent_send("one");
    assert_int_equal(ready(0), POLLIN | POLLOUT);
    uevent_send("too many");
    assert_int_equal(ready(0), POLLIN | POLLOUT | POLLERR);
    assert_int_equal(sys(read, 0, text, 64), -ENOBUFS);
    assert_int_equal(sys(read, 0, text, 64), 4);
    sys(close, 0);
    uevent_send("after one left");
    fake_alloc_fails = 0;
    sys(read, 1, text, 64);
    sys(read, 1, text, 64);
    uevent_send("no memory");
    assert_int_equal(sys(read, 1, text, 64), -ENOBUFS);
}

#define test(name) cmocka_unit_test_setup_teardown(name, files_start, files_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(test_stream), test(test_kinds), test(test_shutdown), test(test_closed_peer),
        test(test_stream_full), test(test_waitall), test(test_datagrams), test(test_listen),
        test(test_connect_refused), test(test_backlog), test(test_accept_waits), test(test_rights),
        test(test_rights_cut), test(test_rights_lost), test(test_rights_refused),
        test(test_rights_cycles), test(test_rights_of_waiting), test(test_rights_in_flight),
        test(test_rights_failures), test(test_pair_failures), test(test_connect_failures),
        test(test_uevents),
    };

    return cmocka_run_group_tests_name("micro sockets", tests, NULL, NULL);
}
