// sources: launcher/dom0-daemon/root/supervisor.c launcher/dom0-daemon/root/fork-alone.c
// sources: launcher/dom0-daemon/root/store-filter.c launcher/dom0-daemon/root/grant-broker.c
// sources: launcher/dom0-daemon/root/options.c launcher/dom0-daemon/confined/keeper.c
// sources: launcher/dom0-daemon/confined/worker.c launcher/dom0-daemon/confined/pv-console.c
// sources: launcher/dom0-daemon/confined/console-ring.c launcher/dom0-daemon/confined/grants.c
// sources: launcher/dom0-daemon/confined/xen-handles.c launcher/dom0-daemon/confined/throttle.c
// sources: launcher/dom0-daemon/confined/vchan-client.c launcher/dom0-daemon/confined/vchan-stream.c
// sources: launcher/dom0-daemon/confined/vnc-server.c launcher/dom0-daemon/confined/file-server.c
// sources: launcher/dom0-daemon/confined/qmp-server.c launcher/dom0-daemon/confined/qmp-session.c
// sources: launcher/dom0-daemon/confined/qmp-relay.c launcher/dom0-daemon/outputs/output.c
// sources: launcher/dom0-daemon/outputs/output-pty.c launcher/dom0-daemon/outputs/output-peer.c
// sources: launcher/dom0-daemon/outputs/output-state.c launcher/dom0-daemon/outputs/output-spec.c
// sources: launcher/dom0-daemon/outputs/log-file.c launcher/dom0-daemon/both/message.c
// sources: launcher/dom0-daemon/both/signals.c launcher/dom0-daemon/both/stderr-sink.c
// sources: launcher/dom0-daemon/both/store.c launcher/dom0-daemon/both/save-opener.c
// sources: launcher/dom0-daemon/both/log-rotation.c tests/unit/fake-xenstored.c launcher/dom0-daemon/both/vnc-port.c
// libs: json-c xenstore
// wrap: ioctl
// cflags: -DGNTDEV="\"/tmp/dm-whole-gntdev\"" -DSTORE_FILTER_FOLDER="\"/tmp/dm-whole-XXXXXX\""
/*
 * All four processes of the daemon, started by main.c's code, with a xenstored, a file of pages in gntdev's place, and
 * without confinement. Each of them is killed and replaced, and the replacements get new connections to root.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define main daemon_main
#include "launcher/dom0-daemon/root/main.c"
#undef main
#include "unit.h"

#include "fake-xenstored.h"
#include "xen-control.h"

#include <linux/kcmp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <xen/sys/gntdev.h>

#define XENSTORED "/tmp/dm-whole-xenstored"
#define LOG "/tmp/dm-whole-log"
#define PAGE 4096

static struct shared {
    int running, mapped, gone;
    int failing;  /* xenstore does not say whose the guest is */
    int nobodys;  /* it was asked about no guest's */
} *shared;

/* -------- Xen -------- */

int __real_ioctl(int fd, unsigned long request, void *argument);

int __wrap_ioctl(int fd, unsigned long request, void *argument)
{
    if (request == IOCTL_GNTDEV_MAP_GRANT_REF) {
        shared->mapped++;
        ((struct ioctl_gntdev_map_grant_ref *)argument)->index = 0;
        return 0;
    }
    if (request == IOCTL_GNTDEV_UNMAP_GRANT_REF || request == IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR)
        return 0;
    return __real_ioctl(fd, request, argument);
}

xenevtchn_handle *xenevtchn_open(struct xentoollog_logger *logger, unsigned int flags) { return (void *)&shared; }
int xenevtchn_close(xenevtchn_handle *xce) { return 0; }
int xenevtchn_fd(xenevtchn_handle *xce) { return eventfd(0, EFD_NONBLOCK); }
int xenevtchn_restrict(xenevtchn_handle *xce, domid_t domid) { return 0; }
int xenevtchn_unbind(xenevtchn_handle *xce, evtchn_port_t port) { return 0; }
int xenevtchn_unmask(xenevtchn_handle *xce, evtchn_port_t port) { return 0; }
int xenevtchn_notify(xenevtchn_handle *xce, evtchn_port_t port) { return 0; }
xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *xce) { return -1; }

xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *xce, uint32_t domid, evtchn_port_t remote)
{
    return 1;
}

xc_interface *xc_interface_open(xentoollog_logger *logger, xentoollog_logger *dom, unsigned int flags) { return NULL; }
int xc_interface_close(xc_interface *xc) { return 0; }
int xc_evtchn_status(xc_interface *xc, xc_evtchn_status_t *status) { return -1; }

void guard_init(struct guard *guard, int stub, int guest) { }
struct guard_sight guard_look(struct guard *guard) { return (struct guard_sight){ .stub_ended = false }; }
int guard_allow_save(struct guard *guard, bool *last) { return -EPERM; }
bool guard_stub_runs(const struct guard *guard) { return true; }
bool guard_stub_exists(const struct guard *guard) { return !shared->gone; }
void guard_crash(const struct guard *guard, const char *why, int stop) { }
bool guard_see_off(const struct guard *guard, int stop) { return false; }
int xen_release_check(void) { return 0; }
void stub_clock_set(int stub) { }
int qmp_proxy_replace(struct store *store, char path[QMP_PROXY_PATH]) { return 0; }
void pci_control_follow(struct pci_control *control, int stub) { }
int cgroup_enter(const char *root, int domid) { return 0; }

static struct { dev_t device; int rc; } limited[3];
static size_t limited_count;

int cgroup_limit_disk(const char *root, const char *sysfs, int domid, dev_t device)
{
    assert_true(limited_count < ARRAY_LEN(limited));
    limited[limited_count].device = device;
    return limited[limited_count++].rc;
}

void cgroup_leave(const char *root, int domid) { }
void confine_for_domain(unsigned int domid) { }
void confine_limit_files(uint64_t size) { }
int confine_supervisor(void) { return 0; }
int confine_files(void) { return 0; }
int confine(enum confine_role role) { return prctl(PR_SET_PDEATHSIG, SIGKILL); }

/* -------- xenstored -------- */

static void answer(int fd, const struct xsd_sockmsg *header, const char *payload)
{
    bool is_folder = !strcmp(payload, "/local/domain/0/device-model/7");

    shared->nobodys += strstr(payload, "/-1/") != NULL;
    if (header->type == XS_READ && !strcmp(payload, "/local/domain/7/target") && shared->failing)
        xenstored_say(fd, header, XS_ERROR, "EIO", 4);
    else if (header->type == XS_READ && (!strcmp(payload, "/local/domain/7/target") || (is_folder && !shared->gone) ||
                                    !strcmp(payload, "/local/domain/7/console/port")))
        xenstored_say(fd, header, XS_READ, "6", 1);
    else if (header->type == XS_READ && !strcmp(payload, "/local/domain/7/image/device-model-pid"))
        xenstored_say(fd, header, XS_READ, "1", 1);
    else if (header->type == XS_READ)
        xenstored_say(fd, header, XS_ERROR, "ENOENT", 7);
    else if (header->type == XS_TRANSACTION_START)
        xenstored_say(fd, header, header->type, "1", 2);
    else if (header->type == XS_IS_DOMAIN_INTRODUCED)
        xenstored_say(fd, header, header->type, "T", 2);
    else
        xenstored_say(fd, header, header->type, "OK", 3);
    shared->running += header->type == XS_WRITE && !strcmp(payload, "/local/domain/0/device-model/7/state");
}

/* -------- the daemon -------- */

static pid_t start_daemon(void)
{
    static struct setup setup;
    struct output_spec spec = { .kind = OUTPUT_FILE, .path = LOG };
    pid_t pid = fork();

    if (pid)
        return pid;
    close_inherited(&setup.options);
    setup.options.domid = 7;
    worker_init(&setup.worker);
    loop_init(&setup.loop, clock_now_ms);
    grant_broker_init(&setup.grants, &setup.loop, 7);
    grant_broker_init(&setup.guest_grants, &setup.loop, 6);
    store_filter_init(&setup.filter, &setup.loop);
    setup.keeper_log = setup.worker_log = (struct log_rotation){ -1, -1 };
    signal(SIGPIPE, SIG_IGN);
    setup.signal_fd = signals_open();
    setup.store = (struct store){ .domid = 7, .target = 6 };
    setup.specs[0] = spec;
    setup.consoles[1].id = MESSAGE_STUB_CONSOLES; /* the guest's channel 1 */
    setup.console_count = 2;
    if (worker_add_console(&setup.worker, 0, &spec) ||
        worker_add_console(&setup.worker, MESSAGE_STUB_CONSOLES, &(struct output_spec){ .kind = OUTPUT_NULL }))
        _exit(99);
    stderr_sink_init(NULL, 7);
    _exit(serve(&setup));
}

static bool wait_for_running(int count)
{
    for (int i = 0; i < 1000 && shared->running < count; i++)
        poll(NULL, 0, 10);
    return shared->running == count;
}

/* The N-th child, in the order in which they were started. */
static pid_t child_of(pid_t daemon, int n)
{
    pid_t children[8];
    char path[64];
    FILE *file;
    int count = 0;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", daemon, daemon);
    file = fopen(path, "r");
    while (file && count < 8 && fscanf(file, "%d", &children[count]) == 1)
        count++;
    if (file)
        fclose(file);
    return n < count ? children[n] : 0;
}

/* -------- descriptors that two of its processes share -------- */

/*
 * All processes with a descriptor share its flags, offset and shutdown state. Keeper and worker may share these with
 * root: gntdev, a console's output, and a pipe that root only watches for its end.
 */
static const char *const harmless[] = { GNTDEV, LOG, "pipe:" };

static bool is_harmless(pid_t pid, int fd)
{
    char path[64], target[200] = "";

    snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
    if (readlink(path, target, sizeof(target) - 1) < 0)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(harmless); i++)
        if (!strncmp(target, harmless[i], strlen(harmless[i])))
            return true;
    return false;
}

/* How many other files both have open. */
static int count_shared(pid_t root, pid_t child)
{
    int count = 0;

    for (int a = 0; a < 64; a++)
        for (int b = 0; b < 64; b++)
            count += syscall(SYS_kcmp, root, child, KCMP_FILE, a, b) == 0 && !is_harmless(child, b);
    return count;
}

/* kcmp() may be forbidden in a container. */
static bool can_compare(void)
{
    return syscall(SYS_kcmp, getpid(), getpid(), KCMP_FILE, STDERR_FILENO, STDERR_FILENO) == 0;
}

static void check_shared(pid_t daemon, pid_t heir)
{
    if (!can_compare()) {
        print_message("no kcmp(): what they share is not looked at\n");
        return;
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(count_shared(daemon, child_of(daemon, 1 + i)), 0);
        assert_int_equal(count_shared(heir, child_of(daemon, 1 + i)), 0);
    }
    assert_true(count_shared(daemon, heir) > 0); /* shared files are found */
}

/* Is it process 1 of a PID namespace of its own? */
static bool is_alone(pid_t pid)
{
    int outer = 0, inner = 0;
    char path[64], line[200];
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    file = fopen(path, "r");
    while (file && fgets(line, sizeof(line), file))
        if (sscanf(line, "NSpid: %d %d", &outer, &inner) > 0)
            break;
    if (file)
        fclose(file);
    return outer == pid && inner == 1;
}

static void test_each_is_replaced(void **state)
{
    pid_t daemon, heir, keeper, xenstored = xenstored_start(XENSTORED, answer);
    struct stat st;
    int status;

    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    daemon = start_daemon();
    assert_true(wait_for_running(1));
    poll(NULL, 0, 1100); /* a child that fails in the first second ends the daemon */
    heir = child_of(daemon, 0);
    check_shared(daemon, heir);
    for (int i = 0; i < 2; i++) { /* keeper, worker */
        assert_int_equal(kill(child_of(daemon, 1 + i), SIGKILL), 0);
        assert_true(wait_for_running(2 + i));
        poll(NULL, 0, 300);
        assert_int_equal(child_of(daemon, 0), heir);
    }
    assert_true(shared->mapped >= 3);
    assert_true(is_alone(child_of(daemon, 1)) && is_alone(child_of(daemon, 2)));
    assert_false(is_alone(heir));
    /* The log is renamed, and the daemon gets SIGHUP. */
    assert_int_equal(rename(LOG, LOG ".1"), 0);
    assert_int_equal(kill(daemon, SIGHUP), 0);
    for (int i = 0; i < 300 && stat(LOG, &st); i++)
        poll(NULL, 0, 10);
    assert_int_equal(stat(LOG, &st), 0);
    /*
     * No process ends because of that, nor because of a stray signal while xenstore fails; and the next keeper has the
     * guest's channel.
     */
    keeper = child_of(daemon, 1);
    shared->failing = 1;
    assert_int_equal(kill(daemon, SIGTERM), 0);
    poll(NULL, 0, 300);
    assert_int_equal(child_of(daemon, 1), keeper);
    assert_int_equal(shared->running, 3);
    shared->failing = 0;
    assert_int_equal(kill(keeper, SIGKILL), 0);
    assert_true(wait_for_running(4));
    assert_int_equal(shared->nobodys, 0);
    poll(NULL, 0, 300);
    assert_int_equal(kill(daemon, SIGKILL), 0);
    assert_int_equal(waitpid(daemon, NULL, 0), daemon);
    assert_true(wait_for_running(5));
    shared->gone = 1;
    assert_int_equal(kill(heir, SIGHUP), 0);
    assert_int_equal(waitpid(heir, &status, 0), heir);
    assert_int_equal(status, 0);
    kill(xenstored, SIGKILL);
    while (waitpid(-1, NULL, 0) > 0)
        ;
}

static int start(void **state)
{
    int fd = open(GNTDEV, O_RDWR | O_CREAT | O_TRUNC, 0600);

    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return fd < 0 || ftruncate(fd, 4 * PAGE) || close(fd);
}

static int finish(void **state)
{
    unlink(GNTDEV);
    unlink(XENSTORED);
    unlink(LOG);
    unlink(LOG ".1");
    return munmap(shared, sizeof(*shared));
}

static dev_t device_of(const char *path)
{
    struct stat st;

    return stat(path, &st) ? 0 : st.st_dev;
}

/*
 * The disks of the log, of an existing file, and of one that does not exist yet are limited. The first error is
 * returned.
 */
static void test_disks_are_limited(void **state)
{
    static struct setup setup = {
        .console_count = 4,
        .specs = { { .kind = OUTPUT_FILE, .path = "/proc/version" },
                   { .kind = OUTPUT_FILE, .path = "/tmp/dm-whole-none" },
                   { .kind = OUTPUT_PTY }, { .kind = OUTPUT_FILE, .path = "/dm-whole/no-folder" } },
    };
    static const struct { int log, file, folder, all; } rows[] = {
        { 0, 0, 0, 0 }, { -ENODEV, -ENODEV, -ENODEV, 0 }, { 0, -ENODEV, 0, 0 }, { -EIO, 0, -ENODEV, -EIO },
        { -ENODEV, -EIO, 0, -EIO }, { -ENODEV, 0, -EIO, -EIO }, { 0, -EIO, -ENOENT, -EIO },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        limited_count = 0;
        limited[0].rc = rows[i].log;
        limited[1].rc = rows[i].file;
        limited[2].rc = rows[i].folder;
        assert_int_equal(limit_disks(&setup), rows[i].all);
        assert_int_equal(limited_count, 3);
        assert_int_equal(limited[1].device, device_of("/proc"));
        assert_int_equal(limited[2].device, device_of("/tmp"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_is_replaced, start, finish),
        cmocka_unit_test(test_disks_are_limited),
    };

    return cmocka_run_group_tests_name("dm-whole", tests, NULL, NULL);
}
