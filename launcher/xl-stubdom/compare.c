/*
 * compare: all runs, one after another. See compare.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "compare.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <xenctrl.h>
#include <xenstore.h>

#include "cleanup.h"
#include "compare-guest.h"
#include "made-guest.h"

#define NS INT64_C(1000000000)

void compare_dispose(struct compare *compare)
{
    compare_options_dispose(&compare->options);
    report_dispose(&compare->report);
    free(compare->guest);
    free(compare->uuid);
    memset(compare, 0, sizeof(*compare));
}

int compare_subject(struct compare *compare, const char *subject)
{
    int number = figures_subject(&compare->report.figures, subject);

    if (number < 0)
        return number;
    compare->subject[compare->subjects++] = number;
    return 0;
}

int compare_missing(struct compare *compare, const char *subject, const char *why)
{
    char **missing = compare->report.missing;

    while (*missing)
        missing++;
    if (asprintf(missing, "%s: %s", subject, why) >= 0)
        return 0;
    *missing = NULL;
    return -ENOMEM;
}

/* -------- before the first run -------- */

static int check_name(const struct compare *compare, struct fault *fault)
{
    struct xs_handle *xs = xs_open(0);
    int32_t domid;

    if (!xs)
        return fault_set(fault, -EIO, "no Xen here, or not root");
    domid = domain_of_name(xs, compare->guest);
    xs_close(xs);
    if (domid < 0)
        return 0;
    return fault_set(fault, -EEXIST, "%s: there is a domain of that name, %d: compare makes and destroys its own only",
                     compare->guest, domid);
}

/* A guest that is destroyed again and again writes to its disks all the same. */
static int ask(const struct compare *compare, struct fault *fault)
{
    char answer[16] = "";

    if (!compare->written_disks || compare->options.yes)
        return 0;
    fprintf(stderr, "%s writes to %d disk(s) that are no snapshots, and each run ends like a power cut.\n",
            compare->guest, compare->written_disks);
    if (!isatty(STDIN_FILENO))
        return fault_set(fault, -EPERM, "%s: say --yes if its disks may be written to", compare->guest);
    fprintf(stderr, "Go on? [y/N] ");
    if (fgets(answer, sizeof(answer), stdin) && (!strcmp(answer, "y\n") || !strcmp(answer, "yes\n")))
        return 0;
    return fault_set(fault, -EPERM, "%s: nothing was done", compare->guest);
}

static char *make_title(const struct compare *compare)
{
    xc_interface *xc = xc_interface_open(NULL, NULL, 0);
    xen_extraversion_t extra = "";
    int version = xc ? xc_version(xc, XENVER_version, NULL) : 0;
    struct utsname host;
    char *title;

    if (xc) {
        xc_version(xc, XENVER_extraversion, &extra);
        xc_interface_close(xc);
    }
    if (uname(&host) || asprintf(&title, "%s: %u run(s) each; Xen %d.%d%s, dom0 Linux %s", compare->guest,
                                 compare->options.runs, version >> 16, version & 0xffff, extra, host.release) < 0)
        return NULL;
    return title;
}

static int begin(struct compare *compare, struct fault *fault)
{
    struct report *report = &compare->report;
    char date[40] = "";
    time_t now = time(NULL);
    struct tm parts;
    int rc = check_name(compare, fault);

    rc = rc ? rc : ask(compare, fault);
    if (rc)
        return rc;
    if (gmtime_r(&now, &parts))
        strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &parts);
    report->date = strdup(date);
    report->title = make_title(compare);
    return report->date && report->title ? 0 : fault_set(fault, -ENOMEM, "out of memory");
}

/* -------- the runs -------- */

/* What took how long, in the run that was just made. */
static void print_times(const struct figures *figures, size_t subject, size_t runs)
{
    for (size_t i = 0; i < figures->count; i++) {
        const struct measure *measure = &figures->measure[i];
        const struct values *values = &measure->of[subject];

        if (values->count >= runs && !strcmp(measure->unit, "s"))
            fprintf(stderr, " %s %.3g s", measure->name, values->value[values->count - 1]);
    }
    putc('\n', stderr);
}

static int make_run(struct compare *compare, struct compare_run *run, size_t index, int64_t begin_ns,
                    struct fault *fault)
{
    struct figures *figures = &compare->report.figures;
    size_t round = index / compare->subjects, total = compare->subjects * compare->options.runs;
    int64_t passed = clock_now_ns() - begin_ns;
    int rc;

    /* Each round begins with another subject, since the first one may find other caches. */
    run->subject = compare->subject[(index + round) % compare->subjects];
    fprintf(stderr, "%5lld s  run %zu of %zu: %s", (long long)(passed / NS), index + 1, total,
            figures->subject[run->subject]);
    if (index)
        fprintf(stderr, " (about %lld s to go)", (long long)(passed / NS * (total - index) / index));
    putc('\n', stderr);
    rc = compare_guest(run, fault);
    if (!rc) {
        fprintf(stderr, "%5lld s ", (long long)((clock_now_ns() - begin_ns) / NS));
        print_times(figures, run->subject, round + 1);
    }
    return rc;
}

static void end_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGHUP);
    sigaddset(set, SIGQUIT);
}

int compare_run(struct compare *compare, const char *xl, const char *viewer, int *signal, struct fault *fault)
{
    size_t total = compare->subjects * compare->options.runs;
    int64_t begin_ns = clock_now_ns();
    sigset_t set, mask;
    struct compare_run run = {.compare = compare, .xl = xl, .viewer = viewer, .mask = &mask};
    cleanup_close int signals = -1;
    int rc = begin(compare, fault);

    if (rc)
        return rc;
    end_signals(&set);
    sigprocmask(SIG_BLOCK, &set, &mask);
    signals = run.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0)
        rc = fault_set(fault, -errno, "no signals: %s", strerror(errno));
    for (size_t i = 0; !rc && i < total; i++)
        rc = make_run(compare, &run, i, begin_ns, fault);
    compare->report.complete = !rc;
    *signal = run.signal;
    sigprocmask(SIG_SETMASK, &mask, NULL);
    return rc;
}

/* -------- the report -------- */

int compare_finish(struct compare *compare, struct fault *fault)
{
    const char *prefix = compare->options.output;
    cleanup_free char *json = NULL;
    int rc = 0;

    report_print(&compare->report, stdout);
    if (fflush(stdout))
        return fault_set(fault, -errno, "the table: %s", strerror(errno));
    if (asprintf(&json, "%s.json", prefix) < 0) {
        json = NULL;
        return fault_set(fault, -ENOMEM, "out of memory");
    }
    /* What was read from a file is in it. */
    if (!compare->options.from)
        rc = report_write_json(&compare->report, json, fault);
    rc = rc ? rc : report_plot(&compare->report, prefix, fault);
    if (rc < 0)
        return rc;
    fputs("written: ", stderr);
    if (!compare->options.from)
        fprintf(stderr, "%s, ", json);
    fprintf(stderr, "%s.gnuplot", prefix);
    if (rc)
        fputs("; gnuplot is not installed, which draws it", stderr);
    else
        fprintf(stderr, ", %s.svg, %s.png", prefix, prefix);
    putc('\n', stderr);
    return 0;
}
