/*
 * Process 1 reads what a QEMU that was taken over writes: its log, and its replies to process 1's QMP commands. The
 * first byte of the input is the size of the pieces.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "input.h"
#include "log.h"
#include "output-lines.h"
#include "qmp-client.h"

#include <string.h>
#include <sys/socket.h>

static int logged, answered, sent;

static void check_line(void *data, enum log_level level, const char *line)
{
    MUST(strlen(line) <= LOG_LINE_MAX);
    for (; *line; line++)
        MUST(*line >= ' ' && *line <= '~');
    logged++;
}

static void done(void *data, bool ok, const char *reply)
{
    MUST(!ok || reply);
    answered++;
}

static void event(void *data, const char *line)
{
    MUST(strlen(line) < QMP_LINE_MAX);
}

static void say(const char *data, size_t size, size_t piece)
{
    struct output_lines lines;

    clock_ms = 1000;
    logged = 0;
    output_lines_init(&lines, "qemu", clock_ms);
    for (size_t n; size; data += n, size -= n) {
        n = MIN(piece, size);
        output_lines_add(&lines, data, n, clock_ms);
    }
    output_lines_flush(&lines, clock_ms);
    MUST(logged <= OUTPUT_BURST + 2);
}

static void reply(const char *data, size_t size, size_t piece)
{
    static struct qmp_client client;
    struct loop loop;
    int pair[2];

    answered = sent = 0;
    loop_init(&loop, now_ms);
    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
    qmp_client_init(&client, &loop, event, NULL);
    MUST(qmp_client_open(&client, pair[0]) == 0);
    for (size_t n; size; data += n, size -= n) {
        n = MIN(piece, size);
        sent += qmp_client_send(&client, "{\"execute\":\"query-status\"}", -1, done, NULL) == 0;
        if (send(pair[1], data, n, MSG_NOSIGNAL) < 0)
            break;
        MUST(loop_turn(&loop, 0) == 0);
    }
    close(pair[1]);
    for (int i = 0; i < 8; i++)
        MUST(loop_turn(&loop, 0) == 0);
    qmp_client_dispose(&client);
    MUST(answered == sent);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    log_set_sink(check_line, NULL);
    say((const char *)data + 1, size - 1, data[0] + 1);
    reply((const char *)data + 1, size - 1, data[0] + 1);
    return 0;
}
