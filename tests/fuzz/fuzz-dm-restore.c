// sources: launcher/dom0-daemon/outputs/output-state.c launcher/dom0-daemon/both/save-opener.c
// sources: launcher/dom0-daemon/outputs/output.c launcher/dom0-daemon/outputs/output-pty.c
// sources: launcher/dom0-daemon/outputs/output-peer.c launcher/dom0-daemon/outputs/log-file.c
/*
 * A stub domain that restores from a file of any length, requests it at any time and reads it in any pieces. After a
 * request come frames with the whole file from its start, and one end frame. Without a request nothing comes. A file
 * that does not begin as a saved state is refused.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "clock.h"
#include "input.h"
#include "log.h"
#include "output.h"
#include "util.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define FILE_MAX 300000

static uint8_t state[FILE_MAX];
static size_t length, sent;
static bool asked;

static void no_matter(void *data) { }

static void make_state(struct input *in, int file)
{
    bool right = take(in, 1) % 8;

    length = take(in, 3) % FILE_MAX;
    for (size_t i = 0; i < length; i++)
        state[i] = i * 7 + i / 256;
    memcpy(state, right ? STATE_BEGINNING : "RAW!", 4);
    MUST(write(file, state, length) == (ssize_t)length);
}

static void say(struct output *output, struct input *in)
{
    uint8_t bytes[256], len = take(in, 1);

    for (int i = 0; i < len; i++)
        bytes[i] = take(in, 1);
    MUST(output_write(output, bytes, len) == len);
    if (memchr(bytes, STATE_REQUEST, len))
        asked = true, sent = 0;
}

static void take_frame(struct output *output, size_t room)
{
    uint8_t *frame = malloc(room), header[STATE_HEADER];
    ssize_t len = output_read(output, frame, room), data = len - STATE_HEADER;

    MUST(len >= 0 && (size_t)len <= room);
    if (!asked || room <= STATE_HEADER) {
        MUST(len == 0);
    } else {
        MUST(data >= 0 && data <= STATE_FRAME_MAX && (size_t)data <= length - sent);
        state_header(header, data);
        MUST(!memcmp(frame, header, STATE_HEADER));
        MUST(!memcmp(frame + STATE_HEADER, state + sent, data));
        MUST(data || sent == length);
        sent += data;
        asked = data != 0;
    }
    free(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct output_spec spec = { .kind = OUTPUT_PIPE };
    struct input in = { data, size };
    int file = memfd_create("state", MFD_CLOEXEC), rc;
    struct output output;
    struct loop loop;

    log_set_sink(no_log, NULL);
    loop_init(&loop, clock_now_ms);
    make_state(&in, file);
    snprintf(spec.path, sizeof(spec.path), "/proc/self/fd/%d", file);
    rc = output_open(&output, &loop, &spec, 2, OUTPUT_ROLE_RESTORE, no_matter, NULL);
    close(file);
    MUST((rc == 0) == (length >= 4 && !memcmp(state, STATE_BEGINNING, 4)));
    if (rc)
        return 0;
    asked = false;
    output_start(&output);
    while (in.size) {
        uint32_t what = take(&in, 1);

        if (what % 4 == 0)
            say(&output, &in);
        else
            take_frame(&output, what % 4 == 1 ? take(&in, 1) : take(&in, 3) % FILE_MAX);
    }
    output_dispose(&output);
    return 0;
}
