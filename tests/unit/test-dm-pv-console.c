// sources: launcher/dom0-daemon/confined/throttle.c launcher/dom0-daemon/confined/pv-console.c
// sources: launcher/dom0-daemon/confined/xen-handles.c launcher/dom0-daemon/confined/console-ring.c
// sources: launcher/dom0-daemon/outputs/output.c launcher/dom0-daemon/outputs/output-pty.c
// sources: launcher/dom0-daemon/outputs/output-peer.c launcher/dom0-daemon/outputs/output-state.c
// sources: launcher/dom0-daemon/both/save-opener.c launcher/dom0-daemon/outputs/log-file.c
// sources: launcher/dom0-daemon/outputs/output-spec.c tests/unit/fake-xen.c
/*
 * A whole console with a frontend made of memory: handshake, reconnection, floods,
 * lies, and an event channel that stays masked while the frontend is over budget.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "fake-xen.h"
#include "log.h"
#include "pv-console.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <xen/grant_table.h>
#include <xen/io/xenbus.h>

/* -------- a fake Xen: every grant is one page -------- */

static struct xencons_interface page;

static void *the_page(const uint32_t *refs, uint32_t count) { return &page; }

/* -------- the frontend and its surroundings -------- */

static int64_t now = 1000;
static struct loop loop;
static struct xen_handles handles;
static struct pv_console console;
static unsigned int states[64];
static int state_count;
static char file[] = "/tmp/dm-console-XXXXXX", input[] = "/tmp/dm-input-XXXXXX";

static int64_t fake_now(void) { return now; }

static char last_line[200];

static void keep_line(void *data, enum log_level level, const char *line)
{
    snprintf(last_line, sizeof(last_line), "%s", line);
}

static void note_state(void *data, unsigned int id, unsigned int state)
{
    assert_int_equal(id, console.id);
    states[state_count++] = state;
}

static void open_console(unsigned int id, const char *format, const char *name)
{
    struct output_spec spec;
    char text[128], error[400];

    fake_xen_reset();
    xen.pages = the_page;
    memset(&page, 0, sizeof(page));
    state_count = 0;
    loop_init(&loop, fake_now);
    log_set_sink(keep_line, NULL);
    snprintf(text, sizeof(text), format, name);
    assert_int_equal(output_spec_parse(&spec, text, error, sizeof(error)), 0);
    assert_int_equal(pv_console_open(&console, id, &spec, &loop), 0);
    assert_int_equal(xen_open(&handles, &loop, 7, &no_grants), 0);
    pv_console_start(&console, &handles, note_state, NULL);
}

static void close_console(void)
{
    pv_console_dispose(&console);
    pv_console_dispose(&console);
    xen_close(&handles);
    assert_int_equal(xen.mapped, 0);
    assert_int_equal(xen.bound, 0);
}

static void frontend_says(unsigned int state, uint32_t ref, uint32_t port)
{
    struct message message = { .type = MESSAGE_FRONTEND, .index = console.id, .state = state,
                               .ring_ref = ref, .port = port };

    pv_console_frontend(&console, &message);
}

static void frontend_writes(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        page.out[page.out_prod++ % sizeof(page.out)] = bytes[i];
}

static void frontend_notifies(void)
{
    if (!xen.masked)
        fake_xen_fire(xen.next);
    assert_int_equal(loop_turn(&loop, 0), 0);
}

static void expect_file(const char *text)
{
    char buf[256] = "";
    int fd = open(file, O_RDONLY);

    assert_true(read(fd, buf, sizeof(buf) - 1) >= 0);
    close(fd);
    assert_string_equal(buf, text);
}

/* -------- tests -------- */

static void test_primary_console_needs_no_handshake(void **state)
{
    open_console(0, "file:%s", file);
    frontend_writes("early ", 6);
    frontend_says(XenbusStateConnected, 0, 9);
    assert_int_equal(xen.domid, 7);
    assert_int_equal(xen.ref, GNTTAB_RESERVED_CONSOLE);
    assert_int_equal(xen.remote, 9);
    expect_file("early ");
    assert_int_equal(xen.notified, 1);
    frontend_writes("late", 4);
    frontend_notifies();
    expect_file("early late");
    assert_int_equal(xen.notified, 2);
    assert_int_equal(xen.masked, 0);
    assert_int_equal(state_count, 0);
    close_console();
}

/* A driver that comes back has a new ring page and a new port. */
static void expect_another_ring(void)
{
    memset(&page, 0, sizeof(page));
    frontend_says(XenbusStateInitialised, 13, 14);
    assert_int_equal(xen.ref, 13);
    frontend_writes("again", 5);
    frontend_notifies();
    expect_file("again");
}

static void test_handshake_close_and_again(void **state)
{
    static const unsigned int expected[] = { XenbusStateInitWait, XenbusStateConnected,
                                             XenbusStateClosing, XenbusStateClosed,
                                             XenbusStateInitWait, XenbusStateConnected,
                                             XenbusStateClosed };

    open_console(3, "file:%s", file);
    frontend_says(XenbusStateInitialising, 0, 0);
    assert_int_equal(xen.mapped, 0);
    frontend_says(XenbusStateInitialised, 11, 12);
    assert_int_equal(xen.ref, 11);
    assert_int_equal(xen.mapped, 1);
    frontend_says(XenbusStateConnected, 11, 12);
    assert_int_equal(xen.mapped, 1);
    frontend_says(XenbusStateClosing, 0, 0);
    assert_int_equal(xen.mapped + xen.bound, 0);
    frontend_says(XenbusStateClosed, 0, 0);
    frontend_says(XenbusStateInitialising, 0, 0);
    expect_another_ring();
    frontend_says(XenbusStateUnknown, 0, 0);
    assert_int_equal(state_count, ARRAY_LEN(expected));
    for (size_t i = 0; i < ARRAY_LEN(expected); i++)
        assert_int_equal(states[i], expected[i]);
    close_console();
}

/* As Linux does when its driver is unbound from a channel and bound again: from Closed to Initialised. */
static void test_a_channel_is_of_the_guest(void **state)
{
    static const unsigned int expected[] = { XenbusStateInitWait, XenbusStateConnected, XenbusStateClosed,
                                             XenbusStateConnected, XenbusStateClosing };

    open_console(MESSAGE_STUB_CONSOLES + 1, "file:%s", file);
    frontend_says(XenbusStateInitialising, 0, 0);
    frontend_says(XenbusStateInitialised, 11, 12);
    frontend_says(XenbusStateClosed, 0, 0);
    assert_int_equal(xen.mapped + xen.bound, 0);
    expect_another_ring();
    page.in_cons = 1;
    frontend_notifies();
    assert_string_equal(last_line, "channel 2: an impossible index in its ring: closed");
    assert_int_equal(state_count, ARRAY_LEN(expected));
    for (size_t i = 0; i < ARRAY_LEN(expected); i++)
        assert_int_equal(states[i], expected[i]);
    close_console();
}

/* A guest that resumes: its driver only writes where its new ring is. */
static void test_another_ring(void **state)
{
    open_console(MESSAGE_STUB_CONSOLES, "file:%s", file);
    frontend_says(XenbusStateInitialised, 11, 12);
    frontend_says(XenbusStateConnected, 11, 12);
    assert_int_equal(xen.next, 1);
    frontend_says(XenbusStateInitialised, 13, 12);
    assert_int_equal(xen.ref, 13);
    frontend_says(XenbusStateConnected, 13, 14);
    assert_int_equal(xen.remote, 14);
    assert_int_equal(xen.next, 3);
    assert_int_equal(xen.mapped, 1);
    assert_int_equal(xen.bound, 1);
    assert_int_equal(state_count, 1);
    frontend_says(XenbusStateConnected, 0, 14);
    assert_int_equal(states[state_count - 1], XenbusStateClosing);
    close_console();
}

/* A guest floods a socket whose client does not read: the guest has to wait, and nothing grows. */
static void test_a_flood_that_nobody_reads_stays_in_the_ring(void **state)
{
    static char chunk[CONSOLE_RING_OUT];
    struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = "/tmp/dm-console-flood" };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    uint32_t before = 0;

    open_console(MESSAGE_STUB_CONSOLES, "unix:%s,server,nowait", addr.sun_path);
    frontend_says(XenbusStateInitialised, 11, 12);
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(loop_turn(&loop, 0), 0);
    for (int i = 0; i < 1000 && (i < 10 || page.out_cons != before); i++) {
        before = page.out_cons;
        frontend_writes(chunk, sizeof(chunk) - (page.out_prod - page.out_cons));
        frontend_notifies();
        now += BUDGET_PERIOD_MS;
        assert_int_equal(loop_turn(&loop, 0), 0);
    }
    assert_int_equal(page.out_cons, before);
    assert_int_equal(page.out_prod - page.out_cons, sizeof(chunk));
    assert_int_equal(xen.masked, 0);
    /* When the client reads, the guest goes on. */
    while (recv(fd, chunk, sizeof(chunk), MSG_DONTWAIT) > 0)
        ;
    assert_int_equal(loop_turn(&loop, 100), 0);
    assert_int_equal(page.out_cons, page.out_prod);
    close(fd);
    close_console();
    unlink(addr.sun_path);
}

static void test_every_state_in_every_order(void **state)
{
    open_console(3, "file:%s", file);
    for (unsigned int a = 0; a <= XenbusStateReconfigured + 2; a++)
        for (unsigned int b = 0; b <= XenbusStateReconfigured + 2; b++) {
            state_count = 0;
            frontend_says(a, 5, 6);
            frontend_says(b, 0, 6);
            frontend_says(b, 5, 0);
            assert_in_range(xen.mapped, 0, 1);
            assert_int_equal(xen.mapped, xen.bound);
        }
    close_console();
}

static void test_wrong_grants_and_ports(void **state)
{
    open_console(3, "file:%s", file);
    frontend_says(XenbusStateInitialised, 0, 12);
    frontend_says(XenbusStateInitialised, 11, 0);
    assert_int_equal(xen.mapped, 0);
    xen.fail_map = true;
    frontend_says(XenbusStateInitialised, 11, 12);
    xen.fail_map = false;
    xen.fail_bind = true;
    frontend_says(XenbusStateInitialised, 11, 12);
    assert_int_equal(xen.mapped, 0);
    assert_int_equal(states[state_count - 1], XenbusStateClosing);
    xen.fail_bind = false;
    frontend_says(XenbusStateInitialised, 11, 12);
    assert_int_equal(states[state_count - 1], XenbusStateConnected);
    close_console();
}

static void test_impossible_index_closes_the_console(void **state)
{
    open_console(3, "file:%s", file);
    frontend_says(XenbusStateInitialised, 11, 12);
    page.out_prod = 5000;
    frontend_notifies();
    assert_int_equal(xen.mapped + xen.bound, 0);
    assert_int_equal(states[state_count - 1], XenbusStateClosing);
    close_console();

    open_console(3, "file:%s", file);
    frontend_says(XenbusStateInitialised, 11, 12);
    page.in_cons = 1;
    frontend_notifies();
    assert_int_equal(xen.mapped + xen.bound, 0);
    close_console();

    open_console(0, "file:%s", file);
    frontend_says(XenbusStateConnected, 0, 12);
    page.out_prod = 5000;
    frontend_notifies();
    assert_int_equal(xen.mapped + xen.bound, 0);
    close_console();
}

static void flood(unsigned int id)
{
    static char chunk[CONSOLE_RING_OUT];
    uint64_t taken = 0;
    uint32_t before;

    open_console(id, "null%s", "");
    frontend_says(XenbusStateConnected, id, 12);
    for (int period = 0; period < 10; period++) {
        for (int i = 0; i < 1000; i++) {
            before = page.out_cons;
            if (page.out_prod - before < sizeof(chunk))
                frontend_writes(chunk, sizeof(chunk) - (page.out_prod - before));
            frontend_notifies();
            taken += page.out_cons - before;
        }
        assert_int_equal(xen.masked, 1);
        now += BUDGET_PERIOD_MS;
        before = page.out_cons;
        assert_int_equal(loop_turn(&loop, 0), 0);
        taken += page.out_cons - before;
        assert_int_equal(xen.masked, 0);
    }
    assert_in_range(taken, 100000, 10 * (16384 + 2048));
    close_console();
}

static void test_byte_flood_is_metered(void **state)
{
    flood(0);
    flood(3);
    flood(MESSAGE_STUB_CONSOLES);
}

static void test_event_flood_is_metered(void **state)
{
    int handled = 0;

    open_console(3, "null%s", "");
    frontend_says(XenbusStateInitialised, 11, 12);
    for (int i = 0; i < 10000; i++) {
        handled += !xen.masked;
        frontend_notifies();
    }
    assert_in_range(handled, 100, 300);
    now += BUDGET_PERIOD_MS;
    assert_int_equal(loop_turn(&loop, 0), 0);
    assert_int_equal(xen.masked, 0);
    close_console();
}

/* A full ring would keep the stub domain's kernel busy, so it is emptied, and the failure is answered. */
static void test_save_that_fails_empties_the_ring(void **state)
{
    open_console(1, "file:%s", "/nowhere/at/all");
    frontend_says(XenbusStateInitialised, 11, 12);
    frontend_writes("XSst\4\0\0\0QEVMXSst\0\0\0\0", 20);
    frontend_notifies();
    frontend_notifies();
    assert_int_equal(page.out_cons, page.out_prod);
    assert_int_equal(page.in_prod, 1);
    assert_int_equal(page.in[0], 'F');
    close_console();
}

static void test_broken_serial_port_discards(void **state)
{
    static char chunk[CONSOLE_RING_OUT];

    open_console(3, "file:%s", "/dev/full");
    frontend_says(XenbusStateInitialised, 11, 12);
    for (int i = 0; i < 3; i++) {
        frontend_writes(chunk, sizeof(chunk));
        frontend_notifies();
    }
    assert_int_equal(page.out_cons, page.out_prod);
    close_console();
}

static void test_restore_file_arrives_whole(void **state)
{
    unsigned char wanted[5000] = "QEVM", got[6000];
    struct state_parser parser = { 0 };
    size_t total = 0, len = 0, used;
    int fd = open(input, O_WRONLY | O_TRUNC), event = STATE_NOTHING;

    for (int i = 4; i < 5000; i++)
        wanted[i] = i * 7;
    assert_int_equal(write(fd, wanted, 5000), 5000);
    close(fd);
    open_console(2, "pipe:%s", input);
    page.in_cons = page.in_prod = UINT32_MAX - 700;
    frontend_says(XenbusStateInitialised, 11, 12);
    frontend_notifies();
    assert_int_equal(page.in_cons, page.in_prod); /* nothing is read before it is asked for */
    frontend_writes("R", 1);
    for (int round = 0; round < 100 && event != STATE_END; round++) {
        frontend_notifies();
        while (page.in_cons != page.in_prod)
            got[len++] = page.in[page.in_cons++ % sizeof(page.in)];
        for (size_t at = 0; at < len; at += used) {
            event = state_parser_take(&parser, got + at, len - at, &used);
            assert_true(event >= 0);
            if (event == STATE_DATA) {
                assert_memory_equal(got + at, wanted + total, used);
                total += used;
            }
        }
        len = 0;
    }
    assert_int_equal(event, STATE_END);
    assert_int_equal(total, 5000);
    close_console();
}

static void test_console_without_output_is_still_served(void **state)
{
    open_console(2, "%s", "");
    frontend_says(XenbusStateInitialised, 11, 12);
    assert_int_equal(states[state_count - 1], XenbusStateConnected);
    frontend_writes("abc", 3);
    frontend_notifies();
    assert_int_equal(page.out_cons, 3);
    close_console();
}

static void test_log_that_cannot_be_opened_stops_nothing(void **state)
{
    open_console(0, "file:%s", "/nowhere/at/all");
    frontend_says(XenbusStateConnected, 0, 9);
    frontend_writes("abc", 3);
    frontend_notifies();
    assert_int_equal(page.out_cons, 3);
    close_console();
}

static int make_files(void **state)
{
    close(mkstemp(file));
    close(mkstemp(input));
    return 0;
}

static int remove_files(void **state)
{
    return unlink(file) | unlink(input);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_primary_console_needs_no_handshake),
        cmocka_unit_test(test_handshake_close_and_again),
        cmocka_unit_test(test_a_channel_is_of_the_guest),
        cmocka_unit_test(test_another_ring),
        cmocka_unit_test(test_a_flood_that_nobody_reads_stays_in_the_ring),
        cmocka_unit_test(test_every_state_in_every_order),
        cmocka_unit_test(test_wrong_grants_and_ports),
        cmocka_unit_test(test_impossible_index_closes_the_console),
        cmocka_unit_test(test_byte_flood_is_metered),
        cmocka_unit_test(test_event_flood_is_metered),
        cmocka_unit_test(test_save_that_fails_empties_the_ring),
        cmocka_unit_test(test_broken_serial_port_discards),
        cmocka_unit_test(test_restore_file_arrives_whole),
        cmocka_unit_test(test_console_without_output_is_still_served),
        cmocka_unit_test(test_log_that_cannot_be_opened_stops_nothing),
    };

    return cmocka_run_group_tests_name("dm-pv-console", tests, make_files, remove_files);
}
