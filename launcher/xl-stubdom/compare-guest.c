/*
 * compare-guest: one run. See compare-guest.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "compare-guest.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "cleanup.h"
#include "compare-exec.h"
#include "made-guest.h"
#include "marked.h"
#include "screen-change.h"
#include "serial-line.h"
#include "uuid.h"

/* Ourselves, as the user called us. */
#ifndef COMPARE_SELF
#define COMPARE_SELF "/proc/self/exe"
#endif
#ifndef PROC
#define PROC "/proc"
#endif
#define STEP_MS 5       /* between two looks whether a stub domain runs: nothing else says so */
#define LONG_STEP_MS 10000
#define GONE_MS 100     /* between two looks whether a guest is gone */
#define GONE_SECONDS 60
#ifndef SETTLE_SECONDS
#define SETTLE_SECONDS 3 /* after a guest has gone, or before it counts as idle: what udev starts, for one */
#endif
#define NS INT64_C(1000000000)

/* What one guest needs while it is there. */
struct guest {
    struct compare_run *run;
    struct fault *fault;
    struct made_guest made;
    struct serial_line serial;
    struct screen_change screen;
    char uuid[UUID_SIZE], mark[sizeof(MARK_NAME) + UUID_SIZE];
    int64_t begin_ns, matched_ns, changed_ns;
};

static int record(struct guest *guest, const char *name, const char *unit, const char *meaning, double value)
{
    struct compare_run *run = guest->run;
    struct measure *measure = figures_measure(&run->compare->report.figures, name, unit, meaning);

    if (!measure || measure_add(measure, run->subject, value))
        return fault_set(guest->fault, -ENOMEM, "%s: no room for it", name);
    return 0;
}

static const char *subject_name(const struct guest *guest)
{
    return guest->run->compare->report.figures.subject[guest->run->subject];
}

static bool in_dom0(const struct guest *guest)
{
    return !strcmp(subject_name(guest), DOM0);
}

/* -------- waiting -------- */

static int64_t min_ns(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The terminal sends its own signals to the children, too. */
static void take_signal(struct guest *guest, const struct child *child)
{
    struct signalfd_siginfo info;

    while (read(guest->run->signals, &info, sizeof(info)) == sizeof(info)) {
        guest->run->signal = info.ssi_signo;
        if (child->fd >= 0 && info.ssi_code != SI_KERNEL)
            kill(child->pid, info.ssi_signo);
    }
}

static void look(struct guest *guest)
{
    made_guest_look(&guest->made);
    if (guest->serial.compiled && !guest->matched_ns && guest->serial.fd < 0 && guest->made.tty)
        serial_line_open(&guest->serial, guest->made.tty);
    screen_change_look(&guest->screen, &guest->made);
}

/* Waits for one of them, a while at most and not beyond UNTIL; takes what there is. */
static void wait_once(struct guest *guest, const struct child *child, int64_t until_ns)
{
    int64_t now = clock_now_ns(), step = made_guest_starting(&guest->made) ? STEP_MS : LONG_STEP_MS;
    int64_t left = min_ns(until_ns - now, step * NS / 1000);
    struct pollfd fds[] = {
        {.fd = guest->run->signals, .events = POLLIN},
        {.fd = made_guest_fd(&guest->made), .events = POLLIN},
        {.fd = guest->serial.fd, .events = POLLIN},
        {.fd = guest->screen.viewer.child.fd, .events = POLLIN},
        {.fd = child->fd, .events = POLLIN},
    };
    int ready = poll(fds, 5, left <= 0 ? 0 : (left + NS / 1000 - 1) / (NS / 1000));

    if (ready < 0)
        return; /* only EINTR can be: the caller tries again */
    if (fds[0].revents)
        take_signal(guest, child);
    if (fds[1].revents)
        look(guest);
    made_guest_look_again(&guest->made);
    if (fds[2].revents && serial_line_read(&guest->serial))
        guest->matched_ns = clock_now_ns();
    if (fds[3].revents && screen_change_end(&guest->screen, guest->run->compare->guest))
        guest->changed_ns = clock_now_ns();
}

static const struct child nobody = {.fd = -1};

static int interrupted(struct guest *guest)
{
    return guest->run->signal ? fault_set(guest->fault, -EINTR, "%s", strsignal(guest->run->signal)) : 0;
}

/* 0, or -EINTR. */
static int pass_seconds(struct guest *guest, unsigned int seconds)
{
    int64_t end = clock_now_ns() + seconds * NS;

    while (!guest->run->signal && clock_now_ns() < end)
        wait_once(guest, &nobody, end);
    return interrupted(guest);
}

static bool has_ended(const struct child *child)
{
    struct pollfd p = {.fd = child->fd, .events = POLLIN};

    return poll(&p, 1, 0) > 0;
}

/* -------- create -------- */

/* NULL-terminated; free the array and what stands at OWN[0] to OWN[1]. */
static char **create_argv(const struct guest *guest, char *own[3])
{
    const struct compare_options *options = &guest->run->compare->options;
    bool qemu = in_dom0(guest) && options->dom0_qemu;
    char **argv = calloc(7 + options->setting_count, sizeof(*argv));
    size_t n = 0;

    if (!argv ||
        asprintf(&own[0], "stubdom_flavor=\"%s\"", in_dom0(guest) ? "none" : subject_name(guest)) < 0 ||
        asprintf(&own[1], "uuid=\"%s\"", guest->uuid) < 0 ||
        asprintf(&own[2], "device_model_override=\"%s\"", qemu ? options->dom0_qemu : "") < 0) {
        free(argv);
        return NULL;
    }
    argv[n++] = "xl-stubdom";
    argv[n++] = "create";
    argv[n++] = (char *)options->config;
    for (int i = 0; i < options->setting_count; i++)
        argv[n++] = options->settings[i];
    argv[n++] = own[0];
    argv[n++] = own[1];
    if (qemu)
        argv[n++] = own[2];
    return argv;
}

static int start_create(struct guest *guest, struct child *child)
{
    char *own[3] = {0};
    cleanup_free char **argv = create_argv(guest, own);
    cleanup_free char **env = environ_with(guest->mark);
    int rc;

    if (!argv || !env)
        rc = fault_set(guest->fault, -ENOMEM, "out of memory");
    else
        /* What xl says of itself belongs to the progress, and not into the table. */
        rc = child_start(child, COMPARE_SELF, argv, env, guest->run->mask, STDERR_FILENO, guest->fault);
    for (size_t i = 0; i < 3; i++)
        free(own[i]);
    return rc;
}

/*
 * A create that failed may have lost the name to somebody who makes the same guest. A uuid that we chose tells whose a
 * domain is; the config's own does not.
 */
static void judge_remains(struct guest *guest)
{
    if (!guest->run->compare->uuid || !guest->made.guest.domid)
        return;
    fprintf(stderr, "xl-stubdom: %s: domain %d has the config's uuid and may be somebody else's: it is left\n",
            guest->run->compare->guest, guest->made.guest.domid);
    made_guest_disown(&guest->made);
}

/* create cleans up after itself when it fails or is interrupted: it is waited for in any case. */
static int create(struct guest *guest)
{
    struct child child;
    int64_t end_ns;
    int status, rc;

    guest->begin_ns = clock_now_ns();
    rc = start_create(guest, &child);
    if (rc)
        return rc;
    while (!has_ended(&child))
        wait_once(guest, &child, INT64_MAX);
    end_ns = clock_now_ns();
    status = child_reap(&child);
    look(guest);
    if (status)
        judge_remains(guest);
    if (guest->run->signal)
        return interrupted(guest);
    if (status)
        return fault_set(guest->fault, -ECHILD, "%s: xl-stubdom create failed", subject_name(guest));
    if (!guest->made.guest.domid)
        return fault_set(guest->fault, -ENOENT, "%s: created, but no domain has its name and uuid",
                         subject_name(guest));
    return record(guest, "create", "s", "xl-stubdom create, start -> return", (double)(end_ns - guest->begin_ns) / NS);
}

static int record_start(struct guest *guest)
{
    const struct made_guest *made = &guest->made;

    if (!made->started_ns || !made->ready_ns || in_dom0(guest))
        return 0;
    return record(guest, "stub_ready", "s", "the stub domain starts -> its device model is running",
                  (double)(made->ready_ns - made->started_ns) / NS);
}

/* -------- the guest's own word -------- */

static int wait_for_line(struct guest *guest)
{
    const struct compare_options *options = &guest->run->compare->options;
    int64_t end = guest->begin_ns + options->timeout_s * NS;
    int rc;

    if (!options->until)
        return 0;
    while (!guest->matched_ns && !guest->run->signal && clock_now_ns() < end && !made_guest_gone(&guest->made)) {
        look(guest);
        wait_once(guest, &nobody, min_ns(end, clock_now_ns() + NS));
    }
    rc = interrupted(guest);
    if (rc)
        return rc;
    if (!guest->matched_ns && !guest->made.tty)
        return fault_set(guest->fault, -ENOENT,
                         "%s: --until: the guest has no serial console: serial = \"pty\" in its config",
                         subject_name(guest));
    if (!guest->matched_ns)
        return fault_set(guest->fault, -ETIMEDOUT, "%s: no line /%s/ on its serial console %s", subject_name(guest),
                         options->until, made_guest_gone(&guest->made) ? "before it ended" : "in time");
    serial_line_dispose(&guest->serial);
    return record(guest, "until", "s", "start of create -> the line on the serial console",
                  (double)(guest->matched_ns - guest->begin_ns) / NS);
}

/* Nothing makes create wait for the viewer's first picture: the guest may have drawn by then. */
static int wait_for_screen(struct guest *guest)
{
    int64_t end = guest->begin_ns + guest->run->compare->options.timeout_s * NS;
    int rc;

    if (!guest->screen.program)
        return 0;
    if (!guest->screen.found)
        return fault_set(guest->fault, -ENOENT, "%s: --until-screen: the guest has no screen: vnc = 1 in its config",
                         subject_name(guest));
    while (!guest->changed_ns && !guest->screen.rc && !guest->run->signal && clock_now_ns() < end)
        wait_once(guest, &nobody, end);
    rc = interrupted(guest);
    if (rc)
        return rc;
    if (guest->screen.rc)
        return fault_set(guest->fault, guest->screen.rc, "%s: --until-screen: %s", subject_name(guest),
                         guest->screen.fault.text);
    if (!guest->changed_ns)
        return fault_set(guest->fault, -ETIMEDOUT, "%s: its screen did not change in time", subject_name(guest));
    return record(guest, "until_screen", "s",
                  "start of create -> the guest's screen shows something else than in its first whole picture",
                  (double)(guest->changed_ns - guest->begin_ns) / NS);
}

/* -------- what it uses -------- */

static int record_memory(struct guest *guest)
{
    struct marked marked = marked_look(PROC, guest->mark);
    uint64_t cpu, kib;
    int rc = 0;

    if (guest->made.stub.domid && made_guest_usage(&guest->made, guest->made.stub.domid, &cpu, &kib))
        rc = record(guest, "stub_memory", "MiB", "memory of the stub domain", kib / 1024.0);
    if (!rc)
        rc = record(guest, "dom0_memory", "MiB",
                    "resident memory of the guest's processes in dom0, shared pages in parts",
                    marked.memory_kib / 1024.0);
    if (!rc)
        rc = record(guest, "dom0_processes", "", "the guest's processes in dom0", marked.processes);
    if (!rc)
        rc = record(guest, "dom0_descriptors", "", "their open descriptors", marked.descriptors);
    return rc;
}

struct usage {
    int64_t at_ns;
    uint64_t guest, stub, dom0; /* processor time of the domains; 0: none */
    struct marked marked;
};

static struct usage usage_now(const struct guest *guest)
{
    const struct made_guest *made = &guest->made;
    struct usage usage = {.at_ns = clock_now_ns(), .marked = marked_look(PROC, guest->mark)};
    uint64_t kib;

    made_guest_usage(made, made->guest.domid, &usage.guest, &kib);
    made_guest_usage(made, 0, &usage.dom0, &kib);
    if (made->stub.domid)
        made_guest_usage(made, made->stub.domid, &usage.stub, &kib);
    return usage;
}

/* As percent of one processor. */
static int record_share(struct guest *guest, const char *name, const char *meaning, uint64_t before, uint64_t after,
                        int64_t ns)
{
    return record(guest, name, "%", meaning, after < before ? 0 : 100.0 * (after - before) / ns);
}

static int record_idle(struct guest *guest)
{
    unsigned int seconds = guest->run->compare->options.idle_s;
    struct usage a, b;
    struct marked *before = &a.marked, *after = &b.marked;
    int64_t ns;
    int rc;

    if (!seconds)
        return 0;
    rc = pass_seconds(guest, SETTLE_SECONDS);
    a = usage_now(guest);
    rc = rc ? rc : pass_seconds(guest, seconds);
    if (rc)
        return rc;
    b = usage_now(guest);
    ns = b.at_ns - a.at_ns;
    if ((rc = record_share(guest, "idle_guest", "an idle guest: processor time of the guest", a.guest, b.guest, ns)) ||
        (guest->made.stub.domid &&
         (rc = record_share(guest, "idle_stub", "of its stub domain", a.stub, b.stub, ns))) ||
        (rc = record_share(guest, "idle_processes", "of its processes in dom0", before->cpu_ns, after->cpu_ns, ns)) ||
        (rc = record_share(guest, "idle_dom0", "of dom0 as a whole, whatever else it does", a.dom0, b.dom0, ns)))
        return rc;
    return record(guest, "idle_wakeups", "1/s", "how often its processes in dom0 wake up",
                  after->wakeups < before->wakeups ? 0 : (double)(after->wakeups - before->wakeups) * NS / ns);
}

/* -------- a load of the admin's own -------- */

static int set_environment(struct guest *guest)
{
    char domid[16];

    snprintf(domid, sizeof(domid), "%d", guest->made.guest.domid);
    if (setenv("GUEST", guest->run->compare->guest, 1) || setenv("DOMID", domid, 1) ||
        setenv("SUBJECT", subject_name(guest), 1))
        return fault_set(guest->fault, -ENOMEM, "out of memory");
    return 0;
}

static int read_lines(struct guest *guest, int from)
{
    cleanup_fclose FILE *f = fdopen(from, "r");
    char line[EXEC_LINE_MAX];
    int rc = f ? 0 : fault_set(guest->fault, -errno, "%s", strerror(errno));

    while (!rc && fgets(line, sizeof(line), f)) {
        struct exec_line said;

        rc = exec_line_read(line, &said, guest->fault);
        if (!rc && said.name)
            rc = record(guest, said.name, said.unit, "of --exec", said.value);
    }
    return rc;
}

static int run_script(struct guest *guest)
{
    const struct compare_options *options = &guest->run->compare->options;
    char *argv[] = {(char *)options->script, NULL};
    cleanup_close int out = -1;
    struct child child;
    extern char **environ;
    int64_t end;
    int rc, status;

    if (!options->script)
        return 0;
    /* A file, not a pipe: the script never waits for us, however much it prints. */
    out = memfd_create("figures", MFD_CLOEXEC);
    rc = out < 0 ? fault_set(guest->fault, -errno, "%s", strerror(errno)) : set_environment(guest);
    rc = rc ? rc : child_start(&child, argv[0], argv, environ, guest->run->mask, out, guest->fault);
    if (rc)
        return rc;
    end = clock_now_ns() + options->timeout_s * NS;
    while (!has_ended(&child) && clock_now_ns() < end)
        wait_once(guest, &child, end);
    if (!has_ended(&child)) {
        kill(child.pid, SIGKILL);
        rc = fault_set(guest->fault, -ETIMEDOUT, "%s: no end after %u s", options->script, options->timeout_s);
    }
    status = child_reap(&child);
    if (guest->run->signal)
        return interrupted(guest);
    if (!rc && status)
        rc = fault_set(guest->fault, -ECHILD, "%s: it failed for %s", options->script, subject_name(guest));
    if (rc || lseek(out, 0, SEEK_SET))
        return rc;
    return read_lines(guest, steal_fd(&out));
}

/* -------- the end -------- */

static void destroy_domain(struct guest *guest, const struct made_domain *domain)
{
    char domid[16];
    char *argv[] = {"xl", "destroy", domid, NULL};
    extern char **environ;
    struct child child;
    struct fault fault;
    sigset_t mask;

    if (!made_guest_exists(&guest->made, domain))
        return;
    snprintf(domid, sizeof(domid), "%d", domain->domid);
    /* It has our signal mask, so that no Ctrl-C interrupts it, but it still hears of its children. */
    sigprocmask(SIG_BLOCK, NULL, &mask);
    if (child_start(&child, guest->run->xl, argv, environ, &mask, STDERR_FILENO, &fault))
        fault_print(&fault, stderr);
    else
        child_reap(&child);
}

/* Neither domain is there, nor any process of theirs. */
static bool all_gone(struct guest *guest)
{
    const struct made_guest *made = &guest->made;

    return !made_guest_exists(made, &made->guest) && !made_guest_exists(made, &made->stub) &&
           !marked_look(PROC, guest->mark).processes;
}

/* If something was wrong before, that is the fault; otherwise the fault is what is left. */
static int destroy(struct guest *guest, int rc)
{
    int64_t end = clock_now_ns() + GONE_SECONDS * NS;

    destroy_domain(guest, &guest->made.guest);
    /* It goes with its guest, unless that was only half made. */
    destroy_domain(guest, &guest->made.stub);
    while (!all_gone(guest) && clock_now_ns() < end)
        poll(NULL, 0, GONE_MS);
    if (all_gone(guest))
        return rc ? rc : pass_seconds(guest, SETTLE_SECONDS);
    if (rc)
        fault_print(guest->fault, stderr);
    return fault_set(guest->fault, -EBUSY, "%s: something of it is left %d s after xl destroy: domain %d, %u processes",
                     guest->run->compare->guest, GONE_SECONDS, guest->made.guest.domid,
                     marked_look(PROC, guest->mark).processes);
}

static int guest_init(struct guest *guest)
{
    const struct compare *compare = guest->run->compare;
    int32_t other;
    int rc;

    guest->serial.fd = -1;
    screen_change_init(&guest->screen, compare->options.until_screen ? guest->run->viewer : NULL);
    if (compare->uuid)
        snprintf(guest->uuid, sizeof(guest->uuid), "%s", compare->uuid);
    else if (uuid_make(guest->uuid))
        return fault_set(guest->fault, -EIO, "no random uuid");
    snprintf(guest->mark, sizeof(guest->mark), MARK_NAME "=%s", guest->uuid);
    rc = compare->options.until ? serial_line_init(&guest->serial, compare->options.until, guest->fault) : 0;
    rc = rc ? rc : made_guest_init(&guest->made, compare->guest, guest->uuid, guest->fault);
    if (rc)
        return rc;
    /* The config's own uuid: somebody else may have started it meanwhile. */
    other = made_guest_of_uuid(&guest->made);
    if (other < 0)
        return 0;
    return fault_set(guest->fault, -EEXIST, "%s: domain %d has its uuid: compare makes and destroys its own only",
                     compare->guest, other);
}

static int measure(struct guest *guest)
{
    int rc = create(guest);

    rc = rc ? rc : record_start(guest);
    rc = rc ? rc : wait_for_screen(guest);
    rc = rc ? rc : wait_for_line(guest);
    rc = rc ? rc : record_memory(guest);
    rc = rc ? rc : record_idle(guest);
    return rc ? rc : run_script(guest);
}

int compare_guest(struct compare_run *run, struct fault *fault)
{
    struct guest guest = {.run = run, .fault = fault};
    int rc = guest_init(&guest);

    if (!rc) {
        rc = measure(&guest);
        screen_change_dispose(&guest.screen);
        rc = destroy(&guest, rc);
    }
    serial_line_dispose(&guest.serial);
    made_guest_dispose(&guest.made);
    return rc;
}
