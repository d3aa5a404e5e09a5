// sources: launcher/dom0-daemon/confined/qmp-relay.c launcher/dom0-daemon/confined/vchan-stream.c
// sources: launcher/dom0-daemon/confined/throttle.c launcher/dom0-daemon/confined/vchan-client.c
// sources: launcher/dom0-daemon/confined/xen-handles.c launcher/dom0-daemon/confined/qmp-server.c
// sources: launcher/dom0-daemon/confined/qmp-session.c tests/unit/fake-xen.c
// libs: json-c
/*
 * libxl's socket and the stub domain's vchan: each client gets a vchan of its own, one after another. And a server that
 * lies, was used already, or has ended.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "fake-xen.h"
#include "log.h"
#include "qmp-relay.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define PAGE 4096
#define REF 8u
#define RIGHT 2048u /* we read: at 2048 of the page; we write, of 1024, at 1024 */

static union {
    struct vchan_interface vchan;
    uint8_t bytes[PAGE];
} server __attribute__((aligned(PAGE)));

static void *page_of(const uint32_t *refs, uint32_t count)
{
    return count == 1 && refs[0] == REF ? &server : NULL;
}

static int64_t now = 1000;
static struct loop loop;
static struct xen_handles handles;
static struct qmp_relay relay;
static char path[64];

static int64_t fake_now(void) { return now; }

static void turn(void)
{
    for (int i = 0; i < 4; i++)
        assert_int_equal(loop_turn(&loop, 0), 0);
}

static void offer(uint32_t ref, uint32_t port)
{
    struct message message = { .type = MESSAGE_QMP, .ring_ref = ref, .port = port };

    memset(&server, 0, sizeof(server));
    server.vchan.left_order = 10;
    server.vchan.right_order = 11;
    server.vchan.cli_live = 2;
    server.vchan.srv_live = 1;
    qmp_relay_offer(&relay, &message);
}

static void server_says(const char *text)
{
    for (; *text; text++)
        server.bytes[RIGHT + server.vchan.right.prod++ % 2048] = *text;
    fake_xen_fire(xen.next);
    turn();
}

static const char *server_hears(void)
{
    static char text[1100];
    size_t n = 0;

    while (server.vchan.left.cons != server.vchan.left.prod)
        text[n++] = server.bytes[1024 + server.vchan.left.cons++ % 1024];
    text[n] = '\0';
    return text;
}

static int come(void)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

    strcpy(addr.sun_path, path);
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    turn();
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
    turn();
}

static const char *hear(int fd)
{
    static char text[4096];
    ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

    if (n <= 0)
        return n == 0 ? "the end" : errno == EAGAIN ? "nothing" : "an error";
    text[n] = '\0';
    return text;
}

static int watched(void)
{
    int n = 0;

    for (unsigned int i = 0; i < loop.fd_count; i++)
        n += loop.fds[i] != NULL;
    return n;
}

static int start(void **state)
{
    fake_xen_reset();
    xen.pages = page_of;
    loop_init(&loop, fake_now);
    log_set_sink(NULL, NULL);
    snprintf(path, sizeof(path), "/tmp/dm-qmp-relay-%d", getpid());
    assert_int_equal(xen_open(&handles, &loop, 7, &no_grants), 0);
    qmp_relay_init(&relay, &loop);
    assert_false(qmp_relay_listens(&relay));
    assert_int_equal(qmp_relay_listen(&relay, path), 0);
    assert_true(qmp_relay_listens(&relay));
    return qmp_relay_start(&relay, &handles);
}

static int finish(void **state)
{
    qmp_relay_close(&relay);
    qmp_relay_close(&relay);
    xen_close(&handles);
    assert_int_equal(xen.mapped + xen.bound, 0);
    assert_int_equal(watched(), 0);
    assert_int_equal(loop.timer_count, 0);
    return unlink(path);
}

static void test_for_root_alone(void **state)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_true(qmp_relay_listen(&relay, "/no/such/folder/socket") < 0);
}

static void test_a_conversation(void **state)
{
    int libxl = come();

    say(libxl, "early");
    offer(REF, 5);
    assert_string_equal(server_hears(), "early");
    assert_int_equal(xen.domid, 7);
    server_says("greeting");
    assert_string_equal(hear(libxl), "greeting");
    say(libxl, "command");
    assert_string_equal(server_hears(), "command");
    /* Its last bytes are delivered, too. */
    assert_int_equal(send(libxl, "quit", 4, 0), 4);
    close(libxl);
    turn();
    assert_string_equal(server_hears(), "quit");
    assert_int_equal(server.vchan.cli_live, 0);
    assert_int_equal(xen.mapped, 0);
}

static void test_one_after_another(void **state)
{
    int first, second;

    offer(REF, 5);
    first = come();
    second = come();
    say(second, "later");
    server_says("greeting");
    assert_string_equal(hear(first), "greeting");
    assert_string_equal(hear(second), "nothing");
    close(first);
    turn();
    assert_string_equal(server_hears(), "");
    offer(REF, 6);
    assert_string_equal(server_hears(), "later");
    server_says("greeting");
    assert_string_equal(hear(second), "greeting");
    close(second);
    turn();
}

static void test_server_that_hangs_up(void **state)
{
    int libxl;

    offer(REF, 5);
    libxl = come();
    server.vchan.srv_live = 0;
    server_says("last words");
    assert_string_equal(hear(libxl), "last words");
    assert_string_equal(hear(libxl), "the end");
    close(libxl);
}

static void test_offers_that_are_none(void **state)
{
    int libxl = come();

    offer(REF + 1, 5); /* no such grant */
    assert_int_equal(xen.mapped + xen.bound, 0);
    offer(REF, 0);
    offer(REF, 5);
    server.vchan.cli_live = 1;
    server_says("greeting");
    assert_string_equal(hear(libxl), "greeting");
    close(libxl);
    turn();
    offer(REF, 5);
    server.vchan.cli_live = 1; /* another client has it */
    libxl = come();
    assert_string_equal(hear(libxl), "nothing");
    assert_int_equal(xen.mapped + xen.bound, 0);
    close(libxl);
    turn();
    assert_int_equal(watched(), 2);
}

static void test_nonsense_ends_it(void **state)
{
    int libxl;

    offer(REF, 5);
    libxl = come();
    server.vchan.right.prod += 2049;
    fake_xen_fire(xen.next);
    turn();
    assert_string_equal(hear(libxl), "the end");
    close(libxl);
    /* The next offer may be good. */
    offer(REF, 6);
    libxl = come();
    server_says("greeting");
    assert_string_equal(hear(libxl), "greeting");
    close(libxl);
    turn();
}

/* The server reads nothing, and libxl leaves: the next client can come. */
static void test_a_full_ring_holds_nobody(void **state)
{
    char much[5000];
    int libxl;

    memset(much, 'x', sizeof(much));
    offer(REF, 5);
    libxl = come();
    assert_int_equal(send(libxl, much, sizeof(much), 0), sizeof(much));
    turn();
    assert_string_equal(hear(libxl), "nothing");
    close(libxl);
    turn();
    assert_int_equal(xen.mapped + xen.bound, 0);
}

static void test_nobody_waits_for_one_that_has_ended(void **state)
{
    int connected, waiting, next;

    offer(REF, 5);
    connected = come();
    waiting = come();
    qmp_relay_end(&relay);
    turn();
    assert_string_equal(hear(connected), "the end");
    assert_string_equal(hear(waiting), "the end");
    next = come();
    assert_string_equal(hear(next), "the end");
    close(connected);
    close(waiting);
    close(next);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, start, finish)
    const struct CMUnitTest tests[] = {
        TEST(test_for_root_alone),
        TEST(test_a_conversation),
        TEST(test_one_after_another),
        TEST(test_server_that_hangs_up),
        TEST(test_offers_that_are_none),
        TEST(test_nonsense_ends_it),
        TEST(test_a_full_ring_holds_nobody),
        TEST(test_nobody_waits_for_one_that_has_ended),
    };

    return cmocka_run_group_tests_name("dm-qmp-relay", tests, NULL, NULL);
}
