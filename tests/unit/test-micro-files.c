// sources: launcher/stubdom-micro/file.c launcher/stubdom-micro/poll.c launcher/stubdom-micro/fifo.c
// sources: launcher/stubdom-micro/pipe.c launcher/stubdom-micro/eventfd.c launcher/stubdom-micro/node.c
// sources: launcher/stubdom-micro/node-open.c launcher/stubdom-micro/node-calls.c
// sources: launcher/stubdom-micro/node-unpack.c launcher/stubdom-micro/memory-file.c launcher/stubdom-micro/mount.c
// sources: launcher/stubdom-micro/dev-misc.c launcher/stubdom-micro/socket.c launcher/stubdom-micro/socket-data.c
// sources: launcher/stubdom-micro/socket-rights.c launcher/stubdom-micro/socket-calls.c launcher/xen-layer/text.c
// sources: tests/unit/fake-pv.c tests/unit/fake-micro.c
// cflags: -D__XEN_INTERFACE_VERSION__=0x00040e00
/*
 * Descriptors, reading and writing with waiting, pipes, eventfds, poll.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "micro-files.h"

#include <asm/ioctls.h>

static int ends[2];

static long make_pipe(void) { return sys(pipe2, ends, O_CLOEXEC); }
static void close_ends(void)
{
    sys(close, ends[0]);
    sys(close, ends[1]);
}

/* ---- descriptors ---- */

static void test_descriptors(void **state)
{
    assert_int_equal(make_pipe(), 0);
    assert_int_equal(ends[0], 0);
    assert_int_equal(ends[1], 1);
    assert_int_equal(sys(fcntl, 0, F_GETFD), 1);
    assert_int_equal(sys(dup, 1), 2);
    assert_int_equal(sys(fcntl, 2, F_GETFD), 0);
    assert_int_equal(fd_file(1)->refs, 2);
    assert_int_equal(sys(dup2, 1, 9), 9);
    assert_int_equal(sys(dup2, 1, 1), 1);
    assert_int_equal(sys(dup2, 77, 77), -EBADF);
    assert_int_equal(sys(dup2, 1, MICRO_FDS), -EBADF);
    assert_int_equal(sys(dup3, 1, 1, 0), -EINVAL);
    assert_int_equal(sys(dup3, 1, 9, O_APPEND), -EINVAL);
    assert_int_equal(sys(dup3, 1, 9, O_CLOEXEC), 9);
    assert_int_equal(sys(fcntl, 9, F_GETFD), 1);
    assert_int_equal(fd_file(1)->refs, 3);
    assert_int_equal(sys(fcntl, 1, F_DUPFD, 9), 10);
    assert_int_equal(sys(fcntl, 1, F_DUPFD, MICRO_FDS), -EINVAL);
    /* A descriptor is an int: the upper 32 bits are ignored. */
    assert_int_equal(sys(close, 10 | 1UL << 40), 0);
    assert_int_equal(sys(close, 10), -EBADF);
    assert_int_equal(sys(close, ~0UL), -EBADF);
    assert_int_equal(sys(close, MICRO_FDS), -EBADF);
}

static void test_close_range(void **state)
{
    make_pipe();
    for (int fd = 10; fd < 20; fd++)
        assert_int_equal(sys(dup2, 0, fd), fd);
    assert_int_equal(sys(close_range, 12, 14, 0), 0);
    assert_null(fd_file(12));
    assert_null(fd_file(14));
    assert_non_null(fd_file(15));
    assert_int_equal(sys(close_range, 15, ~0U, 4), 0);
    assert_int_equal(sys(fcntl, 15, F_GETFD), 1);
    assert_int_equal(sys(fcntl, 11, F_GETFD), 0);
    assert_int_equal(sys(close_range, 5, 4, 0), -EINVAL);
    assert_int_equal(sys(close_range, 5, 6, 2), -EINVAL);
}

static void test_table_copy_and_close(void **state)
{
    struct fd_table copy;

    make_pipe();
    sys(dup2, 1, 5);
    fd_table_copy(&copy, &fake_fds);
    assert_int_equal(fd_file(1)->refs, 4);
    fd_table_close(&copy, true);
    assert_null(copy.slots[1].file);
    assert_non_null(copy.slots[5].file);
    fd_table_close(&copy, false);
    assert_int_equal(fd_file(1)->refs, 2);
}

static void test_table_full(void **state)
{
    make_pipe();
    while (sys(dup, 0) >= 0)
        ;
    assert_int_equal(sys(dup, 0), -EMFILE);
    assert_int_equal(sys(pipe2, ends, 0), -EMFILE);
    sys(close, 77);
    assert_int_equal(sys(pipe2, ends, 0), -EMFILE);
    assert_null(fd_file(77));
    assert_int_equal(sys(eventfd2, 0, 0), 77);
}

static void test_fcntl(void **state)
{
    struct flock lock = { .l_type = F_WRLCK };

    make_pipe();
    assert_int_equal(sys(fcntl, 0, F_GETFL), O_RDONLY);
    assert_int_equal(sys(fcntl, 1, F_SETFL, O_NONBLOCK | O_RDWR | O_CREAT), 0);
    assert_int_equal(sys(fcntl, 1, F_GETFL), O_WRONLY | O_NONBLOCK);
    assert_int_equal(sys(fcntl, 0, F_SETFD, 0), 0);
    assert_int_equal(sys(fcntl, 0, F_GETFD), 0);
    assert_int_equal(sys(fcntl, 1, F_OFD_SETLK, &lock), 0);
    assert_int_equal(sys(fcntl, 0, F_OFD_SETLK, &lock), -EBADF);
    lock.l_pid = 5;
    assert_int_equal(sys(fcntl, 1, F_OFD_SETLK, &lock), -EINVAL);
    assert_int_equal(sys(fcntl, 1, F_GETLK, &lock), 0);
    assert_int_equal(lock.l_type, F_UNLCK);
    assert_int_equal(sys(fcntl, 1, F_GETLK, &lock), -EINVAL);
    assert_int_equal(sys(fcntl, 1, F_GETLK, FAKE_USER_BAD), -EFAULT);
    assert_int_equal(sys(fcntl, 1, 9999), -EINVAL);
    assert_int_equal(sys(fcntl, 99, F_GETFD), -EBADF);
    assert_int_equal(sys(ioctl, 0, FIOCLEX), 0);
    assert_int_equal(sys(fcntl, 0, F_GETFD), 1);
    assert_int_equal(sys(ioctl, 1, FIONBIO, &(int){ 0 }), 0);
    assert_int_equal(sys(fcntl, 1, F_GETFL), O_WRONLY);
    assert_int_equal(sys(ioctl, 1, 0x1234), -ENOTTY);
}

/* ---- reading and writing ---- */

static void test_buffers(void **state)
{
    struct user_vec vecs[USER_VECS_MAX + 1];
    char bytes[USER_VECS_MAX];
    size_t i;

    make_pipe();
    for (i = 0; i <= USER_VECS_MAX; i++)
        vecs[i] = (struct user_vec){ .base = (uintptr_t)&bytes[i % USER_VECS_MAX], .size = 1 };
    assert_int_equal(sys(writev, 1, vecs, USER_VECS_MAX + 1), -EINVAL);
    assert_int_equal(sys(writev, 1, vecs, ~0UL), -EINVAL);
    memset(bytes, 'a', sizeof(bytes));
    assert_int_equal(sys(writev, 1, vecs, USER_VECS_MAX), USER_VECS_MAX);
    memset(bytes, 0, sizeof(bytes));
    assert_int_equal(sys(readv, 0, vecs, 9), 9);
    assert_memory_equal(bytes, "aaaaaaaaa\0", 10);
    vecs[0].size = INT64_MAX;
    vecs[1].size = 1;
    assert_int_equal(sys(readv, 0, vecs, 2), -EINVAL);
    vecs[0].size = ~0UL;
    assert_int_equal(sys(readv, 0, vecs, 2), -EINVAL);
    assert_int_equal(sys(readv, 0, FAKE_USER_BAD, 2), -EFAULT);
    assert_int_equal(sys(writev, 1, vecs, 0), 0);
    assert_int_equal(sys(read, 0, 0, 0), 0);
    assert_int_equal(sys(write, 0, bytes, 1), -EBADF);
    assert_int_equal(sys(read, 1, bytes, 1), -EBADF);
    assert_int_equal(sys(pread64, 0, bytes, 1, 0), -ESPIPE);
    assert_int_equal(sys(pread64, 0, bytes, 1, -1), -EINVAL);
    assert_int_equal(sys(lseek, 0, 0, 0), -ESPIPE);
    assert_int_equal(sys(ftruncate, 1, 0), -EINVAL);
    assert_int_equal(sys(fsync, 1), -EINVAL);
}

static void test_bad_memory(void **state)
{
    char bytes[8];

    make_pipe();
    assert_int_equal(sys(write, 1, FAKE_USER_BAD, 5), -EFAULT);
    assert_int_equal(fake_pages_used, 0);
    assert_int_equal(sys(write, 1, "hello", 5), 5);
    assert_int_equal(sys(read, 0, FAKE_USER_BAD, 5), -EFAULT);
    assert_int_equal(sys(read, 0, bytes, 8), 5);
    assert_memory_equal(bytes, "hello", 5);
    assert_int_equal(fake_pages_used, 0);
}

static long attempt_pipe(void) { return make_pipe(); }
static void test_pipe_failures(void **state) { try_all_failures(attempt_pipe, close_ends); }

/* ---- pipes ---- */

static void test_pipe_ends(void **state)
{
    char bytes[8];
    struct pollfd fds[2] = { { .fd = 0, .events = POLLIN }, { .fd = 1, .events = POLLOUT } };

    sys(pipe2, ends, O_NONBLOCK);
    assert_int_equal(sys(read, 0, bytes, 8), -EAGAIN);
    assert_int_equal(sys(poll, fds, 2, 0), 1);
    assert_int_equal(fds[1].revents, POLLOUT);
    sys(write, 1, "abc", 3);
    sys(close, 1);
    assert_int_equal(sys(poll, fds, 1, 0), 1);
    assert_int_equal(fds[0].revents, POLLIN | POLLHUP);
    assert_int_equal(sys(read, 0, bytes, 8), 3);
    assert_int_equal(sys(read, 0, bytes, 8), 0);
    sys(close, 0);
    sys(pipe2, ends, 0);
    sys(close, 0);
    assert_int_equal(sys(poll, &fds[1], 1, 0), 1);
    assert_int_equal(fds[1].revents, POLLOUT | POLLERR);
    assert_int_equal(sys(write, 1, "x", 1), -EPIPE);
    assert_int_equal(fake_raised, 13);
    assert_int_equal(fake_raises, 1);
}

/* The bytes of a pipe, compared with a counter, at all alignments, through several turns of the ring. */
static void test_pipe_bytes(void **state)
{
    static uint8_t out[5000], in[7000];
    uint32_t written = 0, read = 0, random = 1;

    sys(pipe2, ends, O_NONBLOCK);
    for (int turn = 0; turn < 2000; turn++) {
        size_t n = (random = random * 1664525 + 1013904223) >> 8;
        long done;

        for (size_t i = 0; i < sizeof(out); i++)
            out[i] = (uint8_t)((written + i) * 7 ^ (written + i) >> 8);
        done = sys(write, 1, out, n % sizeof(out) + 1);
        if (done > 0)
            written += (uint32_t)done;
        else
            assert_int_equal(done, -EAGAIN);
        assert_true(written - read <= FIFO_SIZE);
        n = (random = random * 1664525 + 1013904223) >> 8;
        done = sys(read, 0, in, n % (turn % 3 ? 300 : sizeof(in)) + 1);
        if (done > 0)
            for (long i = 0; i < done; i++, read++)
                assert_int_equal(in[i], (uint8_t)(read * 7 ^ read >> 8));
        /* No unneeded pages: at most those of the bytes, and one more at each end. */
        assert_true(fake_pages_used <= (written - read) / PV_PAGE + 2);
    }
    while (sys(read, 0, in, sizeof(in)) > 0)
        ;
    assert_int_equal(fake_pages_used, 0);
}

static void test_pipe_full(void **state)
{
    static char page[2 * PV_PAGE];
    struct pollfd fd = { .fd = 1, .events = POLLOUT };
    int n = 0;

    sys(pipe2, ends, O_NONBLOCK);
    assert_int_equal(sys(fcntl, 1, F_GETPIPE_SZ), FIFO_SIZE);
    while (sys(write, 1, page, PV_PAGE) == PV_PAGE)
        n++;
    assert_int_equal(n, FIFO_PAGES);
    assert_int_equal(sys(poll, &fd, 1, 0), 0);
    sys(read, 0, page, 100);
    /* A write of up to PIPE_BUF is not split; a larger one is. */
    assert_int_equal(sys(write, 1, page, 101), -EAGAIN);
    assert_int_equal(sys(write, 1, page, PV_PAGE + 1), 100);
    assert_int_equal(sys(fcntl, 1, F_SETPIPE_SZ, 5000), -EBUSY);
    assert_int_equal(sys(fcntl, 1, F_SETPIPE_SZ, FIFO_SIZE + 1), -EPERM);
    assert_int_equal(sys(fcntl, 1, F_SETPIPE_SZ, 0), -EINVAL);
    while (sys(read, 0, page, PV_PAGE) > 0)
        ;
    assert_int_equal(sys(fcntl, 1, F_SETPIPE_SZ, 5000), 2 * PV_PAGE);
    assert_int_equal(sys(write, 1, page, 2 * PV_PAGE), 2 * PV_PAGE);
    assert_int_equal(sys(write, 1, page, 1), -EAGAIN);
}

/* ---- waiting ---- */

static unsigned int sleeps;
static const char *later_text;
static bool write_in_sleep(void)
{
    sleeps++;
    if (later_text)
        assert_int_equal(sys(write, 1, later_text, strlen(later_text)), strlen(later_text));
    later_text = NULL;
    return false;
}

static bool fail_in_sleep(void)
{
    fail_msg("sleeps");
    return true;
}

static void test_read_waits(void **state)
{
    char bytes[8];

    make_pipe();
    sleeps = 0;
    later_text = "now";
    fake_on_sleep = write_in_sleep;
    assert_int_equal(sys(read, 0, bytes, 8), 3);
    assert_int_equal(sleeps, 1);
    /* Bytes that are there are read without sleeping. */
    fake_on_sleep = fail_in_sleep;
    sys(write, 1, "x", 1);
    assert_int_equal(sys(read, 0, bytes, 8), 1);
    fake_on_sleep = NULL;
    fake_signalled = true;
    assert_int_equal(sys(read, 0, bytes, 8), -EINTR);
    assert_int_equal(fd_file(0)->refs, 1);
    assert_int_equal(fd_file(0)->watched, 0);
}

static size_t drained;
static bool drain_in_sleep(void)
{
    static char bytes[10000];
    long done = sys(read, 0, bytes, sizeof(bytes));

    assert_true(done > 0);
    drained += (size_t)done;
    return false;
}

static void test_write_waits(void **state)
{
    static char much[300000];

    make_pipe();
    drained = 0;
    fake_on_sleep = drain_in_sleep;
    assert_int_equal(sys(write, 1, much, sizeof(much)), sizeof(much));
    assert_true(drained >= sizeof(much) - FIFO_SIZE);
    /* A write that is interrupted returns how much it has written. */
    fake_on_sleep = NULL;
    fake_signalled = true;
    assert_int_equal(sys(write, 1, much, sizeof(much)), FIFO_SIZE - (sizeof(much) - drained));
    assert_int_equal(sys(write, 1, much, 1), -EINTR);
}

static bool close_in_sleep(void)
{
    sys(close, 0);
    return false;
}

static void test_closed_while_waiting(void **state)
{
    static char much[100000];

    make_pipe();
    fake_on_sleep = close_in_sleep;
    assert_int_equal(sys(write, 1, much, sizeof(much)), FIFO_SIZE);
    assert_int_equal(fake_raises, 0);
    fake_on_sleep = NULL;
    assert_int_equal(sys(write, 1, much, 1), -EPIPE);
}

/* ---- poll ---- */

static void test_poll_times(void **state)
{
    int64_t ts[2] = { 0, 5000000 };

    assert_int_equal(sys(poll, 0, 0, 20), 0);
    assert_int_equal(fake_now, 20 * PV_MS);
    assert_int_equal(sys(ppoll, 0, 0, ts, 0), 0);
    assert_int_equal(fake_now, 25 * PV_MS);
    assert_int_equal(sys(poll, 0, 0, 0), 0);
    assert_int_equal(fake_now, 25 * PV_MS);
    ts[1] = (int64_t)PV_SECOND;
    assert_int_equal(sys(ppoll, 0, 0, ts, 0), -EINVAL);
    assert_int_equal(sys(ppoll, 0, 0, FAKE_USER_BAD, 0), -EFAULT);
}

static void test_poll_list(void **state)
{
    struct pollfd fds[MICRO_FDS + 1];
    struct pollfd few[3] = {
        { .fd = 0, .events = POLLIN, .revents = 77 }, { .fd = -1, .events = POLLIN, .revents = 77 },
        { .fd = 99, .events = POLLIN },
    };

    make_pipe();
    assert_int_equal(sys(poll, few, 3, -1), 1);
    assert_int_equal(few[0].revents, 0);
    assert_int_equal(few[1].revents, 0);
    assert_int_equal(few[2].revents, POLLNVAL);
    for (size_t i = 0; i <= MICRO_FDS; i++)
        fds[i] = (struct pollfd){ .fd = 0, .events = POLLIN };
    fds[200].fd = 1;
    fds[200].events = POLLOUT | POLLWRNORM;
    assert_int_equal(sys(poll, fds, MICRO_FDS + 1, 0), -EINVAL);
    assert_int_equal(sys(poll, fds, MICRO_FDS, -1), 1);
    assert_int_equal(fds[200].revents, POLLOUT | POLLWRNORM);
    fake_alloc_fails = 0;
    assert_int_equal(sys(poll, fds, MICRO_FDS, -1), -ENOMEM);
    fds[200].events = 0;
    assert_int_equal(sys(poll, fds, MICRO_FDS, 10), 0);
    assert_int_equal(sys(poll, FAKE_USER_BAD, 1, 0), -EFAULT);
    assert_int_equal(fd_file(0)->refs, 1);
    assert_int_equal(fd_file(1)->refs, 1);
    assert_int_equal(fd_file(0)->watched, 0);
}

static void test_poll_wakes(void **state)
{
    struct pollfd fds[2] = { { .fd = 0, .events = POLLIN }, { .fd = 5, .events = POLLIN } };

    make_pipe();
    sys(eventfd2, 0, 0);
    sys(dup2, 2, 5);
    sleeps = 0;
    later_text = "x";
    fake_on_sleep = write_in_sleep;
    assert_int_equal(sys(poll, fds, 2, -1), 1);
    assert_int_equal(fds[0].revents, POLLIN);
    assert_int_equal(sleeps, 1);
}

/* A change of a file wakes only those who wait for it. */
static struct file *other_file;
static bool change_other(void)
{
    sleeps++;
    file_changed(other_file);
    return false;
}

static void test_poll_wakes_no_other(void **state)
{
    struct pollfd fd = { .fd = 0, .events = POLLIN };

    make_pipe();
    other_file = fd_file((unsigned long)sys(eventfd2, 0, 0));
    sleeps = 0;
    fake_on_sleep = change_other;
    assert_int_equal(sys(poll, &fd, 1, 30), 0);
    assert_int_equal(sleeps, 1);
    assert_int_equal(fake_now, 30 * PV_MS);
}

static bool close_and_write(void)
{
    static char byte;

    if (!sleeps++) {
        sys(dup2, 1, 9);
        sys(close, 0);
        assert_int_equal(sys(write, 9, &byte, 1), 1); /* the sleeping task still holds the other end */
    }
    return false;
}

static void test_poll_keeps_closed(void **state)
{
    struct pollfd fd = { .fd = 0, .events = POLLIN };

    make_pipe();
    sleeps = 0;
    fake_on_sleep = close_and_write;
    assert_int_equal(sys(poll, &fd, 1, -1), 1);
    assert_int_equal(fd.revents, POLLIN);
}

static void test_ppoll_mask(void **state)
{
    struct pollfd fd = { .fd = 0, .events = POLLIN };
    uint64_t mask = 0x55;

    make_pipe();
    fake_sigmask = 0xaa;
    fake_signalled = true;
    assert_int_equal(sys(ppoll, &fd, 1, 0, &mask, 8), -EINTR);
    assert_int_equal(fake_sigmask, 0x55);
    assert_true(fake_sigmask_later);
    assert_int_equal(fake_sigmask_saved, 0xaa);
    fake_signalled = fake_sigmask_later = false;
    fake_sigmask = 0xaa;
    sys(write, 1, "x", 1);
    fake_signalled = true; /* ready files are reported even if a signal is pending */
    assert_int_equal(sys(ppoll, &fd, 1, 0, &mask, 8), 1);
    assert_int_equal(fake_sigmask, 0xaa);
    assert_false(fake_sigmask_later);
    assert_int_equal(sys(ppoll, &fd, 1, 0, &mask, 4), -EINVAL);
    assert_int_equal(sys(ppoll, &fd, 1, 0, FAKE_USER_BAD, 8), -EFAULT);
}

static void test_file_wait(void **state)
{
    make_pipe();
    assert_int_equal(file_wait(fd_file(0), POLLIN, 50), -ETIMEDOUT);
    assert_int_equal(fake_now, 50);
    fake_signalled = true;
    assert_int_equal(file_wait(fd_file(0), POLLIN, PV_FOREVER), -EINTR);
    assert_int_equal(file_wait(fd_file(1), POLLOUT, PV_FOREVER), 0);
    sys(close, 1);
    assert_int_equal(file_wait(fd_file(0), POLLOUT, PV_FOREVER), 0); /* POLLHUP */
}

/* ---- eventfd ---- */

static void test_eventfd(void **state)
{
    uint64_t n = 5;

    assert_int_equal(sys(eventfd2, 3, O_NONBLOCK), 0);
    assert_int_equal(sys(write, 0, &n, 8), 8);
    assert_int_equal(sys(read, 0, &n, 7), -EINVAL);
    assert_int_equal(sys(read, 0, &n, 8), 8);
    assert_int_equal(n, 8);
    assert_int_equal(sys(read, 0, &n, 8), -EAGAIN);
    n = UINT64_MAX;
    assert_int_equal(sys(write, 0, &n, 8), -EINVAL);
    n = UINT64_MAX - 1;
    assert_int_equal(sys(write, 0, &n, 8), 8);
    n = 1;
    assert_int_equal(sys(write, 0, &n, 8), -EAGAIN);
    assert_int_equal(eventfd_add(fd_file(0), 7), 0); /* the count stays at its limit */
    assert_int_equal(sys(read, 0, &n, 8), 8);
    assert_int_equal(n, UINT64_MAX - 1);
    make_pipe();
    assert_int_equal(eventfd_add(fd_file((unsigned long)ends[0]), 1), -EINVAL);
    assert_int_equal(sys(eventfd2, 0, 4), -EINVAL);
}

static bool read_in_sleep(void)
{
    uint64_t n;

    sleeps++;
    assert_int_equal(sys(read, 0, &n, 8), 8);
    return false;
}

/* A longer buffer is still one number. A write waits while the count is full. */
static void test_eventfd_write(void **state)
{
    uint64_t n[4] = { UINT64_MAX - 1, 9, 9, 9 };

    sys(eventfd2, 0, 0);
    fake_on_sleep = fail_in_sleep;
    assert_int_equal(sys(write, 0, n, 32), 8);
    n[0] = 1;
    sleeps = 0;
    fake_on_sleep = read_in_sleep;
    assert_int_equal(sys(write, 0, n, 8), 8);
    assert_int_equal(sleeps, 1);
    fake_on_sleep = NULL;
    assert_int_equal(sys(read, 0, n, 8), 8);
    assert_int_equal(n[0], 1);
}

static void test_eventfd_semaphore(void **state)
{
    uint64_t n;

    sys(eventfd2, 2, 1 | O_NONBLOCK);
    assert_int_equal(sys(read, 0, &n, 8), 8);
    assert_int_equal(n, 1);
    assert_int_equal(sys(read, 0, &n, 8), 8);
    assert_int_equal(sys(read, 0, &n, 8), -EAGAIN);
}

static long attempt_eventfd(void)
{
    uint64_t n = 1;
    long fd = sys(eventfd2, 0, 0), rc;

    if (fd < 0)
        return fd;
    rc = sys(write, fd, &n, 8);
    if (rc >= 0)
        return ends[0] = (int)fd;
    sys(close, fd);
    return rc;
}

static void close_first(void) { sys(close, ends[0]); }
static void test_eventfd_failures(void **state) { try_all_failures(attempt_eventfd, close_first); }

#define test(name) cmocka_unit_test_setup_teardown(name, files_start, files_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(test_descriptors), test(test_close_range), test(test_table_copy_and_close),
        test(test_table_full), test(test_fcntl), test(test_buffers), test(test_bad_memory),
        test(test_pipe_failures), test(test_pipe_ends), test(test_pipe_bytes), test(test_pipe_full),
        test(test_read_waits), test(test_write_waits), test(test_closed_while_waiting),
        test(test_poll_times), test(test_poll_list), test(test_poll_wakes),
        test(test_poll_wakes_no_other), test(test_poll_keeps_closed), test(test_ppoll_mask),
        test(test_file_wait), test(test_eventfd), test(test_eventfd_write),
        test(test_eventfd_semaphore), test(test_eventfd_failures),
    };

    return cmocka_run_group_tests_name("micro files", tests, NULL, NULL);
}
