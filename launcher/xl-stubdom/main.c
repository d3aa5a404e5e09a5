/*
 * xl-stubdom: xl, for guests whose config has a stubdom_flavor. See xl-stubdom(8).
 *
 * Every command line goes to the real xl. Where it names a guest config that asks for a stub
 * domain, the settings that libxl needs are added on the way; what cannot work is refused before.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xenctrl.h>

#include "../hotplug/stock.h"
#include "audit.h"
#include "cleanup.h"
#include "command-line.h"
#include "compare.h"
#include "config.h"
#include "disk-snapshot.h"
#include "dm-args.h"
#include "domains.h"
#include "fault.h"
#include "flavour.h"
#include "guest-files.h"
#include "guest-lock.h"
#include "host-config.h"
#include "host-memory.h"
#include "image.h"
#include "log-tail.h"
#include "physinfo.h"
#include "remains.h"
#include "run-xl.h"
#include "saved-guest.h"
#include "screenshot.h"
#include "settings.h"
#include "stub-watch.h"
#include "uuid.h"

#ifndef VERSION
#define VERSION "unknown"
#endif
#ifndef STUBDOM_DM
#define STUBDOM_DM "/usr/libexec/xen-stubdom/stubdom-dm"
#endif
#ifndef STUBDOM_SCREENSHOT
#define STUBDOM_SCREENSHOT "/usr/libexec/xen-stubdom/stubdom-screenshot"
#endif
#ifndef STUBDOM_VIF
#define STUBDOM_VIF "/usr/libexec/xen-stubdom/stubdom-vif"
#define STUBDOM_BLOCK "/usr/libexec/xen-stubdom/stubdom-block"
#endif
#ifndef XL_CONFIG
#define XL_CONFIG "/etc/xen/xl.conf"
#endif
#ifndef HOST_CONFIG
#define HOST_CONFIG "/etc/xen/xl-stubdom.conf"
#endif
#ifndef LOCK_DIR
#define LOCK_DIR "/run/xen-stubdom"
#endif
/* packaging/debian/xl-stubdom-divert.preinst puts it there. */
#ifndef DIVERTED_XL
#define DIVERTED_XL "/usr/libexec/xl"
#endif
#ifndef XEN_LOG_DIR
#define XEN_LOG_DIR "/var/log/xen"
#endif

#define EXIT_REFUSED 1
#define EXIT_USAGE 2
/* xl itself has waited for a silent QEMU for 60 s by then. */
#ifndef UNPAUSE_SECONDS
#define UNPAUSE_SECONDS 15
#endif
/* As long as libxl waits where it waits longest. */
#ifndef MONITOR_SECONDS
#define MONITOR_SECONDS 60
#endif

static const struct places places = {
    .firmware = XENFIRMWAREDIR,
    .daemon = STUBDOM_DM,
};

static const char usage[] =
    "usage: xl-stubdom SUBCOMMAND [ARGUMENTS]    as xl, see xl(1)\n"
    "       xl-stubdom screenshot GUEST FILE.png\n"
    "       xl-stubdom audit\n"
    "       xl-stubdom compare [OPTION...] CONFIG [KEY=VALUE...]\n"
    "       xl-stubdom --print-config CONFIG [KEY=VALUE...]\n"
    "       xl-stubdom --version | --help\n"
    "\n"
    "A guest config with stubdom_flavor gets its device model in a stub domain; see\n"
    "xl-stubdom.cfg(5). --print-config shows the settings that this takes, for use with plain\n"
    "xl. Everything else is done by xl:\n"
    "\n";

/* One command, from the command line to xl. */
struct job {
    struct fault fault;
    struct command_line line;
    struct host_config host;
    struct config config;
    struct settings settings;
    char *text; /* the config, file and inline settings, read once */
    size_t len;
    char *uuid; /* of the guest that is made; NULL: not known */
    char *xl;
    char **argv; /* for xl; owned, NULL until it is made */
};

static void job_dispose(struct job *job)
{
    command_line_free_argv(job->argv);
    free(job->xl);
    free(job->text);
    free(job->uuid);
    settings_dispose(&job->settings);
    config_dispose(&job->config);
    host_config_dispose(&job->host);
    command_line_dispose(&job->line);
}

static int refuse(const struct job *job)
{
    fault_print(&job->fault, stderr);
    return EXIT_REFUSED;
}

static int find_xl(struct job *job)
{
    return xl_find(getenv("XL"), DIVERTED_XL, &job->xl, &job->fault);
}

/* Only returns on failure. */
static int pass_to_xl(struct job *job, char **argv)
{
    if (job->xl || !find_xl(job))
        xl_exec(job->xl, argv, &job->fault);
    return refuse(job);
}

static int check_files(struct job *job)
{
    const char *const programs[] = {places.daemon, STUBDOM_VIF, STUBDOM_BLOCK};
    const struct settings *settings = &job->settings;
    struct fault *fault = &job->fault;
    int rc = image_check_kernel(settings->kernel, job->config.flavour, fault);

    if (!rc)
        rc = image_check_ramdisk(settings->ramdisk, job->config.flavour, fault);
    for (size_t i = 0; !rc && i < ARRAY_SIZE(programs); i++)
        if (access(programs[i], X_OK))
            rc = fault_set(fault, -errno, "%s: %s", programs[i], strerror(errno));
    return rc;
}

/* xl ignores such a key in silence, and a newer xl may know it: no reason to refuse. */
static void note_unknown(struct job *job)
{
    struct fault note;

    if (!*job->config.unknown)
        return;
    fault_set(&note, 0, "%s: not in xl.cfg(5) or xl-stubdom.cfg(5), xl may ignore it: %s",
              job->config.source, job->config.unknown);
    fault_print(&note, stderr);
}

/* Not a reason to refuse: the admin may trust the guest. */
static void note_pin(struct job *job)
{
    struct fault note;

    if (job->line.makes_guest && pci_note_pin(&job->config.pci, job->config.source, &note))
        fault_print(&note, stderr);
}

/* The config and what it asks for, but for the files of its flavour. */
static int prepare_config(struct job *job, const char *config, const char *extra)
{
    int rc = 0;

    /* What the host wants of new guests does not concern one that is saved, or goes to another host. */
    if (job->line.use == CONFIG_UNUSED || job->line.makes_guest)
        rc = host_config_read(&job->host, HOST_CONFIG, &job->fault);
    job->host.xen_minor = XEN_MINOR;
    job->host.nics.helper = STUBDOM_VIF;
    job->host.here = job->line.makes_guest;
    job->host.afresh = job->host.here && job->line.use != CONFIG_FILE;
    job->host.firmware = places.firmware;
    job->host.nics.lacks_domain = job->host.afresh ? domains_lacks : NULL;
    job->host.nics.interfaces = job->host.here ? "/sys/class/net" : NULL;
    job->host.nics.folder = XEN_SCRIPT_DIR;
    job->host.disk_helper = STUBDOM_BLOCK;
    if (!rc && host_config_read_xl(&job->host, XL_CONFIG))
        rc = fault_set(&job->fault, -ENOMEM, "out of memory");
    if (!rc)
        rc = config_load(config, extra, &job->text, &job->len, &job->fault);
    if (!rc)
        rc = config_init_text(&job->config, config, job->text, job->len, &job->host, &job->fault);
    if (rc || !job->config.flavour)
        return rc;
    rc = dm_args_check(&job->config, &job->fault);
    if (!rc)
        rc = guest_files_measure(&job->config, &job->config.files, &job->fault);
    return rc ? rc : settings_init(&job->settings, &job->config, &places, &job->fault);
}

/* Xen would refuse it in two lines of libxl's that do not name the key. */
static int check_xen(const struct config *config, bool afresh, struct fault *fault)
{
    if (config->shadow && physinfo_has(XEN_SYSCTL_PHYSCAP_shadow) == 0)
        return fault_set(fault, -ENODEV, "%s: hap = 0: this host's Xen is built without shadow paging: remove it",
                         config->source);
    if (afresh && config->vmtrace && physinfo_has(XEN_SYSCTL_PHYSCAP_vmtrace) == 0)
        return fault_set(fault, -ENODEV, "%s: vmtrace_buf_kb: this host's processors cannot trace, or Xen does not let "
                         "them: remove it", config->source);
    return 0;
}

/* What Xen does not say is for xl to find out. */
static int check_memory(struct job *job)
{
    struct memory_needs needs = job->config.needs;
    struct memory_supply supply;

    needs.stub = job->settings.memory;
    if (host_memory_read(job->host.autoballoon, &supply))
        return 0;
    return host_memory_check(&needs, &supply, job->config.source, &job->fault);
}

/* Everything that can be wrong is found here, before there is a domain. */
static int prepare(struct job *job, const char *config, const char *extra)
{
    int rc = prepare_config(job, config, extra);

    if (rc || !job->config.flavour)
        return rc;
    rc = check_files(job);
    if (!rc && job->line.makes_guest)
        rc = check_xen(&job->config, job->host.afresh, &job->fault);
    if (!rc && job->host.afresh)
        rc = check_memory(job);
    if (!rc && job->line.makes_guest)
        rc = pci_check_host(&job->config.pci, job->config.source, &job->fault);
    if (!rc) {
        note_unknown(job);
        note_pin(job);
    }
    return rc;
}

/* "KEY=VALUE" arguments as lines of a config, malloc'd. NULL: no memory, or one is none of these. */
static char *join_settings(int count, char **args)
{
    char *joined = strdup("");

    for (int i = 0; joined && i < count; i++) {
        cleanup_free char *before = joined;

        if (!strchr(args[i], '=') || asprintf(&joined, "%s%s\n", before, args[i]) < 0)
            joined = NULL;
    }
    return joined;
}

static int print_config(struct job *job, int count, char **args)
{
    cleanup_free char *extra = count < 1 ? NULL : join_settings(count - 1, args + 1);

    if (!extra) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    if (prepare(job, args[0], extra))
        return refuse(job);
    if (!job->config.flavour) {
        fault_set(&job->fault, -ENOENT, "%s: no stubdom_flavor in it", args[0]);
        return refuse(job);
    }
    for (size_t i = 0; i < job->settings.count; i++)
        printf("%s\n", job->settings.line[i]);
    return fflush(stdout) ? EXIT_REFUSED : EXIT_SUCCESS;
}

/* Which flavours are here, what they are made of, and of the others the first thing that is not in order. */
static void print_version(struct job *job)
{
    puts("xl-stubdom " VERSION);
    for (size_t i = 0; i < flavour_count; i++) {
        job->config.flavour = &flavours[i];
        settings_dispose(&job->settings);
        if (settings_find_files(&job->settings, &job->config, &places) || check_files(job)) {
            printf("%s: %s\n", flavours[i].name, job->fault.text);
            continue;
        }
        printf("%s: %s, %s\n", flavours[i].name, job->settings.kernel, job->settings.ramdisk);
        image_print_origin(job->settings.kernel, &flavours[i], stdout);
    }
}

static int run_audit(struct job *job, int count)
{
    int bad;

    if (count != 0) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    bad = audit(XEN_LOG_DIR, stdout, &job->fault);
    if (bad < 0)
        return refuse(job);
    return fflush(stdout) || bad ? EXIT_REFUSED : EXIT_SUCCESS;
}

static int screenshot(struct job *job, int count, char **args)
{
    if (count != 2) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    return screenshot_take(args[0], args[1], STUBDOM_SCREENSHOT, &job->fault) ? refuse(job)
                                                                              : EXIT_SUCCESS;
}

/*
 * Whether the guest can be made with that flavour, or, DOM0, with its QEMU in dom0. What is wrong with the config is a
 * fault; what is not installed or not allowed on this host is only missing.
 */
static int judge_subject(struct compare *compare, const char *subject, struct fault *fault)
{
    const struct compare_options *options = &compare->options;
    cleanup_free char *settings = join_settings(options->setting_count, options->settings);
    cleanup_free char *extra = NULL;
    bool in_dom0 = !strcmp(subject, DOM0);
    struct job job = {.line.makes_guest = true, .host.is_snapshot = disk_is_snapshot};
    bool missing;
    int rc;

    if (!settings || asprintf(&extra, "%sstubdom_flavor=\"%s\"\n", settings, in_dom0 ? "none" : subject) < 0) {
        extra = NULL;
        return fault_set(fault, -ENOMEM, "out of memory");
    }
    rc = prepare_config(&job, options->config, extra);
    /* -EPERM: this host requires a stub domain. */
    missing = rc == -EPERM || (!rc && !in_dom0 && check_files(&job));
    if (missing)
        rc = compare_missing(compare, subject, job.fault.text);
    else if (!rc)
        rc = compare_subject(compare, subject);
    if (rc)
        fault_set(fault, rc, "%s", rc == -ENOMEM ? "out of memory" : job.fault.text);
    if (!compare->guest && job.config.name) {
        compare->guest = steal(job.config.name);
        compare->uuid = steal(job.config.uuid);
        compare->written_disks = job.config.devices.disks.written;
    }
    job_dispose(&job);
    return rc;
}

static int plan_compare(struct compare *compare, struct fault *fault)
{
    const struct compare_options *options = &compare->options;
    int rc = 0;

    for (size_t i = 0; !rc && i < options->subjects; i++)
        rc = judge_subject(compare, options->subject[i], fault);
    if (rc)
        return rc;
    for (size_t i = 0; i < SUBJECTS_MAX && compare->report.missing[i]; i++)
        fprintf(stderr, "missing: %s\n", compare->report.missing[i]);
    if (!compare->guest)
        return fault_set(fault, -EINVAL, "%s: nothing to compare: no flavour of stub domain among them",
                         options->config);
    if (!compare->subjects)
        return fault_set(fault, -ENOENT, "%s: nothing to compare: all are missing", options->config);
    return 0;
}

/* What was measured is reported even when a run failed, which is said last. */
static int measure_all(struct compare *compare, int *signal, struct fault *fault)
{
    cleanup_free char *xl = NULL;
    struct fault other;
    int rc = plan_compare(compare, fault);

    rc = rc ? rc : xl_find(getenv("XL"), DIVERTED_XL, &xl, fault);
    if (rc)
        return rc;
    rc = compare_run(compare, xl, STUBDOM_SCREENSHOT, signal, fault);
    if (!rc)
        return compare_finish(compare, fault);
    if (compare->report.figures.count && compare_finish(compare, &other))
        fault_print(&other, stderr);
    return rc;
}

static int run_compare(int argc, char **argv)
{
    struct compare compare = {0};
    struct fault fault;
    int signal = 0, status = EXIT_REFUSED, rc = compare_options_init(&compare.options, argc, argv, &fault);

    if (rc)
        status = EXIT_USAGE;
    else if (compare.options.from)
        rc = report_read_json(&compare.report, compare.options.from, &fault) ?: compare_finish(&compare, &fault);
    else
        rc = measure_all(&compare, &signal, &fault);
    if (rc)
        fault_print(&fault, stderr);
    compare_dispose(&compare);
    if (signal)
        xl_mirror_status(signal);
    return rc ? status : EXIT_SUCCESS;
}

/* The guest's uuid is ours to choose when the config does not: by it we know later what our xl made. */
static int choose_uuid(struct job *job)
{
    char text[UUID_SIZE];

    if (uuid_make(text))
        return fault_set(&job->fault, -EIO, "no random uuid");
    job->uuid = strdup(text);
    return job->uuid ? 0 : fault_set(&job->fault, -ENOMEM, "out of memory");
}

static int write_config(struct job *job, FILE *f)
{
    int rc = 0;

    fwrite(job->text, 1, job->len, f);
    fputc('\n', f);
    if (job->line.starts_guest && job->config.uuid)
        job->uuid = steal(job->config.uuid);
    else if (job->line.starts_guest)
        rc = choose_uuid(job);
    if (job->uuid) {
        cleanup_free char *quoted = config_quote(job->uuid);

        if (!quoted)
            return fault_set(&job->fault, -ENOMEM, "out of memory");
        fprintf(f, "uuid=%s\n", quoted);
    }
    for (size_t i = 0; i < job->settings.count; i++)
        fprintf(f, "%s\n", job->settings.line[i]);
    return rc;
}

/*
 * The config and the settings in an anonymous file that xl inherits; *name is how xl opens it. The user's
 * file stays as it is, and what stands in it, a password of a disk's, say, is on no command line.
 */
static int make_config_file(struct job *job, char **name)
{
    int fd = memfd_create("guest-config", 0), rc;
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

    if (!f)
        return fault_set(&job->fault, -errno, "%s: no copy: %s", job->line.config,
                         strerror(errno));
    rc = write_config(job, f);
    if (rc)
        return rc;
    /* The descriptor is left open: xl has to find it. */
    if (fflush(f) || ferror(f) || asprintf(name, "/proc/self/fd/%d", fd) < 0) {
        *name = NULL;
        return fault_set(&job->fault, -ENOMEM, "%s: no copy: out of memory", job->line.config);
    }
    return 0;
}

static int make_argv(struct job *job, int argc, char **argv)
{
    cleanup_free char *file = NULL;
    int rc = make_config_file(job, &file);

    if (!rc && command_line_argv(&job->line, argc, argv, file, &job->argv))
        rc = fault_set(&job->fault, -ENOMEM, "out of memory");
    return rc;
}

static void destroy_domain(struct job *job, int32_t domain)
{
    char domid[12];
    char *argv[] = {"xl", "destroy", domid, NULL};
    struct xl_run run;

    if (domain < 0)
        return;
    snprintf(domid, sizeof(domid), "%d", domain);
    if (!xl_run(job->xl, argv, NULL, -1, &run, &job->fault)) {
        if (!run.status)
            return;
        fault_set(&job->fault, -EIO, "domain %s of the failed start is left: xl destroy failed",
                  domid);
    }
    fault_print(&job->fault, stderr);
}

/*
 * Destroys what a failed xl left behind of the guest that it was making. False: the guest is made,
 * only xl did not survive.
 */
static bool destroy_remains(struct job *job, struct stub_watch *watch)
{
    struct stub_sight sight = stub_watch_look(watch);

    if (sight.state == STUB_READY &&
        (job->line.paused || !stub_watch_never_ran(watch, sight.guest)))
        return false;
    destroy_domain(job, sight.guest);
    /* The stub domain goes with its guest, unless libxl had not yet tied them together. */
    if (sight.guest >= 0)
        sight = stub_watch_look(watch);
    destroy_domain(job, sight.stub >= 0 ? sight.stub : stub_watch_find_untied(watch));
    if (stub_watch_end_nameless(watch, &job->fault))
        fault_print(&job->fault, stderr);
    return true;
}

/* The logs that libxl opens for a stub domain: its own, and that of dom0's side. */
struct logs {
    struct log_tail stub;
    struct log_tail daemon;
};

static int logs_init(struct logs *logs, const char *guest)
{
    cleanup_free char *stub = NULL, *daemon = NULL;

    memset(logs, 0, sizeof(*logs));
    if (asprintf(&stub, "%s/qemu-dm-%s.log", XEN_LOG_DIR, guest) < 0) {
        stub = NULL;
        return -ENOMEM;
    }
    if (asprintf(&daemon, "%s/qemu-dm-%s-dm.log", XEN_LOG_DIR, guest) < 0) {
        daemon = NULL;
        return -ENOMEM;
    }
    return log_tail_init(&logs->stub, stub) || log_tail_init(&logs->daemon, daemon) ? -ENOMEM : 0;
}

static void logs_dispose(struct logs *logs)
{
    log_tail_dispose(&logs->stub);
    log_tail_dispose(&logs->daemon);
}

static void explain(struct job *job, const struct xl_run *run, const struct logs *logs)
{
    if (run->given_up) {
        fault_set(&job->fault, -ECHILD,
                  "the stub domain of %s %s before its device model was ready", job->config.name,
                  stub_reason_text(run->reason));
        fault_print(&job->fault, stderr);
    } else if (WIFSIGNALED(run->status)) {
        fault_set(&job->fault, -EINTR, "xl was ended by a signal (%s) before %s ran",
                  strsignal(WTERMSIG(run->status)), job->config.name);
        fault_print(&job->fault, stderr);
    }
    if (log_tail_print(&logs->stub, "the end of the stub domain's log", stderr) ||
        log_tail_print(&logs->daemon, "the end of the log of dom0's side", stderr))
        return;
    if (run->given_up) {
        fault_set(&job->fault, -ECHILD, "it left nothing in %s; xl dmesg may say more",
                  logs->stub.path);
        fault_print(&job->fault, stderr);
    }
}

static int start_timer(int seconds)
{
    const struct itimerspec limit = {.it_value.tv_sec = seconds};
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

    if (timer >= 0)
        timerfd_settime(timer, 0, &limit, NULL);
    return timer;
}

/*
 * xl ends with 0 even when its last step fails, the one that lets the new guest run: when its
 * connection to QEMU breaks just then (a process of stubdom-dm has died, and is started anew). Tries that
 * again, once a second. False: the guest still does not run, or somebody has destroyed it meanwhile.
 */
static bool unpause(struct job *job, struct stub_watch *watch)
{
    cleanup_close int timer = start_timer(UNPAUSE_SECONDS);
    struct pollfd expired = {.fd = timer, .events = POLLIN};
    int32_t guest = stub_watch_look(watch).guest;
    char domid[12];
    char *argv[] = {"xl", "unpause", domid, NULL};
    struct xl_run run;
    bool tried = false;

    snprintf(domid, sizeof(domid), "%d", guest);
    while (stub_watch_never_ran(watch, guest)) {
        tried = true;
        if (timer < 0 || poll(&expired, 1, 1000) ||
            xl_run(job->xl, argv, NULL, timer, &run, &job->fault)) {
            fault_set(&job->fault, -EIO,
                      "%s is still paused: xl does not reach its QEMU; it is destroyed",
                      job->config.name);
            fault_print(&job->fault, stderr);
            return false;
        }
    }
    if (tried && stub_watch_look(watch).guest != guest) {
        fault_set(&job->fault, -ENOENT, "%s was destroyed while it was still paused",
                  job->config.name);
        fault_print(&job->fault, stderr);
        return false;
    }
    return true;
}

/* Runs xl as a child, so that somebody is there to say why it failed and to clean up. */
static int start_guest(struct job *job)
{
    cleanup_close int lock = guest_lock_take(LOCK_DIR, job->config.name, &job->fault);
    struct stub_watch watch;
    struct xl_run run;
    struct logs logs;
    bool paused = false;
    int rc;

    if (lock < 0)
        return refuse(job);
    rc = logs_init(&logs, job->config.name);
    if (stub_watch_init(&watch, job->config.name, job->uuid) || rc)
        rc = fault_set(&job->fault, -ENOMEM, "out of memory");
    else
        rc = xl_run(job->xl, job->argv, &watch, -1, &run, &job->fault);
    if (!rc && !run.status && !job->line.paused)
        paused = !unpause(job, &watch);
    if (!rc && (run.status || paused) && destroy_remains(job, &watch))
        explain(job, &run, &logs);
    /* Another xl may have destroyed it while ours still wrote. */
    if (!rc && stub_watch_look(&watch).guest < 0)
        remains_remove(watch.xs, watch.xc);
    stub_watch_dispose(&watch);
    logs_dispose(&logs);
    if (rc)
        return refuse(job);
    if (run.given_up || paused)
        return EXIT_REFUSED;
    xl_mirror_status(run.status);
}

static int take_saved(struct job *job, struct saved_guest *saved)
{
    const struct flavour *flavour = saved->kernel ? flavour_of_kernel(saved->kernel) : NULL;
    int rc = 0;

    /* libxl's defaults, or files of the admin's own. */
    if (!flavour)
        flavour = &flavours[0];
    job->config.name = steal(saved->name);
    job->uuid = steal(saved->uuid);
    if (saved->kernel)
        rc = image_check_kernel(saved->kernel, flavour, &job->fault);
    if (!rc && saved->ramdisk)
        rc = image_check_ramdisk(saved->ramdisk, flavour, &job->fault);
    return rc;
}

/* A guest whose QEMU was in dom0 when it was saved. */
static int check_required(struct job *job)
{
    int rc = host_config_read(&job->host, HOST_CONFIG, &job->fault);

    if (rc || !job->host.require)
        return rc;
    return fault_set(&job->fault, -EPERM,
                     "%s: this host requires a stub domain for each HVM guest (xl-stubdom.conf), and this "
                     "one was saved without", job->line.checkpoint);
}

static char **copy_argv(int argc, char **argv)
{
    char **copy = calloc(argc + 1, sizeof(*copy));

    for (int i = 0; copy && i < argc; i++) {
        copy[i] = strdup(argv[i]);
        if (!copy[i]) {
            command_line_free_argv(copy);
            return NULL;
        }
    }
    return copy;
}

/* Without a config: the saved guest brings its own. */
static int restore_saved(struct job *job, int argc, char **argv)
{
    struct saved_guest saved;
    int unread = saved_guest_read(&saved, job->line.checkpoint);
    bool ours = !unread && saved.stub_domain;
    int rc = ours ? take_saved(job, &saved) : 0;

    /* What we do not understand, xl may: its older files, too. */
    if (!rc && !ours && (saved.hvm || (unread && unread != -ENOENT)))
        rc = check_required(job);
    saved_guest_dispose(&saved);
    if (!rc && !ours)
        return pass_to_xl(job, argv);
    if (rc || find_xl(job))
        return refuse(job);
    job->argv = copy_argv(argc, argv);
    if (!job->argv) {
        fault_set(&job->fault, -ENOMEM, "out of memory");
        return refuse(job);
    }
    return start_guest(job);
}

/* libxl waits for QEMU's answer without end; a stub domain that was taken over may keep silent. */
static int ask_qemu(struct job *job, char **argv)
{
    cleanup_close int timer = start_timer(MONITOR_SECONDS);
    struct pollfd expired = {.fd = timer, .events = POLLIN};
    uint32_t guest, stub;
    struct xl_run run;

    if (timer < 0 || domains_find(job->line.monitored, &guest, &stub, &job->fault))
        return pass_to_xl(job, argv);
    if (find_xl(job) ||
        xl_run(job->xl, argv, NULL, timer, &run, &job->fault))
        return refuse(job);
    if (WIFEXITED(run.status) || !poll(&expired, 1, 0))
        xl_mirror_status(run.status);
    fault_set(&job->fault, -ETIMEDOUT, "%s: its QEMU has not answered for %d s",
              job->line.monitored, MONITOR_SECONDS);
    return refuse(job);
}

/* The fields of the NIC, as they would stand in a config. */
static char *join_fields(char **args)
{
    char *text = strdup("");

    for (; text && *args; args++) {
        cleanup_free char *before = text;

        if (asprintf(&text, "%s%s,", before, *args) < 0)
            text = NULL;
    }
    return text;
}

/* Adds one or two fields. They follow all others, since the last field of a kind counts. */
static int add_fields(struct job *job, int argc, char **argv, char *more)
{
    char *forward = strstr(more, ",forwarddev=");
    char **longer = calloc(argc + 3, sizeof(*longer));

    if (forward)
        *forward++ = '\0';
    if (longer) {
        memcpy(longer, argv, argc * sizeof(*argv));
        longer[argc] = more;
        longer[argc + 1] = forward;
        job->argv = copy_argv(argc + 1 + !!forward, longer);
    }
    free(longer);
    return job->argv ? 0 : fault_set(&job->fault, -ENOMEM, "out of memory");
}

/*
 * The guest's new vif gets its firewall from our script. A guest without a stub domain is xl's affair; as long as we do
 * not know, nothing is attached: it would have no firewall.
 */
static int attach_nic(struct job *job, int argc, char **argv)
{
    cleanup_free char *fields = NULL, *more = NULL;
    uint32_t guest, stub;
    int rc;

    rc = domains_find(job->line.attached, &guest, &stub, &job->fault);
    if (rc)
        return rc == -ENODEV ? pass_to_xl(job, argv) : refuse(job);
    for (int i = job->line.nic_arg; i < argc; i++)
        if (strchr(argv[i], ',')) {
            fault_set(&job->fault, -EINVAL, "%s: %s: one field, without a comma, is one argument",
                      job->line.attached, argv[i]);
            return refuse(job);
        }
    job->host.nics.helper = STUBDOM_VIF;
    fields = join_fields(argv + job->line.nic_arg);
    rc = fields ? host_config_read_xl(&job->host, XL_CONFIG) : -ENOMEM;
    if (!rc)
        rc = nic_script(fields, &job->host.nics, &more);
    if (rc)
        fault_set(&job->fault, rc, rc == -EINVAL ? "%s: forwarddev= is for COLO, which needs a QEMU in dom0" :
                  "%s: out of memory", job->line.attached);
    if (rc || (more && add_fields(job, argc, argv, more)))
        return refuse(job);
    return pass_to_xl(job, job->argv ? job->argv : argv);
}

/* What a device is doing cannot be saved; xl would try. */
static int check_saved(struct job *job)
{
    uint32_t guest, stub;
    struct fault none;

    if (!job->line.saved || domains_find(job->line.saved, &guest, &stub, &none) || !pci_stub_has_any(stub))
        return 0;
    return fault_set(&job->fault, -EBUSY, "%s has PCI devices, and cannot be saved or migrated with them: "
                     "xl pci-list, xl pci-detach", job->line.saved);
}

/* libxl would wait for a minute for the stub domain's kernel, and then take the device away. */
static int check_attached(struct job *job)
{
    uint32_t guest, stub;
    struct fault none;
    char having[64];

    if (!job->line.pci_attached || domains_find(job->line.pci_attached, &guest, &stub, &none) ||
        pci_stub_may_have(stub))
        return 0;
    flavour_list_pci(having, sizeof(having));
    return fault_set(&job->fault, -ENOTSUP,
                     "%s: its stub domain's kernel has no PCI: a guest needs pci= in its config for that, of the "
                     "flavour %s; an empty list will do", job->line.pci_attached, having);
}

static int run_job(struct job *job, int argc, char **argv)
{
    if (command_line_init(&job->line, argc, argv)) {
        fault_set(&job->fault, -ENOMEM, "out of memory");
        return refuse(job);
    }
    if (check_saved(job) || check_attached(job))
        return refuse(job);
    if (job->line.checkpoint && job->line.use == CONFIG_UNUSED)
        return restore_saved(job, argc, argv);
    if (job->line.monitored)
        return ask_qemu(job, argv);
    if (job->line.attached)
        return attach_nic(job, argc, argv);
    if (job->line.use == CONFIG_UNUSED)
        return pass_to_xl(job, argv);
    if (prepare(job, job->line.config, job->line.extra))
        return refuse(job);
    if (!job->config.flavour)
        return pass_to_xl(job, argv);
    if (make_argv(job, argc, argv) || find_xl(job))
        return refuse(job);
    return job->line.starts_guest ? start_guest(job) : pass_to_xl(job, job->argv);
}

int main(int argc, char **argv)
{
    struct job job = {0};
    const char *first = argc > 1 ? argv[1] : "";
    int status;

    if (argc < 1) /* execve can do that */
        return EXIT_USAGE;
    argv[0] = "xl"; /* what most command lines become */
    if (!strcmp(first, "--version")) {
        print_version(&job);
        status = fflush(stdout) ? EXIT_REFUSED : EXIT_SUCCESS;
    } else if (!strcmp(first, "--print-config")) {
        status = print_config(&job, argc - 2, argv + 2);
    } else if (!strcmp(first, "audit")) {
        status = run_audit(&job, argc - 2);
    } else if (!strcmp(first, "compare")) {
        status = run_compare(argc - 1, argv + 1);
    } else if (!strcmp(first, "screenshot")) {
        status = screenshot(&job, argc - 2, argv + 2);
    } else {
        if (!strcmp(first, "--help") || !strcmp(first, "-h")) {
            fputs(usage, stdout);
            fflush(stdout);
            argv[1] = "help";
        }
        status = run_job(&job, argc, argv);
    }
    job_dispose(&job);
    return status;
}
