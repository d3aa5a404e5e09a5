/*
 * The worker process (see worker.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "worker.h"

#include "clock.h"
#include "confine.h"
#include "log.h"
#include "signals.h"
#include "stderr-sink.h"
#include "util.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/*
 * libxl signals the probe after its "quit" and complains to the user when it is
 * gone by then: so it waits for that signal, for so long.
 */
#define PROBE_LINGER_MS 5000
/* libxl waits no longer for a device model to start. Its own end is none of the probe's: it may have been killed. */
#ifndef PROBE_MS
#define PROBE_MS 60000
#endif

_Static_assert(OUTPUT_LOG_MAX / 4 >= CONFINE_SHORTEST && OUTPUT_SERIAL_MAX / 4 >= CONFINE_SHORTEST,
               "log-file.c keeps a quarter and more");

static void worker_stop(struct worker *worker, enum child_status status)
{
    worker->status = status;
    loop_stop(&worker->loop);
}

void worker_init(struct worker *worker)
{
    loop_init(&worker->loop, clock_now_ms);
    worker->keeper_fd = worker->opener_fd = -1;
    worker->rotation = (struct log_rotation){ -1, -1 };
    worker->vnc.io.fd = -1;
    worker->state_max = OUTPUT_STATE_MAX;
    file_server_init(&worker->files, &worker->loop);
    qmp_relay_init(&worker->relay, &worker->loop);
}

void worker_dispose(struct worker *worker)
{
    for (int i = 0; i < worker->console_count; i++)
        pv_console_dispose(&worker->consoles[i]);
    worker->console_count = 0;
    qmp_server_close(&worker->qmp);
    qmp_relay_close(&worker->relay);
    vnc_server_close(&worker->vnc);
    file_server_close(&worker->files);
    xen_close(&worker->xen);
    xen_close(&worker->guest_xen);
}

int worker_add_console(struct worker *worker, unsigned int id, const struct output_spec *spec)
{
    struct pv_console *console = &worker->consoles[worker->console_count];
    struct qmp_facts *facts = &worker->qmp.facts;
    int rc;

    if (worker->console_count == MESSAGE_MAX_CONSOLES)
        return -ENOSPC;
    rc = pv_console_open(console, id, spec, &worker->loop);
    if (rc)
        return rc;
    worker->console_count++;
    worker->has_channels |= message_is_channel(id);
    /* libxl asks the guest's own QEMU about those, if any. */
    if (message_is_channel(id))
        return 0;
    /* QEMU's labels: libxl takes the name of a pty from "serialN". */
    snprintf(facts->chardevs[facts->chardev_count].label, sizeof(facts->chardevs[0].label),
             id < CONSOLE_SERIAL ? "xencons%u" : "serial%u", id < CONSOLE_SERIAL ? id : id - CONSOLE_SERIAL);
    snprintf(facts->chardevs[facts->chardev_count].filename, sizeof(facts->chardevs[0].filename),
             "%s%.70s", console->output.tty[0] ? "pty:" : "", console->output.tty[0] ?
             console->output.tty : console->output.name);
    facts->chardev_count++;
    return 0;
}

int worker_follow_log(struct worker *worker, int n, const struct output_spec *spec)
{
    return output_follow(&worker->consoles[n].output, spec);
}

int worker_listen(struct worker *worker, const struct options *options)
{
    struct qmp_facts *facts = &worker->qmp.facts;
    int rc = qmp_server_open(&worker->qmp, &worker->loop, options);

    rc = rc ?: vnc_server_open(&worker->vnc, &worker->loop, &options->vnc);
    if (rc)
        return rc;
    facts->vnc = worker->vnc.io.fd >= 0;
    facts->vnc_password = options->vnc.password;
    snprintf(facts->vnc_host, sizeof(facts->vnc_host), "%s", worker->vnc.host);
    snprintf(facts->vnc_service, sizeof(facts->vnc_service), "%u", worker->vnc.port);
    return 0;
}

/* -------- the keeper -------- */

static void send_state(void *data, unsigned int id, unsigned int state)
{
    struct worker *worker = data;
    struct message message = { .type = MESSAGE_BACKEND_STATE, .index = id, .state = state };
    int rc = message_send(worker->keeper_fd, &message);

    /* The keeper reads at once, and the stub domain's haste is coalesced by it: never full. */
    if (rc) {
        log_error("the keeper's socket: %s", strerror(-rc));
        worker_stop(worker, CHILD_FAILED);
    }
}

/*
 * Of a domain that Xen ends, nobody else writes a last word. Once: while it is kept, the keeper tells this with the end
 * of any domain.
 */
static void say_silent_end(struct worker *worker)
{
    static const char line[] =
        "\n[stubdom-dm: the stub domain has crashed and told its guest nothing. If no line above says why, Xen ended "
        "it (a kernel stack that overflowed?): see xl dmesg]\n";

    if (worker->said_end)
        return;
    worker->said_end = true;
    for (int i = 0; i < worker->console_count; i++)
        if (worker->consoles[i].id == CONSOLE_LOG)
            (void)!output_write(&worker->consoles[i].output, line, sizeof(line) - 1);
}

static void hear(struct worker *worker, const struct message *message)
{
    if (message->type == MESSAGE_SLOT)
        vnc_server_offer(&worker->vnc, message);
    if (message->type == MESSAGE_FILE)
        file_server_offer(&worker->files, message);
    if (message->type == MESSAGE_QMP)
        qmp_relay_offer(&worker->relay, message);
    if (message->type == MESSAGE_ENDED)
        qmp_relay_end(&worker->relay);
    if (message->type == MESSAGE_ENDED && message->state)
        say_silent_end(worker);
    for (int i = 0; i < worker->console_count; i++)
        if (message->type == MESSAGE_FRONTEND && worker->consoles[i].id == message->index)
            pv_console_frontend(&worker->consoles[i], message);
}

static void keeper_ready(void *data, short revents)
{
    struct worker *worker = data;
    struct message message;
    int rc = message_receive(worker->keeper_fd, &message);

    if (rc > 0)
        hear(worker, &message);
    else if (rc < 0)
        worker_stop(worker, CHILD_ALONE);
}

static void quit_asked(void *data)
{
    struct worker *worker = data;

    if (worker->qmp.facts.quit)
        worker_stop(worker, CHILD_DONE);
}

static void signal_ready(void *data, short revents)
{
    struct worker *worker = data;

    if (signals_told_to_end(worker->signal_io.fd))
        worker_stop(worker, CHILD_DONE);
}

static void take_file(struct worker *worker, uint32_t console, int fd)
{
    for (int i = 0; i < worker->console_count; i++) {
        if (worker->consoles[i].id != console)
            continue;
        output_take_file(&worker->consoles[i].output, fd);
        return;
    }
    close(fd);
}

/* One that we write to was renamed. */
static void log_renamed(void *data, short revents)
{
    struct worker *worker = data;
    uint32_t what;
    int fd = log_rotation_take(&worker->rotation, &what);

    /* The supervisor is gone, maybe before we asked Linux to end us with it. */
    if (fd == -EPIPE)
        worker_stop(worker, CHILD_ALONE);
    else if (fd >= 0 && what == LOG_ROTATION_OWN)
        stderr_sink_take(fd);
    else if (fd >= 0)
        take_file(worker, what, fd);
}

static int watch_fd(struct worker *worker, struct loop_fd *io, int fd,
                    void (*ready)(void *data, short revents))
{
    *io = (struct loop_fd){ .fd = fd, .events = POLLIN, .ready = ready, .data = worker };
    return loop_add_fd(&worker->loop, io);
}

static int worker_start(struct worker *worker, int domid, int signal_fd)
{
    static const struct message ready = { .type = MESSAGE_READY };
    int rc = watch_fd(worker, &worker->signal_io, signal_fd, signal_ready);

    rc = rc ?: watch_fd(worker, &worker->keeper_io, worker->keeper_fd, keeper_ready);
    rc = rc ?: watch_fd(worker, &worker->rotation_io, worker->rotation.child, log_renamed);
    rc = rc ?: xen_open(&worker->xen, &worker->loop, domid, &worker->grants);
    if (worker->has_channels)
        rc = rc ?: xen_open(&worker->guest_xen, &worker->loop, worker->guest, &worker->guest_grants);
    rc = rc ?: vnc_server_start(&worker->vnc, &worker->xen);
    rc = rc ?: qmp_relay_start(&worker->relay, &worker->xen);
    if (rc)
        return rc;
    file_server_start(&worker->files, &worker->xen);
    for (int i = 0; i < worker->console_count; i++) {
        struct pv_console *console = &worker->consoles[i];

        console->output.opener_fd = worker->opener_fd;
        console->output.state_max = worker->state_max;
        pv_console_start(console, message_is_channel(console->id) ? &worker->guest_xen : &worker->xen, send_state,
                         worker);
    }
    rc = xen_restrict(&worker->xen);
    if (worker->has_channels)
        rc = rc ?: xen_restrict(&worker->guest_xen);
    if (rc)
        log_error("cannot restrict event channels to the stub domain and its guest: %s", strerror(-rc));
    rc = rc ?: confine(CONFINE_WORKER);
    return rc ?: message_send(worker->keeper_fd, &ready);
}

enum child_status worker_run(struct worker *worker, int domid, int keeper_fd, int signal_fd)
{
    int rc;

    worker->keeper_fd = keeper_fd;
    worker->qmp.changed = quit_asked;
    worker->qmp.data = worker;
    rc = worker_start(worker, domid, signal_fd);
    rc = rc ?: loop_run(&worker->loop);
    worker_dispose(worker);
    return rc ? child_status_of(rc) : worker->status;
}

static void probe_expired(void *data)
{
    worker_stop(data, CHILD_DONE);
}

/* By libxl. */
static void probe_signal_ready(void *data, short revents)
{
    struct worker *worker = data;

    if (signals_told(worker->signal_io.fd))
        worker_stop(worker, CHILD_DONE);
}

static void probe_quit_asked(void *data)
{
    struct worker *worker = data;

    if (worker->qmp.facts.quit && !worker->linger.added)
        loop_start_timer(&worker->loop, &worker->linger, PROBE_LINGER_MS);
}

int worker_run_probe(struct worker *worker, int signal_fd)
{
    int rc;

    worker->qmp.changed = probe_quit_asked;
    worker->qmp.data = worker;
    worker->linger = worker->life = (struct loop_timer){ .fired = probe_expired, .data = worker };
    rc = watch_fd(worker, &worker->signal_io, signal_fd, probe_signal_ready);
    rc = rc ?: loop_start_timer(&worker->loop, &worker->life, PROBE_MS);
    rc = rc ?: confine(CONFINE_PROBE);
    rc = rc ?: loop_run(&worker->loop);
    worker_dispose(worker);
    return rc ? 1 : worker->status;
}
