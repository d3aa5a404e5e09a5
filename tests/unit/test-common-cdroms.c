// sources: tests/unit/fake-xs.c
/*
 * CD drives whose medium changes, with the test as QEMU's monitor; and what the monitor's client does if QEMU answers
 * wrongly or not at all.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "cdroms.h"
#include "fake-xs.h"
#include "log.h"
#include "xs-read.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <xenstore.h>

#define ADD "{\"execute\":\"add-fd\",\"arguments\":{\"opaque\":\"stub-devid:5632\"}}"
#define REMOVE(fdset) "{\"execute\":\"remove-fd\",\"arguments\":{\"fdset-id\":" #fdset "}}"
#define GREETING "{\"QMP\": {\"version\": {}}}\r\n"

static struct loop loop;
static struct qmp_client client;
static struct cdroms cdroms;
static struct platform platform;
static struct xs_handle *xs;
static int qemu, disk_rc, disk_opened, replies, last_ok, given_fd;
static char last_reply[64], log_text[4096], received[512];

static int64_t now_ms(void)
{
    return 0;
}

static void collect_log(void *data, enum log_level level, const char *line)
{
    size_t used = strlen(log_text);

    snprintf(log_text + used, sizeof(log_text) - used, "%s\n", line);
}

static char last_event[64];

static void note_event(void *data, const char *line)
{
    snprintf(last_event, sizeof(last_event), "%s", line);
}

static void connect_qemu(void)
{
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    if (qemu >= 0)
        close(qemu);
    qemu = ends[0];
    assert_true(write(qemu, GREETING, strlen(GREETING)) > 0);
    assert_int_equal(qmp_client_open(&client, ends[1]), 0);
}

static int fake_disk_open(struct platform *p, int disk, int *fd)
{
    if (disk_rc)
        return disk_rc;
    disk_opened = disk;
    *fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return 0;
}

static const struct platform_ops ops = { .disk_open = fake_disk_open };

static void settle(void)
{
    for (int i = 0; i < 10; i++)
        assert_int_equal(loop_turn(&loop, 0), 0);
}

static void qemu_says(const char *text)
{
    assert_int_equal(write(qemu, text, strlen(text)), strlen(text));
    settle();
}

/* Reads the command that QEMU got, without its newline, and a descriptor that came with it. */
static void qemu_reads(void)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = { .iov_base = received, .iov_len = sizeof(received) - 1 };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control,
                              .msg_controllen = sizeof(control) };
    ssize_t got;

    settle();
    got = recvmsg(qemu, &message, MSG_CMSG_CLOEXEC);
    received[got > 0 ? got - 1 : 0] = '\0';
    given_fd = -1;
    if (got > 0 && CMSG_FIRSTHDR(&message))
        memcpy(&given_fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(given_fd));
    if (given_fd >= 0)
        close(given_fd);
}

/* QEMU's half of the capabilities negotiation. */
static void negotiate(void)
{
    qemu_reads();
    assert_string_equal(received, "{\"execute\":\"qmp_capabilities\"}");
    qemu_says("{\"return\": {}}\r\n");
}

static void done(void *data, bool ok, const char *reply)
{
    replies++;
    last_ok = ok;
    snprintf(last_reply, sizeof(last_reply), "%s", reply ? reply : "(lost)");
}

static void set_state(unsigned int devid, const char *state)
{
    char path[128];

    snprintf(path, sizeof(path), "device/vbd/%u/state", devid);
    fake_xs_set(path, state);
}

static void set_vbd(unsigned int devid, const char *type, const char *params)
{
    char path[128], backend[64];

    snprintf(backend, sizeof(backend), "/local/domain/0/backend/vbd/3/%u", devid);
    snprintf(path, sizeof(path), "%s/params", backend);
    fake_xs_set(path, params);
    snprintf(path, sizeof(path), "device/vbd/%u/backend", devid);
    fake_xs_set(path, backend);
    snprintf(path, sizeof(path), "device/vbd/%u/device-type", devid);
    fake_xs_set(path, type);
    set_state(devid, "4");
}

static int setup(void **state)
{
    qemu = -1;
    disk_rc = replies = 0;
    last_event[0] = '\0';
    disk_opened = -2;
    log_text[0] = '\0';
    platform.ops = &ops;
    fake_xs_reset(3);
    xs = fake_xs_open();
    log_set_sink(collect_log, NULL);
    loop_init(&loop, now_ms);
    qmp_client_init(&client, &loop, note_event, NULL);
    connect_qemu();
    set_vbd(768, "disk", "/disk.img");
    set_vbd(5632, "cdrom", "/first.iso");
    cdroms_init(&cdroms, &platform, xs, &client);
    return 0;
}

static int teardown(void **state)
{
    qmp_client_dispose(&client);
    qmp_client_dispose(&client);
    if (qemu >= 0)
        close(qemu);
    xs_close(xs);
    fake_xs_reset(3);
    return 0;
}

static void disk_numbers(void **state)
{
    static const struct { unsigned int devid; int disk; } cases[] = {
        { 768, 0 }, { 832, 1 }, { 5632, 2 }, { 5696, 3 }, { 51712, 0 }, { 51712 + 16, 1 },
        { 51712 + 15 * 16, 15 }, { 2048, 0 }, { 2048 + 16, 1 }, { (1U << 28) | 16 << 8, 16 },
        { (1U << 28) | 25 << 8, 25 }, { (1U << 28) | 26 << 8, -1 }, { UINT32_MAX, -1 }, { 0, -1 },
        { 9 << 8, -1 },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(vbd_disk(cases[i].devid), cases[i].disk);
}

static void nothing_changed(void **state)
{
    assert_false(cdroms_update(&cdroms));
    assert_int_equal(client.queued, 0);
}

/* Ejected, inserted, and inserted once more, as by `xl cd-insert`. */
static void exchanged(void **state)
{
    fake_xs_set("device/vbd/5632", NULL);
    assert_false(cdroms_update(&cdroms));
    set_vbd(5632, "cdrom", "/second.iso");
    disk_rc = -EAGAIN;
    assert_true(cdroms_update(&cdroms));
    disk_rc = 0;
    assert_false(cdroms_update(&cdroms));
    assert_int_equal(disk_opened, 2);
    negotiate();
    qemu_reads();
    assert_string_equal(received, ADD);
    assert_true(given_fd >= 0);
    qemu_says("{\"timestamp\": {}, \"event\": \"X\"}\r\n"
              "{\"return\": {\"fd\": 1, \"fdset-id\": 3}}\r\n");
    assert_non_null(strstr(last_event, "\"X\""));
    assert_non_null(strstr(log_text, "CD drive 5632: QEMU has the medium"));
    assert_false(cdroms_update(&cdroms));

    fake_xs_set("device/vbd/5632", NULL);
    assert_false(cdroms_update(&cdroms));
    qemu_reads();
    assert_string_equal(received, REMOVE(3));
    qemu_says("{\"error\": {}}\r\n"); /* libxl was faster */
    set_vbd(5632, "cdrom", "/third.iso");
    assert_false(cdroms_update(&cdroms));
    qemu_reads();
    assert_non_null(strstr(received, "add-fd"));
    qemu_says("{\"error\": {\"class\": \"GenericError\"}}\r\n");
    assert_non_null(strstr(log_text, "QEMU does not take the medium: {\"error\""));
}

static void ejected(void **state)
{
    fake_xs_set("device/vbd/5632", NULL);
    cdroms_update(&cdroms);
    set_vbd(5632, "cdrom", "");
    assert_false(cdroms_update(&cdroms));
    assert_int_equal(disk_opened, DISK_NONE);
}

static void unserved(void **state)
{
    fake_xs_set("device/vbd/5632", NULL);
    cdroms_update(&cdroms);
    set_vbd(5632, "cdrom", "aio:/x.iso");
    fake_xs_set("device/vbd/5632/backend", "/local/domain/0/backend/qdisk/3/5632");
    fake_xs_set("/local/domain/0/backend/qdisk/3/5632/params", "aio:/x.iso");
    assert_false(cdroms_update(&cdroms));
    assert_int_equal(disk_opened, -2);
    assert_non_null(strstr(log_text, "CD drive 5632: its backend is qdisk"));
}

/* The medium goes before QEMU has answered: its fdset is removed. */
static void gone_before_the_answer(void **state)
{
    fake_xs_set("device/vbd/5632", NULL);
    cdroms_update(&cdroms);
    set_vbd(5632, "cdrom", "/second.iso");
    cdroms_update(&cdroms);
    negotiate();
    qemu_reads();
    assert_string_equal(received, ADD);
    fake_xs_set("device/vbd/5632", NULL);
    cdroms_update(&cdroms);
    qemu_says("{\"return\": {\"fdset-id\": 12}}\r\n");
    assert_int_equal(cdroms.count, 0);
    qemu_reads();
    assert_string_equal(received, REMOVE(12));
}

/* The drive is replaced so fast that it never seemed to be gone. */
static void never_seen_to_be_gone(void **state)
{
    set_vbd(5632, "cdrom", "/second.iso");
    set_state(5632, "1");
    cdroms_changed(&cdroms, "device/vbd/5632/state");
    assert_false(cdroms_update(&cdroms));
    cdroms_changed(&cdroms, "device/vbd/5632");
    /* The node xvdc may still be the old disk's. */
    assert_true(cdroms_update(&cdroms));
    assert_int_equal(disk_opened, -2);
    set_state(5632, "4");
    cdroms_changed(&cdroms, "device/vbd/5632/state");
    assert_false(cdroms_update(&cdroms));
    assert_int_equal(disk_opened, 2);
    negotiate();
    qemu_reads();
    assert_string_equal(received, ADD);

    /* Changed once more before the answer, and once more after it: the last medium counts. */
    cdroms_changed(&cdroms, "device/vbd/5632");
    assert_false(cdroms_update(&cdroms));
    qemu_says("{\"return\": {\"fdset-id\": 1}}\r\n");
    qemu_reads();
    assert_string_equal(received, ADD);
    qemu_says("{\"return\": {\"fdset-id\": 2}}\r\n");
    qemu_reads();
    assert_string_equal(received, REMOVE(1));
    qemu_says("{\"return\": {}}\r\n");
    assert_int_equal(cdroms.list[0].fdset, 2);
    cdroms_changed(&cdroms, "device/vbd/5632");
    qemu_reads();
    assert_string_equal(received, REMOVE(2));

    /* Changes of other nodes are ignored. */
    cdroms_changed(&cdroms, "device/vbd");
    cdroms_changed(&cdroms, "device/vbd/768");
    cdroms_changed(&cdroms, "device/vbd/");
    cdroms_changed(&cdroms, "target");
    assert_int_equal(cdroms.count, 1);
}

/* An fdset number that is missing or malformed counts as none. */
static void strange_fdsets(void **state)
{
    static const char *const replies[] = {
        "{\"return\": {}}\n", "{\"return\": {\"fdset-id\": \"3\"}}\n",
        "{\"return\": {\"fdset-id\": 99999999999}}\n", "{\"return\": {\"fdset-id\": -1}}\n",
        "{\"return\": {\"fdset-id\": 12345678901234567890123}}\n",
    };

    for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
        cdroms_changed(&cdroms, "device/vbd/5632");
        assert_false(cdroms_update(&cdroms));
        if (!i)
            negotiate();
        qemu_reads();
        assert_string_equal(received, ADD);
        qemu_says(replies[i]);
        assert_int_equal(cdroms.list[0].state, CDROM_SERVED);
        assert_int_equal(cdroms.list[0].fdset, -1);
    }
}

static void no_monitor(void **state)
{
    qmp_client_dispose(&client);
    fake_xs_set("device/vbd/5632", NULL);
    cdroms_update(&cdroms);
    set_vbd(5632, "cdrom", "/second.iso");
    assert_false(cdroms_update(&cdroms));
    assert_non_null(strstr(log_text, "CD drive 5632: Transport endpoint is not connected"));
}

static void strange_disks(void **state)
{
    char path[64];

    fake_xs_set("device/vbd/x/device-type", "cdrom");
    set_vbd(9 << 8, "cdrom", "/x.iso");
    assert_false(cdroms_update(&cdroms));
    assert_non_null(strstr(log_text, "CD drive 2304: Invalid argument"));
    for (int i = 0; i < CDROMS_MAX + 1; i++) {
        snprintf(path, sizeof(path), "device/vbd/%d/device-type", 51712 + i);
        fake_xs_set(path, "cdrom");
    }
    cdroms_update(&cdroms);
    assert_int_equal(cdroms.count, CDROMS_MAX);
    assert_non_null(strstr(log_text, "more than"));
}

static void queue_is_bounded(void **state)
{
    for (int i = 0; i < QMP_QUEUE; i++)
        assert_int_equal(qmp_client_send(&client, "{\"execute\":\"x\"}", -1, done, NULL), 0);
    assert_int_equal(qmp_client_send(&client, "{}", -1, done, NULL), -ENOSPC);
    negotiate();
    for (int i = 0; i < QMP_QUEUE; i++) {
        qemu_reads();
        assert_string_equal(received, "{\"execute\":\"x\"}"); /* one at a time */
        qemu_says("{\"return\": {}}\n");
        assert_int_equal(replies, i + 1);
    }
    qemu_says("{\"return\": {}}\n"); /* an answer to no command */
    assert_int_equal(replies, QMP_QUEUE);
}

static void long_command(void **state)
{
    char text[QMP_COMMAND_MAX + 1];

    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(qmp_client_send(&client, text, -1, done, NULL), -ENAMETOOLONG);
    assert_int_equal(replies, 0);
}

static void qemu_hangs_up(void **state)
{
    assert_int_equal(qmp_client_send(&client, "{}", open("/dev/null", O_RDONLY), done, NULL), 0);
    close(qemu);
    qemu = -1;
    settle();
    assert_int_equal(replies, 1);
    assert_false(last_ok);
    assert_string_equal(last_reply, "(lost)");
    assert_int_equal(qmp_client_send(&client, "{}", -1, done, NULL), -ENOTCONN);
    connect_qemu();
    assert_int_equal(qmp_client_send(&client, "{}", -1, done, NULL), 0);
    negotiate();
    qemu_reads();
    qemu_says("{\"return\": 1}\n");
    assert_int_equal(replies, 2);
    assert_true(last_ok);
}

static void endless_line(void **state)
{
    char text[1000];

    memset(text, '{', sizeof(text));
    assert_int_equal(qmp_client_send(&client, "{}", -1, done, NULL), 0);
    for (int i = 0; i < 12; i++) {
        if (send(qemu, text, sizeof(text), MSG_NOSIGNAL) < 0)
            break;
        settle();
    }
    assert_int_equal(replies, 1);
    assert_false(last_ok);
    assert_int_equal(client.socket.fd, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(disk_numbers),
        cmocka_unit_test_setup_teardown(nothing_changed, setup, teardown),
        cmocka_unit_test_setup_teardown(exchanged, setup, teardown),
        cmocka_unit_test_setup_teardown(ejected, setup, teardown),
        cmocka_unit_test_setup_teardown(unserved, setup, teardown),
        cmocka_unit_test_setup_teardown(gone_before_the_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(never_seen_to_be_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(strange_fdsets, setup, teardown),
        cmocka_unit_test_setup_teardown(no_monitor, setup, teardown),
        cmocka_unit_test_setup_teardown(strange_disks, setup, teardown),
        cmocka_unit_test_setup_teardown(queue_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(long_command, setup, teardown),
        cmocka_unit_test_setup_teardown(qemu_hangs_up, setup, teardown),
        cmocka_unit_test_setup_teardown(endless_line, setup, teardown),
    };

    return cmocka_run_group_tests_name("cdroms", tests, NULL, NULL);
}
