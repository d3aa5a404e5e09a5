/*
 * What the files of output.c share: one row of operations for each kind of output.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_OUTPUT_OPS_H
#define DM_OUTPUT_OPS_H

#include "output.h"

#include <fcntl.h>

#define OUTPUT_OPEN_FLAGS (O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

/* As the calls of output.h, but that read says -EPIPE at the end of input. */
struct output_ops {
    int (*open)(struct output *output, const struct output_spec *spec);
    ssize_t (*write)(struct output *output, const void *buf, size_t len);
    ssize_t (*read)(struct output *output, void *buf, size_t len); /* NULL: has no input */
    void (*hung_up)(struct output *output); /* polled as hung up; NULL: write or read will tell */
    void (*start)(struct output *output);   /* see output_start(); NULL: nothing to do */
};

extern const struct output_ops output_pty_ops, output_unix_ops, output_tcp_ops, output_save_ops,
    output_restore_ops;

/* Begins and ends waiting for output->fd. */
void output_start_io(struct output *output);
void output_stop_io(struct output *output);

/* write() and read() that do not block: bytes, 0 for none now, or -errno (-EPIPE: end of file). */
ssize_t output_write_some(int fd, const void *buf, size_t len);
ssize_t output_read_some(int fd, void *buf, size_t len);

/* Where somebody may be or not: their bytes, or 0; one who has gone is dropped by DROP. */
ssize_t output_read_or_drop(struct output *output, void *buf, size_t len,
                            void (*drop)(struct output *output));

#endif
