/*
 * Descriptors through a socket. Whatever a hostile sender adds, no descriptor stays open.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "fd-passing.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

static int pair[2], file = -1;

static int count_open(void)
{
    DIR *fds = opendir("/proc/self/fd");
    int count = 0;

    while (readdir(fds))
        count++;
    closedir(fds);
    return count;
}

static bool is_the_file(int fd)
{
    struct stat a, b;

    return fstat(fd, &a) == 0 && fstat(file, &b) == 0 && a.st_ino == b.st_ino && fd != file;
}

static void test_one_goes_over(void **state)
{
    char buf[8];
    int fd;

    assert_int_equal(fd_send(pair[0], "abc", 3, file, 0), 0);
    assert_int_equal(fd_receive(pair[1], buf, sizeof(buf), &fd, MSG_CMSG_CLOEXEC), 3);
    assert_memory_equal(buf, "abc", 3);
    assert_true(is_the_file(fd));
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    close(fd);
    assert_int_equal(fd_send(pair[0], "d", 1, -1, 0), 0);
    assert_int_equal(fd_receive(pair[1], buf, sizeof(buf), &fd, 0), 1);
    assert_int_equal(fd, -1);
}

static void test_errors(void **state)
{
    char buf[8];
    int fd = 7;

    assert_int_equal(fd_receive(pair[1], buf, sizeof(buf), &fd, MSG_DONTWAIT), -EAGAIN);
    assert_int_equal(fd, -1);
    assert_int_equal(fd_send(pair[0], "a", 1, 999, 0), -EBADF);
    close(pair[1]);
    pair[1] = -1;
    assert_int_equal(fd_send(pair[0], "a", 1, file, MSG_NOSIGNAL), -EPIPE);
    assert_int_equal(fd_receive(pair[0], buf, sizeof(buf), &fd, 0), 0);
    assert_int_equal(fd, -1);
}

/* Sends COUNT descriptors in each of so many control headers. */
static void send_many(size_t headers, size_t count, size_t octets)
{
    union { struct cmsghdr header; char room[2048]; } control = { .room = { 0 } };
    char data[16] = "";
    struct iovec part = { .iov_base = data, .iov_len = octets };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control,
                              .msg_controllen = headers * CMSG_SPACE(count * sizeof(int)) };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    for (size_t h = 0; h < headers; h++, header = CMSG_NXTHDR(&message, header)) {
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(count * sizeof(int));
        for (size_t i = 0; i < count; i++)
            memcpy(CMSG_DATA(header) + i * sizeof(int), &file, sizeof(int));
    }
    assert_int_equal(sendmsg(pair[0], &message, 0), octets);
}

static void test_more_is_refused_and_closed(void **state)
{
    static const struct { size_t headers, count; } rows[] = { { 1, 2 }, { 1, 3 }, { 1, 200 }, { 2, 1 }, { 3, 2 } };
    int before = count_open(), fd;
    char buf[4];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        send_many(rows[i].headers, rows[i].count, 1);
        assert_int_equal(fd_receive(pair[1], buf, sizeof(buf), &fd, 0), -EPROTO);
        assert_int_equal(fd, -1);
        assert_int_equal(count_open(), before);
    }
    /* A packet that is too long. */
    send_many(1, 1, 16);
    assert_int_equal(fd_receive(pair[1], buf, sizeof(buf), &fd, 0), -EPROTO);
    assert_int_equal(count_open(), before);
    /* And the next one is as ever. */
    send_many(1, 1, 1);
    assert_int_equal(fd_receive(pair[1], buf, sizeof(buf), &fd, 0), 1);
    assert_true(is_the_file(fd));
    close(fd);
}

/* Credentials, which Linux adds if asked to, are control data, but no descriptor. */
static void test_other_control_data_is_refused(void **state)
{
    int before = count_open(), fd;
    char buf[4];

    assert_int_equal(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &(int){ 1 }, sizeof(int)), 0);
    send_many(1, 1, 1);
    assert_int_equal(fd_receive(pair[1], buf, sizeof(buf), &fd, 0), -EPROTO);
    assert_int_equal(count_open(), before);
}

static int start(void **state)
{
    file = open("/proc/self/exe", O_RDONLY);
    return socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair);
}

static int finish(void **state)
{
    close(pair[0]);
    if (pair[1] >= 0)
        close(pair[1]);
    return close(file);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_one_goes_over),
        TEST(test_errors),
        TEST(test_more_is_refused_and_closed),
        TEST(test_other_control_data_is_refused),
    };

    return cmocka_run_group_tests_name("common-fd-passing", tests, NULL, NULL);
}
