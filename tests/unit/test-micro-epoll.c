// sources: launcher/stubdom-micro/epoll.c launcher/stubdom-micro/poll.c launcher/stubdom-micro/file.c
// sources: launcher/stubdom-micro/fifo.c launcher/stubdom-micro/pipe.c launcher/stubdom-micro/eventfd.c
// sources: launcher/stubdom-micro/node.c launcher/stubdom-micro/node-open.c launcher/stubdom-micro/node-calls.c
// sources: launcher/stubdom-micro/node-unpack.c launcher/stubdom-micro/memory-file.c launcher/stubdom-micro/mount.c
// sources: launcher/stubdom-micro/dev-misc.c launcher/stubdom-micro/socket.c launcher/stubdom-micro/socket-data.c
// sources: launcher/stubdom-micro/socket-rights.c launcher/stubdom-micro/socket-calls.c launcher/xen-layer/text.c
// sources: tests/unit/fake-pv.c tests/unit/fake-micro.c
// cflags: -D__XEN_INTERFACE_VERSION__=0x00040e00
/*
 * epoll: its list, which tasks are woken, and bad arguments.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "micro-files.h"

#include <linux/eventpoll.h>

#define EP 0
static int sleeps;

/* Descriptors 1 and 2 are eventfds with count 0. */
static int epoll_start(void **state)
{
    int rc = files_start(state);

    assert_int_equal(sys(epoll_create1, 0), EP);
    assert_int_equal(sys(eventfd2, 0, 0), 1);
    assert_int_equal(sys(eventfd2, 0, 0), 2);
    sleeps = 0;
    return rc;
}

static long change(int what, unsigned long fd, unsigned int events)
{
    struct epoll_event event = { .events = events, .data = 100 + fd };

    return sys(epoll_ctl, EP, what, fd, &event);
}

static long add(unsigned long fd, unsigned int events) { return change(EPOLL_CTL_ADD, fd, events); }
static long count_up(int fd) { return sys(write, fd, &(uint64_t){ 1 }, 8); }
static long wait_for(struct epoll_event *events, int max, int ms) { return sys(epoll_wait, EP, events, max, ms); }

static void test_create(void **state)
{
    assert_int_equal(sys(fcntl, EP, F_GETFD), 0);
    assert_int_equal(sys(epoll_create1, EPOLL_CLOEXEC), 3);
    assert_int_equal(sys(fcntl, 3, F_GETFD), 1);
    assert_int_equal(sys(epoll_create1, O_NONBLOCK), -EINVAL);
    assert_int_equal(sys(epoll_create, 0), -EINVAL);
    assert_int_equal(sys(epoll_create, -1), -EINVAL);
    assert_int_equal(sys(epoll_create, 1), 4);
    assert_int_equal(sys(read, EP, &(uint64_t){ 0 }, 8), -EINVAL);
}

static void test_list(void **state)
{
    struct epoll_event events[4];

    assert_int_equal(add(1, EPOLLIN), 0);
    assert_int_equal(add(1, EPOLLIN), -EEXIST);
    assert_int_equal(add(2, EPOLLIN | EPOLLOUT), 0);
    assert_int_equal(wait_for(events, 4, 0), 1);
    assert_int_equal(events[0].events, EPOLLOUT);
    assert_int_equal(events[0].data, 102);
    assert_int_equal(count_up(1), 8);
    assert_int_equal(wait_for(events, 4, -1), 2);
    assert_int_equal(wait_for(events, 4, -1), 2); /* reported until it is read */
    assert_int_equal(change(EPOLL_CTL_MOD, 2, EPOLLIN), 0);
    assert_int_equal(wait_for(events, 4, -1), 1);
    assert_int_equal(events[0].data, 101);
    assert_int_equal(change(EPOLL_CTL_MOD, 1, EPOLLRDNORM), 0);
    assert_int_equal(wait_for(events, 4, -1), 1);
    assert_int_equal(events[0].events, EPOLLRDNORM);
    assert_int_equal(change(EPOLL_CTL_DEL, 1, 0), 0);
    assert_int_equal(change(EPOLL_CTL_DEL, 1, 0), -ENOENT);
    assert_int_equal(change(EPOLL_CTL_MOD, 1, 0), -ENOENT);
    assert_int_equal(wait_for(events, 4, 0), 0);
    assert_int_equal(sys(epoll_ctl, EP, EPOLL_CTL_DEL, 2, FAKE_USER_BAD), 0);
}

/* With room for one event, all files take turns. */
static void test_turns(void **state)
{
    struct epoll_event event;

    add(1, EPOLLOUT);
    add(2, EPOLLOUT);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(wait_for(&event, 1, 0), 1);
        assert_int_equal(event.data, 101 + i % 2);
    }
}

static void test_arguments(void **state)
{
    struct epoll_event event = { .events = EPOLLIN };

    assert_int_equal(sys(epoll_ctl, 99, EPOLL_CTL_ADD, 1, &event), -EBADF);
    assert_int_equal(sys(epoll_ctl, EP, EPOLL_CTL_ADD, 99, &event), -EBADF);
    assert_int_equal(sys(epoll_ctl, 1, EPOLL_CTL_ADD, 2, &event), -EINVAL);
    assert_int_equal(sys(epoll_ctl, EP, EPOLL_CTL_ADD, EP, &event), -EINVAL);
    assert_int_equal(sys(epoll_ctl, EP, 77, 1, &event), -EINVAL);
    assert_int_equal(sys(epoll_ctl, EP, EPOLL_CTL_ADD, 1, FAKE_USER_BAD), -EFAULT);
    assert_int_equal(add(1, EPOLLIN | EPOLLET), -EINVAL);
    assert_int_equal(add(1, EPOLLIN | EPOLLONESHOT), -EINVAL);
    assert_int_equal(add(1, EPOLLIN | EPOLLEXCLUSIVE), -EINVAL);
    assert_int_equal(sys(epoll_create1, 0), 3);
    assert_int_equal(add(3, EPOLLIN), -ELOOP);
    assert_int_equal(sys(openat, AT_FDCWD, "/", O_RDONLY), 4);
    assert_int_equal(add(4, EPOLLIN), -EPERM);
    assert_int_equal(add(1, EPOLLOUT), 0);
    assert_int_equal(wait_for(&event, 0, 0), -EINVAL);
    assert_int_equal(wait_for(&event, -1, 0), -EINVAL);
    assert_int_equal(wait_for(&event, INT32_MAX, 0), -EINVAL);
    assert_int_equal(sys(epoll_wait, 1, &event, 1, 0), -EINVAL);
    assert_int_equal(sys(epoll_wait, 99, &event, 1, 0), -EBADF);
    assert_int_equal(wait_for((void *)FAKE_USER_BAD, 1, 0), -EFAULT);
}

/* Events before a bad address are reported, and the one that could not be written stays first. */
static void test_bad_second(void **state)
{
    struct epoll_event events[2];

    add(1, EPOLLOUT);
    add(2, EPOLLOUT);
    fake_user_fails = 1;
    assert_int_equal(wait_for(events, 2, 0), 1);
    assert_int_equal(wait_for(events, 2, 0), 2);
    assert_int_equal(events[0].data, 102);
}

/* The limit of entries, with many descriptors of one file, and of a second file. */
static void test_limit(void **state)
{
    int last = MICRO_FDS - 1;

    for (int fd = 3; fd <= last; fd++) {
        assert_int_equal(sys(dup, 1), fd);
        assert_int_equal(add(fd, EPOLLIN), 0);
    }
    for (int fd = 3; fd < 6; fd++) {
        sys(dup2, 2, fd);
        assert_int_equal(add(fd, EPOLLIN), 0);
    }
    sys(dup2, 2, 6);
    assert_int_equal(add(6, EPOLLIN), -ENOSPC);
    assert_int_equal(change(EPOLL_CTL_DEL, last, 0), 0);
    assert_int_equal(add(6, EPOLLIN), 0);
}

/* An entry is removed from all lists with the last descriptor of its file. */
static void test_closed(void **state)
{
    struct epoll_event event;
    size_t heap = fake_heap_used;

    assert_int_equal(sys(epoll_create1, 0), 3);
    assert_int_equal(sys(epoll_ctl, 3, EPOLL_CTL_ADD, 1, &(struct epoll_event){ .events = EPOLLOUT }), 0);
    add(1, EPOLLOUT);
    assert_int_equal(sys(dup, 1), 4);
    assert_int_equal(add(4, EPOLLOUT), 0);
    sys(close, 1);
    assert_int_equal(wait_for(&event, 1, 0), 1); /* another descriptor of the file is still open */
    assert_int_equal(change(EPOLL_CTL_DEL, 1, 0), -EBADF);
    sys(close, 4);
    assert_int_equal(wait_for(&event, 1, 0), 0);
    assert_int_equal(sys(epoll_wait, 3, &event, 1, 0), 0);
    sys(close, 3);
    assert_true(fake_heap_used < heap);
    add(2, EPOLLIN);
    sys(close, EP);
    assert_int_equal(count_up(2), 8); /* it is in no list any more */
}

static bool count_in_sleep(void)
{
    if (!sleeps++)
        assert_int_equal(count_up(2), 8);
    return false;
}

static void test_wakes(void **state)
{
    struct pollfd fd = { .fd = EP, .events = POLLIN };
    struct epoll_event event;

    add(1, EPOLLIN);
    add(2, EPOLLIN);
    fake_on_sleep = count_in_sleep;
    assert_int_equal(wait_for(&event, 1, 10000), 1);
    assert_int_equal(event.data, 102);
    assert_int_equal(sleeps, 1);
    assert_int_equal(sys(poll, &fd, 1, 0), 1);
    assert_int_equal(sys(read, 2, &(uint64_t){ 0 }, 8), 8);
    assert_int_equal(sys(poll, &fd, 1, 0), 0);
    sleeps = 0; /* a task that waits for the list with poll(), as QEMU does */
    assert_int_equal(sys(poll, &fd, 1, 10000), 1);
    assert_int_equal(fd.revents, POLLIN);
    assert_int_equal(sleeps, 1);
    assert_int_equal(fake_now, 0);
    assert_int_equal(fd_file(EP)->refs, 1);
}

static bool add_in_sleep(void)
{
    if (!sleeps++)
        assert_int_equal(add(1, EPOLLOUT), 0);
    return false;
}

static bool change_in_sleep(void)
{
    if (!sleeps++)
        assert_int_equal(change(EPOLL_CTL_MOD, 1, EPOLLOUT), 0);
    return false;
}

static void test_changes_wake(void **state)
{
    struct epoll_event event;

    fake_on_sleep = add_in_sleep;
    assert_int_equal(wait_for(&event, 1, 10000), 1);
    assert_int_equal(sleeps, 1);
    change(EPOLL_CTL_MOD, 1, EPOLLIN);
    sleeps = 0;
    fake_on_sleep = change_in_sleep;
    assert_int_equal(wait_for(&event, 1, 10000), 1);
    assert_int_equal(sleeps, 1);
}

static bool close_in_sleep(void)
{
    if (!sleeps++)
        assert_int_equal(sys(close, EP), 0);
    return false;
}

static void test_closed_while_waiting(void **state)
{
    struct epoll_event event;

    add(1, EPOLLIN);
    fake_on_sleep = close_in_sleep;
    assert_int_equal(wait_for(&event, 1, 50), 0);
    assert_int_equal(fake_now, 50 * PV_MS);
}

static void test_times_and_masks(void **state)
{
    struct epoll_event event;
    uint64_t mask = 0x55;

    add(1, EPOLLIN);
    assert_int_equal(wait_for(&event, 1, 20), 0);
    assert_int_equal(fake_now, 20 * PV_MS);
    fake_sigmask = 0xaa;
    assert_int_equal(sys(epoll_pwait, EP, &event, 1, 20, 0, 8), 0);
    assert_int_equal(sys(epoll_pwait, EP, &event, 1, 20, &mask, 8), 0);
    assert_int_equal(fake_sigmask, 0xaa);
    assert_int_equal(sys(epoll_pwait, EP, &event, 1, 0, &mask, 4), -EINVAL);
    assert_int_equal(sys(epoll_pwait, EP, &event, 1, 0, FAKE_USER_BAD, 8), -EFAULT);
    fake_signalled = true;
    assert_int_equal(wait_for(&event, 1, 0), 0);
    assert_int_equal(wait_for(&event, 1, -1), -EINTR);
    assert_int_equal(sys(epoll_pwait, EP, &event, 1, -1, &mask, 8), -EINTR);
    assert_true(fake_sigmask_later);
    assert_int_equal(fake_sigmask_saved, 0xaa);
}

static int made;
static long attempt(void)
{
    long fd = sys(epoll_create1, 0), rc;

    if (fd < 0)
        return fd;
    rc = sys(epoll_ctl, fd, EPOLL_CTL_ADD, 1, &(struct epoll_event){ .events = EPOLLOUT });
    if (rc >= 0)
        return made = (int)fd;
    sys(close, fd);
    return rc;
}

static void undo(void) { sys(close, made); }
static void test_failures(void **state) { try_all_failures(attempt, undo); }

#define test(name) cmocka_unit_test_setup_teardown(name, epoll_start, files_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(test_create), test(test_list), test(test_turns), test(test_arguments), test(test_bad_second),
        test(test_limit), test(test_closed), test(test_wakes), test(test_changes_wake),
        test(test_closed_while_waiting), test(test_times_and_masks), test(test_failures),
    };

    return cmocka_run_group_tests_name("micro epoll", tests, NULL, NULL);
}
