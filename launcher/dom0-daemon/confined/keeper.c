/*
 * The keeper process (see keeper.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "keeper.h"

#include "budget.h"
#include "clock.h"
#include "confine.h"
#include "log.h"
#include "loop.h"
#include "message.h"
#include "signals.h"
#include "stderr-sink.h"
#include "util.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <xen/io/xenbus.h>

/* What the stub domain or its guest says within this time is passed on as one word, its last. */
#define COALESCE_MS 20
/* What it says at all: so many words at once, as at its start, and then so many a second. Its guest, fewer. */
#define MAX_WORDS 64
#define WORDS_A_SECOND 100
#define GUEST_WORDS_A_SECOND 50
#define EVENTS_A_TURN 64
#define ANSWERS_A_TURN (2 * MESSAGE_MAX_CONSOLES) /* to each a word: connected, and closing for what is in the ring */
#ifndef CHECK_MS
#define CHECK_MS 10000
#endif

/* Something that the stub domain writes, or its guest, by its number. */
struct subject {
    bool changed;
    int64_t told; /* when the worker last heard of it */
};

struct keeper {
    const struct keeper_job *job;
    struct loop loop;
    struct loop_fd store_io, worker_io, signal_io, ask_io, rotation_io;
    struct loop_timer tell, check;
    struct tokens words, guest_words; /* each costs xenstore up to three reads */
    struct subject consoles[MESSAGE_MAX_CONSOLES], slots[MESSAGE_MAX_SLOTS],
        files[MESSAGE_MAX_FILES], qmp, ended;
    bool ended_silently;
    enum child_status status;
};

static void keeper_stop(struct keeper *keeper, enum child_status status)
{
    keeper->status = status;
    loop_stop(&keeper->loop);
}

/* -------- to the worker -------- */

/* Milliseconds to wait before it can be told, 0 when it was. */
static int64_t tell_one(struct keeper *keeper, struct subject *subject, unsigned int index, struct tokens *words,
                        int (*read)(struct store *, unsigned int, struct message *))
{
    int64_t now = keeper->loop.now_ms();
    int64_t wait = subject->told ? subject->told + COALESCE_MS - now : 0;
    struct message message;

    if (!subject->changed || wait > 0)
        return subject->changed ? wait : 0;
    if (!tokens_take(words, now))
        return COALESCE_MS;
    subject->changed = false;
    subject->told = now;
    if (read(keeper->job->store, index, &message))
        return 0;
    if (message_send(keeper->job->worker_fd, &message) == 0)
        return 0;
    /* The worker is behind (or gone, which its socket will tell): try again later. */
    subject->changed = true;
    return COALESCE_MS;
}

static int read_ended(struct store *store, unsigned int silently, struct message *message)
{
    *message = (struct message){ .type = MESSAGE_ENDED, .state = silently };
    return 0;
}

static void tell_worker(void *data)
{
    struct keeper *keeper = data;
    int64_t wait = 0, w;

    for (unsigned int i = 0; i < MESSAGE_MAX_CONSOLES; i++) {
        w = tell_one(keeper, &keeper->consoles[i], i, message_is_channel(i) ? &keeper->guest_words : &keeper->words,
                     store_read_frontend);
        wait = w > 0 && (!wait || w < wait) ? w : wait;
    }
    for (unsigned int i = 0; i < MESSAGE_MAX_SLOTS; i++) {
        w = tell_one(keeper, &keeper->slots[i], i, &keeper->words, store_read_slot);
        wait = w > 0 && (!wait || w < wait) ? w : wait;
    }
    for (unsigned int i = 0; i < MESSAGE_MAX_FILES; i++) {
        w = tell_one(keeper, &keeper->files[i], i, &keeper->words, store_read_file);
        wait = w > 0 && (!wait || w < wait) ? w : wait;
    }
    w = tell_one(keeper, &keeper->qmp, 0, &keeper->words, store_read_qmp);
    wait = w > 0 && (!wait || w < wait) ? w : wait;
    w = tell_one(keeper, &keeper->ended, keeper->ended_silently, &keeper->words, read_ended);
    wait = w > 0 && (!wait || w < wait) ? w : wait;
    if (wait)
        loop_start_timer(&keeper->loop, &keeper->tell, wait);
}

/* -------- the supervisor -------- */

/*
 * Xenstore does not tell a domain that has shut down from one that runs; the hypervisor does. And what a
 * PCI device needs of dom0's kernel only root can say.
 */
static void ask_supervisor(struct keeper *keeper)
{
    /* Where no room is, it was asked already. */
    (void)!send(keeper->job->ask_fd, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void supervisor_says(void *data, short revents)
{
    struct keeper *keeper = data;
    char silently;
    ssize_t n;

    while ((n = recv(keeper->job->ask_fd, &silently, 1, MSG_DONTWAIT)) > 0) {
        keeper->ended.changed = true;
        keeper->ended_silently |= silently;
    }
    if (n == 0 || (errno != EAGAIN && errno != EINTR))
        loop_remove_fd(&keeper->loop, &keeper->ask_io);
    tell_worker(keeper);
}

/* Our log was renamed. */
static void log_renamed(void *data, short revents)
{
    struct keeper *keeper = data;
    uint32_t what;
    int fd = log_rotation_take(&keeper->job->rotation, &what);

    /* The supervisor is gone, maybe before we asked Linux to end us with it. */
    if (fd == -EPIPE)
        keeper_stop(keeper, CHILD_ALONE);
    else if (fd >= 0)
        stderr_sink_take(fd);
}

/* -------- from xenstore -------- */

/* This is no reason to end the guest: another keeper connects anew, as soon as xenstored answers. */
static void lose_store(struct keeper *keeper, int rc)
{
    log_error("xenstore does not answer: %s", strerror(-rc));
    keeper_stop(keeper, CHILD_LATER);
}

/* What is waited for is a pipe of libxenstore's, which stays silent when the connection breaks. */
static void check_store(void *data)
{
    struct keeper *keeper = data;
    int rc = store_check(keeper->job->store);

    if (rc)
        lose_store(keeper, rc);
    else
        loop_start_timer(&keeper->loop, &keeper->check, CHECK_MS);
}

static void store_ready(void *data, short revents)
{
    struct keeper *keeper = data;
    bool released = false, pci = false;
    unsigned int index;
    int exists = 1;

    if (revents & (POLLHUP | POLLERR | POLLNVAL)) {
        lose_store(keeper, -EPIPE);
        return;
    }
    for (int i = 0; i < EVENTS_A_TURN; i++) {
        enum store_event event = store_next_event(keeper->job->store, &index);

        if (event == STORE_EVENT_NONE)
            break;
        if (event == STORE_EVENT_FRONTEND)
            keeper->consoles[index].changed = true;
        else if (event == STORE_EVENT_SLOT)
            keeper->slots[index].changed = true;
        else if (event == STORE_EVENT_FILE)
            keeper->files[index].changed = true;
        else if (event == STORE_EVENT_QMP)
            keeper->qmp.changed = true;
        else if (event == STORE_EVENT_PCI)
            pci = true;
        else if (event == STORE_EVENT_RELEASE)
            released = true;
    }
    if (released)
        exists = store_domain_exists(keeper->job->store);
    if (exists < 0) {
        lose_store(keeper, exists);
        return;
    }
    if (exists == 0) {
        log_info("the stub domain is gone");
        keeper_stop(keeper, CHILD_DONE);
        return;
    }
    if (released || pci)
        ask_supervisor(keeper);
    tell_worker(keeper);
}

/* -------- from the worker, which may have been taken over -------- */

static bool has_console(const struct keeper *keeper, unsigned int id)
{
    for (int i = 0; i < keeper->job->console_count; i++)
        if (keeper->job->consoles[i].id == id)
            return true;
    return false;
}

static int obey(struct keeper *keeper, const struct message *message)
{
    if (message->type == MESSAGE_READY)
        return store_write_running(keeper->job->store);
    if (message->type != MESSAGE_BACKEND_STATE || message->index == 0 ||
        !has_console(keeper, message->index) || message->state < XenbusStateInitWait ||
        message->state > XenbusStateClosed)
        return -EPROTO;
    return store_write_backend_state(keeper->job->store, message->index, message->state);
}

/* One packet: 1, 0 when there is none or all is over. */
static int hear_worker(struct keeper *keeper)
{
    struct message message;
    int rc = message_receive(keeper->job->worker_fd, &message), done;

    if (rc == -EPIPE) {
        keeper_stop(keeper, CHILD_ALONE);
    } else if (rc < 0) {
        log_error("the worker's socket: %s", strerror(-rc));
        keeper_stop(keeper, CHILD_FAILED);
    }
    if (rc <= 0)
        return 0;
    done = obey(keeper, &message);
    if (done == -EPROTO) {
        log_error("the worker sent what it may not");
        keeper_stop(keeper, CHILD_FAILED);
        return 0;
    }
    if (done)
        log_warning("xenstore: cannot write a state: %s", strerror(-done));
    return 1;
}

/* All that it has answered, before it is told more: where xenstored is slow, its answers would pile up. */
static void worker_ready(void *data, short revents)
{
    for (int i = 0; i < ANSWERS_A_TURN && hear_worker(data); i++)
        ;
}

static void signal_ready(void *data, short revents)
{
    struct keeper *keeper = data;

    if (signals_told_to_end(keeper->job->signal_fd))
        keeper_stop(keeper, CHILD_DONE);
}

/* -------- life -------- */

static int keeper_start(struct keeper *keeper)
{
    const struct keeper_job *job = keeper->job;
    int rc;

    loop_init(&keeper->loop, clock_now_ms);
    tokens_init(&keeper->words, MAX_WORDS, WORDS_A_SECOND, clock_now_ms());
    tokens_init(&keeper->guest_words, MESSAGE_MAX_CHANNELS, GUEST_WORDS_A_SECOND, clock_now_ms());
    keeper->tell = (struct loop_timer){ .fired = tell_worker, .data = keeper };
    keeper->check = (struct loop_timer){ .fired = check_store, .data = keeper };
    /* libxenstore starts a thread for the first watch. */
    rc = confine_files() ?: store_watch(job->store, job->consoles, job->console_count, &job->served);
    if (rc)
        return rc;
    keeper->store_io = (struct loop_fd){ .fd = store_fd(job->store), .events = POLLIN,
                                         .ready = store_ready, .data = keeper };
    keeper->worker_io = (struct loop_fd){ .fd = job->worker_fd, .events = POLLIN,
                                          .ready = worker_ready, .data = keeper };
    keeper->signal_io = (struct loop_fd){ .fd = job->signal_fd, .events = POLLIN,
                                          .ready = signal_ready, .data = keeper };
    keeper->ask_io = (struct loop_fd){ .fd = job->ask_fd, .events = POLLIN,
                                       .ready = supervisor_says, .data = keeper };
    keeper->rotation_io = (struct loop_fd){ .fd = job->rotation.child, .events = POLLIN,
                                            .ready = log_renamed, .data = keeper };
    /* Signals first: what libxl does after its SIGHUP is not for us to react to. */
    rc = loop_add_fd(&keeper->loop, &keeper->signal_io);
    rc = rc ?: loop_add_fd(&keeper->loop, &keeper->worker_io);
    rc = rc ?: loop_add_fd(&keeper->loop, &keeper->store_io);
    rc = rc ?: loop_add_fd(&keeper->loop, &keeper->ask_io);
    rc = rc ?: loop_add_fd(&keeper->loop, &keeper->rotation_io);
    rc = rc ?: loop_start_timer(&keeper->loop, &keeper->check, CHECK_MS);
    rc = rc ?: confine(CONFINE_KEEPER);
    /* Console 0 has no frontend state to watch; its ring is ready. */
    if (has_console(keeper, 0))
        keeper->consoles[0].changed = true;
    if (!rc)
        tell_worker(keeper);
    return rc;
}

enum child_status keeper_run(const struct keeper_job *job)
{
    struct keeper keeper = { .job = job };
    int rc = keeper_start(&keeper);

    rc = rc ?: loop_run(&keeper.loop);
    return rc ? child_status_of(rc) : keeper.status;
}
