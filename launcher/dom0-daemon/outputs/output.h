/*
 * Where a console's bytes go in dom0, and where its input comes from.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_OUTPUT_H
#define DM_OUTPUT_H

#include "log-file.h"
#include "loop.h"
#include "message.h"
#include "output-spec.h"
#include "state-stream.h"

#include <sys/types.h>

/* What a pty keeps for the next one who opens it, while nobody has it open. */
#define OUTPUT_BACKLOG 16384

#define OUTPUT_LOG_MAX (1u << 20)     /* console 0's file */
#define OUTPUT_SERIAL_MAX (64u << 20) /* any other bounded file */
/*
 * A saved state, to which its user adds the guest's video memory: QEMU's own is below 1 MiB, and what a
 * display device stores besides is no more than what it shows.
 */
#define OUTPUT_STATE_MAX (32u << 20)

/* How a file behaves: what libxl uses each console of a stub domain for. */
enum output_role {
    OUTPUT_ROLE_LOG,    /* console 0 */
    OUTPUT_ROLE_SAVE,   /* console 1: frames (common/state-stream.h) */
    OUTPUT_ROLE_RESTORE,/* console 2: frames */
    OUTPUT_ROLE_SERIAL, /* console 3 and up, and channels */
    OUTPUT_ROLES
};

/* Where a save or a restore stands. */
struct output_state {
    struct state_parser parser;   /* saving */
    uint8_t window[STATE_HEADER]; /* lost: the last octets */
    bool ended;   /* the last frame was an end, or there was none yet */
    bool opening; /* the file was asked for and is not there yet */
    bool last;    /* its guest goes on with another QEMU (STATE_LAST) */
    bool failed;  /* what comes is thrown away until the end */
    bool lost;    /* what comes are no frames */
    uint64_t stored; /* octets, of the one that is being saved */
    char answer;  /* to be sent; 0: none */
    bool sending; /* restoring: it was asked for, and has not ended */
};

struct output {
    const struct output_ops *ops; /* NULL: not open */
    struct loop *loop;
    enum output_role role;
    char label[MESSAGE_CONSOLE_NAME]; /* for messages */
    int fd;                    /* the file, pty, device or connected peer; -1: nobody there */
    struct loop_fd io;         /* fd, while there is something to wait for; saving: opener_fd */
    struct loop_fd arrival;    /* a listening socket */
    struct loop_timer look;    /* pty: while nobody has it open */
    int hidden_fd;             /* pty: what keeps the other side's number ours */
    char tty[64];              /* pty: its name */
    char name[300];            /* for messages */
    struct log_file file;
    struct output_state state;
    int opener_fd;     /* a save console's (save-opener.h); set before output_start() */
    uint64_t state_max; /* likewise: its longest state; OUTPUT_STATE_MAX unless set */
    bool broken, eof;
    bool want_in, want_out;
    uint8_t *backlog; /* pty: OUTPUT_BACKLOG bytes, a ring that overwrites its oldest */
    size_t backlog_at, backlog_len;
    void (*ready)(void *data); /* something may be read or written again */
    void *data;
};

/*
 * Opens what SPEC names, for console number CONSOLE. READY(DATA) is called from
 * LOOP when what output_want() asked for may be possible. 0, or -errno after
 * logging one line. Nothing is left open on failure. May block only in resolving
 * or connecting to a TCP host.
 */
int output_open(struct output *output, struct loop *loop, const struct output_spec *spec,
                int console, enum output_role role, void (*ready)(void *data), void *data);
void output_dispose(struct output *output); /* idempotent */

/*
 * Looks at what is there before the first use, in the process that will use it: an
 * earlier worker may have written to the file, and a viewer may have the pty open.
 */
void output_start(struct output *output);

/*
 * Root's, of what output_open() had from SPEC: a bounded file that has another name by now (logrotate), or none, is
 * opened anew by its old name. Its descriptor, to be passed to the worker; 0 when nothing is to be done, or -errno
 * after logging a line.
 */
int output_follow(struct output *output, const struct output_spec *spec);
/* The worker's: FD, which is the output's from now on, takes the place of its bounded file. */
void output_take_file(struct output *output, int fd);

/*
 * Takes at most LEN bytes: how many, 0 when none can be taken now (ask to be
 * called by output_want()), or -errno when no more ever will be. Never blocks.
 */
ssize_t output_write(struct output *output, const void *buf, size_t len);

/* At most LEN bytes of input: how many, 0 when there are none now. Never blocks. */
ssize_t output_read(struct output *output, void *buf, size_t len);

/* What to call ready() for from now on. */
void output_want(struct output *output, bool in, bool out);

#endif
