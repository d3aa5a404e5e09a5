// sources: launcher/dom0-daemon/confined/qmp-relay.c launcher/dom0-daemon/confined/vchan-stream.c
// sources: launcher/dom0-daemon/confined/throttle.c launcher/dom0-daemon/confined/worker.c
// sources: launcher/dom0-daemon/both/signals.c launcher/dom0-daemon/both/message.c
// sources: launcher/dom0-daemon/both/log-rotation.c
// sources: launcher/dom0-daemon/confined/pv-console.c launcher/dom0-daemon/confined/xen-handles.c
// sources: launcher/dom0-daemon/confined/console-ring.c launcher/dom0-daemon/outputs/output.c
// sources: launcher/dom0-daemon/outputs/output-pty.c launcher/dom0-daemon/outputs/output-peer.c
// sources: launcher/dom0-daemon/outputs/log-file.c launcher/dom0-daemon/outputs/output-spec.c
// sources: launcher/dom0-daemon/confined/qmp-server.c launcher/dom0-daemon/confined/qmp-session.c
// sources: launcher/dom0-daemon/confined/file-server.c launcher/dom0-daemon/confined/vnc-server.c
// sources: launcher/dom0-daemon/confined/vchan-client.c launcher/dom0-daemon/both/stderr-sink.c
// sources: launcher/dom0-daemon/outputs/output-state.c launcher/dom0-daemon/both/save-opener.c
// sources: launcher/dom0-daemon/both/vnc-port.c
// libs: json-c
// cflags: -DPROBE_MS=3000
/*
 * A complete worker in a process of its own, with a fake Xen. The test plays its keeper, libxl and the stub domain. And
 * libxl's probe.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "confine.h"
#include "log.h"
#include "signals.h"
#include "stderr-sink.h"
#include "worker.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <xen/io/xenbus.h>

/* -------- a fake Xen, shared with the worker's process -------- */

static struct shared {
    struct xencons_interface page;
    int roles_confined, restricted[2], restrictions, mapped_by;
    uint32_t bound_of;
} *shared;
static int event_fd;

xenevtchn_handle *xenevtchn_open(struct xentoollog_logger *logger, unsigned int flags)
{
    return (void *)&event_fd;
}

int xenevtchn_close(xenevtchn_handle *xce) { return 0; }
int xenevtchn_fd(xenevtchn_handle *xce) { return event_fd; }
int xenevtchn_unbind(xenevtchn_handle *xce, evtchn_port_t port) { return 0; }
int xenevtchn_unmask(xenevtchn_handle *xce, evtchn_port_t port) { return 0; }
int xenevtchn_notify(xenevtchn_handle *xce, evtchn_port_t port) { return 0; }
void grants_unmap(const struct grants *grants, void *pages, uint32_t count) { }

int xenevtchn_restrict(xenevtchn_handle *xce, domid_t domid)
{
    shared->restricted[shared->restrictions++ % 2] = domid;
    return 0;
}

xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *xce)
{
    uint64_t port;

    return read(event_fd, &port, sizeof(port)) == sizeof(port) ? (int)port : -1;
}

xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *xce, uint32_t domid,
                                                     evtchn_port_t remote)
{
    shared->bound_of = domid;
    return 1;
}

int grants_map(const struct grants *grants, const uint32_t *refs, uint32_t count, int prot, void **pages)
{
    shared->mapped_by = grants->gntdev;
    *pages = &shared->page;
    return 0;
}

/* There are no vchans here. */
int grants_notify(const struct grants *grants, const void *page, size_t offset, uint32_t port)
{
    return -EINVAL;
}

int confine(enum confine_role role)
{
    shared->roles_confined |= 1 << role;
    return 0;
}

/* -------- the worker's surroundings -------- */

static struct worker worker;
static struct options options;
static char dir[64], log_path[100];
static int keeper_fd, signal_fd;
static pid_t pid;

static int start(void **state)
{
    sigset_t set;

    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    event_fd = eventfd(0, EFD_NONBLOCK);
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal_fd = signalfd(-1, &set, SFD_NONBLOCK);
    stderr_sink_init("test", 7);
    strcpy(dir, "/tmp/dm-worker-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(log_path, sizeof(log_path), "%s/log", dir);
    options = (struct options){ .domid = 7, .monitor_count = 1,
                                .monitors = { { .id = "a", .fd = -1 } } };
    snprintf(options.monitors[0].path, sizeof(options.monitors[0].path), "%s/s", dir);
    memset(&worker, 0, sizeof(worker));
    worker_init(&worker);
    return 0;
}

static int finish(void **state)
{
    worker_dispose(&worker);
    worker_dispose(&worker);
    unlink(log_path);
    unlink(options.monitors[0].path);
    close(event_fd);
    close(signal_fd);
    munmap(shared, sizeof(*shared));
    return rmdir(dir);
}

static void launch(bool probe)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
    assert_int_equal(worker_listen(&worker, &options), 0);
    pid = fork();
    if (pid == 0) {
        close(pair[0]);
        log_rotation_close_root(&worker.rotation);
        _exit(probe ? worker_run_probe(&worker, signal_fd)
                    : (int)worker_run(&worker, 7, pair[1], signal_fd));
    }
    close(pair[1]);
    keeper_fd = pair[0];
}

static int join(void)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(keeper_fd);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static struct message receive(void)
{
    struct pollfd p = { .fd = keeper_fd, .events = POLLIN };
    struct message message = { .type = MESSAGE_TYPES };

    assert_int_equal(poll(&p, 1, 3000), 1);
    assert_int_equal(message_receive(keeper_fd, &message), 1);
    return message;
}

static int qmp_connect(void)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    char buf[1000];

    strcpy(addr.sun_path, options.monitors[0].path);
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_true(read(fd, buf, sizeof(buf)) > 0);
    return fd;
}

static const char *qmp_ask(int fd, const char *request)
{
    static char buf[4000];
    ssize_t n;

    assert_int_equal(write(fd, request, strlen(request)), strlen(request));
    n = read(fd, buf, sizeof(buf) - 1);
    assert_true(n >= 0);
    buf[n] = '\0';
    return buf;
}

static void add_console(unsigned int id, enum output_kind kind)
{
    struct output_spec spec = { .kind = kind };

    strcpy(spec.path, log_path);
    assert_int_equal(worker_add_console(&worker, id, &spec), 0);
}

static void expect_log(const char *text)
{
    char buf[200] = "";
    int fd = open(log_path, O_RDONLY);

    for (int i = 0; i < 300 && strcmp(buf, text); i++) {
        poll(NULL, 0, 10);
        assert_true(pread(fd, buf, sizeof(buf) - 1, 0) >= 0);
    }
    close(fd);
    assert_string_equal(buf, text);
}

/* -------- tests -------- */

static void test_a_life(void **state)
{
    struct message message = { .type = MESSAGE_FRONTEND, .index = 0,
                               .state = XenbusStateConnected, .port = 2 };
    uint64_t port = 1;
    const char *reply;
    int qmp;

    add_console(0, OUTPUT_FILE);
    add_console(3, OUTPUT_PTY);
    launch(false);
    assert_int_equal(receive().type, MESSAGE_READY);
    assert_int_equal(shared->roles_confined, 1 << CONFINE_WORKER);
    assert_int_equal(shared->restricted[0], 7);
    assert_int_equal(shared->restrictions, 1);

    assert_int_equal(message_send(keeper_fd, &message), 0);
    memcpy(shared->page.out, "hello", 5);
    __atomic_store_n(&shared->page.out_prod, 5, __ATOMIC_SEQ_CST);
    assert_int_equal(write(event_fd, &port, sizeof(port)), sizeof(port));
    expect_log("hello");

    message = (struct message){ .type = MESSAGE_FRONTEND, .index = 3,
                                .state = XenbusStateInitialising };
    assert_int_equal(message_send(keeper_fd, &message), 0);
    message = receive();
    assert_int_equal(message.type, MESSAGE_BACKEND_STATE);
    assert_int_equal(message.index, 3);
    assert_int_equal(message.state, XenbusStateInitWait);

    qmp = qmp_connect();
    qmp_ask(qmp, "{\"execute\":\"qmp_capabilities\"}");
    reply = qmp_ask(qmp, "{\"execute\":\"query-chardev\"}");
    assert_non_null(strstr(reply, "\"label\":\"serial0\",\"filename\":\"pty:/dev/"));
    assert_non_null(strstr(reply, log_path));
    assert_non_null(strstr(qmp_ask(qmp, "{\"execute\":\"query-vnc\"}"), "\"enabled\":false"));
    qmp_ask(qmp, "{\"execute\":\"quit\"}");
    assert_int_equal(join(), CHILD_DONE);
    close(qmp);
}

/* A guest's channel uses handles that are restricted to the guest. libxl does not ask us about it. */
static void test_a_channel(void **state)
{
    struct message message = { .type = MESSAGE_FRONTEND, .index = MESSAGE_STUB_CONSOLES,
                               .state = XenbusStateInitialised, .ring_ref = 9, .port = 2 };
    const char *reply;
    int qmp;

    add_console(0, OUTPUT_NULL);
    add_console(MESSAGE_STUB_CONSOLES, OUTPUT_FILE);
    worker.guest = 6;
    worker.grants.gntdev = 100;
    worker.guest_grants.gntdev = 200;
    launch(false);
    assert_int_equal(receive().type, MESSAGE_READY);
    assert_int_equal(shared->restrictions, 2);
    assert_int_equal(shared->restricted[0], 7);
    assert_int_equal(shared->restricted[1], 6);
    memcpy(shared->page.out, "hello", 5);
    shared->page.out_prod = 5;
    assert_int_equal(message_send(keeper_fd, &message), 0);
    message = receive();
    assert_int_equal(message.index, MESSAGE_STUB_CONSOLES);
    assert_int_equal(message.state, XenbusStateConnected);
    expect_log("hello");
    assert_int_equal(shared->bound_of, 6);
    assert_int_equal(shared->mapped_by, 200);
    message = (struct message){ .type = MESSAGE_FRONTEND, .index = 0, .state = XenbusStateConnected, .port = 2 };
    assert_int_equal(message_send(keeper_fd, &message), 0);
    while (shared->bound_of != 7)
        poll(NULL, 0, 10);
    assert_int_equal(shared->mapped_by, 100);
    qmp = qmp_connect();
    qmp_ask(qmp, "{\"execute\":\"qmp_capabilities\"}");
    reply = qmp_ask(qmp, "{\"execute\":\"query-chardev\"}");
    assert_non_null(strstr(reply, "xencons0"));
    assert_null(strstr(reply, "serial"));
    close(qmp);
    assert_int_equal(signals_send_end(pid), 0);
    assert_int_equal(join(), CHILD_DONE);
}

static void print(uint32_t at, const char *text)
{
    memcpy(shared->page.out + at, text, strlen(text));
    __atomic_store_n(&shared->page.out_prod, at + strlen(text), __ATOMIC_SEQ_CST);
    assert_int_equal(write(event_fd, &(uint64_t){ 1 }, 8), 8);
}

/* logrotate without copytruncate: later lines are in the new file, and none in the old one. */
static void test_a_log_that_is_renamed(void **state)
{
    struct message message = { .type = MESSAGE_FRONTEND, .index = 0, .state = XenbusStateConnected, .port = 2 };
    struct output_spec spec = { .kind = OUTPUT_FILE };
    struct stat st;
    char old[120];
    int fd;

    strcpy(spec.path, log_path);
    snprintf(old, sizeof(old), "%s.1", log_path);
    add_console(0, OUTPUT_FILE);
    assert_int_equal(worker_follow_log(&worker, 0, &spec), 0);
    assert_int_equal(log_rotation_open(&worker.rotation), 0);
    launch(false);
    receive();
    assert_int_equal(message_send(keeper_fd, &message), 0);
    print(0, "before");
    expect_log("before");
    assert_int_equal(rename(log_path, old), 0);
    fd = worker_follow_log(&worker, 0, &spec);
    assert_true(fd > 0);
    assert_int_equal(worker_follow_log(&worker, 0, &spec), 0);
    log_rotation_pass(&worker.rotation, 3, fd); /* there is no such number */
    log_rotation_pass(&worker.rotation, 0, fd);
    poll(NULL, 0, 100);
    print(6, "after");
    expect_log("after");
    assert_int_equal(stat(old, &st), 0);
    assert_int_equal(st.st_size, 6);
    /* A message whose descriptor did not fit is ignored: it is not the end, which comes only with the supervisor's. */
    assert_int_equal(send(worker.rotation.root, &(uint32_t){ 0 }, sizeof(uint32_t), 0), sizeof(uint32_t));
    poll(NULL, 0, 100);
    assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
    log_rotation_close(&worker.rotation);
    assert_int_equal(join(), CHILD_ALONE);
    unlink(old);
}

/*
 * If Xen ended the stub domain, the log says where to find the reason. If the stub domain has logged a reason itself,
 * it says nothing.
 */
static void test_a_silent_end(void **state)
{
    struct message message = { .type = MESSAGE_ENDED };
    struct stat st;
    off_t said;

    add_console(3, OUTPUT_FILE);
    unlink(log_path); /* the serial port's file, which gets nothing */
    add_console(0, OUTPUT_FILE);
    launch(false);
    receive();
    assert_int_equal(message_send(keeper_fd, &message), 0);
    poll(NULL, 0, 100);
    expect_log("");
    message.state = 1;
    assert_int_equal(message_send(keeper_fd, &message), 0);
    expect_log("\n[stubdom-dm: the stub domain has crashed and told its guest nothing. If no line above says why, "
               "Xen ended it (a kernel stack that overflowed?): see xl dmesg]\n");
    assert_int_equal(stat(log_path, &st), 0);
    said = st.st_size;
    /* The keeper repeats the message at the end of any other domain. */
    assert_int_equal(message_send(keeper_fd, &message), 0);
    poll(NULL, 0, 100);
    assert_int_equal(stat(log_path, &st), 0);
    assert_int_equal(st.st_size, said);
    assert_int_equal(signals_send_end(pid), 0);
    assert_int_equal(join(), CHILD_DONE);
}

static void test_ends_with_its_keeper(void **state)
{
    launch(false);
    receive();
    shutdown(keeper_fd, SHUT_RDWR);
    assert_int_equal(join(), CHILD_ALONE);
}

static void test_ends_by_a_signal(void **state)
{
    launch(false);
    receive();
    assert_int_equal(signals_send_end(pid), 0);
    assert_int_equal(join(), CHILD_DONE);
}

/* A signal that was not sent by the supervisor's function is ignored, whoever sends it. */
static void test_a_stray_signal_is_nothing(void **state)
{
    launch(false);
    receive();
    kill(pid, SIGHUP);
    kill(pid, SIGTERM);
    poll(NULL, 0, 100);
    assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
    assert_int_equal(signals_send_end(pid), 0);
    assert_int_equal(join(), CHILD_DONE);
}

/* What a dead worker has written stays. The next one appends. */
static void test_successor_goes_on_where_the_log_ends(void **state)
{
    struct message message = { .type = MESSAGE_FRONTEND, .index = 0,
                               .state = XenbusStateConnected, .port = 2 };

    add_console(0, OUTPUT_FILE);
    for (int life = 0; life < 2; life++) {
        memcpy(shared->page.out + 5 * life, life ? "again" : "first", 5);
        shared->page.out_prod += 5;
        launch(false);
        receive();
        assert_int_equal(message_send(keeper_fd, &message), 0);
        expect_log(life ? "firstagain" : "first");
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        close(keeper_fd);
        qmp_server_close(&worker.qmp);
    }
}

static void test_more_consoles_than_there_is_room_for(void **state)
{
    struct output_spec spec = { .kind = OUTPUT_NULL };

    for (unsigned int i = 0; i < MESSAGE_MAX_CONSOLES; i++)
        assert_int_equal(worker_add_console(&worker, i, &spec), 0);
    assert_int_equal(worker_add_console(&worker, 99, &spec), -ENOSPC);
}

/* Starts libxl's probe. Returns the socket that it answers on. */
static int launch_probe(void)
{
    int qmp;

    options.paused = true;
    launch(true);
    qmp = qmp_connect();
    qmp_ask(qmp, "{\"execute\":\"qmp_capabilities\",\"id\":1}\r\n");
    return qmp;
}

static void probe_goes_on(int qmp)
{
    int status;

    close(qmp);
    poll(NULL, 0, 300);
    assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
}

/* libxl sends "quit", closes the socket, and only then sends its signal. */
static void test_probe_waits_for_the_signal(void **state)
{
    int qmp = launch_probe();

    assert_string_equal(qmp_ask(qmp, "{\"execute\":\"query-command-line-options\",\"id\":2}\r\n"),
                        "{\"return\":[],\"id\":2}\r\n");
    qmp_ask(qmp, "{\"execute\":\"quit\",\"id\":3}\r\n");
    probe_goes_on(qmp);
    assert_int_equal(shared->roles_confined, 1 << CONFINE_PROBE);
    kill(pid, SIGHUP);
    assert_int_equal(join(), 0);
}

/* libxl is killed before or after its question, so nobody ends the probe. */
static void test_probe_ends_by_itself(void **state)
{
    probe_goes_on(launch_probe());
    assert_int_equal(join(), 0);
}

/* A child's log has a file description of its own, so its changes do not affect root's. */
static void test_own_log_is_not_shared(void **state)
{
    int fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0600), status;

    pid = fork();
    if (pid == 0) {
        if (dup2(fd, 0) < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0 || close(fd) ||
            stderr_sink_open_anew() || write(2, "line\n", 5) != 5)
            _exit(1);
        for (int i = 0; i < 3; i++)
            fcntl(i, F_SETFL, O_NONBLOCK);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(fcntl(fd, F_GETFL) & (O_APPEND | O_NONBLOCK), O_APPEND);
    expect_log("line\n");
    close(fd);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, start, finish)
    const struct CMUnitTest tests[] = {
        TEST(test_a_life),
        TEST(test_a_channel),
        TEST(test_a_log_that_is_renamed),
        TEST(test_a_silent_end),
        TEST(test_ends_with_its_keeper),
        TEST(test_ends_by_a_signal),
        TEST(test_a_stray_signal_is_nothing),
        TEST(test_successor_goes_on_where_the_log_ends),
        TEST(test_more_consoles_than_there_is_room_for),
        TEST(test_probe_waits_for_the_signal),
        TEST(test_probe_ends_by_itself),
        TEST(test_own_log_is_not_shared),
    };

    return cmocka_run_group_tests_name("dm-worker", tests, NULL, NULL);
}
