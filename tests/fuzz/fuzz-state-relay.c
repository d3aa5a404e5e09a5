/*
 * The relay of a saved state between two peers that do anything. QEMU writes, stalls and hangs up. dom0 answers without
 * a question, sends invalid frames, and hangs up. QEMU gets only data from frames, and dom0 gets frames with only what
 * QEMU wrote. The relay reports success only after dom0 has got an end frame.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "input.h"
#include "log.h"
#include "state-relay.h"
#include "util.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct loop loop;
static int dom0, qemu, asked, told, ended;

static void hang_up(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void settle(void)
{
    for (int i = 0; i < 8; i++)
        MUST(!loop_turn(&loop, 0));
}

static int begin(void)
{
    int ends[2];

    signal(SIGPIPE, SIG_IGN);
    log_set_sink(no_log, NULL);
    loop_init(&loop, now_ms);
    asked = told = ended = 0;
    MUST(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends));
    dom0 = ends[0];
    return ends[1];
}

/* -------- saving: the value of each octet that QEMU writes tells its place -------- */

static struct { struct state_parser parser; size_t written, got, asked_at; } seen;

static void qemu_writes(size_t size)
{
    uint8_t octets[4096];
    ssize_t put;

    for (size_t i = 0; i < size; i++)
        octets[i] = (seen.written + i) * 7;
    put = write(qemu, octets, size);
    seen.written += put > 0 ? put : 0;
}

static bool dom0_takes(size_t size)
{
    uint8_t octets[4096];
    ssize_t len = read(dom0, octets, size);

    for (size_t at = 0, used; len > 0 && at < (size_t)len; at += used) {
        int event = state_parser_take(&seen.parser, octets + at, len - at, &used);

        MUST(event >= 0);
        for (size_t i = 0; event == STATE_DATA && i < used; i++)
            MUST(octets[at + i] == (uint8_t)(seen.got++ * 7));
    }
    MUST(seen.got <= seen.written);
    return len > 0;
}

static void save_settled(void *data, bool is_stored)
{
    MUST(++told <= asked);
    if (!is_stored || dom0 < 0)
        return;
    /* dom0 has got all data, and an end frame after them. */
    while (dom0_takes(4096))
        ;
    MUST(seen.got >= seen.asked_at && seen.parser.left == 0 && seen.parser.have == 0);
}

static void dom0_answers(struct input *in)
{
    uint8_t octets[16];
    size_t n = take(in, 1) % sizeof(octets);

    for (size_t i = 0; i < n; i++)
        octets[i] = take(in, 1);
    send(dom0, octets, n, MSG_NOSIGNAL);
}

static void ask(struct state_save *save)
{
    size_t written = seen.written;

    if (asked != told || state_save_settle(save))
        return;
    asked++;
    seen.asked_at = written;
}

static void use_save(struct input *in)
{
    struct state_save save = { .settled = save_settled };

    memset(&seen, 0, sizeof(seen));
    MUST(!state_save_open(&save, &loop, begin(), &qemu));
    MUST(!fcntl(qemu, F_SETFL, O_NONBLOCK));
    while (in->size) {
        unsigned int what = take(in, 1);

        switch (what % 7) {
        case 0: if (qemu >= 0) qemu_writes(take(in, 2) % 4097); break;
        case 1: if (dom0 >= 0) dom0_takes(take(in, 2) % 4097); break;
        case 2: if (dom0 >= 0) dom0_answers(in); break;
        case 3: ask(&save); break;
        case 4: clock_ms += STATE_ANSWER_MS; break;
        case 5: hang_up(&qemu); break;
        case 6: hang_up(&dom0); break;
        }
        if (what < 128) /* otherwise the next operation comes first */
            settle();
    }
    /* In the end the caller is always told the result. */
    hang_up(&qemu);
    settle();
    while (dom0 >= 0 && dom0_takes(4096))
        settle();
    clock_ms += STATE_ANSWER_MS;
    settle();
    MUST(told == asked);
    state_save_close(&save);
}

/* -------- restoring: the input is what dom0 sends -------- */

static struct { uint8_t octets[65536]; size_t sent, got; bool is_over; int rc; } data;

static void restore_ended(void *unused, int rc)
{
    MUST(!ended++);
    data.rc = rc;
}

/* What QEMU may get of the input: the data of all frames before the first invalid one. */
static void expect_data(struct state_parser *parser, const uint8_t *octets, size_t size)
{
    for (size_t at = 0, used; at < size && !data.is_over; at += used) {
        int event = state_parser_take(parser, octets + at, size - at, &used);

        data.is_over = event < 0 || event == STATE_END;
        if (event == STATE_DATA) {
            memcpy(data.octets + data.sent, octets + at, used);
            data.sent += used;
        }
    }
}

static void qemu_takes(void)
{
    uint8_t octets[4096];
    ssize_t len;

    while ((len = read(qemu, octets, sizeof(octets))) > 0) {
        MUST(data.got + len <= data.sent && !memcmp(octets, data.octets + data.got, len));
        data.got += len;
    }
}

static void use_restore(struct input *in)
{
    struct state_restore restore = { .ended = restore_ended };
    struct state_parser parser = { .have = 0 };
    size_t piece = 1 + take(in, 2) % 4096;
    bool slow = take(in, 1) % 2, early = take(in, 1) % 8 == 0;
    char request;

    data.sent = data.got = 0;
    data.is_over = false;
    MUST(in->size <= sizeof(data.octets));
    MUST(!state_restore_open(&restore, &loop, begin(), &qemu));
    MUST(!fcntl(qemu, F_SETFL, O_NONBLOCK));
    MUST(read(dom0, &request, 1) == 1 && request == STATE_REQUEST);
    while (in->size && !ended) {
        size_t size = MIN(piece, in->size);
        ssize_t put = send(dom0, in->data, size, MSG_NOSIGNAL);

        if (put > 0) {
            expect_data(&parser, in->data, put);
            in->data += put;
            in->size -= put;
        }
        settle();
        if (early && data.got > 1000)
            hang_up(&qemu);
        if (qemu >= 0 && (!slow || put < 0))
            qemu_takes();
    }
    hang_up(&dom0);
    for (int i = 0; i < 64 && !ended; i++) {
        settle();
        if (qemu >= 0)
            qemu_takes();
    }
    MUST(ended);
    if (qemu >= 0) {
        qemu_takes();
        MUST(data.got == data.sent);
        MUST(data.rc || data.is_over);
    }
    state_restore_close(&restore);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
    struct input in = { octets, size };

    if (take(&in, 1) % 2)
        use_save(&in);
    else
        use_restore(&in);
    hang_up(&qemu);
    hang_up(&dom0);
    MUST(!loop_turn(&loop, 0) && !loop.fd_count && !loop.timer_count);
    return 0;
}
