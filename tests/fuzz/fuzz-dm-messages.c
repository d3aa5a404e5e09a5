// sources: launcher/dom0-daemon/confined/keeper.c launcher/dom0-daemon/both/signals.c
// sources: launcher/dom0-daemon/both/message.c launcher/dom0-daemon/both/store.c
// sources: launcher/dom0-daemon/both/save-opener.c launcher/dom0-daemon/both/log-rotation.c
// sources: launcher/dom0-daemon/both/stderr-sink.c
/*
 * A worker that was taken over sends any packets to the keeper and to the supervisor's save opener. The keeper writes
 * to xenstore what the packets say, in their order: states 2 to 6 of its own consoles and channels, and nothing else.
 * Any other packet ends the keeper. The opener makes one empty file, always of the same name, and keeps no descriptor
 * that comes with a request.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "input.h"
#include "../unit/answer-opener.h"
#include "confine.h"
#include "keeper.h"
#include "log.h"
#include "message.h"
#include "save-opener.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define PACKETS 64 /* so many fit in a socket */

static const struct store_console consoles[] = { { .id = 0 }, { .id = 1 }, { .id = 3 }, { .id = 12 } };
static struct { char path[64], value[16]; } writes[PACKETS]; /* expected, in this order */
static int expected, done;
static unsigned int says, asked; /* xenstore's answers, a bit each */
static bool again;
static int store_events; /* readable, always */
static struct input events;

int confine_files(void) { return 0; }
int confine(enum confine_role role) { return 0; }

/* -------- xenstore -------- */

static bool answer(void) { return says >> asked++ % 32 & 1; }

struct xs_handle *xs_open(unsigned long flags) { return (void *)&says; }
void xs_close(struct xs_handle *h) { }
int xs_fileno(struct xs_handle *h) { return store_events; }
bool xs_is_domain_introduced(struct xs_handle *h, unsigned int domid) { return true; }
bool xs_watch(struct xs_handle *h, const char *path, const char *token) { return true; }

xs_transaction_t xs_transaction_start(struct xs_handle *h)
{
    done += !again;
    MUST(done <= expected);
    return 1;
}

bool xs_transaction_end(struct xs_handle *h, xs_transaction_t t, bool abort)
{
    again = !again && !answer();
    errno = EAGAIN;
    return !again;
}

bool xs_write(struct xs_handle *h, xs_transaction_t t, const char *path, const void *value,
              unsigned int len)
{
    MUST(t == 1 && !strcmp(path, writes[done - 1].path));
    MUST(strlen(writes[done - 1].value) == len && !memcmp(value, writes[done - 1].value, len));
    return true;
}

/* The keeper removes nothing. */
bool xs_rm(struct xs_handle *h, xs_transaction_t t, const char *path)
{
    MUST(false);
    return false;
}

void *xs_read(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *len)
{
    char *value = answer() || answer() ? strdup("4") : NULL;

    *len = value != NULL;
    errno = ENOENT;
    return value;
}

char **xs_directory(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *num)
{
    return NULL;
}

struct xs_permissions *xs_get_permissions(struct xs_handle *h, xs_transaction_t t,
                                          const char *path, unsigned int *num)
{
    return NULL;
}

/* Called only for the seed of random numbers, which does not depend on the worker. */
bool xs_set_permissions(struct xs_handle *h, xs_transaction_t t, const char *path, struct xs_permissions *perms,
                        unsigned int count)
{
    return false;
}

char **xs_check_watch(struct xs_handle *h)
{
    char **event = events.size ? malloc(2 * sizeof(char *) + 16) : NULL;

    if (!event)
        return NULL;
    event[XS_WATCH_PATH] = event[XS_WATCH_TOKEN] = (char *)(event + 2);
    snprintf(event[0], 16, "%c%u", "rcsfq"[take(&events, 1) % 5], take(&events, 1) % 13);
    return event;
}

/* -------- the keeper -------- */

static void expect(const char *value, const char *format, unsigned int id)
{
    snprintf(writes[expected].path, sizeof(writes[0].path), format, id);
    snprintf(writes[expected++].value, sizeof(writes[0].value), "%s", value);
}

/* What the keeper must do with a packet: go on, or end in this way. */
static int judge(const void *packet, size_t len)
{
    struct message message;
    char state[16];

    if (len == 0)
        return CHILD_ALONE; /* this reads like the end of the socket */
    if (len != sizeof(message))
        return CHILD_FAILED;
    memcpy(&message, packet, len);
    snprintf(state, sizeof(state), "%u", message.state);
    if (message.type == MESSAGE_READY && message.index == 0)
        expect("running", "/local/domain/0/device-model/7/state", 0);
    else if (message.type == MESSAGE_BACKEND_STATE && (message.index == 1 || message.index == 3) &&
             message.state >= 2 && message.state <= 6)
        expect(state, "/local/domain/0/backend/console/7/%u/state", message.index);
    else if (message.type == MESSAGE_BACKEND_STATE && message.index == 12 && message.state >= 2 && message.state <= 6)
        expect(state, "/local/domain/0/backend/console/9/%u/state", 1); /* the guest's channel */
    else
        return CHILD_FAILED;
    return -1;
}

static size_t make_packet(struct input *in, uint8_t packet[256])
{
    unsigned int kind = take(in, 1);
    struct message message = { .type = take(in, 1) % 8, .index = take(in, 1) % 16,
                               .state = take(in, 1) % 16 };
    size_t len = kind % 16 == 15 ? take(in, 1) : sizeof(message);

    if (kind % 16 == 14)
        *(&message.type + take(in, 1) % 5) = take(in, 4);
    memset(packet, 0, 256);
    memcpy(packet, &message, sizeof(message));
    return len;
}

static void run_keeper(struct input *in)
{
    struct store store;
    struct keeper_job job = { .store = &store, .consoles = consoles, .served = { true, true, true },
                              .rotation = { -1, -1 },
                              .console_count = ARRAY_SIZE(consoles),
                              .ask_fd = open("/dev/null", O_WRONLY),
                              .signal_fd = eventfd(0, EFD_NONBLOCK) };
    int pair[2], verdict = -1;
    uint8_t packet[256];

    expected = done = asked = again = 0;
    says = take(in, 4) | 1;
    MUST(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair));
    for (int i = 0; i < PACKETS && in->size && verdict < 0; i++) {
        size_t len = make_packet(in, packet);

        MUST(send(pair[1], packet, len, 0) == (ssize_t)len);
        verdict = judge(packet, len);
    }
    events = *in;
    close(pair[1]);
    job.worker_fd = pair[0];
    store_events = eventfd(1, EFD_NONBLOCK);
    MUST(!store_open(&store, 7));
    store.target = 9;
    MUST(keeper_run(&job) == (verdict < 0 ? CHILD_ALONE : (enum child_status)verdict));
    MUST(done == expected);
    store_close(&store);
    close(pair[0]);
    close(store_events);
    close(job.ask_fd);
    close(job.signal_fd);
}

/* -------- the save opener -------- */

/* Sends a packet, with a descriptor if there is one. */
static void request(int fd, const uint8_t *bytes, size_t len, int passenger)
{
    union { struct cmsghdr header; char bytes[CMSG_SPACE(sizeof(int))]; } control = { 0 };
    struct iovec part = { .iov_base = (void *)bytes, .iov_len = len };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control,
                              .msg_controllen = sizeof(control) };

    control.header = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
                                       .cmsg_len = CMSG_LEN(sizeof(int)) };
    memcpy(CMSG_DATA(&control.header), &passenger, sizeof(int));
    MUST(sendmsg(fd, &message, 0) == (ssize_t)len);
}

static void check_file(int file, const char *path)
{
    struct stat got, there;

    MUST(file >= 0 && !fstat(file, &got) && !lstat(path, &there));
    MUST(got.st_ino == there.st_ino && S_ISREG(got.st_mode) && (got.st_mode & 07777) == 0600);
    MUST(got.st_size == 0 && got.st_nlink == 1 && write(file, "state", 5) == 5);
    close(file);
}

static void ask_opener(struct input *in)
{
    uint8_t bytes[256] = { 0 };
    size_t len = take(in, 1);
    int pair[2], ends[2], answered;
    bool last;
    struct pollfd passenger;
    char path[64];

    snprintf(path, sizeof(path), "/tmp/fuzz-dm-messages.%d", getpid());
    MUST(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) && !pipe(ends));
    request(pair[1], bytes, len, ends[1]);
    close(ends[1]);
    answer_opener(pair[0], path, false);
    answer_opener(pair[0], path, false); /* there is no second request */
    passenger = (struct pollfd){ .fd = ends[0] };
    MUST(poll(&passenger, 1, 0) == 1 && passenger.revents == POLLHUP);
    answered = save_opener_answer(pair[1], &last);
    if (len)
        check_file(answered, path);
    else
        MUST(answered == -EAGAIN);
    MUST(save_opener_answer(pair[1], &last) == -EAGAIN);
    close(pair[0]);
    close(pair[1]);
    close(ends[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = { data, size };

    log_set_sink(no_log, NULL);
    while (in.size)
        if (take(&in, 1) % 4)
            run_keeper(&in);
        else
            ask_opener(&in);
    return 0;
}
