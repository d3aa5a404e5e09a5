/*
 * What a console's `output` node says: QEMU's -serial syntax, as far as it makes
 * sense for a console that is served from dom0. Pure parsing, nothing is opened.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_OUTPUT_SPEC_H
#define DM_OUTPUT_SPEC_H

#include <stdbool.h>
#include <stddef.h>

#define OUTPUT_SPEC_MAX 1024 /* longest text that is looked at */

enum output_kind {
    OUTPUT_NULL,   /* null, none, /dev/null, or no node: discards */
    OUTPUT_FILE,   /* file:PATH */
    OUTPUT_PIPE,   /* pipe:PATH */
    OUTPUT_PTY,    /* pty */
    OUTPUT_STDIO,  /* stdio: our stdout, which is the log; no input */
    OUTPUT_DEVICE, /* /dev/NAME: a terminal device */
    OUTPUT_TCP,    /* tcp:[HOST]:PORT[,server][,nowait] */
    OUTPUT_UNIX,   /* unix:PATH[,server][,nowait] */
    OUTPUT_KINDS
};

struct output_spec {
    enum output_kind kind;
    char path[256]; /* FILE, PIPE, DEVICE, UNIX */
    char host[128]; /* TCP; empty: every address (server) or this host */
    char port[16];  /* TCP: a number */
    bool server;
    bool append;  /* FILE: keep what is there */
    bool nodelay; /* TCP */
};

/* Parses TEXT (may be NULL: no node). NULL, or what is wrong or refused, without TEXT. */
const char *output_spec_read(struct output_spec *spec, const char *text);

/*
 * The same. 0, or -EINVAL with one line in ERROR that
 * names TEXT and says what is wrong or refused.
 */
int output_spec_parse(struct output_spec *spec, const char *text, char *error, size_t size);

#endif
