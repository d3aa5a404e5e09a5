/*
 * stubdom-dm: takes QEMU's place in dom0 for one stub domain. libxl starts it by
 * device_model_override; stubdom-dm(8) and docs/dom0-daemon.md say what it does.
 *
 * Opens everything as root, then splits: the keeper (keeper.c), which has xenstore,
 * and the worker (worker.c), which has the stub domain's rings, both confined;
 * supervisor.c watches over them, guard.c over the two domains.
 *
 * Exit status: 0 the stub domain is gone or libxl is done, 1 failure, 100 usage.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "cgroup.h"
#include "clock.h"
#include "confine.h"
#include "dm-argv.h"
#include "grant-broker.h"
#include "guard.h"
#include "keeper.h"
#include "log.h"
#include "log-rotation.h"
#include "oom-score.h"
#include "options.h"
#include "output-spec.h"
#include "pci-control.h"
#include "qmp-proxy.h"
#include "save-opener.h"
#include "signals.h"
#include "store.h"
#include "store-filter.h"
#include "stub-clock.h"
#include "stubdom-wire.h"
#include "stderr-sink.h"
#include "supervisor.h"
#include "util.h"
#include "worker.h"
#include "xen-release.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define EXIT_USAGE 100
#define LOOK_AGAIN_MS 1000

#ifndef VERSION
#define VERSION "unknown"
#endif

struct setup {
    struct options options;
    struct store store;
    struct store_console consoles[MESSAGE_MAX_CONSOLES];
    struct output_spec specs[MESSAGE_MAX_CONSOLES];
    int console_count;
    struct worker worker;
    int signal_fd;
    /* The supervisor's own. */
    struct loop loop;
    struct guard guard;
    struct pci_control pci;
    struct grant_broker grants, guest_grants; /* the latter where there are channels */
    struct store_filter filter;
    struct log_rotation keeper_log, worker_log;
    struct loop_timer look_again;
};

/* The probe's descriptor comes by number; so 0 to 2 must be taken by something. */
static int hold_standard_fds(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= 2);
    if (fd < 0)
        return -errno;
    close(fd);
    return 0;
}

static int compare_fds(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* What the toolstack had open is not ours to keep, but for the sockets it told us of. */
static void close_inherited(const struct options *options)
{
    int keep[OPTIONS_MAX_MONITORS], next = 3;

    for (unsigned int i = 0; i < options->monitor_count; i++)
        keep[i] = options->monitors[i].fd;
    qsort(keep, options->monitor_count, sizeof(keep[0]), compare_fds);
    for (unsigned int i = 0; i < options->monitor_count; i++) {
        if (keep[i] > next)
            close_range(next, keep[i] - 1, 0);
        next = keep[i] >= next ? keep[i] + 1 : next;
    }
    close_range(next, ~0u, 0);
}

static int open_consoles(struct setup *setup)
{
    char error[400], name[MESSAGE_CONSOLE_NAME];
    int count = store_list_consoles(&setup->store, setup->consoles);

    if (count < 0)
        return count;
    for (int i = 0; i < count; i++) {
        const struct store_console *console = &setup->consoles[i];
        const char *tty;
        int rc = output_spec_parse(&setup->specs[i], console->output, error, sizeof(error));

        if (rc)
            log_error("%s: %s", message_console_name(console->id, name), error);
        rc = rc ?: worker_add_console(&setup->worker, console->id, &setup->specs[i]);
        if (rc)
            return rc;
        tty = setup->worker.consoles[i].output.tty;
        if (*tty)
            rc = store_write_tty(&setup->store, console->id, tty);
        if (*tty && !rc && console->id >= CONSOLE_SERIAL && !message_is_channel(console->id))
            rc = store_write_guest_tty(&setup->store, console->id - CONSOLE_SERIAL, tty);
        if (rc) {
            log_error("%s: cannot write its tty to xenstore: %s", message_console_name(console->id, name),
                      strerror(-rc));
            return rc;
        }
    }
    setup->console_count = count;
    return 0;
}

static struct guard_sight look(struct setup *setup)
{
    struct guard_sight sight = guard_look(&setup->guard);

    if (sight.look_again)
        loop_start_timer(&setup->loop, &setup->look_again, LOOK_AGAIN_MS);
    return sight;
}

static void look_is_due(void *data)
{
    look(data);
}

/* -kernel and -initrd of the guest's QEMU: the stub domain fetches them from us. */
static int open_files(struct setup *setup)
{
    cleanup_str_list struct str_list argv;
    struct dm_needs needs;
    char error[DM_ERROR_MAX];
    int rc;

    str_list_init(&argv);
    rc = store_read_dm_argv(&setup->store, &argv);
    if (rc)
        return rc;
    rc = dm_argv_scan(&argv, &needs, error);
    if (rc)
        log_error("QEMU's arguments: %s", rc == -EINVAL ? error : strerror(-rc));
    for (int i = 0; i < DM_FILES && !rc; i++)
        if (needs.files[i].name)
            rc = file_server_add(&setup->worker.files, i, needs.files[i].name);
    return rc;
}
_Static_assert(DM_FILES == MESSAGE_MAX_FILES, "a message for each file");

/* From here on nothing but our worker reads what the stub domain will say. */
static int serve_qmp(struct setup *setup)
{
    char path[QMP_PROXY_PATH];
    int rc = qmp_proxy_replace(&setup->store, path);

    return rc || !path[0] ? rc : qmp_relay_listen(&setup->worker.relay, path);
}

static void give_seed(struct store *store)
{
    int rc = store_write_seed(store);

    if (rc)
        log_warning("cannot give the stub domain a seed for its random numbers: %s", strerror(-rc));
}

static int open_all(struct setup *setup)
{
    int rc = xen_release_check() ?: store_open(&setup->store, setup->options.domid);

    setup->worker.state_max = OUTPUT_STATE_MAX + (rc ? 0 : store_read_video_memory(&setup->store));
    rc = rc ?: open_consoles(setup);
    rc = rc ?: open_files(setup);
    rc = rc ?: worker_listen(&setup->worker, &setup->options);
    rc = rc ?: serve_qmp(setup);
    if (!rc && setup->worker.vnc.io.fd >= 0)
        rc = store_write_guest_vnc(&setup->store, setup->worker.vnc.host, setup->worker.vnc.port);
    if (!rc) {
        setup->look_again = (struct loop_timer){ .fired = look_is_due, .data = setup };
        /* All are better than nothing, but the guest starts without them, too. */
        guard_init(&setup->guard, setup->store.domid, setup->store.target);
        grant_broker_init(&setup->guest_grants, &setup->loop, setup->store.target);
        stub_clock_set(setup->store.domid);
        give_seed(&setup->store);
    }
    store_close(&setup->store);
    return rc;
}

static const char *save_path(const struct setup *setup)
{
    for (int i = 0; i < setup->console_count; i++)
        if (setup->consoles[i].id == CONSOLE_SAVE && setup->specs[i].kind == OUTPUT_FILE)
            return setup->specs[i].path;
    return NULL;
}

/* The keeper has seen a domain end; which one, and how, only the hypervisor knows. Or a PCI device has come. */
static void keeper_asks(void *data, int fd)
{
    struct setup *setup = data;
    struct guard_sight sight = look(setup);
    const char silently = sight.silently;

    /* xl, which may wait for QEMU's answer, is to hear at once that there is none. */
    if (sight.stub_ended)
        (void)!send(fd, &silently, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    pci_control_follow(&setup->pci, setup->options.domid);
}

/* For the file to save to. */
static void worker_asks(void *data, int fd)
{
    struct setup *setup = data;
    const char *path = save_path(setup);
    bool last = false;
    int rc = path ? guard_allow_save(&setup->guard, &last) : -ENOENT;

    if (rc)
        log_warning("the stub domain wants to store a state: refused: %s",
                    rc == -EPERM ? "its guest is not suspended" :
                    rc == -EALREADY ? "it has stored one since its guest is suspended" : strerror(-rc));
    save_opener_serve(fd, path, rc, last);
}

/* The sockets that we made and nobody else removes. */
static void list_files(const struct setup *setup, struct supervisor_job *job)
{
    for (unsigned int i = 0; i < setup->options.monitor_count; i++)
        if (setup->options.monitors[i].path[0])
            supervisor_add_file(job, setup->options.monitors[i].path);
    for (int i = 0; i < setup->console_count; i++)
        if (setup->specs[i].kind == OUTPUT_UNIX && setup->specs[i].server)
            supervisor_add_file(job, setup->specs[i].path);
}

/* -------- what root serves the two with -------- */

static struct store_served what_is_served(const struct setup *setup)
{
    return (struct store_served){ .vnc = setup->worker.vnc.io.fd >= 0,
                                  .files = file_server_has_any(&setup->worker.files),
                                  .qmp = qmp_relay_listens(&setup->worker.relay) };
}

static void pass_own_log(const struct log_rotation *rotation)
{
    cleanup_close int fd = stderr_sink_open_for_child();

    if (fd >= 0)
        log_rotation_pass(rotation, LOG_ROTATION_OWN, fd);
}

/* Those that were renamed (logrotate) are opened anew, for us, and for the two if they run. Whether one was. */
static bool follow_logs(struct setup *setup)
{
    bool renamed = stderr_sink_follow();

    if (renamed) {
        pass_own_log(&setup->keeper_log);
        pass_own_log(&setup->worker_log);
    }
    for (int i = 0; i < setup->console_count; i++) {
        int fd = worker_follow_log(&setup->worker, i, &setup->specs[i]);

        if (fd > 0)
            log_rotation_pass(&setup->worker_log, setup->consoles[i].id, fd);
        renamed |= fd > 0;
    }
    return renamed;
}

static void close_services(void *data)
{
    struct setup *setup = data;

    grant_broker_close(&setup->grants);
    grant_broker_close(&setup->guest_grants);
    store_filter_close(&setup->filter);
    log_rotation_close(&setup->keeper_log);
    log_rotation_close(&setup->worker_log);
}

static int open_services(void *data)
{
    struct setup *setup = data;
    struct store_served served = what_is_served(setup);
    int rc;

    follow_logs(setup);
    rc = log_rotation_open(&setup->keeper_log) ?: log_rotation_open(&setup->worker_log);
    if (rc)
        log_error("cannot make a socket pair: %s", strerror(-rc));
    rc = rc ?: grant_broker_open(&setup->grants);
    if (setup->worker.has_channels)
        rc = rc ?: grant_broker_open(&setup->guest_grants);
    rc = rc ?: store_filter_open(&setup->filter, &setup->store, setup->consoles, setup->console_count, &served);
    if (rc)
        close_services(setup);
    return rc;
}

static void run_services(void *data)
{
    struct setup *setup = data;

    grant_broker_run(&setup->grants);
    grant_broker_run(&setup->guest_grants);
    store_close(&setup->store);
    log_rotation_close_child(&setup->keeper_log);
    log_rotation_close_child(&setup->worker_log);
}

/* What the supervisor has open is not its children's: each opens its own. */
static int leave_supervisor(struct setup *setup)
{
    int rc = stderr_sink_open_anew();

    oom_score_set(OOM_SCORE_CHILD);
    setup->signal_fd = signals_open();
    if (rc)
        log_error("cannot open the log anew: %s", strerror(-rc));
    return rc ?: MIN(setup->signal_fd, 0);
}

static enum child_status run_keeper(void *data, int peer_fd, int boss_fd)
{
    struct setup *setup = data;
    struct keeper_job job = { .store = &setup->store, .consoles = setup->consoles,
                              .console_count = setup->console_count,
                              .served = what_is_served(setup),
                              .worker_fd = peer_fd, .ask_fd = boss_fd };

    stderr_sink_init("keeper", setup->options.domid);
    worker_dispose(&setup->worker);
    /* Its way to xenstore, setup->store, is its own: what another keeper left half said is not repeated. */
    log_rotation_close_root(&setup->keeper_log);
    job.rotation = setup->keeper_log;
    setup->keeper_log.child = -1;
    close_services(setup);
    if (leave_supervisor(setup))
        return CHILD_LATER;
    job.signal_fd = setup->signal_fd;
    return keeper_run(&job);
}

static enum child_status run_worker(void *data, int peer_fd, int boss_fd)
{
    struct setup *setup = data;

    stderr_sink_init("worker", setup->options.domid);
    grant_broker_leave(&setup->grants);
    grant_broker_leave(&setup->guest_grants);
    store_filter_close(&setup->filter);
    store_close(&setup->store);
    log_rotation_close(&setup->keeper_log);
    log_rotation_close_root(&setup->worker_log);
    setup->worker.rotation = setup->worker_log;
    setup->worker.grants = (struct grants){ setup->grants.gntdev, setup->grants.worker_fd };
    setup->worker.guest = setup->guest_grants.domid;
    setup->worker.guest_grants = (struct grants){ setup->guest_grants.gntdev, setup->guest_grants.worker_fd };
    if (leave_supervisor(setup))
        return CHILD_LATER;
    setup->worker.opener_fd = boss_fd;
    confine_limit_files(setup->worker.state_max);
    return worker_run(&setup->worker, setup->options.domid, peer_fd, setup->signal_fd);
}

static void given_up(void *data)
{
    const struct setup *setup = data;

    guard_crash(&setup->guard, "nobody serves the stub domain any more", setup->signal_fd);
}

/*
 * What root asks xenstore for while the guest runs is asked by way of a store of its own: setup->store still says whose
 * the guest is, for the next keeper, when xenstore fails, or libxl has removed that already.
 */

/* libxl removes the stub domain's folder before anything else of it: 1, 0, or -errno. */
static int is_wanted(const struct setup *setup)
{
    struct store store;
    int rc = store_open(&store, setup->options.domid);

    rc = rc ?: store_is_wanted(&store);
    store_close(&store);
    return rc;
}

/*
 * libxl removes the stub domain's folder and then sends us its SIGHUP. Any other signal is a stray one: the
 * end of a session, say, while guests run that are to be saved yet.
 */
static bool must_end(void *data)
{
    struct setup *setup = data;
    int rc = is_wanted(setup);

    /* Xenstore does not say: Xen may. libxl pauses a domain first when it destroys it. */
    if (rc < 0)
        rc = guard_stub_runs(&setup->guard);
    /* Who renames logs says so by a signal, too. */
    if (rc && !follow_logs(setup))
        log_warning("told to end by a signal, and libxl has not ended the stub domain: not obeyed");
    return !rc;
}

static bool is_over(void *data)
{
    struct setup *setup = data;

    return is_wanted(setup) == 0 || !guard_stub_exists(&setup->guard);
}

/* We were a copy that waited: from now on libxl must find us. */
static void inherit(void *data)
{
    struct setup *setup = data;
    struct store store;
    int rc = store_open(&store, setup->options.domid);

    rc = rc ?: store_write_own_pid(&store, getpid());
    if (!rc && qmp_relay_listens(&setup->worker.relay))
        rc = store_write_proxy_pid(&store, getpid());
    if (rc)
        log_warning("xenstore does not take our number: %s", strerror(-rc));
    store_close(&store);
}

static void forget_devices(const struct setup *setup)
{
    struct store store;

    if (store_open(&store, setup->options.domid) == 0)
        store_forget_pci(&store);
    store_close(&store);
}

static int limit_disk(const struct setup *setup, const struct stat *file)
{
    return cgroup_limit_disk(CGROUP_ROOT, SYSFS, setup->options.domid, file->st_dev);
}

/* Of each disk that our bytes go to. A file that is not there yet will be in its folder. */
static int limit_disks(const struct setup *setup)
{
    struct stat st;
    int rc = fstat(STDERR_FILENO, &st) ? -errno : limit_disk(setup, &st);

    for (int i = 0; i < setup->console_count; i++) {
        char folder[sizeof(setup->specs[i].path)];
        int disk;

        if (setup->specs[i].kind != OUTPUT_FILE)
            continue;
        strcpy(folder, setup->specs[i].path);
        if (stat(folder, &st) && stat(dirname(folder), &st))
            continue; /* and cannot be */
        disk = limit_disk(setup, &st);
        rc = rc && rc != -ENODEV ? rc : disk;
    }
    return rc == -ENODEV ? 0 : rc;
}

static void enter_cgroup(const struct setup *setup)
{
    int rc = cgroup_enter(CGROUP_ROOT, setup->options.domid);

    if (rc) {
        log_warning("no control group of its own: %s", strerror(-rc));
        return;
    }
    rc = limit_disks(setup);
    if (rc)
        log_warning("no limit of what is read from and written to disks: %s", strerror(-rc));
}

static int serve(struct setup *setup)
{
    struct supervisor_job job = { .run_keeper = run_keeper, .run_worker = run_worker,
                                  .keeper_asks = keeper_asks, .worker_asks = worker_asks,
                                  .open_services = open_services, .run_services = run_services,
                                  .close_services = close_services,
                                  .must_end = must_end, .is_over = is_over, .given_up = given_up,
                                  .inherit = inherit, .data = setup,
                                  .signal_fd = setup->signal_fd, .loop = &setup->loop };
    int in_child, status;

    list_files(setup, &job);
    enter_cgroup(setup);
    if (oom_score_set(OOM_SCORE_SUPERVISOR))
        log_warning("oom_score_adj stays as it is: %s", strerror(errno));
    if (confine_supervisor())
        return 1;
    status = supervise(&job, &in_child);
    if (in_child)
        return status;
    worker_dispose(&setup->worker);
    if (status == 0 && guard_see_off(&setup->guard, setup->signal_fd))
        forget_devices(setup);
    cgroup_leave(CGROUP_ROOT, setup->options.domid);
    return status;
}

int main(int argc, char **argv)
{
    static struct setup setup;
    char error[400];

    if (hold_standard_fds())
        return 1;
    stderr_sink_init(NULL, -1);
    if (options_parse(&setup.options, argc, argv, error, sizeof(error))) {
        log_error("%s", error);
        return EXIT_USAGE;
    }
    if (setup.options.help || setup.options.version) {
        fputs(setup.options.help ? options_help : "stubdom-dm " VERSION "\n", stdout);
        return 0;
    }
    close_inherited(&setup.options);
    /* One arena: libxenstore's thread would reserve 64 MiB of addresses for its own. */
    mallopt(M_ARENA_MAX, 1);
    umask(027);
    if (setup.options.domid > 0)
        confine_for_domain(setup.options.domid);
    worker_init(&setup.worker);
    loop_init(&setup.loop, clock_now_ms);
    grant_broker_init(&setup.grants, &setup.loop, setup.options.domid);
    grant_broker_init(&setup.guest_grants, &setup.loop, -1);
    store_filter_init(&setup.filter, &setup.loop);
    setup.keeper_log = setup.worker_log = (struct log_rotation){ -1, -1 };
    signal(SIGPIPE, SIG_IGN);
    setup.signal_fd = signals_open();
    if (setup.signal_fd < 0)
        return 1;
    if (setup.options.probe)
        return worker_listen(&setup.worker, &setup.options)
                   ? 1 : worker_run_probe(&setup.worker, setup.signal_fd);
    stderr_sink_init(NULL, setup.options.domid);
    if (open_all(&setup)) {
        worker_dispose(&setup.worker);
        return 1;
    }
    return serve(&setup);
}
