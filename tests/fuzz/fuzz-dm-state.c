// sources: launcher/dom0-daemon/outputs/output-state.c launcher/dom0-daemon/both/save-opener.c
// sources: launcher/dom0-daemon/both/message.c launcher/dom0-daemon/outputs/output.c
// sources: launcher/dom0-daemon/outputs/output-pty.c launcher/dom0-daemon/outputs/output-peer.c
// sources: launcher/dom0-daemon/outputs/log-file.c
/*
 * A stub domain writes anything, in pieces of any size, to the console that saved states go to. In the end every octet
 * has been read, each end frame has got one answer, and "stored" was said only of a file that holds the frames' data.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "input.h"
#include "../unit/answer-opener.h"
#include "clock.h"
#include "log.h"
#include "output.h"
#include "util.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static void no_matter(void *data)
{
}

/* Reads the answer to the stub domain if there is one, answers requests to open a file, and runs the loop. */
static void serve(struct output *output, struct loop *loop, int fd, const char *path)
{
    char answer[2];
    ssize_t n = output_read(output, answer, sizeof(answer));

    MUST(n == 0 || (n == 1 && (answer[0] == STATE_STORED || answer[0] == STATE_FAILED)));
    MUST(n == 0 || answer[0] == STATE_FAILED || output->fd >= 0);
    answer_opener(fd, path, false);
    MUST(!loop_turn(loop, 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct output_spec spec = { .kind = OUTPUT_FILE, .path = "state" };
    size_t at = 0, piece = size ? data[0] + 1 : 1;
    struct output output;
    struct loop loop;
    char path[64];
    int ends[2];

    snprintf(path, sizeof(path), "/tmp/fuzz-dm-state.%d", getpid());
    log_set_sink(no_log, NULL);
    loop_init(&loop, clock_now_ms);
    MUST(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends));
    MUST(!output_open(&output, &loop, &spec, 1, OUTPUT_ROLE_SAVE, no_matter, NULL));
    output.opener_fd = ends[1];
    output_start(&output);
    for (int idle = 0; at < size && idle < 3;) {
        ssize_t taken = output_write(&output, data + at, MIN(piece, size - at));

        MUST(taken >= 0 && (size_t)taken <= size - at);
        at += taken;
        serve(&output, &loop, ends[0], path);
        idle = taken ? 0 : idle + 1;
        /* Less than the first octets of a frame's data is left in the ring until there are more. */
        if (idle)
            piece += 4;
    }
    MUST(at == size || size - at < 4);
    output_dispose(&output);
    close(ends[0]);
    close(ends[1]);
    unlink(path);
    return 0;
}
