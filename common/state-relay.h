/*
 * Carries QEMU's saved state between a pipe to QEMU and a console to dom0 (state-stream.h). QEMU cannot use the console
 * itself: it would report "saved" while the last bytes are still on their way, and it would wait for ever for the rest
 * of a state that was cut short.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef STATE_RELAY_H
#define STATE_RELAY_H

#include "loop.h"
#include "state-stream.h"

#include <stdbool.h>

#define STATE_CHUNK 4096
#define STATE_ANSWER_MS 20000 /* how long dom0 may take to answer, once it has everything */

enum state_save_phase {
    STATE_SAVE_IDLE,   /* dom0 has stored all that QEMU wrote */
    STATE_SAVE_MOVING, /* QEMU has written more */
    STATE_SAVE_ENDING, /* an end was sent, the answer has not come */
};

struct state_save {
    struct loop *loop;
    struct loop_fd qemu, console;
    struct loop_timer patience;
    enum state_save_phase phase;
    bool settling; /* settled() is to be called */
    bool last;     /* dom0 has answered STATE_LAST */
    uint8_t buffer[STATE_HEADER + STATE_CHUNK]; /* to the console */
    size_t start, end;
    void (*settled)(void *data, bool stored);
    void *data;
};

struct state_restore {
    struct loop *loop;
    struct loop_fd qemu, console;
    struct state_parser parser;
    uint8_t buffer[STATE_CHUNK]; /* from the console */
    size_t start, end, carried;
    void (*ended)(void *data, int rc);
    void *data;
};

/*
 * Takes over console_fd, which must be raw and non-blocking. *qemu_fd: QEMU's end of the pipe; the caller passes it to
 * QEMU. 0, or -errno, with console_fd closed.
 */
int state_save_open(struct state_save *save, struct loop *loop, int console_fd, int *qemu_fd);
int state_restore_open(struct state_restore *restore, struct loop *loop, int console_fd,
                       int *qemu_fd);

/*
 * Has dom0 stored all that QEMU has written so far? If not, settled(data, stored) will be called from the loop, once.
 * stored is false if something is lost.
 */
bool state_save_settle(struct state_save *save);

/*
 * state_restore: ended(data, rc) is called from the loop, once. 0: QEMU has got the whole state, or wants no more of
 * it; -EPROTO: it was no state; -EPIPE: dom0 has hung up.
 */

/* Idempotent; a zeroed one is closed. */
void state_save_close(struct state_save *save);
void state_restore_close(struct state_restore *restore);

#endif
